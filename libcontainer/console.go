package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// DialConsole connects to the socket of an engine (`--console-socket`) and returns a function for Stdio.Console that hands the
// terminal over: one message with the terminal's name and one descriptor. It connects at once, so that a path that is missing or no socket fails before
// anything is made.
func DialConsole(path string) (func(master *os.File) error, error) {
	conn, err := dialUnix(path)
	if err != nil {
		return nil, fmt.Errorf("console socket: %w", err)
	}
	return func(master *os.File) error {
		defer master.Close()
		defer conn.Close()
		n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
		if err != nil {
			return fmt.Errorf("number of the terminal: %w", err)
		}
		return sendOn(conn, fmt.Sprintf("/dev/pts/%d", n), master)
	}, nil
}

func (hostDeliverConsole) run(_ context.Context, r *runner) error {
	if len(r.event.Files) != 1 {
		return errors.New("init sent no terminal")
	}
	master := r.event.Files[0]
	r.event.Files = nil
	if r.stdio.Console == nil {
		master.Close()
		return errors.New("the caller takes no terminal")
	}
	return r.stdio.Console(master)
}

// dialUnix connects to a stream socket; package net would cost every start of the binary some of its time.
func dialUnix(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), path)
	for {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("connect %s: %w", path, err)
	}
	return f, nil
}

// sendOn sends one message with one descriptor.
func sendOn(conn *os.File, payload string, f *os.File) error {
	err := unix.Sendmsg(int(conn.Fd()), []byte(payload), unix.UnixRights(int(f.Fd())), nil, unix.MSG_NOSIGNAL)
	if err != nil {
		return fmt.Errorf("send descriptor to %s: %w", conn.Name(), err)
	}
	return nil
}

func sendFile(path, payload string, f *os.File) error {
	conn, err := dialUnix(path)
	if err != nil {
		return err
	}
	defer conn.Close()
	return sendOn(conn, payload, f)
}

// listenerState is what the agent gets with the listener of a seccomp filter (config-linux.md, seccomp).
func (r *runner) listenerState(metadata string) specs.ContainerProcessState {
	status := specs.StateCreating
	if r.c.exec != nil {
		status = specs.StateRunning
	}
	return specs.ContainerProcessState{
		Version: r.rec.OCIVersion, Fds: []string{specs.SeccompFdName}, Pid: r.child.Pid(), Metadata: metadata,
		State: r.rec.state(status, r.rec.Pid),
	}
}
