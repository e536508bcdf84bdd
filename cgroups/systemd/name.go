package systemd

import (
	"fmt"
	"path"
	"strings"

	"github.com/minirun/minirun/cgroups"
)

// defaultPrefix begins the names of units whose configuration names none.
const defaultPrefix = "minirun"

// ParsePath returns the slice and the name of the unit that linux.cgroupsPath
// stands for with systemd: "slice:prefix:name" is the unit prefix-name.scope in
// the slice. An empty slice is system.slice, or user.slice with a user's manager;
// "-" is the root slice. An empty prefix is left out. An empty path stands for the
// default slice and minirun-ID.scope. Errors are *cgroups.FieldError.
func ParsePath(cgroupsPath, id string, user bool) (slice, name string, err error) {
	slice = "system.slice"
	if user {
		slice = "user.slice"
	}
	if cgroupsPath == "" {
		return slice, defaultPrefix + "-" + escape(id) + ".scope", nil
	}
	fail := func(format string, args ...any) (string, string, error) {
		return "", "", &cgroups.FieldError{Field: "linux.cgroupsPath", Err: fmt.Errorf(format, args...)}
	}
	parts := strings.Split(cgroupsPath, ":")
	if len(parts) != 3 || parts[2] == "" {
		return fail("%q: with systemd it must be of the form slice:prefix:name", cgroupsPath)
	}
	switch parts[0] {
	case "":
	case "-":
		slice = "-.slice"
	default:
		slice = parts[0]
	}
	if _, err := ExpandSlice(slice); err != nil {
		return fail("%q: %w", cgroupsPath, err)
	}
	name = parts[2]
	if strings.HasSuffix(name, ".slice") {
		return fail("%q: %s is a slice, which holds units and no processes", cgroupsPath, name)
	}
	if parts[1] != "" {
		name = parts[1] + "-" + name
	}
	name += ".scope"
	if bad := strings.Trim(name, unitLetters); bad != "" || len(name) > 255 {
		return fail("%q: %q is no name for a unit: letters, digits and :-_.\\@ are allowed, 255 bytes in all", cgroupsPath, name)
	}
	return slice, name, nil
}

// unitLetters are the characters of unit names, systemd.unit(5).
const unitLetters = `0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\@`

// escape replaces the characters that a unit's name cannot have, in the way of
// systemd-escape(1).
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(unitLetters, s[i]) >= 0 && s[i] != '\\' {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		}
	}
	return b.String()
}

// ExpandSlice returns the path of a slice's cgroup below the manager's: the
// dashes of a-b.slice mean /a.slice/a-b.slice, systemd.slice(5). The root slice,
// -.slice, is "/".
func ExpandSlice(slice string) (string, error) {
	stem, ok := strings.CutSuffix(slice, ".slice")
	if !ok || stem == "" || strings.Trim(stem, unitLetters) != "" || len(slice) > 255 {
		return "", fmt.Errorf("%q is no name of a slice", slice)
	}
	if stem == "-" {
		return "/", nil
	}
	p := "/"
	for i := range len(stem) + 1 {
		if i < len(stem) && stem[i] != '-' {
			continue
		}
		if i == 0 || stem[i-1] == '-' {
			return "", fmt.Errorf("%q is no name of a slice: a dash stands between two names", slice)
		}
		p = path.Join(p, stem[:i]+".slice")
	}
	return p, nil
}

// Place returns where the directories of a unit will be. systemd uses the same
// path in all hierarchies; those that it knows nothing of get it too.
func Place(h *cgroups.Host, u cgroups.Unit, f Facts) (cgroups.Record, error) {
	if h.Mode() == cgroups.None {
		return cgroups.Record{}, fmt.Errorf("place cgroup of %s: no cgroup hierarchy is mounted", u.Name)
	}
	if u.User && h.Mode() != cgroups.Unified {
		return cgroups.Record{}, fmt.Errorf("place cgroup of %s: the manager of a user has no rights in cgroup v1", u.Name)
	}
	slice, err := ExpandSlice(u.Slice)
	if err != nil {
		return cgroups.Record{}, err
	}
	r := cgroups.Record{Unit: &u}
	for _, x := range h.Hierarchies() {
		r.Dirs = append(r.Dirs, cgroups.Dir{
			Version: x.Version, Controllers: x.Controllers, Name: x.Name, NoPrefix: x.NoPrefix, MountPoint: x.MountPoint,
			Path: path.Join(below(x.Root, f.ControlGroup), slice, u.Name), Made: cgroups.Pending,
		})
	}
	return r, nil
}

// below returns the path of a cgroup below a mount whose top directory is root.
func below(root, cgroup string) string {
	cgroup = path.Join("/", cgroup)
	if rest, ok := strings.CutPrefix(cgroup, path.Clean(root)+"/"); ok && root != "/" {
		return "/" + rest
	}
	return cgroup
}
