package cgroups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Unit is the systemd unit that a cgroup belongs to: plain data, fit for a state
// file.
type Unit struct {
	// Name is the unit's name, which ends with .scope, or with .slice.
	Name string `json:"name"`
	// Slice is the slice that the unit is in, for instance system.slice.
	Slice string `json:"slice"`
	// User tells that it is a unit of a user's own manager and not of the
	// system's.
	User bool `json:"user,omitempty"`
	// Bus is the address by which a user's manager was found, for those who look
	// for it later with another environment.
	Bus string `json:"bus,omitempty"`
	// Description is the unit's property of this name, which nobody else gives to
	// a unit: it tells whether one with this name is the one that is meant.
	Description string `json:"description"`
}

// Manager is the service manager that has a unit. Package systemd has one; this
// package needs no more of it.
type Manager interface {
	// Set changes the unit's properties to what the writes ask for, as far as
	// there are properties for it, and returns the writes to be done after that:
	// those that there is no property for, and those that say it more exactly.
	Set(ctx context.Context, u Unit, writes []Write) ([]Write, error)
	// Owns tells whether there is a unit of this name with this description.
	Owns(ctx context.Context, u Unit) (bool, error)
	// Stop ends the unit and waits until its manager has forgotten it. A unit
	// that does not exist is no error. No process is to be inside.
	Stop(ctx context.Context, u Unit) error
	// Close ends the connection, if there is one. The cgroup closes it.
	Close() error
}

// ErrNoManager is wrapped by the errors of Apply and Destroy for a cgroup with a
// Unit that was opened without its Manager: the manager would undo what is
// written behind its back.
var ErrNoManager = errors.New("the cgroup belongs to a unit and was opened without its manager")

// OpenUnit is Open for a record with a Unit. The manager is only asked by Apply
// and Destroy.
func OpenUnit(r Record, m Manager) *Cgroup {
	c := Open(r)
	c.manager = m
	return c
}

// Adopt returns the cgroup of a unit that its manager has just made with one
// process inside, in place of Begin. Complete must follow: it makes the
// directories of the version 1 hierarchies that the manager knows nothing of,
// which the process then has to join by JoinFiles or AttachV1, and does the
// writes.
func Adopt(ctx context.Context, r Record, m Manager, pid int) (*Cgroup, error) {
	c := OpenUnit(r, m)
	c.inside = pid
	for i := range c.record.Dirs {
		d := &c.record.Dirs[i]
		d.Made = 0
		if !d.managed() {
			continue
		}
		// The manager made these. If they are not here, it counts from another
		// top directory than this process sees.
		if _, err := c.dir(i); err != nil {
			c.Close()
			return nil, fmt.Errorf("cgroup of %s: not at %s: %w", r.Unit.Name, d.Abs(), err)
		}
	}
	if err := c.inspect(2); err != nil {
		c.Close()
		return nil, err
	}
	return c, ctx.Err()
}

// foreign returns those of the processes that the cgroup's user did not put
// there.
func (c *Cgroup) foreign(pids []int) []int {
	return slices.DeleteFunc(pids, func(pid int) bool { return pid == c.inside })
}

// applyUnit is Apply for the cgroup of a unit. Whenever one property changes,
// systemd brings about all of them again as it understands them, and device rules
// it does not understand to the letter: so what was in force of these is put back
// in between.
func (c *Cgroup) applyUnit(ctx context.Context, writes []Write) error {
	if c.manager == nil {
		return fmt.Errorf("cgroup of %s: %w", c.record.Unit.Name, ErrNoManager)
	}
	i := c.record.index("devices")
	if i < 0 {
		return c.setAndWrite(ctx, writes, func() error { return nil })
	}
	dir, err := c.dir(i)
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	if c.record.Dirs[i].Version == 1 {
		return c.applyWithRules(ctx, i, dir, writes)
	}
	before, err := programIDs(dir)
	if err != nil || len(before) == 0 { // no right to look: none to attach one either
		return c.setAndWrite(ctx, writes, func() error { return nil })
	}
	return c.setAndWrite(ctx, writes, func() error {
		if err := detachOthers(dir, before); err != nil {
			return fmt.Errorf("restore the device program of cgroup %s: %w", c.record.Dirs[i].Abs(), err)
		}
		return nil
	})
}

func (c *Cgroup) setAndWrite(ctx context.Context, writes []Write, restore func() error) error {
	rest, err := c.manager.Set(ctx, *c.record.Unit, writes)
	if err = errors.Join(err, restore()); err != nil {
		return err
	}
	return c.write(ctx, rest)
}

// applyWithRules is applyUnit where device rules are lines of a version 1
// hierarchy: systemd denies everything and then allows one line after the other,
// which no process inside must see.
func (c *Cgroup) applyWithRules(ctx context.Context, i, dir int, writes []Write) (err error) {
	rules, err := readAt(dir, "devices.list")
	if err != nil {
		return fmt.Errorf("read devices.list of cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	frozen, err := c.Frozen()
	if err != nil {
		return err
	}
	if !frozen && c.freezer() >= 0 {
		if err := c.Freeze(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Thaw(context.WithoutCancel(ctx))) }()
	}
	return c.setAndWrite(ctx, writes, func() error { return restoreRules(c.record.Dirs[i], dir, rules) })
}

// restoreRules makes the text of devices.list true again. Where everything is
// allowed the text does not show the exceptions: they have to be among the writes
// that follow.
func restoreRules(d Dir, dir int, rules string) error {
	now, err := readAt(dir, "devices.list")
	if err == nil && now != rules {
		err = writeAt(dir, "devices.deny", "a")
		for line := range strings.Lines(rules) {
			if err != nil {
				break
			}
			err = writeAt(dir, "devices.allow", strings.TrimSpace(line))
		}
	}
	if err != nil {
		return fmt.Errorf("restore the device rules of cgroup %s: %w", d.Abs(), err)
	}
	return nil
}

// stop has the unit's manager end it, which removes those directories that the
// manager made. Where the manager is gone, as that of a user who has logged out,
// so are its directories.
func (c *Cgroup) stop(ctx context.Context) error {
	if c.record.Unit == nil {
		return nil
	}
	if c.manager == nil {
		return fmt.Errorf("cgroup of %s: %w", c.record.Unit.Name, ErrNoManager)
	}
	if err := c.stopOwn(ctx); err != nil && c.exists() {
		return err
	}
	for i := range c.record.Dirs {
		if d := &c.record.Dirs[i]; d.managed() && d.Made == 0 {
			d.Made = 1 // if systemd did not get rid of it yet
		}
	}
	return nil
}

// stopOwn stops the unit. Of a Pending record it is not known whether it came to
// be, or whose it is.
func (c *Cgroup) stopOwn(ctx context.Context) error {
	if c.record.Pending() {
		own, err := c.manager.Owns(ctx, *c.record.Unit)
		if err == nil && own {
			err = c.Kill(ctx)
		}
		if err != nil || !own {
			return err
		}
	}
	return c.manager.Stop(ctx, *c.record.Unit)
}

// managed tells whether the directory is made by the manager of units, in any
// case.
func (d Dir) managed() bool { return d.Version == 2 || d.Name == "systemd" }

// exists tells whether any of the directories is there.
func (c *Cgroup) exists() bool {
	return slices.ContainsFunc(c.record.Dirs, func(d Dir) bool { return unix.Access(d.Abs(), unix.F_OK) == nil })
}
