package systemd

import (
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// devices sets the device policy as closely as systemd can express it. systemd
// knows a list of what is allowed, by device or by major number, and no
// exceptions from it. So the list may allow more than the rules but, apart from
// rules for a minor number of all majors, never less: the exact rules stand beside
// it, as a program (version 2) or as the lines that are written after it.
func (c *converter) devices(rules []specs.LinuxDeviceCgroup) {
	if c.facts.Version < sinceDeviceMajor {
		return
	}
	all, allowed := false, []DeviceAllow{}
	for _, r := range rules {
		paths, everything := devicePaths(r)
		if everything && sorted(r.Access) == "mrw" {
			all, allowed = r.Allow, allowed[:0]
			continue
		}
		for _, p := range paths {
			allowed = permit(allowed, p, r)
		}
	}
	policy := "strict"
	if all {
		policy, allowed = "auto", nil
	}
	// Entries add up, so the list begins with what empties it.
	c.props = append(c.props, Property{"DevicePolicy", policy}, Property{"DeviceAllow", []DeviceAllow{}})
	if len(allowed) > 0 {
		c.props = append(c.props, Property{"DeviceAllow", allowed})
	}
}

// permit adds an access to the list, or takes it away where the list has the same
// devices.
func permit(list []DeviceAllow, p string, r specs.LinuxDeviceCgroup) []DeviceAllow {
	i := slices.IndexFunc(list, func(d DeviceAllow) bool { return d.Path == p })
	if i < 0 {
		if !r.Allow {
			return list
		}
		list = append(list, DeviceAllow{Path: p})
		i = len(list) - 1
	}
	access := ""
	for _, l := range "rwm" {
		named := strings.ContainsRune(r.Access, l)
		if named && r.Allow || !named && strings.ContainsRune(list[i].Access, l) {
			access += string(l)
		}
	}
	if access == "" {
		return slices.Delete(list, i, i+1)
	}
	list[i].Access = access
	return list
}

// devicePaths returns the entries for the devices of a rule, and whether these are
// all devices.
func devicePaths(r specs.LinuxDeviceCgroup) (paths []string, everything bool) {
	wild := func(n *int64) bool { return n == nil || *n < 0 }
	kinds := []string{"char", "block"}
	switch r.Type {
	case "c":
		kinds = kinds[:1]
	case "b":
		kinds = kinds[1:]
	}
	for _, k := range kinds {
		switch {
		case wild(r.Major) && wild(r.Minor):
			paths = append(paths, k+"-*")
		case wild(r.Major): // cannot be said
		case wild(r.Minor):
			paths = append(paths, fmt.Sprintf("%s-%d", k, *r.Major))
		default:
			paths = append(paths, fmt.Sprintf("/dev/%s/%d:%d", k, *r.Major, *r.Minor))
		}
	}
	return paths, len(kinds) == 2 && wild(r.Major) && wild(r.Minor)
}

func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(slices.Compact(b))
}
