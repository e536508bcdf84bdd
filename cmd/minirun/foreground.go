package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/minirun/minirun/libcontainer"
)

// drainTime bounds how long output that is still in a terminal is waited for after its program has ended.
const drainTime = 2 * time.Second

// foreground keeps a program in the foreground: signals are passed on, and with a terminal what is typed and shown.
type foreground struct {
	a          *app
	signals    chan os.Signal
	collecting chan struct{} // closed when the usual signals are collected
	master     *os.File
	restore    func()
	output     chan struct{} // closed when the terminal's last output has been shown
	once       sync.Once
	rest       *time.Timer // starts to collect the signals that hardly anybody sends
}

// restDelay is when all other signals join. Each signal that is collected costs two switches of thread, all 64 of them some milliseconds: as much
// as a short container's life.
const restDelay = 20 * time.Millisecond

// newForeground starts to collect signals. That goes on beside what the command does first, until ready.
func newForeground(a *app) *foreground {
	fg := &foreground{a: a, signals: make(chan os.Signal, 128), collecting: make(chan struct{}), restore: func() {}}
	go func() {
		defer close(fg.collecting)
		signal.Notify(fg.signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM)
	}()
	fg.rest = time.AfterFunc(restDelay, func() { signal.Notify(fg.signals) })
	return fg
}

// ready waits until signals are collected, before anything is made: none that people and supervisors end a command with leaves something half made.
func (fg *foreground) ready() error {
	<-fg.collecting
	return nil
}

// console takes the controlling side of the program's terminal (libcontainer.Stdio.Console).
func (fg *foreground) console(master *os.File) error {
	fg.master = master
	signal.Notify(fg.signals, unix.SIGWINCH, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU)
	fg.resize()
	if in := int(fg.a.stdin.Fd()); term.IsTerminal(in) {
		old, err := term.MakeRaw(in)
		if err != nil {
			return fmt.Errorf("raw mode of the terminal: %w", err)
		}
		fg.restore = func() { _ = term.Restore(in, old) }
	}
	fg.output = make(chan struct{})
	go func() {
		defer close(fg.output)
		_, _ = io.Copy(fg.a.stdout, master) // ends with EIO when the last process has closed the terminal
	}()
	go func() { _, _ = io.Copy(master, fg.a.stdin) }()
	return nil
}

// resize gives the program's terminal the size of the caller's, where that is one.
func (fg *foreground) resize() {
	for _, f := range []*os.File{fg.a.stdin, fg.a.stdout, fg.a.stderr} {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			_ = unix.IoctlSetWinsize(int(fg.master.Fd()), unix.TIOCSWINSZ, size)
			return
		}
	}
}

// during carries out what makes the program. As long as there is no program to pass a signal on to, one that asks for the end is an end: f's
// context is cancelled, and what was half made is removed. Other signals, and one that came too late for that, wait for the program.
func (fg *foreground) during(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var held []os.Signal
	go func() {
		defer close(done)
		for {
			select {
			case s := <-fg.signals:
				held = append(held, s)
				if s == unix.SIGHUP || s == unix.SIGINT || s == unix.SIGQUIT || s == unix.SIGTERM {
					cancel(fmt.Errorf("interrupted by %s", unix.SignalName(s.(syscall.Signal))))
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	err := f(ctx)
	cancel(nil)
	<-done
	for _, s := range held {
		fg.signals <- s
	}
	return err
}

// interruptible does the same for a command that does not stay: a signal that asks for the end puts everything back, as long as f is not done.
func interruptible(ctx context.Context, f func(ctx context.Context) error) error {
	fg := &foreground{signals: make(chan os.Signal, 8)}
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		if !signal.Ignored(s) { // as by nohup(1)
			signal.Notify(fg.signals, s)
		}
	}
	defer signal.Stop(fg.signals)
	return fg.during(ctx, f)
}

// wait passes signals on until the program ends, and its last output has been shown.
func (fg *foreground) wait(ctx context.Context, p *libcontainer.Process) (libcontainer.ExitStatus, error) {
	type end struct {
		status libcontainer.ExitStatus
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		s, err := p.Wait(ctx)
		ended <- end{s, err}
	}()
	for {
		select {
		case s := <-fg.signals:
			fg.forward(p, s)
		case e := <-ended:
			fg.drain()
			return e.status, e.err
		}
	}
}

func (fg *foreground) drain() {
	if fg.output == nil {
		return
	}
	select {
	case <-fg.output:
	case <-time.After(drainTime): // a process that outlives the first one keeps the terminal open
	}
}

func (fg *foreground) forward(p *libcontainer.Process, s os.Signal) {
	sig, ok := s.(syscall.Signal)
	switch {
	case !ok, sig == unix.SIGURG, sig == unix.SIGCHLD, sig == unix.SIGPIPE: // the Go runtime's own, and the adopted orphans'
	case sig == unix.SIGWINCH && fg.master != nil:
		fg.resize()
	default:
		if err := p.Signal(sig); err != nil && !errors.Is(err, libcontainer.ErrNotRunning) {
			fg.a.log.Warn(err)
		}
	}
}

// close gives the terminal back as it was.
func (fg *foreground) close() {
	fg.once.Do(func() {
		fg.rest.Stop() // the others stay collected: this process ends, and giving each back costs as much as taking it
		fg.restore()
		if fg.master != nil {
			fg.master.Close()
		}
	})
}

// becomeSubreaper makes orphans of the container's processes children of this one, so that none is left to somebody who does
// not expect it.
func becomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl PR_SET_CHILD_SUBREAPER: %w", err)
	}
	return nil
}
