package cgroups

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// thawTimeout is how long Resume waits without a deadline of the caller.
const thawTimeout = 5 * time.Second

// Resume is Thaw, and waits until the processes are let go. Where a cgroup above
// is frozen too, they are not, and the error wraps ErrFrozen. Without a deadline
// in ctx it waits for 5 s.
func (c *Cgroup) Resume(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx, thawTimeout)
	defer cancel()
	if err := c.Thaw(ctx); err != nil {
		return err
	}
	b := backoff{next: 20 * time.Microsecond, most: 20 * time.Millisecond}
	for {
		frozen, err := c.Frozen()
		if err != nil || !frozen {
			return err
		}
		if err := c.heldFromAbove(); err != nil {
			return err
		}
		if err := b.wait(ctx); err != nil {
			return fmt.Errorf("thaw cgroup %s: %w: %w", c.record.Dirs[c.freezer()].Abs(), ErrFrozen, err)
		}
	}
}

// heldFromAbove is the error for a cgroup that is frozen because one above it is.
func (c *Cgroup) heldFromAbove() error {
	d := c.record.Dirs[c.freezer()]
	up := d.parents()
	for _, dir := range up[1:] {
		fd, err := openDir(dir)
		if err != nil {
			return nil // gone, or not ours to look at
		}
		frozen, err := wished(fd, d)
		unix.Close(fd)
		if err == nil && frozen {
			return fmt.Errorf("thaw cgroup %s: the cgroup %s above it is frozen: %w", d.Abs(), dir, ErrFrozen)
		}
	}
	return nil
}

// wished tells whether a directory itself was frozen, and not only one above.
func wished(dir int, d Dir) (bool, error) {
	name := "cgroup.freeze"
	if d.Version == 1 {
		name = d.fileName("freezer.self_freezing")
	}
	text, err := readAt(dir, name)
	return text == "1", err
}
