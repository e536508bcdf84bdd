package cgroups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// killTimeout is how long Kill tries without a deadline of the caller.
	killTimeout = 10 * time.Second
	// killFreezeTimeout is how much of it goes into standing the processes
	// still, in one round. They are killed even if that fails.
	killFreezeTimeout = time.Second
)

// Kill sends SIGKILL to every process in the cgroup and below and waits until
// all are gone. It works on a frozen cgroup and against one that forks, and
// leaves it thawed. Without a deadline in ctx it gives up after 10 s.
func (c *Cgroup) Kill(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx, killTimeout)
	defer cancel()
	b := backoff{next: time.Millisecond / 2, most: 50 * time.Millisecond}
	for {
		pids, all, err := c.members()
		if err != nil {
			return fmt.Errorf("kill: %w", err)
		}
		if len(pids) == 0 {
			return nil
		}
		if err := c.killRound(ctx, all); err != nil {
			return err
		}
		if err := b.wait(ctx); err != nil {
			return fmt.Errorf("kill: processes %v of cgroup %s are still there: %w",
				pids, c.record.Dirs[c.primary()].Abs(), err)
		}
	}
}

// members returns all processes of the cgroup, and whether all of them are in
// the version 2 directory. On a hybrid host the two lists can differ.
func (c *Cgroup) members() (pids []int, allUnified bool, err error) {
	pids, err = c.Processes()
	i := c.record.unified()
	if err != nil || i < 0 || i == c.primary() {
		return pids, i >= 0, err
	}
	unified, err := c.processes(i)
	if err != nil {
		return nil, false, err
	}
	allUnified = true
	for _, pid := range pids {
		allUnified = allUnified && slices.Contains(unified, pid)
	}
	pids = append(pids, unified...)
	slices.Sort(pids)
	return slices.Compact(pids), allUnified, nil
}

// killRound kills what is there now: by cgroup.kill where it reaches all, else
// one by one while all stand still. The freezer is thawed at the end: a process in
// that of version 1 does not notice the signal, and nothing is to stay frozen.
func (c *Cgroup) killRound(ctx context.Context, allUnified bool) error {
	if allUnified {
		done, err := c.killUnified()
		if err != nil {
			return err
		}
		if done {
			return c.Thaw(context.WithoutCancel(ctx))
		}
	}
	return c.killEach(ctx)
}

// killUnified writes cgroup.kill, which is there since Linux 5.14; false if it is
// not.
func (c *Cgroup) killUnified() (bool, error) {
	i := c.record.unified()
	fd, err := c.dir(i)
	if err == nil {
		err = writeAt(fd, "cgroup.kill", "1")
	}
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("kill: write cgroup.kill of %s: %w", c.record.Dirs[i].Abs(), err)
	}
	return true, nil
}

// killEach freezes, signals each process and thaws.
func (c *Cgroup) killEach(ctx context.Context) (err error) {
	if c.freezer() >= 0 {
		short, cancel := context.WithTimeout(ctx, killFreezeTimeout)
		defer cancel()
		// Freeze thaws by itself when it fails; the signals help in any case.
		if c.Freeze(short) == nil {
			defer func() { err = errors.Join(err, c.Thaw(context.WithoutCancel(ctx))) }()
		}
	}
	return c.Signal(unix.SIGKILL)
}
