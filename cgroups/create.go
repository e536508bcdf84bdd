package cgroups

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Create makes the directories of the record, enables controllers (version 2),
// gives cpusets their parents' values (version 1) and applies the writes, before
// any process is inside. On failure it removes what it made.
//
// A directory that exists already is used, but it is an error if there are
// processes inside (ErrInUse) or if it is frozen (ErrFrozen). The record of the
// returned Cgroup tells what was made.
func Create(ctx context.Context, r Record, writes []Write) (*Cgroup, error) {
	c, err := Begin(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := c.Complete(ctx, writes); err != nil {
		return nil, c.undo(ctx, err)
	}
	return c, nil
}

// Begin is the first part of Create: it makes the version 2 directory only, if
// the host has one, which is all that a process needs to be cloned into FD.
// Complete must follow. On a hybrid host this lets the process begin while the
// version 1 directories are made; on a Unified one use Create, so that limits
// are there before the process.
func Begin(ctx context.Context, r Record) (*Cgroup, error) {
	c := Open(r)
	c.fresh = true
	defer func() { c.fresh = false }()
	for i := range c.record.Dirs {
		c.record.Dirs[i].Made = 0
	}
	err := c.mkdirs(ctx, 2)
	if err == nil {
		err = c.inspect(2)
	}
	if err != nil {
		return nil, c.undo(ctx, err)
	}
	return c, nil
}

// Complete is the second part of Create: it makes the version 1 directories and
// does all the rest. When it fails the caller ends the process that was cloned
// into FD and calls Destroy.
func (c *Cgroup) Complete(ctx context.Context, writes []Write) error {
	c.fresh = true
	defer func() { c.fresh = false }()
	err := c.mkdirs(ctx, 1)
	if err == nil {
		err = c.inspect(1)
	}
	for i, d := range c.record.Dirs {
		if err != nil {
			return err
		}
		switch {
		case d.Version == 1 && d.has("cpuset"):
			err = c.inheritCpuset(d)
		case d.Version == 2:
			err = c.enable(i, writes)
		}
	}
	c.given = "" // others may change it from now on
	if err != nil {
		return err
	}
	return c.write(ctx, writes)
}

// undo destroys and closes the cgroup after the error, which it returns.
func (c *Cgroup) undo(ctx context.Context, err error) error {
	if e := c.Destroy(context.WithoutCancel(ctx)); e != nil {
		err = fmt.Errorf("%w; then %w", err, e)
	}
	c.Close()
	return err
}

// mkdirs makes the directories of a version.
func (c *Cgroup) mkdirs(ctx context.Context, version int) error {
	for i := range c.record.Dirs {
		d := &c.record.Dirs[i]
		if d.Version != version {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("create cgroup %s: %w", d.Abs(), err)
		}
		if err := d.mkdir(); err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes the directory and those above it that do not exist, and counts
// them in Made.
func (d *Dir) mkdir() error {
	// Another process may remove an empty ancestor at any time, so a few
	// rounds are needed in theory.
	var err error
	for range 10 {
		err = d.mkdirUp(d.Path)
		if !errors.Is(err, unix.ENOENT) || unix.Access(d.MountPoint, unix.F_OK) != nil {
			break
		}
		d.Made = 0
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("create cgroup %s: %w", d.Abs(), err)
	switch {
	case errors.Is(err, unix.EROFS):
		err = fmt.Errorf("%w (the cgroup file system is mounted read-only)", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		err = fmt.Errorf("%w (user %d may not make cgroups there)", err, unix.Geteuid())
	case errors.Is(err, unix.EAGAIN):
		err = fmt.Errorf("%w (a limit of cgroup.max.descendants or cgroup.max.depth is reached)", err)
	}
	return &FieldError{Field: "linux.cgroupsPath", Err: err}
}

// mkdirUp makes p and what is missing above it.
func (d *Dir) mkdirUp(p string) error {
	abs := path.Join(d.MountPoint, p)
	err := again(func() error { return unix.Mkdir(abs, 0o755) })
	if errors.Is(err, unix.ENOENT) && p != "/" {
		if err := d.mkdirUp(path.Dir(p)); err != nil {
			return err
		}
		err = again(func() error { return unix.Mkdir(abs, 0o755) })
	}
	switch {
	case err == nil:
		d.Made++
	case errors.Is(err, unix.EEXIST):
		err = nil
	}
	return err
}

// inspect refuses a cgroup in which a process would not run, and one in which
// others run: they would get its limits, and die when it is removed.
func (c *Cgroup) inspect(version int) error {
	if i := c.freezer(); i >= 0 && c.record.Dirs[i].Version == version {
		if frozen, err := c.Frozen(); err != nil {
			return err
		} else if frozen {
			return &FieldError{Field: "linux.cgroupsPath", Err: fmt.Errorf("%s: %w", c.record.Dirs[i].Abs(), ErrFrozen)}
		}
	}
	for i, d := range c.record.Dirs {
		if d.Version != version {
			continue
		}
		if version == 2 {
			if err := c.checkNewType(i); err != nil {
				return err
			}
		}
		if d.Made > 0 {
			continue
		}
		pids, err := c.processes(i)
		if err != nil {
			return err
		}
		if pids = c.foreign(pids); len(pids) > 0 {
			return &FieldError{Field: "linux.cgroupsPath", Err: fmt.Errorf("%s: %d processes are inside: %w",
				d.Abs(), len(pids), ErrInUse)}
		}
	}
	return nil
}

// threadable are the controllers that a threaded subtree can have, see "Threads"
// in the kernel's cgroup-v2.rst.
var threadable = []string{"cpu", "cpuset", "perf_event", "pids"}

// checkNewType is checkType, which it saves where the answer is known: a cgroup
// that gives other controllers than the threadable ones to its children is in no
// threaded subtree and heads none, so a new child holds processes.
func (c *Cgroup) checkNewType(i int) error {
	d := c.record.Dirs[i]
	if d.Made == 0 || c.record.mode() != Unified {
		return c.checkType(i)
	}
	var err error
	if c.given, err = d.readGiven(); err != nil {
		return err
	}
	for x := range strings.FieldsSeq(c.given) {
		if !slices.Contains(threadable, x) {
			return nil
		}
	}
	return c.checkType(i)
}

// readGiven returns which controllers the parent gives to its children.
func (d Dir) readGiven() (string, error) {
	up := path.Join(d.MountPoint, path.Dir(d.Path))
	on, err := readAt(unix.AT_FDCWD, up+"/cgroup.subtree_control")
	if err != nil {
		return "", fmt.Errorf("read cgroup.subtree_control of %s: %w", up, err)
	}
	return on, nil
}

// checkType refuses a version 2 cgroup below a threaded one, which cannot hold
// processes.
func (c *Cgroup) checkType(i int) error {
	fd, err := c.dir(i)
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	t, err := readAt(fd, "cgroup.type")
	if err != nil && !gone(err) {
		return fmt.Errorf("read cgroup.type of %s: %w", c.record.Dirs[i].Abs(), err)
	}
	if t == "domain invalid" || t == "threaded" {
		return &FieldError{Field: "linux.cgroupsPath", Err: fmt.Errorf(
			"%s is of type %q: it is part of a threaded subtree, which holds threads and no processes",
			c.record.Dirs[i].Abs(), t)}
	}
	return nil
}

// inheritCpuset gives the processors and memory nodes of the parent to a version
// 1 cpuset that has none yet, and to its ancestors before it; no process can
// join without.
func (c *Cgroup) inheritCpuset(d Dir) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if _, err := d.inherit(d.Path, d.fileName(file), d.Made > 0); err != nil {
			return fmt.Errorf("initialise %s of cgroup %s: %w", file, d.Abs(), err)
		}
	}
	return nil
}

// inherit returns the value of the file in the cgroup p, after it was copied
// from above if it was empty. A new cgroup is known to be empty.
func (d Dir) inherit(p, file string, isNew bool) (string, error) {
	abs := path.Join(d.MountPoint, p, file)
	if !isNew || p == "/" {
		v, err := readAt(unix.AT_FDCWD, abs)
		if err != nil || v != "" || p == "/" {
			return v, err
		}
	}
	v, err := d.inherit(path.Dir(p), file, false)
	if err != nil {
		return "", err
	}
	return v, writeAt(unix.AT_FDCWD, abs, v)
}

// enable makes the version 2 controllers available in the cgroup: on a Unified
// host all that the host has, so that statistics exist without limits; on a
// hybrid one only those that the writes need, because the tree is the init
// system's.
func (c *Cgroup) enable(i int, writes []Write) error {
	d := c.record.Dirs[i]
	need := map[string]string{} // controller: field
	for _, w := range writes {
		if c.record.index(w.Controller) == i && d.has(w.Controller) && need[w.Controller] == "" {
			need[w.Controller] = w.Field
		}
	}
	var want []string
	for _, x := range d.Controllers {
		if need[x] != "" || c.record.mode() == Unified {
			want = append(want, x)
		}
	}
	if len(want) == 0 {
		return nil
	}
	if c.given == "" {
		var err error
		if c.given, err = d.readGiven(); err != nil {
			return err
		}
	}
	if len(without(want, c.given)) == 0 {
		return nil
	}
	failed := map[string]error{}
	for _, dir := range d.parents() {
		enableIn(dir, want, failed)
	}
	if err := c.checkEnabled(i, need, failed); err != nil {
		return err
	}
	// A parent with processes that gives controllers for threads becomes the
	// root of a threaded subtree.
	return c.checkType(i)
}

// enableIn enables the controllers for the children of a directory: at once, or,
// when that fails, each by itself. The first failure of each is kept.
func enableIn(dir string, want []string, failed map[string]error) {
	file := dir + "/cgroup.subtree_control"
	all := writeAt(unix.AT_FDCWD, file, "+"+strings.Join(want, " +"))
	if all == nil {
		return
	}
	for _, x := range want {
		err := all
		if !errors.Is(all, unix.EBUSY) {
			err = writeAt(unix.AT_FDCWD, file, "+"+x)
		}
		// EBUSY says that there are processes. Some controllers could be had all
		// the same, but only for threads: the children could not hold processes.
		if err != nil && failed[x] == nil {
			failed[x] = &WriteError{
				Value: "+" + x, File: "cgroup.subtree_control", Path: dir,
				Hint: hint("cgroup.subtree_control", err), Err: err,
			}
		}
	}
}

// checkEnabled makes an error of a controller that a write needs and that could
// not be enabled.
func (c *Cgroup) checkEnabled(i int, need map[string]string, failed map[string]error) error {
	if len(failed) == 0 || len(need) == 0 {
		return nil
	}
	d := c.record.Dirs[i]
	fd, err := c.dir(i)
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", d.Abs(), err)
	}
	on, err := readAt(fd, "cgroup.controllers")
	if err != nil {
		return fmt.Errorf("read cgroup.controllers of %s: %w", d.Abs(), err)
	}
	for _, x := range d.Controllers { // in the order of the host, to be stable
		if need[x] == "" || len(without([]string{x}, on)) == 0 {
			continue
		}
		if failed[x] == nil {
			failed[x] = errors.New("it was not enabled")
		}
		return &FieldError{Field: need[x], Err: fmt.Errorf("the %s controller is not available in cgroup %s: %w",
			x, d.Path, failed[x])}
	}
	return nil
}

// without returns those of the names that are not in the list, which is
// separated by spaces.
func without(names []string, list string) []string {
	var rest []string
	for _, n := range names {
		if !strings.Contains(" "+list+" ", " "+n+" ") {
			rest = append(rest, n)
		}
	}
	return rest
}
