package cgroups

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Mode tells which kinds of hierarchy a host has.
type Mode int

const (
	// None means that no cgroup hierarchy is mounted.
	None Mode = iota
	// Legacy means version 1 hierarchies only.
	Legacy
	// Hybrid means version 1 hierarchies and the version 2 tree beside them.
	Hybrid
	// Unified means the version 2 tree only.
	Unified
)

// String returns none, v1, hybrid or v2.
func (m Mode) String() string {
	switch m {
	case Legacy:
		return "v1"
	case Hybrid:
		return "hybrid"
	case Unified:
		return "v2"
	default:
		return "none"
	}
}

// Hierarchy is one mounted cgroup hierarchy, see cgroups(7). It is plain data.
type Hierarchy struct {
	// Version is 1 or 2.
	Version int
	// MountPoint is the absolute path of the mount in the caller's mount
	// namespace.
	MountPoint string
	// Root is the cgroup that the mount shows as its top directory, the fourth
	// field of /proc/self/mountinfo. "/" but in containers.
	Root string
	// Controllers are the controllers of the hierarchy in the kernel's names.
	// For version 2 they are those that the top directory offers.
	Controllers []string
	// Name is the name of a named version 1 hierarchy without "name=", for
	// instance systemd; empty for others.
	Name string
	// NoPrefix is true for a version 1 hierarchy mounted with noprefix, where
	// file names lack the controller (cpus instead of cpuset.cpus).
	NoPrefix bool
	// Own is the cgroup of the calling process, as a path below MountPoint.
	Own string
}

// MountOptions returns the data that mount(2) needs to mount the same
// hierarchy again: "cpu,cpuacct", "name=systemd", or "" for version 2.
func (h Hierarchy) MountOptions() string {
	if h.Version == 2 {
		return ""
	}
	o := slices.Clone(h.Controllers)
	if h.Name != "" {
		o = append(o, "name="+h.Name)
	}
	if h.NoPrefix {
		o = append(o, "noprefix")
	}
	return strings.Join(o, ",")
}

// Links returns the names under which a co-mounted version 1 hierarchy is
// usually reached besides its own: "cpu" and "cpuacct" for a mount point
// .../cpu,cpuacct. It is empty for a hierarchy of one controller.
func (h Hierarchy) Links() []string {
	if h.Version == 2 {
		return nil
	}
	var links []string
	for _, c := range h.Controllers {
		if c != path.Base(h.MountPoint) {
			links = append(links, c)
		}
	}
	return links
}

// id is the key of the hierarchy in /proc/self/cgroup's second field.
func (h Hierarchy) id() string {
	o := slices.Clone(h.Controllers)
	if h.Version == 2 {
		o = nil
	}
	if h.Name != "" {
		o = append(o, "name="+h.Name)
	}
	slices.Sort(o)
	return strings.Join(o, ",")
}

// dir returns the directory of a path below the mount point.
func (h Hierarchy) dir(p string, made int) Dir {
	return Dir{
		Version: h.Version, Controllers: h.Controllers, Name: h.Name, NoPrefix: h.NoPrefix,
		MountPoint: h.MountPoint, Path: p, Made: made,
	}
}

// Host is what the package needs to know of a machine. It is made by Detect,
// or by a test, and never changes. The zero Host has no cgroups.
type Host struct {
	hierarchies []Hierarchy
}

// NewHost returns a Host with the given hierarchies, version 1 first.
// Callers normally use Detect.
func NewHost(hierarchies ...Hierarchy) *Host {
	h := &Host{hierarchies: slices.Clone(hierarchies)}
	slices.SortStableFunc(h.hierarchies, func(a, b Hierarchy) int { return a.Version - b.Version })
	return h
}

// Mode tells which kinds of hierarchy the host has.
func (h *Host) Mode() Mode {
	var v1, v2 bool
	for _, x := range h.hierarchies {
		v1 = v1 || x.Version == 1
		v2 = v2 || x.Version == 2
	}
	switch {
	case v1 && v2:
		return Hybrid
	case v1:
		return Legacy
	case v2:
		return Unified
	default:
		return None
	}
}

// Hierarchies returns the hierarchies in the order in which they are joined:
// version 1 in the order of the mount table, then version 2.
func (h *Host) Hierarchies() []Hierarchy { return slices.Clone(h.hierarchies) }

// Lookup returns the hierarchy that has the controller, and false if none has.
// "devices", which version 2 does by a program and not by a controller, is
// found in the version 2 tree when no version 1 hierarchy has it.
func (h *Host) Lookup(controller string) (Hierarchy, bool) {
	for _, x := range h.hierarchies {
		if slices.Contains(x.Controllers, controller) {
			return x, true
		}
	}
	if controller == "devices" {
		return h.unified()
	}
	return Hierarchy{}, false
}

// unified returns the version 2 tree.
func (h *Host) unified() (Hierarchy, bool) {
	for _, x := range h.hierarchies {
		if x.Version == 2 {
			return x, true
		}
	}
	return Hierarchy{}, false
}

// Of returns where a process is, in every hierarchy. The cgroups count as not
// made by the caller. One that a mount does not show becomes its top directory.
func (h *Host) Of(pid int) (Record, error) {
	text, err := readRecord(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return Record{}, fmt.Errorf("find the cgroup of process %d: %w", pid, err)
	}
	paths := parseOwn(text)
	var r Record
	for _, x := range h.hierarchies {
		r.Dirs = append(r.Dirs, x.dir(below(x.Root, paths[x.id()]), 0))
	}
	return r, nil
}

// Detect reads the mount table and the caller's cgroups from /proc/self and
// the controllers of the version 2 tree. All paths are taken below root, which
// is "/" but in tests. A host without any cgroup mount is not an error: its
// Mode is None.
func Detect(root string) (*Host, error) {
	mounts, err := readProc(path.Join(root, "/proc/self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("find cgroup mounts: read /proc/self/mountinfo: %w", err)
	}
	h := parseMounts(mounts)
	if len(h) == 0 {
		return NewHost(), nil
	}
	own, err := readRecord(path.Join(root, "/proc/self/cgroup"))
	if err != nil {
		return nil, fmt.Errorf("find own cgroup: read /proc/self/cgroup: %w", err)
	}
	paths := parseOwn(own)
	for i := range h {
		h[i].Own = below(h[i].Root, paths[h[i].id()])
		h[i].MountPoint = path.Join(root, h[i].MountPoint)
		if h[i].Version == 2 {
			c, err := readAt(unix.AT_FDCWD, h[i].MountPoint+"/cgroup.controllers")
			if err != nil {
				return nil, fmt.Errorf("find controllers: read cgroup.controllers of %s: %w", h[i].MountPoint, err)
			}
			h[i].Controllers = strings.Fields(c)
		}
	}
	return NewHost(h...), nil
}
