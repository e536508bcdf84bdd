//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const sigTerm = syscall.SIGTERM

func itoa(n int) string { return strconv.Itoa(n) }

func TestLifecycle(t *testing.T) {
	b := newBox(t)
	c := b.container(script("echo hello; exec sleep 1000"), func(s *specs.Spec) {
		s.Annotations = map[string]string{"org.example.key": "value"}
	})
	before := time.Now().Add(-time.Second)
	c.create().ok().prints("")
	created := c.state()
	checkState(c, created, "created")
	if created.Created.Before(before) || created.Created.After(time.Now().Add(time.Second)) {
		b.Errorf("created at %v, not just now", created.Created)
	}
	if exists(procPath(*created.PID, "fd")) == false {
		b.Errorf("process %d of a created container is not there", *created.PID)
	}
	equal(b, "output before start", c.output(), "")

	c.start().ok().prints("")
	running := c.state()
	checkState(c, running, "running")
	equal(b, "pid after start", *running.PID, *created.PID)
	c.until("output", func() bool { return c.output() == "hello\n" })

	c.kill("KILL").ok().prints("")
	equal(b, "exit code", b.wait(*created.PID), 137)
	c.waitStatus("stopped")
	stopped := c.state()
	equal(b, "pid when stopped", *stopped.PID, 0)
	equal(b, "creation time", stopped.Created, created.Created)

	c.delete().ok().prints("")
	b.do("state", c.id).fails(1, "container does not exist").prints("")
	b.checkLeaks()
}

func checkState(c *container, s stateReport, status string) {
	c.Helper()
	equal(c.box, "id", s.ID, c.id)
	equal(c.box, "status", s.Status, status)
	equal(c.box, "bundle", s.Bundle, c.bundle)
	equal(c.box, "rootfs", s.Rootfs, c.rootfs())
	equal(c.box, "annotation", s.Annotations["org.example.key"], "value")
	if s.OCIVersion == "" || s.OCIVersion[0] != '1' {
		c.Errorf("ociVersion is %q", s.OCIVersion)
	}
	if *s.PID <= 0 {
		c.Errorf("pid is %d", *s.PID)
	}
	if s.Owner == nil {
		c.Error("state has no owner")
	}
}

func TestStartTwice(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create().ok()
	c.start().ok()
	c.start().fails(1, "already running")
	equal(b, "status", c.state().Status, "running")
}

func TestStartStopped(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.create().ok()
	pid := c.pid()
	c.start().ok()
	equal(b, "exit code", b.wait(pid), 0)
	c.waitStatus("stopped")
	c.start().fails(1, "has stopped")
}

// Changes of config.json after create have no effect.
func TestConfigIsReadOnce(t *testing.T) {
	b := newBox(t)
	c := b.container(args("echo", "first"))
	c.create().ok()
	c.configure(args("echo", "second"))
	pid := c.pid()
	c.start().ok()
	b.wait(pid)
	equal(b, "output", c.output(), "first\n")
}

func TestCreateTakenID(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create().ok()
	pid := c.pid()
	twin := b.container(args("echo", "twin"))
	b.do("create", "--bundle", twin.bundle, c.id).fails(1, "container with given ID already exists")
	b.do("run", "--bundle", twin.bundle, c.id).fails(1, "container with given ID already exists").prints("")
	s := c.state()
	equal(b, "status", s.Status, "created")
	equal(b, "pid", *s.PID, pid)
	c.start().ok()
	equal(b, "status", c.state().Status, "running")
}

func TestIDs(t *testing.T) {
	b := newBox(t)
	for _, suffix := range []string{"_", "+", "-", ".", "A9", "..x"} {
		c := b.container()
		c.id += suffix
		c.run().ok()
	}
}

func TestPidFile(t *testing.T) {
	for _, verb := range []string{"create", "run"} {
		t.Run(verb, func(t *testing.T) {
			b := newBox(t)
			c := b.container(sleeping())
			file := b.path("pid file")
			// An engine may have made the file before.
			b.write(file, "stale text that is longer than a pid", 0o600)
			old := inode(b, file)
			var r result
			if verb == "run" {
				r = c.runDetached("--pid-file", file)
			} else {
				r = c.create("--pid-file", file)
			}
			r.ok().prints("")
			equal(b, "pid file", b.read(file), itoa(c.pid()))
			if inode(b, file) == old {
				b.Error("the pid file was written in place, not renamed into place")
			}
			left, _ := filepath.Glob(b.path(".*"))
			equal(b, "temporary files", len(left), 0)
		})
	}
}

func inode(b *box, path string) uint64 {
	b.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		b.Fatalf("stat %s: %v", path, err)
	}
	return st.Ino
}

