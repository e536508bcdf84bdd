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
	// Description is the unit's property of this name, which must be one that
	// nobody else gives to a unit: it tells whether one with this name is the one
	// that is meant.
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

// rewritten are the files that systemd writes from the properties of a unit, by
// their controllers. Those of version 1 follow those of version 2.
var rewritten = []struct{ controller, file string }{
	{"cpu", "cpu.weight"},
	{"cpu", "cpu.idle"},
	{"cpu", "cpu.max"},
	{"cpuset", "cpuset.cpus"},
	{"cpuset", "cpuset.mems"},
	{"memory", "memory.min"},
	{"memory", "memory.low"},
	{"memory", "memory.high"},
	{"memory", "memory.max"},
	{"memory", "memory.swap.max"},
	{"memory", "memory.zswap.max"},
	{"io", "io.weight"},
	{"io", "io.bfq.weight"},
	{"pids", "pids.max"},
	{"cpu", "cpu.shares"},
	{"cpu", "cpu.cfs_period_us"},
	{"cpu", "cpu.cfs_quota_us"},
	{"memory", "memory.limit_in_bytes"},
	{"blkio", "blkio.weight"},
	{"blkio", "blkio.bfq.weight"},
}

// applyUnit is Apply for the cgroup of a unit. Whenever one property changes,
// systemd brings about all of them again, and coarser than the files were: so
// what was in force of the others is put back in between.
func (c *Cgroup) applyUnit(ctx context.Context, writes []Write) error {
	if c.manager == nil {
		return fmt.Errorf("cgroup of %s: %w", c.record.Unit.Name, ErrNoManager)
	}
	writes, err := c.settle(writes)
	if err != nil {
		return err
	}
	before := c.others(writes)
	return c.applyDevices(ctx, writes, func() error { return c.putBack(ctx, before) })
}

// settle checks what has to be checked before systemd writes a file, and reads
// what is to be kept of one.
func (c *Cgroup) settle(writes []Write) ([]Write, error) {
	a := applier{c: c, fd: -1}
	defer a.close()
	writes = slices.Clone(writes)
	for n := range writes {
		w := &writes[n]
		i := c.record.index(w.Controller)
		if i < 0 || w.Program != nil {
			continue
		}
		if err := a.checkUsage(i, *w); err != nil {
			return nil, &FieldError{Field: w.Field, Err: err}
		}
		if !w.Keep {
			continue
		}
		dir, err := c.dir(i)
		if err == nil {
			w.Value, err = keepFirst(dir, c.record.Dirs[i].fileName(w.File), w.Value)
		}
		if err != nil {
			return nil, &FieldError{Field: w.Field, Err: fmt.Errorf("read %s: %w", w.File, err)}
		}
		w.Keep = false
	}
	return writes, nil
}

// others returns what the files hold that systemd rewrites and that are not among
// the writes. A file that is not there is left out.
func (c *Cgroup) others(writes []Write) []held {
	var list []held
	for _, f := range rewritten {
		i := c.record.index(f.controller)
		if i < 0 || slices.ContainsFunc(writes, func(w Write) bool { return w.writes(f.file) }) {
			continue
		}
		dir, err := c.dir(i)
		if err != nil {
			continue
		}
		file := c.record.Dirs[i].fileName(f.file)
		text, err := readAt(dir, file)
		if err != nil {
			continue
		}
		if old, ok := previous(f.file, text, "default"); ok {
			w := Write{Field: "linux.resources", Controller: f.controller, File: f.file, Value: old, Retry: true}
			list = append(list, held{write: w, dir: i, file: file, text: text})
		}
	}
	return list
}

// writes tells whether the write can end up in the file.
func (w *Write) writes(file string) bool {
	for ; w != nil; w = w.Else {
		if w.File == file {
			return true
		}
	}
	return false
}

// putBack writes what has changed.
func (c *Cgroup) putBack(ctx context.Context, before []held) error {
	var changed []Write
	for _, h := range before {
		dir, err := c.dir(h.dir)
		if err != nil {
			return fmt.Errorf("open cgroup %s: %w", c.record.Dirs[h.dir].Abs(), err)
		}
		if now, err := readAt(dir, h.file); err == nil && now != h.text {
			changed = append(changed, h.write)
		}
	}
	if err := c.write(ctx, changed); err != nil {
		return fmt.Errorf("put back what systemd changed: %w", err)
	}
	return nil
}

// applyDevices has the manager change its properties, puts the device rules and
// whatever restore does back, and does the rest of the writes.
func (c *Cgroup) applyDevices(ctx context.Context, writes []Write, restore func() error) error {
	i := c.record.index("devices")
	if i < 0 {
		return c.setAndWrite(ctx, writes, restore)
	}
	dir, err := c.dir(i)
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	if c.record.Dirs[i].Version == 1 {
		return c.applyWithRules(ctx, i, dir, writes, restore)
	}
	before, err := programIDs(dir)
	if err != nil || len(before) == 0 { // no right to look: none to attach one either
		return c.setAndWrite(ctx, writes, restore)
	}
	return c.setAndWrite(ctx, writes, func() error {
		if err := detachOthers(dir, before); err != nil {
			return fmt.Errorf("restore the device program of cgroup %s: %w", c.record.Dirs[i].Abs(), err)
		}
		return restore()
	})
}

func (c *Cgroup) setAndWrite(ctx context.Context, writes []Write, restore func() error) error {
	rest, err := c.manager.Set(ctx, *c.record.Unit, writes)
	if err = errors.Join(err, restore()); err != nil {
		return err
	}
	return c.write(ctx, rest)
}

// applyWithRules is applyDevices where device rules are lines of a version 1
// hierarchy: systemd denies everything and then allows one line after the other,
// which no process inside must see.
func (c *Cgroup) applyWithRules(ctx context.Context, i, dir int, writes []Write, restore func() error) (err error) {
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
	return c.setAndWrite(ctx, writes, func() error {
		if len(c.rules) > 0 && !tellsRules(rules) {
			return errors.Join(c.restoreDenied(ctx), restore())
		}
		return errors.Join(restoreRules(c.record.Dirs[i], dir, rules), restore())
	})
}

// restoreDenied puts exceptions back that devices.list does not show. With cgroups
// below, the kernel refuses to begin anew, also to systemd.
func (c *Cgroup) restoreDenied(ctx context.Context) error {
	err := c.write(ctx, c.rules)
	if errors.Is(err, unix.EINVAL) {
		err = c.write(ctx, c.rules[1:])
	}
	return err
}

// restoreRules makes the text of devices.list true again.
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
