//go:build integration

package cgroups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The three ways into a cgroup lead into all hierarchies.
func TestWaysIn(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		where := func(pid int) []string {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
			if err != nil {
				t.Fatal(err)
			}
			own := parseOwn(string(text))
			var paths []string
			for _, x := range h.Hierarchies() {
				paths = append(paths, own[x.id()])
			}
			return paths
		}
		var want []string
		for _, d := range c.Record().Dirs {
			want = append(want, d.Path)
		}
		expect := func(how string, pid int) {
			t.Helper()
			if got := where(pid); !slices.Equal(got, want) {
				t.Errorf("%s: in %q, want %q", how, got, want)
			}
			if pids := processes(t, c); !slices.Contains(pids, pid) {
				t.Errorf("%s: processes are %v, without %d", how, pids, pid)
			}
			at, err := h.Of(pid)
			if err != nil {
				t.Fatal(err)
			}
			for i, d := range at.Dirs {
				if d.Abs() != c.Record().Dirs[i].Abs() || d.Made != 0 {
					t.Errorf("%s: Of says %+v", how, d)
				}
			}
		}
		cmd, _ := spawn(t, c, "exec sleep 1000")
		expect("Attach", cmd.Process.Pid)

		start := func(script string, extra ...*os.File) *exec.Cmd {
			cmd := exec.Command("/bin/sh", "-c", script)
			cmd.ExtraFiles = extra
			fd, ok, err := c.FD()
			if err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: ok, CgroupFD: fd}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			return cmd
		}
		cmd = start("exec sleep 1000")
		if err := c.AttachV1(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		expect("FD and AttachV1", cmd.Process.Pid)

		files, err := c.JoinFiles()
		if err != nil {
			t.Fatal(err)
		}
		// dash knows descriptors up to 9 only.
		script := ""
		for i := range files {
			script += fmt.Sprintf("echo 0 > /proc/self/fd/%d && ", 3+i)
		}
		cmd = start(script+"exec sleep 1000", files...)
		eventually(t, "the process has joined", func() bool { return slices.Equal(where(cmd.Process.Pid), want) })
		expect("FD and JoinFiles", cmd.Process.Pid)
		for _, f := range files {
			f.Close()
		}
		if err := c.Attach(1 << 22); !errors.Is(err, unix.ESRCH) {
			t.Errorf("no such process: %v", err)
		}
	})
}

// Signal reaches all processes once.
func TestSignal(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		cmd, out := spawn(t, c, `trap "echo got it; exit 0" USR1; (trap "" USR1; exec sleep 1000 >&- 2>&-) & wait`)
		eventually(t, "both processes run", func() bool {
			// The trap is set before the child is there.
			return len(processes(t, c)) == 2
		})
		if err := c.Signal(unix.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || out.String() != "got it\n" {
			t.Errorf("the shell said %q and ended with %v", out, err)
		}
		if err := c.Signal(unix.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the other one is gone", func() bool { return len(processes(t, c)) == 0 })
		if err := c.Signal(unix.SIGUSR2); err != nil {
			t.Errorf("with nobody there: %v", err)
		}
	})
}

const bomb = `f() { while :; do sleep 0.02 & sleep 0.01; done; }; f & f & f & f & wait`

// Kill ends a tree that keeps forking, in nested cgroups too, and works on a
// frozen one.
func TestKill(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		for _, frozen := range []bool{false, true} {
			c := create(t, record(t, h, fmt.Sprintf("/x%t", frozen)), nil)
			nested := place(t, h, top(t)+fmt.Sprintf("/x%t/sub", frozen))
			n := Open(nested)
			t.Cleanup(func() { n.Close() })
			for i := range nested.Dirs {
				// Without controllers, so that the upper cgroup may have processes.
				d := &nested.Dirs[i]
				if err := d.mkdir(); err != nil {
					t.Fatal(err)
				}
				if d.Version == 1 && d.has("cpuset") {
					if err := n.inheritCpuset(*d); err != nil {
						t.Fatal(err)
					}
				}
			}
			spawn(t, c, bomb)
			spawn(t, n, bomb)
			eventually(t, "a dozen processes", func() bool { return len(processes(t, c)) >= 12 && len(processes(t, n)) >= 6 })
			if frozen {
				if err := c.Freeze(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Kill(context.Background()); err != nil {
				t.Fatal(err)
			}
			if pids := processes(t, c); len(pids) != 0 {
				t.Errorf("left: %v", pids)
			}
			eventually(t, "end of the freeze", func() bool { // the kernel tells it when the last one has left
				f, err := c.Frozen()
				if err != nil {
					t.Fatal(err)
				}
				return !f
			})
			if err := c.Destroy(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

// The way without cgroup.kill ends it as well.
func TestKillEach(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		spawn(t, c, bomb)
		eventually(t, "a few processes", func() bool { return len(processes(t, c)) >= 6 })
		for range 100 {
			if err := c.killEach(context.Background()); err != nil {
				t.Fatal(err)
			}
			if len(processes(t, c)) == 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if pids := processes(t, c); len(pids) != 0 {
			t.Errorf("left: %v", pids)
		}
		if f, err := c.Frozen(); f || err != nil {
			t.Errorf("frozen afterwards: %t, %v", f, err)
		}
	})
}

// Frozen processes stand still, and go on afterwards.
func TestFreeze(t *testing.T) {
	onHosts(t, func(t *testing.T, h *Host) {
		c := create(t, record(t, h, "/x"), nil)
		spawn(t, c, bomb)
		eventually(t, "a few processes", func() bool { return len(processes(t, c)) >= 6 })
		for range 10 {
			if err := c.Freeze(context.Background()); err != nil {
				t.Fatal(err)
			}
			if f, err := c.Frozen(); !f || err != nil {
				t.Fatalf("frozen: %t, %v", f, err)
			}
			first := processes(t, c)
			time.Sleep(50 * time.Millisecond)
			if second := processes(t, c); !slices.Equal(first, second) {
				t.Errorf("processes %v became %v", first, second)
			}
			if err := c.Thaw(context.Background()); err != nil {
				t.Fatal(err)
			}
			if f, err := c.Frozen(); f || err != nil {
				t.Fatalf("frozen after thaw: %t, %v", f, err)
			}
			eventually(t, "the processes go on", func() bool { return !slices.Equal(first, processes(t, c)) })
		}
	})
}
