//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// sleeper returns a running container that sleeps.
func (b *box) sleeper(mods ...mod) *container {
	b.Helper()
	c := b.container(append([]mod{sleeping()}, mods...)...)
	c.runDetached().ok()
	return c
}

// processFile writes a process document for exec --process.
func (b *box) processFile(p specs.Process) string {
	b.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	f, err := os.CreateTemp(b.dir, "process")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		b.Fatal(err)
	}
	return f.Name()
}

func TestExec(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	c.exec("echo", "hi").ok().prints("hi\n")
	c.exec("sh", "-c", "exit 7").exits(7)
	c.exec("sh", "-c", "kill -KILL $$").exits(137)
	c.exec("sh", "-c", "echo $PATH $TERM $HOME; pwd").ok().prints("/bin xterm /root\n/\n")
	r := c.exec("sh", "-c", "cat; echo bad >&2").ok().prints("")
	equal(b, "stderr", r.stderr, "bad\n")
	cmd := c.command("exec", c.id, "cat")
	cmd.Stdin = strings.NewReader("typed")
	b.finish(cmd).ok().prints("typed")
}

// Arguments that look like flags belong to the command once the id is named.
func TestExecArguments(t *testing.T) {
	c := newBox(t).sleeper()
	c.exec("echo", "-t", "--cwd", "x").ok().prints("-t --cwd x\n")
}

// The new process is in every namespace and in the cgroup of the container.
func TestExecJoinsEverything(t *testing.T) {
	b := newBox(t)
	c := b.container(script(inspection+"sleep 1000"), namespace(specs.NetworkNamespace, ""), namespace(specs.CgroupNamespace, ""))
	c.runDetached().ok()
	b.until("inspection", func() bool { return strings.Contains(c.output(), "\n@@ end\n") })
	init := b.parseView(c.output())
	added := b.parseView(c.exec("sh", "-c", inspection).ok().stdout)
	equal(b, "namespaces", added.get("ns"), init.get("ns"))
	equal(b, "cgroup", added.get("cgroup"), init.get("cgroup"))
	equal(b, "mounts", added.get("mountinfo"), init.get("mountinfo"))
	equal(b, "host name", added.get("hostname"), "inside")
	for _, set := range []string{"CapBnd", "CapInh", "CapAmb", "CapPrm", "CapEff"} {
		added.is(set, init.status(set))
	}
}

func TestExecFlags(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(env("KEEP=1"))
	c.execWith([]string{"--cwd", "/tmp", "-e", "NEW=2", "-e", "KEEP=3"}, "sh", "-c", "echo $(pwd) $NEW $KEEP").
		ok().prints("/tmp 2 3\n")
	v := b.parseView(c.execWith([]string{"-u", "1000:1001", "-g", "7", "-g", "8", "--no-new-privs"}, "sh", "-c", inspection).ok().stdout)
	v.is("Uid", "1000 1000 1000 1000")
	v.is("Gid", "1001 1001 1001 1001")
	v.is("Groups", "7 8")
	v.is("NoNewPrivs", "1")
	c.execWith([]string{"--user", "1000"}, "sh", "-c", "id -u; echo $HOME").ok().prints("1000\n/home/user\n")
}

// --cap adds to the bounding, effective and permitted set, never to the
// inheritable one.
func TestExecCap(t *testing.T) {
	b := newBox(t)
	caps := []string{"CAP_KILL"}
	c := b.sleeper(capabilities(specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}))
	v := b.parseView(c.execWith([]string{"--cap", "CAP_SYS_ADMIN", "--cap", "CAP_CHOWN"}, "sh", "-c", inspection).ok().stdout)
	want := capabilityMask("CAP_KILL", "CAP_SYS_ADMIN", "CAP_CHOWN")
	v.is("CapBnd", want)
	v.is("CapEff", want)
	v.is("CapPrm", want)
	v.is("CapInh", capabilityMask())
	v.is("CapAmb", capabilityMask())
}

