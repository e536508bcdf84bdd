package cgroups

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// freezeTimeout is how long Freeze tries without a deadline of the caller.
const freezeTimeout = 10 * time.Second

// freezer is the index of the directory that can freeze: that of the version 1
// freezer, else version 2; -1 if there is none.
func (c *Cgroup) freezer() int {
	i := slices.IndexFunc(c.record.Dirs, func(d Dir) bool { return d.Version == 1 && d.has("freezer") })
	if i < 0 {
		return c.record.unified()
	}
	return i
}

// Freeze stops all processes in the cgroup and below and waits until they
// stand still. On failure the cgroup is thawed again. Without a deadline in ctx
// it gives up after 10 s.
func (c *Cgroup) Freeze(ctx context.Context) error {
	ctx, cancel := withDeadline(ctx, freezeTimeout)
	defer cancel()
	i := c.freezer()
	if i < 0 {
		return fmt.Errorf("freeze: %w", ErrNoFreezer)
	}
	d := c.record.Dirs[i]
	fd, err := c.dir(i)
	if err == nil {
		if d.Version == 1 {
			err = freezeV1(ctx, fd, d.fileName("freezer.state"))
		} else {
			err = freezeV2(ctx, fd)
		}
	}
	if err != nil {
		err = fmt.Errorf("freeze cgroup %s: %w", d.Abs(), err)
		if e := c.Thaw(context.WithoutCancel(ctx)); e != nil {
			err = fmt.Errorf("%w; then %w", err, e)
		}
	}
	return err
}

// freezeV1 writes FROZEN until the kernel says so. It says FREEZING while a
// process cannot be stopped, for instance because it waits for another that
// is frozen already (vfork); a short thaw lets them get out of this. Each round
// has more time than the one before, since on a busy machine many processes need
// it just to stop.
func freezeV1(ctx context.Context, dir int, file string) error {
	for polls := 12; ; polls *= 2 {
		if err := writeAt(dir, file, "FROZEN"); err != nil {
			return err
		}
		b := backoff{next: 20 * time.Microsecond, most: 5 * time.Millisecond}
		for range polls {
			state, err := readAt(dir, file)
			if err != nil || state == "FROZEN" {
				return err
			}
			if err := b.wait(ctx); err != nil {
				return fmt.Errorf("still %s: %w", strings.ToLower(state), err)
			}
		}
		if err := writeAt(dir, file, "THAWED"); err != nil {
			return err
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// freezeV2 asks for it once and waits for the kernel's answer in cgroup.events;
// cgroup.freeze itself shows the wish only.
func freezeV2(ctx context.Context, dir int) error {
	if err := writeAt(dir, "cgroup.freeze", "1"); err != nil {
		return err
	}
	b := backoff{next: 20 * time.Microsecond, most: 5 * time.Millisecond}
	for {
		frozen, err := event(dir, "frozen")
		if err != nil || frozen {
			return err
		}
		if err := b.wait(ctx); err != nil {
			return fmt.Errorf("still freezing: %w", err)
		}
	}
}

// event tells whether a key of cgroup.events is 1.
func event(dir int, key string) (bool, error) {
	text, err := readAt(dir, "cgroup.events")
	return err == nil && slices.Contains(strings.Split(text, "\n"), key+" 1"), err
}

// Thaw lets the processes of a frozen cgroup run again. It is no error if the
// cgroup is not frozen or does not exist.
func (c *Cgroup) Thaw(ctx context.Context) error {
	i := c.freezer()
	if i < 0 {
		return fmt.Errorf("thaw: %w", ErrNoFreezer)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("thaw: %w", err)
	}
	d := c.record.Dirs[i]
	fd, err := c.dir(i)
	if err == nil {
		if d.Version == 1 {
			err = writeAt(fd, d.fileName("freezer.state"), "THAWED")
		} else {
			err = writeAt(fd, "cgroup.freeze", "0")
		}
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("thaw cgroup %s: %w", d.Abs(), err)
	}
	return nil
}

// Frozen tells whether the cgroup, or one above it, is frozen or being frozen.
// A cgroup that does not exist, or has no freezer, is not.
func (c *Cgroup) Frozen() (bool, error) {
	i := c.freezer()
	if i < 0 {
		return false, nil
	}
	d := c.record.Dirs[i]
	fd, err := c.dir(i)
	frozen := false
	if err == nil {
		frozen, err = isFrozen(fd, d, d.Made > 0 && c.fresh)
	}
	if err != nil && !gone(err) {
		return false, fmt.Errorf("read the freezer of cgroup %s: %w", d.Abs(), err)
	}
	return frozen && err == nil, nil
}

// isFrozen reads the state of one directory. In a new one nobody can have wished
// for it, so only those above count.
func isFrozen(dir int, d Dir, isNew bool) (bool, error) {
	if d.Version == 1 {
		state, err := readAt(dir, d.fileName("freezer.state"))
		return state != "THAWED", err
	}
	if isNew {
		return event(dir, "frozen")
	}
	wish, err := readAt(dir, "cgroup.freeze")
	if err != nil || wish == "1" {
		return wish == "1", err
	}
	return event(dir, "frozen")
}
