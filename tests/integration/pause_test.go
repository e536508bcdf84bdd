//go:build integration

package integration

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// counting is a container that writes a growing number to a file.
func (b *box) counting() (c *container, count func() int) {
	b.Helper()
	b.mkdir(b.path("shared"))
	c = b.container(mount("/shared", "bind", b.path("shared"), "rbind"), script("i=0; while :; do i=$((i+1)); echo $i > /shared/.n; mv /shared/.n /shared/n; done"))
	c.runDetached().ok()
	count = func() int {
		text, _ := os.ReadFile(b.path("shared", "n"))
		n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return n
	}
	b.until("counting", func() bool { return count() > 0 })
	return c, count
}

// frozen reads the container's own freezer.
func (c *container) frozen() bool {
	c.Helper()
	if pureV2() {
		return c.knob("pids", "", "cgroup.freeze") == "1"
	}
	return c.knob("freezer", "freezer.state", "") != "THAWED"
}

// A paused container stands still until it is resumed; each verb says when it does not fit.
func TestPauseResume(t *testing.T) {
	b := newBox(t)
	c, count := b.counting()
	b.do("resume", c.id).fails(1, "container not paused")
	for range 3 {
		b.do("pause", c.id).ok().prints("")
		equal(b, "status", c.state().Status, "paused")
		first := count()
		time.Sleep(scaled(50 * time.Millisecond))
		equal(b, "count in a paused container", count(), first)
		b.do("pause", c.id).fails(1, "container not running", "paused")
		b.do("resume", c.id).ok().prints("")
		equal(b, "status", c.state().Status, "running")
		b.until("counting again", func() bool { return count() > first })
	}
	b.contains("list", b.do("list").ok().stdout, "running")
	b.do("pause").fails(1, "pause: exactly 1 argument")
	b.do("pause", b.name+".none").fails(1, "does not exist")
	b.do("resume", b.name+".none").fails(1, "does not exist")
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	b.do("pause", c.id).fails(1, "container not running")
	b.do("resume", c.id).fails(1, "container not paused")
	equal(b, "frozen", c.frozen(), false)
}

// A created container can be paused; start says so, and works after resume.
func TestPauseCreated(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.create().ok()
	b.do("pause", c.id).ok()
	equal(b, "status", c.state().Status, "paused")
	c.start().fails(1, "paused")
	b.do("resume", c.id).ok()
	equal(b, "status", c.state().Status, "created")
	c.start().ok()
}

// Exec in a paused container is refused, unless told otherwise: then the program runs when the container is resumed.
func TestExecPaused(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	b.do("pause", c.id).ok()
	c.exec("true").fails(255, "cannot exec in a paused container")
	cmd := c.command("exec", "--ignore-paused", c.id, "sh", "-c", "exit 7")
	b.start(cmd)
	time.Sleep(scaled(30 * time.Millisecond))
	equal(b, "status", c.state().Status, "paused")
	b.do("resume", c.id).ok()
	equal(b, "exit code", b.waitCommand(cmd), 7)
}

// What ends a container works on a paused one, and nothing stays frozen.
func TestEndPaused(t *testing.T) {
	for _, end := range []struct {
		name string
		args []string
	}{
		{"kill", []string{"kill", "ID", "KILL"}},
		{"kill all", []string{"kill", "--all", "ID", "9"}},
		{"delete", []string{"delete", "--force", "ID"}},
	} {
		t.Run(end.name, func(t *testing.T) {
			b := newBox(t)
			c := b.container(script("sleep 1000 & sleep 1000 & wait"))
			c.runDetached().ok()
			b.do("pause", c.id).ok()
			for i, a := range end.args {
				end.args[i] = strings.Replace(a, "ID", c.id, 1)
			}
			b.do("delete", c.id).fails(1, "paused")
			b.do(end.args...).ok()
			if end.args[0] == "delete" {
				c.exists = false
				return
			}
			c.waitStatus("stopped")
			equal(b, "frozen", c.frozen(), false)
			c.delete().ok()
		})
	}
}

