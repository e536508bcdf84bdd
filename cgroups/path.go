package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Place decides where a cgroup is in each hierarchy of the host. It is pure.
//
// cgroupsPath is linux.cgroupsPath of the configuration:
//
//   - an absolute path is taken below each hierarchy's mount point;
//   - a relative path is taken, in version 1, below the caller's own cgroup,
//     and in version 2 below the parent of the caller's own cgroup, because a
//     cgroup that has processes cannot give controllers to its children;
//   - if it is empty, name (normally the container's id) is used as a relative
//     path.
//
// This is what runc does. ".." is resolved inside the path and never leads
// above where the path begins. A path that comes out as the top of a hierarchy
// is an error, and so is one that the kernel cannot have as a name.
func Place(h *Host, cgroupsPath, name string) (Record, error) {
	if cgroupsPath == "" {
		if name == "" || strings.Contains(name, "/") || name == "." || name == ".." {
			return Record{}, fmt.Errorf("place cgroup: %q is no name for a cgroup", name)
		}
		cgroupsPath = name
	}
	if err := checkPath(cgroupsPath); err != nil {
		return Record{}, &FieldError{Field: "linux.cgroupsPath", Err: err}
	}
	if h.Mode() == None {
		return Record{}, errors.New("place cgroup: no cgroup hierarchy is mounted")
	}
	var r Record
	for _, x := range h.hierarchies {
		r.Dirs = append(r.Dirs, x.dir(resolve(x, cgroupsPath), Pending))
	}
	return r, nil
}

// checkPath refuses what can be the path of no container's cgroup.
func checkPath(p string) error {
	switch {
	case strings.ContainsAny(p, "\x00\n"):
		return fmt.Errorf("%q has a character that a cgroup's name cannot have", p)
	case path.Clean("/"+p) == "/":
		return fmt.Errorf("%q is the top of the hierarchy, not a cgroup for a container", p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > 255 {
			return fmt.Errorf("%q... is longer than the 255 bytes that a cgroup's name can have", name[:32])
		}
	}
	return nil
}

// resolve returns the path below the mount point of the hierarchy.
func resolve(h Hierarchy, p string) string {
	inner := path.Clean("/" + p)
	if path.IsAbs(p) {
		return inner
	}
	base := path.Clean("/" + h.Own)
	if h.Version == 2 {
		base = path.Dir(base)
	}
	return path.Join(base, inner)
}
