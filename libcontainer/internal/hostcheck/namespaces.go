package hostcheck

import (
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// Changes returns the field of a configuration that changes something of its namespace of the kind, "" where none does. For a namespace that is
// joined, and is the caller's own, that would be a change of the host.
func Changes(spec *specs.Spec, kind specs.LinuxNamespaceType) string {
	linux := spec.Linux
	switch {
	case linux == nil:
		return ""
	case kind == specs.UTSNamespace && spec.Hostname != "":
		return "hostname"
	case kind == specs.UTSNamespace && spec.Domainname != "":
		return "domainname"
	case kind == specs.NetworkNamespace && len(linux.NetDevices) > 0:
		return "linux.netDevices"
	}
	for _, name := range slices.Sorted(maps.Keys(linux.Sysctl)) {
		if of, ok := specs.SysctlNamespace(name); ok && of == kind {
			return specs.Member("linux.sysctl", name)
		}
	}
	return ""
}

// Own tells whether a descriptor is that of the caller's own namespace of the kind.
func Own(fd int, of specs.LinuxNamespaceType) (bool, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.kind == of })
	var theirs, ours unix.Stat_t
	if i < 0 {
		return false, nil
	}
	if err := unix.Fstat(fd, &theirs); err != nil {
		return false, err
	}
	if err := unix.Stat("/proc/self/ns/"+kinds[i].file, &ours); err != nil {
		return false, err
	}
	return theirs.Ino == ours.Ino && theirs.Dev == ours.Dev, nil
}

// mappings are those that the caller cannot make by itself: who has neither CAP_SETUID nor CAP_SETGID needs newuidmap(1) and newgidmap(1) for
// more than its own id.
func (c *checker) mappings() {
	if joined, ok := c.has(specs.UserNamespace); !ok || joined != "" {
		return
	}
	c.mapping("linux.uidMappings", "newuidmap", "/etc/subuid", c.linux.UIDMappings, unix.CAP_SETUID, unix.Geteuid())
	c.mapping("linux.gidMappings", "newgidmap", "/etc/subgid", c.linux.GIDMappings, unix.CAP_SETGID, unix.Getegid())
}

func (c *checker) mapping(field, helper, ranges string, list []specs.LinuxIDMapping, capability, own int) {
	if c.can(capability) || len(list) == 0 || len(list) == 1 && list[0].Size == 1 && int(list[0].HostID) == own {
		return
	}
	if _, err := exec.LookPath(helper); err != nil {
		c.fail(field, "", "%s is needed to map more than the caller's own id, and is not in $PATH", helper)
		return
	}
	granted, ok := c.granted(ranges)
	if !ok {
		return
	}
	for i, m := range list {
		if m.Size == 1 && int(m.HostID) == own || covers(granted, m) {
			continue
		}
		c.fail(index(field, i), "", "host ids %d to %d are not granted to the caller by %s", m.HostID, uint64(m.HostID)+uint64(m.Size)-1, ranges)
	}
}

// idRange is a range of ids that a user may map.
type idRange struct{ first, count uint64 }

// covers tells whether the ranges together have all host ids of a mapping.
func covers(ranges []idRange, m specs.LinuxIDMapping) bool {
	next, end := uint64(m.HostID), uint64(m.HostID)+uint64(m.Size)
	for next < end {
		i := slices.IndexFunc(ranges, func(r idRange) bool { return next >= r.first && next < r.first+r.count })
		if i < 0 {
			return false
		}
		next = ranges[i].first + ranges[i].count
	}
	return true
}

// granted reads the caller's ranges, subuid(5); false where others than the file may say what they are.
func (c *checker) granted(file string) ([]idRange, bool) {
	for line := range strings.Lines(c.read("/etc/nsswitch.conf")) {
		if strings.HasPrefix(strings.TrimSpace(line), "subid:") {
			return nil, false
		}
	}
	uid := strconv.Itoa(unix.Geteuid())
	name, ok := c.userName(uid)
	if !ok || !exists(c.host(file)) {
		return nil, ok
	}
	var list []idRange
	for line := range strings.Lines(c.read(file)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != uid && f[0] != name {
			continue
		}
		first, err1 := strconv.ParseUint(f[1], 10, 32)
		count, err2 := strconv.ParseUint(f[2], 10, 32)
		if err1 == nil && err2 == nil {
			list = append(list, idRange{first, count})
		}
	}
	return list, true
}

// userName is the name of a user in the host's /etc/passwd; false where it is not there, but elsewhere perhaps.
func (c *checker) userName(uid string) (string, bool) {
	for line := range strings.Lines(c.read("/etc/passwd")) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == uid {
			return f[0], true
		}
	}
	return "", false
}
