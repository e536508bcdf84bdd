package nsenter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// EventKind is what the init reports.
type EventKind uint32

// Kinds of events. After EventCreated and EventDone no further event comes.
const (
	EventSync    EventKind = 1   // the init waits at a synchronisation point (Value); answer with Ack or Abort
	eventChild   EventKind = 2   // consumed by Next
	eventError   EventKind = 3   // returned as *InitError
	EventCreated EventKind = 4   // the init waits for the start fifo
	EventFinal   EventKind = 5   // only seccomp and execve are left
	EventDone    EventKind = 100 // the program was executed
)

const messageSize = 168

// deathWait bounds how long an init that is about to end may take to do so.
const deathWait = 10 * time.Second

// cancelGrace is how long a report that is on its way may take after ctx has ended: short, since an init with all its answers would go on meanwhile.
// execGrace is the same for an init that only has to execute its program.
const (
	cancelGrace = 2 * time.Millisecond
	execGrace   = 2 * time.Second
)

// Event is one report of the init.
type Event struct {
	Kind  EventKind
	Index int        // of the item in the plan
	Point int64      // the synchronisation point
	Aux   uint32     // number of the seccomp listener's descriptor in the init
	Files []*os.File // descriptors handed over; the receiver closes them
}

// InitError is a failure inside the init: the operation's index in the plan, the step and the errno, and what else the kernel said.
type InitError struct {
	Index  int
	Step   InitStep
	Value  int64 // step dependent: the exit status or signal of a hook
	Detail string
	Errno  unix.Errno // 0 where a check and not a system call failed
}

// Error implements error.
func (e *InitError) Error() string {
	s := fmt.Sprintf("step %d of the plan: %s", e.Index, e.Step)
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	if e.Errno != 0 {
		s += ": " + e.Errno.Error()
	}
	return s
}

// Unwrap returns the errno, for errors.Is.
func (e *InitError) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// DeathError says that the init ended without a report.
type DeathError struct{ Status unix.WaitStatus }

// Error implements error.
func (e *DeathError) Error() string {
	if e.Status.Signaled() {
		return "init was killed by " + unix.SignalName(e.Status.Signal())
	}
	return fmt.Sprintf("init exited with status %d before it was done", e.Status.ExitStatus())
}

// Child is a started init, and later the program that it executed.
type Child struct {
	pid    int
	pidfd  *os.File
	sock   *os.File
	forks  int // how often it will still become another process
	final  bool
	reaped bool
	taken  bool // reaped by somebody else: there is no status
	status unix.WaitStatus
}

// ErrStatusTaken is returned by Wait when the process has ended, but another wait of this program took its status.
var ErrStatusTaken = errors.New("another wait took the exit status of the process")

// Pid is the process id in the caller's pid namespace. It can change while Next is called, until the plan's last proc.fork.
func (c *Child) Pid() int { return c.pid }

// PidFD is a descriptor of the process (pidfd_open(2)); it belongs to the Child.
func (c *Child) PidFD() *os.File { return c.pidfd }

// Next waits for the next report. A failure in the init is an *InitError, its sudden death a *DeathError; in both cases the process has
// been reaped. When ctx ends, the init is killed and ctx's error returned, unless it has reported sync.final: then its program runs already,
// or will in a moment, and only one that takes longer is killed.
func (c *Child) Next(ctx context.Context) (Event, error) {
	for {
		m, cut, err := c.receive(ctx)
		final := err == nil && (c.final || m.kind == EventFinal)
		if cut || ctx.Err() != nil && !final && (err != nil || !c.wentOn()) {
			if err == nil && m.kind == eventChild {
				err = c.follow(m)
			} else {
				closeAll(m.files)
			}
			return Event{}, errors.Join(context.Cause(ctx), err, c.Kill())
		}
		if err != nil {
			return Event{}, errors.Join(fmt.Errorf("read from init: %w", err), c.Kill())
		}
		switch m.kind {
		case 0:
			return c.ended()
		case eventChild:
			if err := c.follow(m); err != nil {
				return Event{}, errors.Join(err, c.Kill())
			}
			continue
		case eventError:
			closeAll(m.files)
			return Event{}, errors.Join(m.initError(), c.reap())
		case EventFinal:
			c.final = true
		case EventCreated:
			c.closeSocket()
		}
		return Event{Kind: m.kind, Index: int(m.index), Point: m.value, Aux: m.step, Files: m.files}, nil
	}
}

// receive waits for a message or for the end of ctx. Then the init gets an end of file where it would read, and dies of it; what it has
// said until then is still told. One that does not read is waited for a moment longer, and then the whole socket is shut down (cut): its
// silence means nothing any more; but not if something is there to be read, and it is the reader that is late. Before a fork that is left
// out, since each new process must be told of. All is over when receive returns: the socket may be closed.
func (c *Child) receive(ctx context.Context) (m message, cut bool, err error) {
	grace := cancelGrace
	if c.final {
		grace = execGrace
	}
	received, done := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = unix.Shutdown(int(c.sock.Fd()), unix.SHUT_WR)
		if c.forks > 0 {
			return
		}
		select {
		case <-received:
		case <-time.After(grace):
			if _, there := peek(c.sock); there {
				return
			}
			cut = true
			_ = unix.Shutdown(int(c.sock.Fd()), unix.SHUT_RDWR)
		}
	})
	m, err = receive(c.sock)
	close(received)
	if !stop() {
		<-done
	}
	return m, cut, err
}

