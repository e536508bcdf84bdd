package cgroups

import (
	"path"
	"slices"
)

// Dir is a cgroup in one hierarchy: plain data, fit for a state file.
type Dir struct {
	// Version is 1 or 2.
	Version int `json:"version"`
	// Controllers are those of the hierarchy; for version 2 those that Create
	// may enable for the cgroup.
	Controllers []string `json:"controllers,omitempty"`
	// Name is the name of a named version 1 hierarchy.
	Name string `json:"name,omitempty"`
	// NoPrefix is that of the Hierarchy.
	NoPrefix bool `json:"noPrefix,omitempty"`
	// MountPoint is the absolute path of the hierarchy's mount.
	MountPoint string `json:"mountPoint"`
	// Path is the cgroup below MountPoint; it starts with a slash and is clean.
	Path string `json:"path"`
	// Made is how many directories at the end of Path Create made, and
	// therefore Destroy removes: 0 leaves everything, 1 removes the cgroup, more
	// also its ancestors where they are empty. Place sets it to Pending, so that
	// a record stored before Create is enough to clean up after a crash.
	Made int `json:"made"`
}

// Pending is the Made of a directory that was placed only: whether it was there
// before, and whose processes are inside, is not known.
const Pending = -1

// Abs returns the absolute path of the directory.
func (d Dir) Abs() string { return path.Join(d.MountPoint, d.Path) }

// has tells whether the directory is in the hierarchy of the controller.
func (d Dir) has(controller string) bool { return slices.Contains(d.Controllers, controller) }

// Record is where a cgroup is, in every hierarchy. It is what a later process
// needs to find it again: see Open.
type Record struct {
	// Dirs has one entry for each hierarchy, in the order of
	// Host.Hierarchies.
	Dirs []Dir `json:"dirs"`
	// Unit is the systemd unit that the cgroup belongs to; nil if there is none
	// and the directories are made one by one.
	Unit *Unit `json:"unit,omitempty"`
}

// Dir returns the directory that has the controller, and false if none has.
// As with Host.Lookup, "devices" falls back to version 2.
func (r Record) Dir(controller string) (Dir, bool) {
	i := r.index(controller)
	if i < 0 {
		return Dir{}, false
	}
	return r.Dirs[i], true
}

// Unified returns the directory in the version 2 tree, and false if the host
// has none.
func (r Record) Unified() (Dir, bool) {
	if i := r.unified(); i >= 0 {
		return r.Dirs[i], true
	}
	return Dir{}, false
}

// Pending tells whether the record was placed only, and never came out of Create.
func (r Record) Pending() bool {
	return slices.ContainsFunc(r.Dirs, func(d Dir) bool { return d.Made == Pending })
}

// Sub returns the record of a cgroup below, which is not made or destroyed
// through it. ".." in the path does not lead out of the cgroup.
func (r Record) Sub(rel string) Record {
	sub := r.clone()
	sub.Unit = nil
	for i := range sub.Dirs {
		d := &sub.Dirs[i]
		d.Path, d.Made = path.Join(d.Path, path.Clean("/"+rel)), 0
	}
	return sub
}

// index is Dir as an index of Dirs, or -1. The name "cgroup" stands for the
// core files of version 2.
func (r Record) index(controller string) int {
	i := slices.IndexFunc(r.Dirs, func(d Dir) bool { return d.has(controller) })
	if i < 0 && (controller == "devices" || controller == core) {
		return r.unified()
	}
	return i
}

func (r Record) unified() int {
	return slices.IndexFunc(r.Dirs, func(d Dir) bool { return d.Version == 2 })
}

// mode is the Mode of the host that the record was made on.
func (r Record) mode() Mode {
	h := Host{}
	for _, d := range r.Dirs {
		h.hierarchies = append(h.hierarchies, Hierarchy{Version: d.Version})
	}
	return h.Mode()
}

func (r Record) clone() Record { return Record{Dirs: slices.Clone(r.Dirs), Unit: r.Unit} }
