package cgroups

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// signalBatch is how many processes are held open at once.
const signalBatch = 256

// Signal sends a signal, once, to every process that is in the cgroup or below
// at the time. Processes that end or begin meanwhile may or may not get it; for
// SIGKILL there is Kill, which makes sure. An error for one process does not keep
// the others from getting the signal.
func (c *Cgroup) Signal(sig unix.Signal) error {
	return SignalListed(sig, func() ([]int, error) {
		pids, _, err := c.members()
		return pids, err
	})
}

// SignalListed is Cgroup.Signal for processes that are told by a function, in
// place of a cgroup: those that list returns. It is called at least twice where
// there are any. A process id that was given to another process meanwhile gets
// nothing, because a process has to be in the list before and after a descriptor
// of it was opened, and the signal goes to the descriptor.
func SignalListed(sig unix.Signal, list func() ([]int, error)) error {
	pids, err := list()
	if err == nil {
		err = signalBatches(pids, signalBatch, sig, list)
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", unix.SignalName(sig), err)
	}
	return nil
}

func signalBatches(pids []int, size int, sig unix.Signal, list func() ([]int, error)) error {
	var errs []error
	for batch := range slices.Chunk(pids, size) {
		errs = append(errs, signalBatchOf(batch, sig, list))
	}
	return errors.Join(errs...)
}

func signalBatchOf(pids []int, sig unix.Signal, list func() ([]int, error)) error {
	fds := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	var errs []error
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		switch {
		case err == nil:
			fds[pid] = fd
		case !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINVAL): // EINVAL: the number is a thread's by now
			errs = append(errs, fmt.Errorf("open process %d: %w", pid, err))
		}
	}
	still, err := list()
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, pid := range still {
		fd, ok := fds[pid]
		if !ok {
			continue // new since, or of another batch
		}
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("signal process %d: %w", pid, err))
		}
	}
	return errors.Join(errs...)
}
