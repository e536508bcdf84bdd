package cgroups

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Update is Apply for a cgroup in which processes run, all or nothing: when a
// write fails, what the files held before is put back. The returned Undo does the
// same later, for a caller whose own next step fails.
//
// inForce are the writes that the cgroup was made with, or got by the last
// Update: device rules cannot be read back from the kernel in every case, and are
// taken from there.
//
// Device rules change without a moment in which something is denied that is
// allowed before and after: in version 2 one program replaces the other, in
// version 1 only the lines that differ are written, those that allow first.
func (c *Cgroup) Update(ctx context.Context, writes, inForce []Write) (*Undo, error) {
	for i, d := range c.record.Dirs {
		if d.Version != 2 || c.record.Unit != nil { // a unit's manager does it
			continue
		}
		if err := c.enable(i, writes); err != nil {
			return nil, err
		}
	}
	c.rules = slices.DeleteFunc(slices.Clone(inForce), func(w Write) bool { return w.Controller != "devices" })
	writes, undo, err := c.prepare(writes)
	if err != nil {
		return nil, err
	}
	if err := c.Apply(ctx, writes); err != nil {
		if e := undo.Do(context.WithoutCancel(ctx)); e != nil {
			err = fmt.Errorf("%w; then %w", err, e)
		}
		return nil, err
	}
	return undo, nil
}

// Undo is what the files of a cgroup held before an Update.
type Undo struct {
	c     *Cgroup
	files []held
	// devices bring back the device rules, unless devices.list (version 1) is
	// still list and tells all of them.
	devices []Write
	list    string
}

// held is one file before a change.
type held struct {
	write Write // brings the old value back
	dir   int
	file  string
	text  string
}

// Do puts the old values back where they differ from the present ones. The
// Cgroup must not be closed yet. The error is that of Apply.
func (u *Undo) Do(ctx context.Context) error {
	var writes []Write
	for _, h := range u.files {
		dir, err := u.c.dir(h.dir)
		if err != nil {
			return fmt.Errorf("put the old values back: %w", err)
		}
		if now, err := readAt(dir, h.file); err == nil && now == h.text {
			continue
		}
		writes = append(writes, h.write)
	}
	if list, err := u.c.deviceList(); err != nil || !tellsRules(list) || list != u.list {
		writes = append(writes, u.devices...)
	}
	if err := u.c.Apply(ctx, writes); err != nil {
		return fmt.Errorf("put the old values back: %w", err)
	}
	return nil
}

// prepare returns the writes as they are to be done now, and how to undo them.
func (c *Cgroup) prepare(writes []Write) ([]Write, *Undo, error) {
	undo := &Undo{c: c}
	rules := slices.DeleteFunc(slices.Clone(writes), func(w Write) bool { return w.Controller != "devices" })
	rest := slices.DeleteFunc(slices.Clone(writes), func(w Write) bool { return w.Controller == "devices" })
	for _, w := range rest {
		if err := undo.remember(w); err != nil {
			return nil, nil, err
		}
	}
	if len(rules) == 0 {
		return rest, undo, nil
	}
	var err error
	if undo.list, err = c.deviceList(); err != nil {
		return nil, nil, err
	}
	rules, undo.devices = deviceChange(undo.list, rules, c.rules)
	return append(rest, rules...), undo, nil
}

// remember notes what the file of a write holds. One that cannot be read has
// nothing to go back to: it does not exist, or it is a trigger such as
// memory.reclaim.
func (u *Undo) remember(w Write) error {
	i := u.c.record.index(w.Controller)
	if i < 0 {
		return nil // Apply words it
	}
	dir, err := u.c.dir(i)
	if err != nil {
		return fmt.Errorf("open cgroup %s: %w", u.c.record.Dirs[i].Abs(), err)
	}
	for x := &w; x != nil; x = x.Else {
		file := u.c.record.Dirs[i].fileName(x.File)
		text, err := readAt(dir, file)
		if err != nil {
			continue
		}
		old, ok := previous(x.File, text, x.Value)
		if ok && !u.has(i, file, old) {
			back := Write{Field: w.Field, Controller: w.Controller, File: x.File, Value: old, Retry: true}
			u.files = append(u.files, held{write: back, dir: i, file: file, text: text})
		}
		return nil
	}
	return nil
}

// has tells whether the same is remembered already.
func (u *Undo) has(dir int, file, value string) bool {
	return slices.ContainsFunc(u.files, func(h held) bool {
		return h.dir == dir && h.file == file && h.write.Value == value
	})
}

// deviceList returns the device rules of version 1 as the kernel lists them. They
// are empty in version 2, and where nothing is allowed.
func (c *Cgroup) deviceList() (string, error) {
	i := c.record.index("devices")
	if i < 0 || c.record.Dirs[i].Version == 2 {
		return "", nil
	}
	dir, err := c.dir(i)
	if err != nil {
		return "", fmt.Errorf("open cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	text, err := readAt(dir, "devices.list")
	if err != nil {
		return "", fmt.Errorf("read devices.list of cgroup %s: %w", c.record.Dirs[i].Abs(), err)
	}
	return text, nil
}

// tellsRules tells whether a devices.list has all the rules. Where everything is
// allowed it does not have the exceptions; in version 2 it is empty.
func tellsRules(list string) bool { return list != "" && !strings.HasPrefix(list, "a ") }

// deviceChange returns the writes that turn the present device rules into the
// wanted ones, and those that turn them back.
func deviceChange(list string, want, inForce []Write) (change, back []Write) {
	if want[0].Program != nil {
		return want, inForce
	}
	if lines, undo, ok := deviceLines(list, want); ok {
		if len(lines) > 0 { // for a unit's manager
			lines[0].Devices = want[0].Devices
		}
		if len(undo) > 0 && len(inForce) > 0 {
			undo[0].Devices = inForce[0].Devices
		}
		return lines, undo
	}
	if len(inForce) == 0 {
		// Nothing was asked for so far, so what was in force is the parent's.
		inForce = []Write{{Field: prefix + "devices", Controller: "devices", File: fileOf(true), Value: "a"}}
	}
	return want, inForce
}
