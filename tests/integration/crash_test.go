//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Engines ask the kernel to kill the runtime when they die, so it may end at
// any instruction. After that, delete --force must find everything.
func TestRuntimeKilled(t *testing.T) {
	for _, verb := range []string{"create", "run", "run -d"} {
		t.Run(verb, func(t *testing.T) {
			b := newBox(t)
			whole := b.lasting(strings.Fields(verb))
			killed := 0
			for i := range rounds(40, 6) {
				c := b.crashContainer()
				args := strings.Fields(verb)
				cmd := c.detachedCommand(c.verb(args[0], args[1:]...)...)
				b.start(cmd)
				// Delays spread over the whole call, and a little beyond it.
				delay := time.Duration(float64(whole) * 1.1 * (float64(i) + rand.Float64()) / float64(rounds(40, 6)))
				time.Sleep(delay)
				cmd.Process.Kill()
				if b.waitCommand(cmd) == 137 {
					killed++
				}
				b.do("delete", "--force", c.id).ok()
				b.checkLeaks()
				if b.Failed() {
					b.Fatalf("round %d: killed after %v of %v", i, delay, whole)
				}
			}
			if killed == 0 {
				b.Errorf("the runtime was never killed: it took %v", whole)
			}
		})
	}
}

// crashContainer is a container with something of everything that could stay.
func (b *box) crashContainer() *container {
	b.Helper()
	b.mkdir(b.path("src"))
	c := b.container(sleeping(), mount("/data", "bind", b.path("src"), "rbind"), mount("/t", "tmpfs", "tmpfs"),
		namespace(specs.NetworkNamespace, ""), namespace(specs.CgroupNamespace, ""), seccompErrno("mkdir"))
	return c
}

// lasting returns how long a call takes that makes a container.
func (b *box) lasting(args []string) time.Duration {
	b.Helper()
	c := b.crashContainer()
	begin := time.Now()
	var cmd *exec.Cmd
	if len(args) == 1 && args[0] == "run" {
		cmd = c.command(c.verb("run", "-d")...)
	} else {
		cmd = c.command(c.verb(args[0], args[1:]...)...)
	}
	b.finish(cmd).ok()
	took := time.Since(begin)
	c.delete("--force").ok()
	return took
}

// The same with the runtime's whole process group killed.
func TestRuntimeKilledDuringStart(t *testing.T) {
	b := newBox(t)
	for range rounds(20, 4) {
		c := b.crashContainer()
		c.create().ok()
		cmd := c.command("start", c.id)
		b.start(cmd)
		time.Sleep(time.Duration(rand.IntN(int(scaled(10 * time.Millisecond)))))
		cmd.Process.Kill()
		b.waitCommand(cmd)
		c.deleteForce()
		b.checkLeaks()
		if b.Failed() {
			return
		}
	}
}

// A runtime killed while it deletes: the next delete finishes the work.
func TestRuntimeKilledDuringDelete(t *testing.T) {
	b := newBox(t)
	for range rounds(20, 4) {
		c := b.crashContainer()
		c.runDetached().ok()
		cmd := c.command("delete", "--force", c.id)
		b.start(cmd)
		time.Sleep(time.Duration(rand.IntN(int(scaled(15 * time.Millisecond)))))
		cmd.Process.Kill()
		b.waitCommand(cmd)
		c.deleteForce()
		b.checkLeaks()
		if b.Failed() {
			return
		}
	}
}

// A foreground run that is killed takes nothing with it that delete --force
// does not find; the id can be used again.
func TestIDUsableAfterCrash(t *testing.T) {
	b := newBox(t)
	c := b.crashContainer()
	cmd := c.command(c.verb("run")...)
	b.start(cmd)
	b.until("running container", func() bool { return b.do("state", c.id).code == 0 && c.state().Status == "running" })
	cmd.Process.Kill()
	b.waitCommand(cmd)
	b.do("delete", "--force", c.id).ok()
	c.configure(args("echo", "again"))
	c.run().ok().prints("again\n")
}

// list never fails while containers come and go, and state of a container
// being made either knows it or not.
func TestListWhileContainersComeAndGo(t *testing.T) {
	b := newBox(t)
	b.mkdir(b.state)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		c := b.container()
		wg.Go(func() {
			for range rounds(12, 3) {
				c.create().ok()
				c.deleteForce()
			}
		})
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if r := b.do("state", c.id); r.code != 0 && !strings.Contains(r.stderr, "does not exist") {
					b.Errorf("state: %s", r.stderr)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, format := range []string{"table", "json"} {
				if r := b.do("list", "--format", format); r.code != 0 || r.stderr != "" {
					b.Errorf("list: exit code %d: %s", r.code, r.stderr)
				}
			}
		}
	}()
	time.AfterFunc(scaled(2*time.Second), func() { close(stop) })
	wg.Wait()
	<-done
}

// Calls on one id at once: exactly one create wins, the container is whole.
func TestCreateAtOnce(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	const calls = 6
	codes := make(chan int, calls)
	for range calls {
		go func() {
			r := b.do(c.verb("create")...)
			if r.code != 0 && !strings.Contains(r.stderr, "container with given ID already exists") {
				b.Errorf("create: %s", r.stderr)
			}
			codes <- r.code
		}()
	}
	won := 0
	for range calls {
		if <-codes == 0 {
			won++
		}
	}
	equal(b, "calls that made the container", won, 1)
	c.exists = true
	c.start().ok()
	equal(b, "status", c.state().Status, "running")
}

// Two starts at once: one wins, the other says so.
func TestStartAtOnce(t *testing.T) {
	b := newBox(t)
	for range rounds(10, 2) {
		c := b.container(sleeping())
		c.create().ok()
		codes := make(chan int, 2)
		for range 2 {
			go func() { codes <- c.start().code }()
		}
		if sum := <-codes + <-codes; sum != 1 {
			b.Errorf("the sum of the exit codes of two starts is %d", sum)
		}
		equal(b, "status", c.state().Status, "running")
		c.deleteForce()
	}
}

// A hundred foreground runs at once, each with its own output and exit code,
// leave nothing.
func TestHundredAtOnce(t *testing.T) {
	b := newSerialBox(t)
	n := rounds(100, 30)
	var wg sync.WaitGroup
	root := b.container()
	for i := range n {
		c := b.containerIn(b.path(fmt.Sprint("bundle", i)))
		c.configure(script(fmt.Sprintf("echo number %d; exit %d", i, i)), func(s *specs.Spec) { s.Root.Path = root.rootfs() })
		wg.Go(func() { c.run().exits(i).prints(fmt.Sprintf("number %d\n", i)) })
	}
	wg.Wait()
	b.checkLeaks()
}