// A reader that polls the pid file never sees half of it.
func TestPidFileIsAtomic(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	file := b.path("pid")
	stop, done := make(chan struct{}), make(chan string)
	go func() {
		for {
			if text, err := os.ReadFile(file); err == nil {
				done <- string(text)
				return
			}
			select {
			case <-stop:
				done <- ""
				return
			default:
			}
		}
	}()
	c.runDetached("--pid-file", file).ok()
	close(stop)
	seen := <-done
	if seen != "" {
		equal(b, "first text seen in the pid file", seen, itoa(c.pid()))
	}
	equal(b, "pid file", b.read(file), itoa(c.pid()))
}

// A detached container is a child of the caller (or of its subreaper) at once,
// and the caller can wait for it.
func TestDetachedIsChildOfCaller(t *testing.T) {
	for _, verb := range []string{"create", "run"} {
		t.Run(verb, func(t *testing.T) {
			b := newBox(t)
			c := b.container(script("exit 6"), noNamespace("pid"))
			file := b.path("pid")
			if verb == "run" {
				c.runDetached("--pid-file", file).ok()
			} else {
				c.create("--pid-file", file).ok()
				c.start().ok()
			}
			pid, err := strconv.Atoi(b.read(file))
			if err != nil {
				t.Fatal(err)
			}
			equal(b, "exit code", b.wait(pid), 6)
		})
	}
}

func TestKillSignals(t *testing.T) {
	for _, signal := range []string{"USR1", "SIGUSR1", "10", "usr1"} {
		t.Run(signal, func(t *testing.T) {
			b := newBox(t)
			c := b.container(script("trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.1; done"))
			c.runDetached().ok()
			pid := c.pid()
			b.until("trap set", func() bool { return c.output() == "ready\n" })
			c.kill(signal).ok().prints("")
			equal(b, "exit code", b.wait(pid), 3)
			equal(b, "output", c.output(), "ready\ncaught\n")
		})
	}
}

// Without a signal, kill sends TERM.
func TestKillDefault(t *testing.T) {
	b := newBox(t)
	c := b.container(script("trap 'exit 8' TERM; echo ready; while :; do sleep 0.1; done"))
	c.runDetached().ok()
	pid := c.pid()
	b.until("trap set", func() bool { return c.output() == "ready\n" })
	c.kill().ok()
	equal(b, "exit code", b.wait(pid), 8)
}

func TestKillCreated(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.create().ok()
	pid := c.pid()
	c.kill("KILL").ok()
	equal(b, "exit code", b.wait(pid), 137)
	c.waitStatus("stopped")
	c.delete().ok()
}

func TestKillStopped(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.runDetached().ok()
	pid := c.pid()
	if pid != 0 {
		b.wait(pid)
	}
	c.waitStatus("stopped")
	c.kill("KILL").fails(1, "container not running")
	c.kill("TERM").fails(1, "container not running")
	b.do("kill", "--all", c.id, "KILL").ok()
	b.do("kill", "-a", c.id, "9").ok()
}

// kill --all reaches every process of a container that shares the host's pid
// namespace, also after its first process has ended.
func TestKillAllWithoutPidNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container(script("sleep 1000 & sleep 1000 & wait"), noNamespace("pid"))
	c.runDetached().ok()
	pid := c.pid()
	b.until("three processes", func() bool { return len(psPids(c)) == 3 })
	b.do("kill", "--all", c.id, "KILL").ok()
	equal(b, "exit code", b.wait(pid), 137)
	b.until("no process", func() bool {
		return len(psPids(c)) == 0
	})
	c.delete().ok()
}

func TestDeleteStates(t *testing.T) {
	t.Run("created", func(t *testing.T) {
		c := newBox(t).container()
		c.create().ok()
		c.delete().ok().prints("")
		c.checkLeaks()
	})
	t.Run("running", func(t *testing.T) {
		b := newBox(t)
		c := b.container(sleeping())
		c.runDetached().ok()
		c.delete().fails(1, c.id, "not stopped: running")
		equal(b, "status", c.state().Status, "running")
		c.delete("--force").ok().prints("")
		b.checkLeaks()
	})
	t.Run("stopped", func(t *testing.T) {
		b := newBox(t)
		c := b.container()
		c.runDetached().ok()
		c.waitStatus("stopped")
		c.delete().ok()
		c.delete().fails(1, "container does not exist")
		c.delete("--force").ok()
	})
	t.Run("unknown with force", func(t *testing.T) {
		b := newBox(t)
		b.do("delete", "--force", b.name+".unknown").ok().prints("")
		b.do("delete", "-f", b.name+".unknown").ok()
	})
}

// Deleting a container ends processes that its first process left behind.
func TestDeleteEndsLeftovers(t *testing.T) {
	b := newBox(t)
	c := b.container(script("sleep 1000 & exit 0"), noNamespace("pid"))
	c.runDetached().ok()
	c.waitStatus("stopped")
	c.delete("--force").ok()
	b.checkLeaks()
}