// Other signals wait until the container is resumed, and then arrive.
func TestSignalPaused(t *testing.T) {
	b := newBox(t)
	c := b.container(script("trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done"))
	c.runDetached().ok()
	b.until("ready", func() bool { return strings.Contains(c.output(), "ready") })
	b.do("pause", c.id).ok()
	c.kill("TERM").ok()
	equal(b, "status", c.state().Status, "paused")
	b.do("resume", c.id).ok()
	c.waitStatus("stopped")
	b.contains("output", c.output(), "got")
}

// A runtime killed in the middle of pause or resume leaves a container that can be resumed, or is not paused, and can be deleted.
func TestRuntimeKilledDuringPause(t *testing.T) {
	b := newBox(t)
	c, count := b.counting()
	for i := range rounds(60, 6) {
		cmd := c.command([]string{"pause", "resume"}[i%2], c.id)
		b.start(cmd)
		time.Sleep(time.Duration(rand.IntN(int(scaled(6 * time.Millisecond)))))
		cmd.Process.Kill()
		b.waitCommand(cmd)
		if c.state().Status == "paused" {
			b.do("resume", c.id).ok()
		}
		equal(b, "status", c.state().Status, "running")
		n := count()
		b.until("counting", func() bool { return count() > n })
	}
	b.do("pause", c.id).ok()
	c.deleteForce()
}

// Pause and resume under a load of forks, many times: each comes to an end.
func TestPauseUnderForks(t *testing.T) {
	b := newBox(t)
	c := b.container(script("while :; do for i in 1 2 3 4; do (true & sh -c true; wait) & done; wait; done"))
	c.runDetached().ok()
	for range rounds(100, 10) {
		b.do("pause", c.id).ok()
		b.do("resume", c.id).ok()
	}
	b.do("pause", c.id).ok()
	c.deleteForce()
}

// A container in a cgroup below a frozen one cannot be resumed by itself, and the error says why.
func TestResumeBelowFrozen(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), func(s *specs.Spec) { s.Linux.CgroupsPath += "/below" })
	c.runDetached().ok()
	controller, file, on, off := "freezer", "freezer.state", "FROZEN", "THAWED"
	if pureV2() {
		controller, file, on, off = "pids", "cgroup.freeze", "1", "0"
	}
	above := filepath.Join(c.cgroupDir(controller), file)
	b.write(above, on, 0o644)
	c.waitStatus("paused")
	b.do("resume", c.id).fails(1, filepath.Dir(above), "above it is frozen")
	b.write(above, off, 0o644)
	c.waitStatus("running")
	c.deleteForce()
}

// Execs that begin while the container is paused and resumed all come to an end: they are refused, or run once it is resumed.
func TestExecWhilePaused(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	stop, codes := make(chan struct{}), make(chan int)
	go func() {
		defer close(codes)
		for {
			select {
			case <-stop:
				return
			case codes <- c.exec("true").code:
			}
		}
	}()
	ran, refused := 0, 0
	for range rounds(40, 6) {
		b.do("pause", c.id).ok()
		time.Sleep(time.Duration(rand.IntN(int(scaled(5 * time.Millisecond)))))
		b.do("resume", c.id).ok()
		switch code := <-codes; code {
		case 0:
			ran++
		case 255:
			refused++
		default:
			b.Errorf("exec ended with %d", code)
		}
	}
	close(stop)
	for range codes { // the last one
	}
	if ran+refused == 0 {
		b.Error("no exec has ended")
	}
	b.Logf("%d execs ran, %d were refused", ran, refused)
}

// An exec that waits in a paused container ends with the container.
func TestDeleteWithWaitingExec(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	b.do("pause", c.id).ok()
	cmd := c.command("exec", "--ignore-paused", c.id, "true")
	b.start(cmd)
	time.Sleep(scaled(30 * time.Millisecond))
	c.deleteForce()
	if code := b.waitCommand(cmd); code == 0 {
		b.Error("the exec has run")
	}
}
