//go:build integration

package integration

import (
	"context"
	"embed"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

//go:embed testdata/servers
var serverSources embed.FS

// A Go program: threads by clone3, which the profile refuses with ENOSYS, and
// an end that it chooses.
func TestServerInGo(t *testing.T) {
	b := newBox(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := b.server(self, "/usr/local/bin/server")
	s.spec.Process.Args = []string{"/usr/local/bin/server"}
	s.spec.Process.Env = append(s.spec.Process.Env, goServerVariable+"=1")
	s.serve()
	s.stops(0, "stopped\n")
}

func TestServerInPython(t *testing.T) {
	needsRuntimes(t)
	b := newBox(t)
	s := b.server(b.source("server.py"), "/srv/server.py")
	s.spec.Process.Args = []string{"python3", "/srv/server.py"}
	s.serve()
	s.exec("python3", "-c", "import os; print(os.getpid() > 1, os.getuid(), os.cpu_count() > 0)").ok().prints("True 4321 True\n")
	s.stops(3, "stopped\n")
}

// Java sizes its heap and its pools by the limits of the container, which it
// finds through the cgroup mount.
func TestServerInJava(t *testing.T) {
	needsRuntimes(t)
	b := newBox(t)
	s := b.server(b.source("Server.java"), "/srv/Server.java")
	s.spec.Process.Args = []string{"java", "/srv/Server.java"}
	s.spec.Process.Env = append(s.spec.Process.Env, "PATH="+javaPath)
	s.spec.Linux.Resources.Memory.Limit = ptr[int64](512 << 20)
	s.spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: ptr[int64](100_000), Period: ptr[uint64](100_000)}
	answer := s.serve()
	equal(b, "processors", answer["processors"], "1")
	// A quarter of the memory is the default; one collector reports it without a part of the young generation.
	if heap := atoi(b, answer["heap"]); heap > 128<<20 || heap < 96<<20 {
		b.Errorf("Java takes %d bytes as its heap of a container with 512 MiB", heap)
	}
	flags := s.exec("java", "-Xshare:auto", "-XX:+PrintFlagsFinal", "-version").ok().stdout
	for line := range strings.Lines(flags) {
		if f := strings.Fields(line); len(f) > 3 && f[1] == "MaxHeapSize" {
			equal(b, "MaxHeapSize of another Java in the container", f[3], strconv.Itoa(128<<20))
			s.stops(143, "stopped\n")
			return
		}
	}
	b.Errorf("no MaxHeapSize in:\n%s", flags)
}

// javaPath is PATH with Debian's Java, whose links in /usr/bin are made by
// scripts that the root's maker does not run.
const javaPath = "/usr/lib/jvm/java-17-openjdk-amd64/bin:/usr/local/bin:/usr/bin:/bin"

// source writes one of the servers' sources out.
func (b *box) source(name string) string {
	b.Helper()
	text, err := serverSources.ReadFile("testdata/servers/" + name)
	if err != nil {
		b.Fatal(err)
	}
	b.write(b.path(name), string(text), 0o644)
	return b.path(name)
}

// A server is a container with Docker's config for a user that is not root,
// profile and capabilities included, made read-only, with a tmpfs, a volume,
// and the program bound.
type server struct {
	*engineRun
	volume string
	pid    int
}

func (b *box) server(program, destination string) *server {
	b.Helper()
	root, err := serverRoot()
	if err != nil {
		b.Fatal(err)
	}
	text, err := bundleFiles.ReadFile("testdata/bundles/docker-user.json")
	if err != nil {
		b.Fatal(err)
	}
	c := b.containerIn("")
	c.bundle = b.path(c.id)
	s := &server{engineRun: &engineRun{container: c, spec: &specs.Spec{}}, volume: b.path("volume")}
	if err := json.Unmarshal(text, s.spec); err != nil {
		b.Fatal(err)
	}
	s.adapt()
	for _, m := range s.spec.Mounts {
		switch m.Destination {
		case "/etc/hosts":
			b.write(m.Source, "127.0.0.1\tlocalhost\n", 0o644)
		case "/etc/resolv.conf":
			b.write(m.Source, "", 0o644)
		}
	}
	b.mkdir(s.volume)
	b.chown(s.volume, serverUser, serverUser, 0o700)
	s.spec.Root = &specs.Root{Path: root, Readonly: true}
	s.spec.Process.User = specs.User{UID: serverUser, GID: serverUser, AdditionalGids: []uint32{29, 44}}
	s.spec.Process.Cwd = "/data"
	if pureV2() { // there Docker gives every container one
		namespace(specs.CgroupNamespace, "")(s.spec)
	}
	for _, m := range []mod{
		mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "size=16m", "mode=1777"),
		mount("/data", "bind", s.volume, "rbind", "rprivate"),
		mount(destination, "bind", program, "rbind", "ro", "rprivate"),
	} {
		m(s.spec)
	}
	return s
}

