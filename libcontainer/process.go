package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// ExitStatus tells how a process ended.
type ExitStatus struct {
	Code   int         // exit status, when Signal is 0
	Signal unix.Signal // the signal that killed it, or 0
}

// ShellCode is the status as shells and runtimes report it: the exit status, or 128 and the number of the signal.
func (s ExitStatus) ShellCode() int {
	if s.Signal != 0 {
		return 128 + int(s.Signal)
	}
	return s.Code
}

// Process is a program in a container that this program has started. Its methods may be called from any goroutine.
type Process struct {
	child handle

	mu     sync.Mutex    // of done, and of closing what child holds
	done   chan struct{} // closed when status and err are set
	status ExitStatus
	err    error
}

// Pid is the process id in the caller's pid namespace.
func (p *Process) Pid() int { return p.child.Pid() }

// PidFD is a pidfd of the process. It belongs to the Process, which closes it when Wait has seen the end, and in Release.
func (p *Process) PidFD() *os.File { return p.child.PidFD() }

// Signal sends a signal, never to another process that got the same id. ErrNotRunning: the process has ended.
func (p *Process) Signal(sig unix.Signal) error {
	p.mu.Lock()
	err := p.child.Signal(sig)
	p.mu.Unlock()
	if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrClosed) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("send %s to process %d: %w", unix.SignalName(sig), p.Pid(), err)
	}
	return nil
}

// Wait waits for the process to end. When ctx ends first, the process goes on and Wait can be called again.
func (p *Process) Wait(ctx context.Context) (ExitStatus, error) {
	p.mu.Lock()
	if p.done == nil {
		p.done = make(chan struct{})
		go p.reap()
	}
	done := p.done
	p.mu.Unlock()
	select {
	case <-done:
		return p.status, p.err
	case <-ctx.Done():
		return ExitStatus{}, context.Cause(ctx)
	}
}

func (p *Process) reap() {
	defer close(p.done)
	st, err := p.child.Wait()
	p.Release()
	if errors.Is(err, nsenter.ErrStatusTaken) {
		err = ErrStatusTaken
	}
	if err != nil {
		p.err = err
		return
	}
	if st.Signaled() {
		p.status.Signal = st.Signal()
		return
	}
	p.status.Code = st.ExitStatus()
}

// Release gives the descriptors of a process back that nobody will wait for here. It goes on running.
func (p *Process) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child.Release()
}
