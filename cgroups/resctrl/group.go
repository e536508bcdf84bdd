package resctrl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// The fields that errors are about.
const (
	field           = "linux.intelRdt"
	fieldClosID     = field + ".closID"
	fieldMonitoring = field + ".enableMonitoring"
)

// Group is the group of a container: plain data, fit for a state file.
type Group struct {
	// Name is the group's directory, empty for the default group, which is the
	// top of the file system.
	Name string `json:"name"`
	// Own tells that the group goes with the container: it has the container's
	// name and was made for it.
	Own bool `json:"own,omitempty"`
	// Monitor is the name of the container's own monitoring group in mon_groups,
	// or empty.
	Monitor string `json:"monitor,omitempty"`
	// Pending tells that the group was placed only: whether Make came to making
	// anything is not known.
	Pending bool `json:"pending,omitempty"`
}

// Place decides which group a container belongs to. It is pure.
func (f *FS) Place(cfg *specs.LinuxIntelRdt, id string) Group {
	g := Group{Name: cfg.ClosID, Own: cfg.ClosID == "", Pending: true}
	switch cfg.ClosID {
	case "":
		g.Name = id
	case "/":
		g.Name = ""
	}
	if cfg.EnableMonitoring {
		g.Monitor = id
	}
	return g
}

// Look returns what Place decided without the directories that are there already,
// for a record that is written before Make: they are somebody else's, and Remove
// leaves them alone even when the caller is killed before it knows what Make
// made.
func (f *FS) Look(g Group) (Group, error) {
	var err error
	if g.Own {
		var there bool
		there, err = f.exists(g.Name)
		g.Own = !there
	}
	if g.Monitor != "" && err == nil {
		var there bool
		if there, err = f.exists(g.monitor()); there {
			g.Monitor = ""
		}
	}
	if err != nil {
		return Group{}, &cgroups.FieldError{Field: field, Err: err}
	}
	return g, nil
}

// Make makes what Place decided, by the rules of the specification: a group that
// is there already must have the schemata that are asked for, and is not changed;
// a closID without schemata must be there. On success undo takes back what was
// made, for a caller whose own next step fails; on failure nothing is left. The
// errors are of type *cgroups.FieldError.
func (f *FS) Make(cfg *specs.LinuxIntelRdt, g Group) (made Group, undo func() error, err error) {
	g.Pending = false
	var dirs []string
	undo = func() error {
		var err error
		for i := len(dirs) - 1; i >= 0; i-- {
			err = errors.Join(err, f.rmdir(dirs[i]))
		}
		return err
	}
	fail := func(err error) (Group, func() error, error) { return Group{}, nil, errors.Join(err, undo()) }
	isNew, err := f.makeGroup(cfg, g)
	if err != nil {
		return fail(err)
	}
	if isNew {
		dirs = append(dirs, filepath.Join(f.Dir, g.Name))
		err = f.writeAll(g, lines(cfg))
	} else {
		g.Own = false
		err = f.compare(g, lines(cfg))
	}
	if err != nil {
		return fail(err)
	}
	if g.Monitor != "" {
		dir := filepath.Join(f.Dir, g.monitor())
		if err := f.mkdir(dir); err != nil {
			return fail(f.makeError(fieldMonitoring, dir, err))
		}
		dirs = append(dirs, dir)
	}
	return g, undo, nil
}

// makeGroup makes the group's directory, and tells whether it was not there yet.
func (f *FS) makeGroup(cfg *specs.LinuxIntelRdt, g Group) (isNew bool, err error) {
	if g.Name == "" {
		return false, nil
	}
	dir := filepath.Join(f.Dir, g.Name)
	if cfg.ClosID != "" && len(lines(cfg)) == 0 {
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil {
			return false, &cgroups.FieldError{Field: fieldClosID, Err: fmt.Errorf(
				"the resctrl group %s has to exist, since there are no schemata to make it with: %w", dir, err)}
		}
		return false, nil
	}
	err = f.mkdir(dir)
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	if err != nil {
		return false, f.makeError(field, dir, err)
	}
	return true, nil
}

func (f *FS) makeError(name, dir string, err error) error {
	err = fmt.Errorf("make the resctrl group %s: %w", dir, err)
	if s := f.status(); s != "" {
		err = fmt.Errorf("%w (%s)", err, s)
	}
	return &cgroups.FieldError{Field: name, Err: err}
}

// monitor is the directory of the monitoring group below the mount point.
func (g Group) monitor() string { return filepath.Join(g.Name, "mon_groups", g.Monitor) }

// Join puts a process into the group, and into its monitoring group. Only the
// thread with this id moves; its later children follow.
func (f *FS) Join(g Group, pid int) error {
	if err := f.write(field, g.Name, "tasks", strconv.Itoa(pid)); err != nil {
		return err
	}
	if g.Monitor == "" {
		return nil
	}
	return f.write(fieldMonitoring, g.monitor(), "tasks", strconv.Itoa(pid))
}

// Update changes the schemata of the group, all lines or none. undo puts the old
// ones back. The errors are of type *cgroups.FieldError.
func (f *FS) Update(g Group, cfg *specs.LinuxIntelRdt) (undo func() error, err error) {
	if g.Name == "" {
		return nil, &cgroups.FieldError{Field: field, Err: errors.New("the default group of the host is not the container's to change")}
	}
	old, err := f.schemata(g)
	if err != nil {
		return nil, &cgroups.FieldError{Field: field, Err: err}
	}
	undo = func() error {
		var back []line
		for l := range strings.Lines(old) {
			back = append(back, line{field, strings.TrimSpace(l)})
		}
		return f.writeAll(g, back)
	}
	if err := f.writeAll(g, lines(cfg)); err != nil {
		if e := undo(); e != nil {
			err = fmt.Errorf("%w; then %w", err, e)
		}
		return nil, err
	}
	return undo, nil
}

// Remove removes what of the group goes with the container. Its processes, if
// there are any, fall back to the default group. Of a Pending group those
// directories go that have no process: others may be somebody else's. So may
// empty ones that were there before; Look keeps them out. It is no error if
// nothing is there.
func (f *FS) Remove(g Group) error {
	var err error
	if g.Monitor != "" {
		err = f.remove(g, g.monitor())
	}
	if g.Own {
		err = errors.Join(err, f.remove(g, g.Name))
	}
	return err
}

func (f *FS) remove(g Group, dir string) error {
	if g.Pending {
		if empty, err := f.empty(dir); err != nil || !empty {
			return err
		}
	}
	return f.rmdir(filepath.Join(f.Dir, dir))
}

func (f *FS) schemata(g Group) (string, error) {
	text, err := os.ReadFile(filepath.Join(f.Dir, g.Name, "schemata"))
	return strings.Trim(string(text), "\n"), err
}

func (f *FS) writeAll(g Group, all []line) error {
	for _, l := range all {
		if err := f.write(l.field, g.Name, "schemata", l.text); err != nil {
			return err
		}
	}
	return nil
}
