//go:build integration

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A reaper collects orphans: processes of containers become children of the
// test process, and one that nobody waits for keeps its pid namespace, and so
// its container, from ending. Commands that the tests started themselves are
// left to their callers.
type reaper struct {
	mu       sync.Mutex
	commands map[int]bool
	ended    map[int]orphanEnd
}

// orphanEnd is how and when an orphan ended. The kernel gives process ids out again after 32768 others, which the whole suite comes near to: an
// end is only believed to be that of a process that a test means when it is younger than the test.
type orphanEnd struct {
	status unix.WaitStatus
	at     time.Time
}

// orphans is the reaper of the test process.
var orphans = sync.OnceValue(func() *reaper {
	r := &reaper{commands: map[int]bool{}, ended: map[int]orphanEnd{}}
	go func() {
		for {
			r.collect()
			time.Sleep(scaled(5 * time.Millisecond))
		}
	}()
	return r
})

// collect reaps the orphans that have ended and keeps how they did.
func (r *reaper) collect() {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				r.reap(pid)
			}
		}
	}
}

func (r *reaper) reap(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.commands[pid] {
		return
	}
	var status unix.WaitStatus
	if got, err := unix.Wait4(pid, &status, unix.WNOHANG, nil); err == nil && got == pid {
		r.ended[pid] = orphanEnd{status, time.Now()}
	}
}

// start starts a command whose caller waits for it.
func (r *reaper) start(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	r.commands[cmd.Process.Pid] = true
	return nil
}

// wait waits for a command.
func (r *reaper) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.commands, cmd.Process.Pid)
	return err
}

// status tells how an orphan ended after a time.
func (r *reaper) status(pid int, since time.Time) (unix.WaitStatus, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end, found := r.ended[pid]
	return end.status, found && end.at.After(since)
}

// output runs a program of the host and returns what it printed.
func output(cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := orphans().start(cmd); err != nil {
		return "", err
	}
	err := orphans().wait(cmd)
	return out.String(), err
}

// wait waits, as an engine does, for a process that must be, or become, a
// child of the test, and returns its exit code.
func (b *box) wait(pid int) int {
	b.Helper()
	var status unix.WaitStatus
	b.until("end of process "+strconv.Itoa(pid)+" as a child of the test", func() bool {
		var found bool
		status, found = orphans().status(pid, b.born)
		return found
	})
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// start starts a prepared call of the runtime.
func (b *box) start(cmd *exec.Cmd) {
	b.Helper()
	if err := orphans().start(cmd); err != nil {
		b.Fatalf("start %q: %v", cmd.Args, err)
	}
	b.Cleanup(func() {
		if cmd.ProcessState == nil { // the test ended early
			cmd.Process.Kill()
			orphans().wait(cmd)
		}
	})
}