// wentOn tells whether the init has reported more since, and no failure. One that had its answers beforehand may have started its program by the
// time that anybody looks at its reports.
func (c *Child) wentOn() bool {
	m, there := peek(c.sock)
	return there && m.kind != 0 && m.kind != eventError
}

// ended tells the end of file of a good execve from that of a death.
func (c *Child) ended() (Event, error) {
	c.closeSocket()
	if c.final {
		return Event{Kind: EventDone}, nil
	}
	// It has closed its socket, so it is about to end: its own status says more than that of a kill.
	if !c.endsWithin(deathWait) {
		if err := c.Signal(unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return Event{}, fmt.Errorf("kill init: %w", err)
		}
	}
	if err := c.reap(); err != nil {
		return Event{}, err
	}
	return Event{}, &DeathError{Status: c.status}
}

// follow switches over to the process that proc.fork made, once the old one is gone.
func (c *Child) follow(m message) error {
	if len(m.files) != 1 {
		closeAll(m.files)
		return errors.New("init forked without a pidfd")
	}
	if err := c.reap(); err != nil {
		m.files[0].Close()
		return err
	}
	c.pidfd.Close()
	c.pid, c.pidfd, c.reaped = int(m.value), m.files[0], false
	c.taken = false
	c.forks--
	return nil
}

// Ack lets the init go on, with descriptors for the slots that its operation named.
func (c *Child) Ack(files ...*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	b := binary.LittleEndian.AppendUint32(nil, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(fds)))
	err := unix.Sendmsg(int(c.sock.Fd()), b, oob, nil, unix.MSG_NOSIGNAL)
	if err != nil && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) { // a dead init says so at the next receive
		return fmt.Errorf("write to init: %w", err)
	}
	return nil
}

// Signal sends a signal through the pidfd, so never to another process. A process that has ended is unix.ESRCH,
// and after Release it is os.ErrClosed. It may be called while another goroutine is in Wait.
func (c *Child) Signal(sig unix.Signal) error {
	fd := int(c.pidfd.Fd())
	if fd < 0 {
		return os.ErrClosed
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// Kill ends the process with SIGKILL and reaps it.
func (c *Child) Kill() error {
	if err := c.settle(); err != nil {
		return err
	}
	c.closeSocket()
	if c.reaped {
		return nil
	}
	if err := c.Signal(unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill init: %w", err)
	}
	return c.reap()
}

// settle has an init that is about to become another process do so, or end. Killed in between, it would leave a child of this program
// that nobody knows the id of; unreaped, that one would also keep the pid namespace that it is in from ending.
func (c *Child) settle() error {
	if c.forks == 0 || c.sock == nil || c.reaped {
		return nil
	}
	fd := int(c.sock.Fd())
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		return fmt.Errorf("shut the init's socket down: %w", err)
	}
	limit := unix.NsecToTimeval(int64(deathWait))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return fmt.Errorf("limit the wait for the init: %w", err)
	}
	for c.forks > 0 {
		m, err := receive(c.sock)
		if err == nil && m.kind == eventChild {
			if err := c.follow(m); err != nil {
				return err
			}
			continue
		}
		closeAll(m.files)
		if err != nil || m.kind == 0 {
			return nil // it has ended, or does not move: a kill leaves nothing
		}
	}
	return nil
}

func (c *Child) reap() error {
	if c.reaped {
		return nil
	}
	return c.waitStatus()
}

// Wait waits for the end of the process and returns its wait status, or ErrStatusTaken. It may be called from several goroutines only
// after the first returned.
func (c *Child) Wait() (unix.WaitStatus, error) {
	if err := c.reap(); err != nil {
		return 0, err
	}
	if c.taken {
		return 0, ErrStatusTaken
	}
	return c.status, nil
}

// endsWithin tells whether the process ends in a time, without reaping it.
func (c *Child) endsWithin(d time.Duration) bool {
	p := []unix.PollFd{{Fd: int32(c.pidfd.Fd()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(d); ; {
		n, err := unix.Poll(p, max(0, int(time.Until(deadline).Milliseconds())))
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n == 1
		}
	}
}

func (c *Child) waitStatus() error {
	for {
		_, err := unix.Wait4(c.pid, &c.status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD): // somebody else reaps this program's children; the end is what counts
			c.reaped, c.taken = true, true
			if !c.endsWithin(deathWait) {
				return errors.New("init does not end")
			}
			return nil
		case err != nil:
			return fmt.Errorf("wait for init: %w", err)
		}
		c.reaped = true
		return nil
	}
}

// Release gives the descriptors back without waiting: the process goes on.
func (c *Child) Release() {
	c.closeSocket()
	c.pidfd.Close()
}

func (c *Child) closeSocket() {
	if c.sock != nil {
		c.sock.Close()
		c.sock = nil
	}
}
