package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// callLimit bounds every call of a runtime: a hanging one is killed and counts as failed.
const callLimit = 60 * time.Second

// streams are the descriptors that every called process gets: nothing to read, nowhere to write, and a file for what it says.
type streams struct {
	null   *os.File
	errors *os.File
}

func openStreams(errorFile string) (*streams, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	// Append: several processes write at the same time.
	errors, err := os.OpenFile(errorFile, os.O_RDWR|os.O_CREATE|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &streams{null: null, errors: errors}, nil
}

// cost is what a call took: wall time, and the processor time of the process and of all that it waited for.
type cost struct {
	wall, cpu time.Duration
}

// call runs argv to its end and returns its cost; the wall time goes from just before the start to just after the process was
// reaped. It goes around os/exec so that the bench's own part is a vfork and a wait.
func (s *streams) call(argv ...string) (cost, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	null := s.null.Fd()
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   os.Environ(),
		Files: []uintptr{null, null, s.errors.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	said, err := s.errors.Seek(0, 2)
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return cost{}, fmt.Errorf("start %s: %w", argv[0], err)
	}
	limit := time.AfterFunc(callLimit, func() { _ = syscall.Kill(-pid, syscall.SIGKILL) })
	defer limit.Stop()
	var usage syscall.Rusage
	status, err := waitFor(pid, &usage)
	took := cost{wall: time.Since(start), cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
	if err != nil {
		return cost{}, err
	}
	if !status.Exited() || status.ExitStatus() != 0 {
		return took, fmt.Errorf("%s: %s: %s", strings.Join(argv, " "), describe(status), s.since(said))
	}
	return took, nil
}

// since returns what was said on standard error after the given offset, in one line.
func (s *streams) since(offset int64) string {
	text := make([]byte, 500)
	n, _ := s.errors.ReadAt(text, offset)
	return strings.Join(strings.Fields(string(text[:n])), " ")
}

// waitFor reaps a child; usage may be nil.
func waitFor(pid int, usage *syscall.Rusage) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, usage)
		if err == nil {
			return status, nil
		}
		if err != syscall.EINTR {
			return 0, fmt.Errorf("wait for %d: %w", pid, err)
		}
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}

// adopt makes the bench the parent of all orphans below it, as a container manager is: created containers then are its
// children, and it can wait for their end.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become the subreaper: %w", err)
	}
	return nil
}

// reap takes away the orphans that have ended. Not to be called while a call is running elsewhere.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
	}
}
