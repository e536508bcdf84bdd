//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// What `spec --rootless` writes runs as it is.
func TestRootlessSpec(t *testing.T) {
	b := newUserBox(t)
	c := b.container().owned()
	b.remove(filepath.Join(c.bundle, "config.json"))
	cmd := c.command("spec", "--rootless")
	cmd.Dir = c.bundle
	b.finish(cmd).ok()

	p := b.openPty()
	cmd = c.command("run", c.id)
	cmd.Dir = c.bundle
	p.start(cmd)
	p.write("id -u; cat /proc/self/uid_map; ls -ld /sys/fs; exit 7\n")
	p.expect("0\r\n", strconv.Itoa(b.as.uid)+" ")
	equal(b, "exit code", b.waitCommand(cmd), 7)
}

// Without a runtime directory there is only root's.
func TestRootlessWithoutRuntimeDir(t *testing.T) {
	b := newUserBox(t)
	c := b.userContainer()
	cmd := c.command(c.verb("run")...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), b.marker()}
	b.finish(cmd).fails(1, "state directory: mkdir /run/runc", "permission denied (XDG_RUNTIME_DIR is not set, or --root is needed)")
}

// Every verb, as one user after the other would call it.
func TestRootlessLife(t *testing.T) {
	b := newUserBox(t)
	c := b.userContainer(sleeping())
	pidFile := filepath.Join(b.as.dir, "pid")
	c.create("--pid-file", pidFile).ok()
	s := c.state()
	equal(b, "status", s.Status, "created")
	equal(b, "owner", *s.Owner, "#"+strconv.Itoa(b.as.uid))
	equal(b, "pid file", b.read(pidFile), strconv.Itoa(*s.PID))
	info, err := os.Stat(b.state)
	if err != nil {
		b.Fatal(err)
	}
	equal(b, "mode of the root directory", info.Mode(), os.ModeDir|os.ModeSticky|0o700)

	c.exec("id", "-u").ok().prints("0\n") // before the start
	c.start().ok()
	equal(b, "status", c.state().Status, "running")
	c.exec("sh", "-c", "id -u; cat /proc/1/comm").ok().prints("0\nsleep\n")
	c.execWith([]string{"--user", "5"}, "id").fails(255, "process.user.uid: 5 is not mapped in the container's user namespace")
	c.execWith([]string{"--additional-gids", "0"}, "id").fails(255, "process.user.additionalGids: groups cannot be set")
	c.execWith([]string{"--tty"}, "tty").ok().prints("/dev/pts/0\r\n")
	equal(b, "host's uid", b.statusField(c.pid(), "Uid"), strconv.Itoa(b.as.uid))
	b.contains("list", b.do("list").ok().stdout, c.id, "running")

	var pids []int
	if err := json.Unmarshal([]byte(c.do("ps", "--format", "json", c.id).ok().stdout), &pids); err != nil {
		b.Fatal(err)
	}
	if len(pids) != 1 || pids[0] != c.pid() {
		b.Errorf("ps: %v, want %d", pids, c.pid())
	}
	c.delete().fails(1, "not stopped")
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()
}

// Hooks of the runtime's namespace run as the user, those inside as the root that
// the user is there; a start that fails names what failed.
func TestRootlessHooks(t *testing.T) {
	b := newUserBox(t)
	note := filepath.Join(b.as.dir, "note")
	hook := func(script string) []specs.Hook {
		return []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", script}}}
	}
	say := hook("/usr/bin/id -u >>" + note)
	score := 600
	c := b.userContainer(script("cat /proc/self/oom_score_adj"), func(s *specs.Spec) {
		s.Process.OOMScoreAdj = &score
		s.Hooks = &specs.Hooks{CreateRuntime: say, CreateContainer: say, StartContainer: hook("id -u >/tmp/inside"), Poststart: say, Poststop: say}
	})
	c.run().ok().prints("600\n")
	uid := strconv.Itoa(b.as.uid) + "\n"
	equal(b, "notes", b.read(note), uid+"0\n"+uid+uid)
	equal(b, "note inside", b.read(filepath.Join(c.rootfs(), "tmp/inside")), "0\n")

	c.configure(b.rootless, sleeping(), func(s *specs.Spec) {
		s.Process.OOMScoreAdj = &score
		s.Hooks = &specs.Hooks{StartContainer: hook("exit 3")}
	})
	c.create().ok()
	c.start().fails(1, "hooks.startContainer[0]: hook /bin/sh: exit status 3")
	c.waitStatus("stopped")
	c.delete().ok()
}

// statusField returns the first value of a line of /proc/PID/status.
func (b *box) statusField(pid int, name string) string {
	b.Helper()
	for line := range strings.Lines(b.read(procPath(pid, "status"))) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Fields(rest)[0]
		}
	}
	b.Fatalf("no %s in the status of process %d", name, pid)
	return ""
}

// Without a cgroup, the container's processes are those of its pid namespace,
// or else the descendants of its first.
func TestRootlessProcesses(t *testing.T) {
	for name, m := range map[string]mod{"own": func(*specs.Spec) {}, "host": noNamespace(specs.PIDNamespace)} {
		t.Run(name, func(t *testing.T) {
			b := newUserBox(t)
			c := b.userContainer(m, script("sleep 1000 & sleep 1000 & wait"))
			c.runDetached().ok()
			count := func() int {
				var pids []int
				if err := json.Unmarshal([]byte(c.do("ps", "--format", "json", c.id).ok().stdout), &pids); err != nil {
					b.Fatal(err)
				}
				return len(pids)
			}
			b.until("three processes", func() bool { return count() == 3 })
			c.do("kill", "--all", c.id, "KILL").ok()
			c.waitStatus("stopped")
			c.delete().ok() // and the box finds no process
		})
	}
}

func TestRootlessDeleteForce(t *testing.T) {
	for name, m := range map[string]mod{"own": func(*specs.Spec) {}, "host": noNamespace(specs.PIDNamespace)} {
		t.Run(name, func(t *testing.T) {
			b := newUserBox(t)
			c := b.userContainer(m, script("sleep 1000 & sleep 1000"))
			c.runDetached().ok()
			b.until("the child runs", func() bool { return strings.Count(c.do("ps", c.id).ok().stdout, "sleep 1000\n") >= 2 })
			c.delete("--force").ok()
		})
	}
}
