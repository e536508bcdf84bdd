package libcontainer

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// savedMount is one mount of a container that was written to files, as minirun.json beside CRIU's images has it. It says what CRIU was told:
// on the way back the mount points must be what they were, and the sources come from the configuration alone, never from the images.
type savedMount struct {
	// Path is the mount point in the container, as the kernel names it: without symbolic links.
	Path string `json:"path"`
	// Name is by what CRIU calls a mount whose content is not in the images; empty: CRIU makes it again by itself.
	Name string `json:"name,omitempty"`
	// Destination is the mount's destination in the configuration, empty for what is not from there.
	Destination string `json:"destination,omitempty"`
}

// mountEntry is what of a line of /proc/PID/mountinfo matters here (proc_pid_mountinfo(5)).
type mountEntry struct {
	id                          int
	path, fstype, options, root string
}

func parseMountinfo(text string) ([]mountEntry, error) {
	var list []mountEntry
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(g) < 3 {
			return nil, fmt.Errorf("mountinfo: %q", strings.TrimSpace(line))
		}
		id, err := strconv.Atoi(f[0])
		if err != nil {
			return nil, fmt.Errorf("mountinfo: %q", strings.TrimSpace(line))
		}
		list = append(list, mountEntry{id: id, root: unescape(f[3]), path: unescape(f[4]), fstype: g[0], options: g[2]})
	}
	return list, nil
}

// unescape undoes the \040 of mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// mountNamer decides which mounts of a container CRIU makes again by itself, and what the others are called.
type mountNamer struct {
	spec     *specs.Spec
	resolved []string // where mounts[i] is in the container; empty when it is nowhere any more
	notify   string   // where the directory of the socket for sd_notify(3) is in the container; empty: there is none
	cgroup   *cgroups.Record
}

// notifyName is the name of the mount with the socket for sd_notify(3): it is of the state directory, so the configuration does not have it.
const notifyName = "notify"

// name is pure. The list has every mount but the root.
func (n *mountNamer) name(mounts []mountEntry) ([]savedMount, error) {
	var list []savedMount
	for _, m := range mounts {
		if m.path == "/" {
			continue
		}
		s := savedMount{Path: m.path}
		if m.path == n.notify {
			s.Name = notifyName
		} else if i := n.bindAt(m.path); i >= 0 {
			s.Name, s.Destination = bindName(i, n.resolved[i], m.path), n.spec.Mounts[i].Destination
		} else if m.fstype == "cgroup" || m.fstype == "cgroup2" {
			i := n.cgroupAt(m)
			if i < 0 {
				return nil, fmt.Errorf("mount %s: a cgroup hierarchy that the container has no cgroup in cannot be saved", m.path)
			}
			s.Name = "cgroup." + strconv.Itoa(i)
		} else if m.fstype == "devtmpfs" {
			s.Name = "device." + m.path // a node of the host's in a user namespace, also where it masks a file
		}
		if s.Name != "" && strings.ContainsAny(s.Path+s.Name, "]\n") {
			return nil, fmt.Errorf("mount %q: CRIU takes a \"]\" in a name for its end", m.path)
		}
		list = append(list, s)
	}
	return list, nil
}

// bindAt finds the bind mount of the configuration that a mount point is, or is below: those came with it. -1: none.
func (n *mountNamer) bindAt(at string) int {
	best := -1
	for i, p := range n.resolved {
		if p == "" || p != at && !strings.HasPrefix(at, p+"/") {
			continue
		}
		if best < 0 || len(p) >= len(n.resolved[best]) { // the last one that is mounted at a place is seen
			best = i
		}
	}
	if best >= 0 && !isBind(n.spec.Mounts[best]) {
		return -1
	}
	return best
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

func bindName(i int, at, inner string) string {
	return "mounts." + strconv.Itoa(i) + strings.TrimPrefix(inner, at)
}

// cgroupAt finds the hierarchy that a cgroup mount shows by the mount's options.
func (n *mountNamer) cgroupAt(m mountEntry) int {
	if n.cgroup == nil {
		return -1
	}
	options := strings.Split(m.options, ",")
	return slices.IndexFunc(n.cgroup.Dirs, func(d cgroups.Dir) bool {
		if d.Version == 2 || m.fstype == "cgroup2" {
			return d.Version == 2 && m.fstype == "cgroup2"
		}
		if d.Name != "" && slices.Contains(options, "name="+d.Name) {
			return true
		}
		return slices.ContainsFunc(d.Controllers, func(c string) bool { return slices.Contains(options, c) })
	})
}

// mountSource says where on this host the content of a saved mount comes from: inner is empty, or a path below source, for a mount that came with
// a recursive bind. It is pure. Everything but the name, with inner in it, is from the configuration that the container is restored with.
func mountSource(s savedMount, spec *specs.Spec, bundle string, cgroup *cgroups.Record) (source, inner string, err error) {
	kind, rest, _ := strings.Cut(s.Name, ".")
	number, below, nested := strings.Cut(rest, "/")
	i, err := strconv.Atoi(number)
	switch {
	case kind == "mounts" && err == nil && bindTo(spec, s.Destination, i) >= 0:
		source = spec.Mounts[bindTo(spec, s.Destination, i)].Source
		if !filepath.IsAbs(source) {
			source = filepath.Join(bundle, source)
		}
		return source, strings.TrimPrefix(path.Clean("/"+below), "/"), nil
	case kind == "cgroup" && err == nil && !nested && cgroup != nil && i >= 0 && i < len(cgroup.Dirs):
		return cgroup.Dirs[i].Abs(), "", nil
	case kind == "device" && rest == s.Path && isDevice(spec, rest):
		return rest, "", nil
	case kind == "device" && rest == s.Path && slices.Contains(linuxOf(spec).MaskedPaths, rest):
		return "/dev/null", "", nil
	}
	return "", "", fmt.Errorf("checkpoint: mount %q at %q: not in the configuration", s.Name, s.Path)
}

// bindTo finds the bind mount that a configuration has at a destination: mounts[first], or the last one. Podman's list is in another order each time.
// -1: none.
func bindTo(spec *specs.Spec, destination string, first int) int {
	fits := func(m specs.Mount) bool { return isBind(m) && m.Destination == destination }
	if first >= 0 && first < len(spec.Mounts) && fits(spec.Mounts[first]) {
		return first
	}
	for i, m := range slices.Backward(spec.Mounts) {
		if fits(m) {
			return i
		}
	}
	return -1
}

// isDevice tells whether a path is a device that every container has, or one of the configuration.
func isDevice(spec *specs.Spec, at string) bool {
	switch at {
	case "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty":
		return true
	}
	return spec.Linux != nil && slices.ContainsFunc(spec.Linux.Devices, func(d specs.LinuxDevice) bool { return d.Path == at })
}
