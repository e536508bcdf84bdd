package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// handle is what a Process needs of its process: nsenter.Child for one that was launched, adopted for one that was restored.
type handle interface {
	Pid() int
	PidFD() *os.File
	Signal(unix.Signal) error
	Wait() (unix.WaitStatus, error)
	Release()
}

// adopted is a child of this program that another one, CRIU, has made.
type adopted struct {
	pid int

	mu    sync.Mutex
	pidFD *os.File // nil when given back
}

// adopt takes charge of a child of this process.
func adopt(pid int) (*adopted, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open of process %d: %w", pid, err)
	}
	return &adopted{pid: pid, pidFD: os.NewFile(uintptr(fd), "pidfd")}, nil
}

// Pid implements handle.
func (a *adopted) Pid() int { return a.pid }

// PidFD implements handle.
func (a *adopted) PidFD() *os.File {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pidFD
}

// Signal implements handle.
func (a *adopted) Signal(sig unix.Signal) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pidFD == nil {
		return os.ErrClosed
	}
	return unix.PidfdSendSignal(int(a.pidFD.Fd()), sig, nil, 0)
}

// Wait implements handle.
func (a *adopted) Wait() (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(a.pid, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return 0, nsenter.ErrStatusTaken
		case err != nil:
			return 0, fmt.Errorf("wait for process %d: %w", a.pid, err)
		default:
			return status, nil
		}
	}
}

// Release implements handle.
func (a *adopted) Release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pidFD != nil {
		a.pidFD.Close()
		a.pidFD = nil
	}
}