// serve starts the server, asks it, and looks at it. It returns the answer.
func (s *server) serve() map[string]string {
	s.Helper()
	s.writeConfig(s.spec)
	s.runDetached().ok()
	s.pid = s.container.pid()
	answer, text := map[string]string{}, ""
	s.until("an answer of the server", func() bool {
		if s.state().Status == "stopped" {
			s.Fatalf("the server has ended:\n%s", s.output())
		}
		status, body, err := askInside(s.pid)
		if err == nil && status != http.StatusOK {
			s.Fatalf("the server answers %d: %s", status, body)
		}
		text = body
		return err == nil
	})
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		answer[key] = value
	}
	equal(s.box, "pid", answer["pid"], "1")
	equal(s.box, "user", answer["user"], "app")
	equal(s.box, "home", answer["home"], "/home/app")
	uid, _ := owner(s.box, filepath.Join(s.volume, "asked"))
	equal(s.box, "owner of the file in the volume", uid, serverUser)
	s.checkInside()
	return answer
}

// checkInside looks by an exec at what is allowed to the server.
func (s *server) checkInside() {
	s.Helper()
	status := s.exec("cat", "/proc/1/status").ok().stdout
	lines := map[string]string{}
	for line := range strings.Lines(status) {
		key, value, _ := strings.Cut(line, ":")
		lines[key] = strings.Join(strings.Fields(value), " ")
	}
	for key, want := range map[string]string{
		"Uid": "4321 4321 4321 4321", "Gid": "4321 4321 4321 4321", "Groups": "29 44", "Seccomp": "2",
		"CapEff": "0000000000000000", "CapPrm": "0000000000000000",
		"CapBnd": capabilityMask(s.spec.Process.Capabilities.Bounding...),
	} {
		equal(s.box, key+" of the server", lines[key], want)
	}
	s.exec("sh", "-c", `id -un; pwd; ls /tmp | grep -c ^asked; cat /data/asked >/dev/null
		for f in /made /usr/made /etc/made /home/app/made; do (: >$f) 2>/dev/null && echo "wrote $f"; done
		unshare --user true 2>/dev/null || echo "no user namespace"; (: >/tmp/made) && echo wrote`).ok().
		prints("app\n/data\n1\nno user namespace\nwrote\n")
	s.execWith([]string{"--user", "0"}, "sh", "-c", "id -u; (: >/made) 2>/dev/null || echo refused; touch /data/roots").ok().prints("0\nrefused\n")
}

// stops ends the server by SIGTERM: it says what it has to say, and its exit
// code reaches the caller of the runtime.
func (s *server) stops(code int, says string) {
	s.Helper()
	before := s.output()
	s.kill("TERM").ok()
	equal(s.box, "exit code", s.wait(s.pid), code)
	equal(s.box, "last words", strings.TrimPrefix(s.output(), before), says)
	s.waitStatus("stopped")
	s.delete().ok()
}

// askInside asks the server on the loopback interface of a process's network
// namespace.
func askInside(pid int) (status int, text string, err error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			err = inNetwork(procPath(pid, "ns/net"), func() error {
				conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
				return err
			})
			return conn, err
		},
	}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get("http://127.0.0.1:8080/")
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}
