package cgroups

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sleepers starts processes that last until they are signalled.
func sleepers(t *testing.T, n int) []*exec.Cmd {
	t.Helper()
	cmds := make([]*exec.Cmd, n)
	for i := range cmds {
		cmds[i] = exec.Command("sleep", "1000")
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, c := range cmds {
			c.Process.Kill()
			c.Wait()
		}
	})
	return cmds
}

func pidsOf(cmds []*exec.Cmd) []int {
	pids := make([]int, len(cmds))
	for i, c := range cmds {
		pids[i] = c.Process.Pid
	}
	return pids
}

// A number that is not in the list any more, once its process is held, may be a stranger's by now.
func TestSignalListedStranger(t *testing.T) {
	cmds := sleepers(t, 2)
	pids := pidsOf(cmds)
	calls := 0
	err := SignalListed(unix.SIGTERM, func() ([]int, error) {
		calls++
		if calls == 1 {
			return pids, nil
		}
		return pids[1:], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmds[1].Wait(); err == nil || cmds[1].ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGTERM {
		t.Errorf("the process in both lists: %v, want an end by SIGTERM", err)
	}
	// The first signal that ends a process is the one that it has ended by.
	if err := cmds[0].Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	cmds[0].Wait()
	if got := cmds[0].ProcessState.Sys().(syscall.WaitStatus).Signal(); got != unix.SIGKILL {
		t.Errorf("the process that the second list does not have was ended by %v", got)
	}
}

// Each process gets the signal once, however many there are, and no more than a batch of descriptors is open at a time.
func TestSignalBatches(t *testing.T) {
	cmds := sleepers(t, 5)
	pids := pidsOf(cmds)
	before := openPidfds(t) // those of os/exec
	err := signalBatches(pids, 2, unix.SIGTERM, func() ([]int, error) {
		if n := openPidfds(t) - before; n > 2 {
			t.Errorf("%d processes are held open, want 2 at most", n)
		}
		return pids, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cmds {
		c.Wait()
		if got := c.ProcessState.Sys().(syscall.WaitStatus).Signal(); got != unix.SIGTERM {
			t.Errorf("process %d was ended by %v", i, got)
		}
	}
}

// openPidfds counts descriptors of processes.
func openPidfds(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, fd := range fds {
		if to, _ := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); strings.Contains(to, "pidfd") {
			n++
		}
	}
	return n
}
