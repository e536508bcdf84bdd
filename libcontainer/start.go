package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// Start lets the program of a created container run. It returns when the program has been executed and the poststart hooks have
// run; startContainer hooks and an execve that fails are errors of Start. A poststart hook that fails stops the container.
func (c *Container) Start(ctx context.Context) error {
	return c.locked(ctx, "start", func(rec *record) error {
		status, err := c.statusLocked(rec)
		switch {
		case err != nil:
			return err
		case status == specs.StateStopped:
			return fmt.Errorf("cannot start a container that has stopped: %w", ErrStopped)
		case status == statusPaused:
			return ErrPaused
		case status != specs.StateCreated:
			return fmt.Errorf("cannot start an already running container: %w", ErrRunning)
		}
		if rec.NoPoststart {
			return c.letGo(ctx, rec)
		}
		spec, err := c.Spec()
		if err != nil {
			return err
		}
		if err := c.letGo(ctx, rec); err != nil {
			return err
		}
		if spec.Hooks == nil {
			return nil
		}
		if err := runHooks(ctx, "poststart", spec.Hooks.Poststart, rec); err != nil {
			return errors.Join(err, ignoreNotRunning(rec.signal(unix.SIGKILL)))
		}
		return nil
	})
}

func ignoreNotRunning(err error) error {
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	return err
}

// letGo writes the byte that the init waits for, and follows it until the program runs.
func (c *Container) letGo(ctx context.Context, rec *record) error {
	result, err := openFifo(c.dir.path(resultFifo), unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer result.Close()
	start, err := openFifo(c.dir.path(startFifo), unix.O_WRONLY)
	if errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("cannot start a container that has stopped: %w", ErrStopped)
	}
	if err != nil {
		return err
	}
	defer start.Close()
	// From here on the container counts as started, whatever comes of it.
	if err := os.Remove(c.dir.path(startFifo)); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if _, err := unix.Write(int(start.Fd()), []byte{0}); err != nil {
		return fmt.Errorf("start: write: %w", err)
	}
	err = nsenter.ReadResult(ctx, result)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("container's init ended before it executed the program")
	}
	if err != nil {
		return c.explainStart(rec, err)
	}
	return os.Remove(c.dir.path(resultFifo))
}

// openFifo does not wait for the other side: the init holds both ends as long as it lives.
func openFifo(path string, mode int) (*os.File, error) {
	fd, err := unix.Open(path, mode|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// explainStart words a failure after start. The plan is compiled again from the stored configuration: the same input gives the
// same plan, so the index leads to the same step.
func (c *Container) explainStart(rec *record, err error) error {
	spec, serr := c.Spec()
	if serr != nil {
		return errors.Join(err, serr)
	}
	facts, ferr := c.rt.facts(context.Background(), c.rt.seccompCache())
	if ferr != nil {
		return errors.Join(err, ferr)
	}
	facts.rootless, facts.noCgroup = true, rec.noCgroup
	facts.systemd = rec.systemdFacts()
	o := rec.planOptions()
	o.root = c.rt.root
	if rec.Notify {
		o.notify = c.dir.path(notifyDir)
	}
	comp, cerr := compileCreate(spec, facts, o, func(string) {})
	if cerr != nil {
		return err
	}
	return comp.explain(err)
}
