package libcontainer

import (
	"bufio"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A container without a cgroup and without a pid namespace is what descends from its first process: all of it gets the signal, the caller and
// its other children do not.
func TestSignalMembers(t *testing.T) {
	init := exec.Command("sh", "-c", "sleep 1000 & echo ready; wait")
	stranger := exec.Command("sleep", "1000")
	out, err := init.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*exec.Cmd{init, stranger} {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		defer c.Wait()
		defer c.Process.Kill()
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	start, _, err := startTime(init.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	r := &record{Pid: init.Process.Pid, StartTime: start}
	if pids, err := r.members(); err != nil || len(pids) != 2 {
		t.Fatalf("members %v, %v, want two", pids, err)
	}
	if err := r.signalMembers(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// Both have the other end of the pipe; it is closed when neither is left.
	if _, err := lines.ReadString('\n'); err == nil {
		t.Error("the container goes on")
	}
	init.Wait()
	if st := init.ProcessState.Sys().(syscall.WaitStatus); st.Signal() != unix.SIGTERM {
		t.Errorf("the first process ended with %v, want SIGTERM", st)
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("another process: %v", err)
	}
	r.StartTime++ // the number is another process's by now
	if err := r.signalMembers(unix.SIGTERM); err != nil {
		t.Errorf("a container that has ended: %v", err)
	}
}
