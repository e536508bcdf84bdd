package cgroups

import (
	"slices"
	"strings"
)

// notControllers are the words in the super block options of a version 1
// mount that are no controller, see cgroup1_parse_param in the kernel.
var notControllers = []string{
	"rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode", "none", "all",
	"favordynmods", "nofavordynmods", "seclabel",
}

// parseMounts returns one Hierarchy for each cgroup hierarchy in the text of
// /proc/self/mountinfo (proc(5)). Of several mounts of one hierarchy the one
// below /sys/fs/cgroup wins, then the first. A mount that another one hides is
// none: that is how programs and people keep a hierarchy from a runtime.
func parseMounts(text string) []Hierarchy {
	var found []Hierarchy
	table := parseTable(text)
	for line := range strings.Lines(text) {
		h, ok := parseMount(line)
		if !ok || table.hidden(strings.Fields(line)[0]) {
			continue
		}
		same := slices.IndexFunc(found, func(x Hierarchy) bool {
			return x.Version == h.Version && x.id() == h.id()
		})
		if same < 0 {
			found = append(found, h)
		} else if usual(h.MountPoint) && !usual(found[same].MountPoint) {
			found[same] = h
		}
	}
	return found
}

// mountTable has of each mount, by its id, what tells whether a path reaches it.
type mountTable map[string]tableRow

type tableRow struct {
	parent, mountPoint string
	covered            bool // another mount is on its top directory
}

func parseTable(text string) mountTable {
	table := mountTable{}
	for line := range strings.Lines(text) {
		if f := strings.SplitN(line, " ", 6); len(f) == 6 {
			table[f[0]] = tableRow{parent: f[1], mountPoint: f[4]}
		}
	}
	for id, row := range table {
		if under, ok := table[row.parent]; ok && row.parent != id && under.mountPoint == row.mountPoint {
			under.covered = true
			table[row.parent] = under
		}
	}
	return table
}

// hidden tells whether the mount, or one that it is below, is covered by a mount
// that is not on the way to it.
func (t mountTable) hidden(id string) bool {
	covers := false
	for range len(t) {
		row, ok := t[id]
		if !ok {
			return false
		}
		if row.covered && !covers {
			return true
		}
		covers = t[row.parent].mountPoint == row.mountPoint
		id = row.parent
	}
	return false
}

// usual tells whether a mount point is at or below /sys/fs/cgroup.
func usual(dir string) bool {
	return dir == "/sys/fs/cgroup" || strings.HasPrefix(dir, "/sys/fs/cgroup/")
}

// parseMount parses one line of mountinfo; false if it is not a cgroup mount.
func parseMount(line string) (Hierarchy, bool) {
	before, after, ok := strings.Cut(line, " - cgroup")
	if !ok {
		return Hierarchy{}, false
	}
	left, right := strings.Fields(before), strings.Fields("cgroup"+after)
	if len(left) < 6 || len(right) < 3 {
		return Hierarchy{}, false
	}
	h := Hierarchy{Root: unescape(left[3]), MountPoint: unescape(left[4])}
	switch right[0] {
	case "cgroup2":
		h.Version = 2
	case "cgroup":
		h.Version = 1
		for o := range strings.SplitSeq(right[2], ",") {
			name, isName := strings.CutPrefix(o, "name=")
			switch {
			case isName:
				h.Name = name
			case o == "noprefix":
				h.NoPrefix = true
			case strings.Contains(o, "="), slices.Contains(notControllers, o):
			default:
				h.Controllers = append(h.Controllers, o)
			}
		}
	default:
		return Hierarchy{}, false
	}
	return h, true
}

// unescape undoes the octal escapes of mountinfo (space, tab, newline and
// backslash, see proc(5)).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// parseOwn returns the paths in the text of /proc/self/cgroup (cgroups(7)) by
// their sorted controllers; version 2 has the key "".
func parseOwn(text string) map[string]string {
	own := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		c := strings.Split(f[1], ",")
		slices.Sort(c)
		own[strings.Join(c, ",")] = f[2]
	}
	return own
}

// below returns the path of a cgroup below a mount whose top directory is
// root. A cgroup that the mount does not show, or none, becomes "/".
func below(root, cgroup string) string {
	if root == "/" && strings.HasPrefix(cgroup, "/") && !strings.HasPrefix(cgroup, "/..") {
		return cgroup
	}
	rest, ok := strings.CutPrefix(cgroup, root)
	if !ok || rest == "" || rest[0] != '/' {
		return "/"
	}
	return rest
}