func TestExecProcessFile(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	caps := []string{"CAP_CHOWN", "CAP_NET_RAW"}
	file := b.processFile(specs.Process{
		User: specs.User{UID: 0, GID: 3, AdditionalGids: []uint32{4}, Umask: ptr(uint32(0o027))},
		Args: []string{"sh", "-c", inspection}, Env: []string{"PATH=/bin", "X=y"}, Cwd: "/tmp",
		Capabilities:    &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps},
		Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 128}},
		NoNewPrivileges: true,
		OOMScoreAdj:     ptr(700),
	})
	v := b.parseView(c.do("exec", "--process", file, c.id).ok().stdout)
	v.is("Gid", "3 3 3 3")
	v.is("Groups", "4")
	v.is("CapBnd", capabilityMask(caps...))
	v.is("NoNewPrivs", "1")
	equal(b, "cwd", v.get("cwd"), "/tmp")
	equal(b, "umask", v.get("umask"), "0027")
	equal(b, "open files", v.limit("Max open files"), "64 128")
	equal(b, "oom_score_adj", v.get("oom_score_adj"), "700")
	hasAll(b, "environment", v.lines("environ"), "X=y", "HOME=/root")
}

// A detached exec'd process is a child of the caller, with its pid in the file.
func TestExecDetached(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(noNamespace("pid"))
	file := b.path("exec pid")
	b.write(file, "old", 0o644)
	cmd := c.command("exec", "--detach", "--pid-file", file, "--process", b.processFile(specs.Process{
		Args: []string{"sh", "-c", "sleep 0.2; exit 12"}, Env: []string{"PATH=/bin"}, Cwd: "/",
	}), c.id)
	b.finish(cmd).ok().prints("")
	equal(b, "exit code", b.wait(atoi(b, b.read(file))), 12)
}

// In a pid namespace too the process must be the caller's child.
func TestExecDetachedInPidNamespace(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	file := b.path("pid")
	b.do("exec", "-d", "--pid-file", file, c.id, "sh", "-c", "sleep 0.2; exit 13").ok()
	equal(b, "exit code", b.wait(atoi(b, b.read(file))), 13)
}

func TestExecFailures(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	c.exec("nope").fails(255, `exec: "nope": executable file not found in $PATH`).prints("")
	c.exec("/nope").fails(255, `"/nope"`, "no such file or directory")
	c.exec("/etc/passwd").fails(255, `"/etc/passwd"`, "permission denied")
	c.exec("/etc").fails(255, `"/etc"`)
	c.execWith([]string{"--cwd", "relative"}, "true").fails(255, "absolute")
	c.execWith([]string{"--process", b.path("missing.json")}, "").fails(255, "missing.json", "no such file or directory")
	c.execWith([]string{"-u", "nobody"}, "true").fails(255, "nobody")
	equal(b, "status", c.state().Status, "running")
	equal(b, "processes", len(psPids(c)), 1)
}

func TestExecInStopped(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.runDetached().ok()
	c.waitStatus("stopped")
	c.exec("true").fails(255, "stopped")
}

// A container that was only created can be entered.
func TestExecInCreated(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create().ok()
	c.exec("echo", "hi").ok().prints("hi\n")
	equal(b, "status", c.state().Status, "created")
}

// Edits of the bundle after create do not reach exec.
func TestExecIgnoresEditedBundle(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	c.configure(env("LEAKED=1"), user(1000, 1000))
	c.exec("sh", "-c", "id -u; echo $LEAKED").ok().prints("0\n\n")
}

// Many at once, while the container is killed: no hang, nothing left.
func TestExecWhileKilled(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	done := make(chan int, 8)
	for range cap(done) {
		go func() { done <- c.exec("sleep", "1000").code }()
	}
	b.until("some exec'd processes", func() bool { return len(psPids(c)) > 3 })
	c.kill("KILL").ok()
	for range cap(done) {
		if code := <-done; code != 137 && code != 255 {
			b.Errorf("exit code of exec is %d", code)
		}
	}
}
