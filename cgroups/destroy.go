package cgroups

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// destroyTimeout is how long Destroy tries without a deadline of the caller.
const destroyTimeout = 5 * time.Second

// Destroy removes the directories that Create made, and all below, bottom-up;
// then those ancestors that Create made and that are empty. There must be no
// process inside; the kernel's short delay after the last one is waited out.
// Without a deadline in ctx it gives up after 5 s. It is no error if nothing is
// there.
//
// Of a Pending record those directories go that have neither processes nor
// cgroups below: others may be somebody else's. Kill must not be called before,
// for the same reason; a process that was born there has to end by itself. Where
// processes remain the error wraps ErrInUse.
func (c *Cgroup) Destroy(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx, destroyTimeout)
	defer cancel()
	if err := c.stop(ctx); err != nil {
		return err
	}
	var pending []int
	for i, d := range c.record.Dirs {
		if d.Made != 0 {
			pending = append(pending, i)
		}
	}
	b := backoff{next: time.Millisecond / 2, most: 100 * time.Millisecond}
	for {
		var left []int
		var last error
		for _, i := range pending {
			err := c.record.Dirs[i].remove()
			switch {
			case err == nil:
				c.removeAncestors(i)
			case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOTEMPTY):
				left, last = append(left, i), err
			default:
				return fmt.Errorf("remove cgroup %s: %w", c.record.Dirs[i].Abs(), err)
			}
		}
		if len(left) == 0 {
			return nil
		}
		pending = left
		if err := b.wait(ctx); err != nil {
			return c.busy(left[0], last)
		}
	}
}

// busy is the error for a directory that could not be removed in time.
func (c *Cgroup) busy(i int, err error) error {
	abs := c.record.Dirs[i].Abs()
	if c.record.Dirs[i].Made == Pending {
		err = fmt.Errorf("%w, and maybe not by the one that it was meant for: %w", ErrInUse, err)
	}
	if pids, e := c.processes(i); e == nil && len(pids) > 0 {
		return fmt.Errorf("remove cgroup %s: %w (processes %v are inside)", abs, err, pids)
	}
	return fmt.Errorf("remove cgroup %s: %w", abs, err)
}

// removeAncestors closes the directory and removes those above it that Create
// made, as far as they are empty: others may use them by now.
func (c *Cgroup) removeAncestors(i int) {
	d := &c.record.Dirs[i]
	if c.fds[i] >= 0 {
		unix.Close(c.fds[i])
		c.fds[i] = -1
	}
	p := d.Path
	for ; d.Made > 1; d.Made-- {
		p = path.Dir(p)
		if err := rmdir(path.Join(d.MountPoint, p)); err != nil {
			break
		}
	}
	d.Made = 0
}

// remove removes the directory and, if it is known to be ours, all below.
func (d Dir) remove() error {
	if d.Made == Pending {
		return rmdir(d.Abs())
	}
	return removeTree(d.Abs())
}

// rmdir removes one cgroup; it is no error if it does not exist.
func rmdir(abs string) error {
	err := again(func() error { return unix.Rmdir(abs) })
	if gone(err) {
		return nil
	}
	return err
}

// removeTree removes a cgroup and all below it. Mostly there is nothing below,
// so it looks only after the first try failed.
func removeTree(abs string) error {
	err := rmdir(abs)
	if err == nil || !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	fd, e := openDir(abs)
	if gone(e) {
		return nil
	}
	if e != nil {
		return e
	}
	defer unix.Close(fd)
	names, e := children(fd)
	if e != nil && !gone(e) {
		return e
	}
	if len(names) == 0 {
		return err
	}
	for _, n := range names {
		if err := removeTree(path.Join(abs, n)); err != nil {
			return err
		}
	}
	return rmdir(abs)
}
