package libcontainer

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// Pause stops every process of the container where it stands, by the freezer of its cgroup, and returns when all stand still; the state
// is then "paused". A created container can be paused too. When it cannot be done, within 10 s or the deadline of ctx, nothing is left
// frozen. Errors: ErrNotRunning (with ErrPaused for one that is paused already), cgroups.ErrNoFreezer.
func (c *Container) Pause(ctx context.Context) error {
	return c.locked(ctx, "pause", func(rec *record) error {
		status, err := c.statusLocked(rec)
		switch {
		case err != nil:
			return err
		case status == statusPaused:
			return fmt.Errorf("%w: %w", ErrNotRunning, ErrPaused)
		case status != specs.StateRunning && status != specs.StateCreated:
			return ErrNotRunning
		case rec.Cgroup == nil:
			return fmt.Errorf("cannot pause a container without a cgroup: %w", cgroups.ErrNoFreezer)
		}
		cg := openCgroup(*rec.Cgroup)
		defer cg.Close()
		if err := cg.Freeze(ctx); err != nil {
			return err
		}
		if alive, err := rec.alive(); err != nil || !alive { // it ended just before
			return errors.Join(ErrNotRunning, err, cg.Thaw(context.WithoutCancel(ctx)))
		}
		return nil
	})
}

// Resume lets the processes of a paused container go on. ErrNotPaused: it is not paused. cgroups.ErrFrozen: a cgroup above the
// container's is frozen too.
func (c *Container) Resume(ctx context.Context) error {
	return c.locked(ctx, "resume", func(rec *record) error {
		status, err := c.statusLocked(rec)
		if err != nil {
			return err
		}
		if status != statusPaused {
			return ErrNotPaused
		}
		cg := openCgroup(*rec.Cgroup)
		defer cg.Close()
		return cg.Resume(ctx)
	})
}

// thawKilled lets a paused container notice the SIGKILL that it was sent: a process in a version 1 freezer does not.
func (r *record) thawKilled(ctx context.Context, sig unix.Signal) error {
	if sig != unix.SIGKILL || r.Cgroup == nil || r.Cgroup.Pending() {
		return nil
	}
	return r.thaw(ctx)
}

// thaw lets the processes in the container's cgroup go on, even when ctx has ended.
func (r *record) thaw(ctx context.Context) error {
	cg := openCgroup(*r.Cgroup)
	defer cg.Close()
	if frozen, err := cg.Frozen(); err != nil || !frozen {
		return err
	}
	return cg.Thaw(context.WithoutCancel(ctx))
}
