package specs

import "strings"

// namespaces says which namespaces a configuration asks for: bit n of each
// field stands for the type of which nsBit is n.
type namespaces struct {
	listed uint8 // own ones and joined ones
	joined uint8
}

// nsBit returns the bit of a namespace type, and false for an unknown one.
func nsBit(t LinuxNamespaceType) (bit uint8, ok bool) {
	switch t {
	case PIDNamespace:
		return 1, true
	case NetworkNamespace:
		return 1 << 1, true
	case MountNamespace:
		return 1 << 2, true
	case IPCNamespace:
		return 1 << 3, true
	case UTSNamespace:
		return 1 << 4, true
	case UserNamespace:
		return 1 << 5, true
	case CgroupNamespace:
		return 1 << 6, true
	case TimeNamespace:
		return 1 << 7, true
	}
	return 0, false
}

// has reports whether the container is in another namespace of the type than
// the runtime, as far as the text says it.
func (n namespaces) has(t LinuxNamespaceType) bool {
	bit, _ := nsBit(t)
	return n.listed&bit != 0
}

// created reports whether a namespace of the type is made for the container.
func (n namespaces) created(t LinuxNamespaceType) bool {
	bit, _ := nsBit(t)
	return n.listed&^n.joined&bit != 0
}

// namespaces checks the list, and takes down what it has.
func (c *checker) namespaces(at *place, list []LinuxNamespace) {
	for i := range list {
		ns := &list[i]
		at := entry(at, i)
		bit, ok := nsBit(ns.Type)
		switch {
		case ns.Type == "":
			c.fail(field(&at, "type"), "must be set")
		case !ok:
			c.fail(field(&at, "type"), "unknown namespace type %s", quote(string(ns.Type)))
		case c.ns.listed&bit != 0:
			c.fail(field(&at, "type"), "%s is given more than once", ns.Type)
		}
		c.ns.listed |= bit
		if ns.Path != "" {
			c.ns.joined |= bit
			c.absolute(field(&at, "path"), ns.Path)
		}
	}
}

func (c *checker) linux(at *place, l *Linux, s *Spec) {
	c.userMappings(at, l)
	c.sysctls(at, l.Sysctl, s)
	if l.Resources != nil {
		resources := field(at, "resources")
		c.resources(&resources, l.Resources)
	}
	c.cgroupsPath(field(at, "cgroupsPath"), l.CgroupsPath)
	c.devices(at, l.Devices)
	c.netDevices(at, l.NetDevices)
	if l.Seccomp != nil {
		seccomp := field(at, "seccomp")
		c.seccomp(&seccomp, l.Seccomp)
	}
	c.propagation(field(at, "rootfsPropagation"), l.RootfsPropagation)
	c.hiddenPaths(at, "maskedPaths", l.MaskedPaths)
	c.hiddenPaths(at, "readonlyPaths", l.ReadonlyPaths)
	c.text(field(at, "mountLabel"), l.MountLabel)
	if l.IntelRdt != nil {
		rdt := field(at, "intelRdt")
		c.intelRdt(&rdt, l.IntelRdt)
	}
	if l.MemoryPolicy != nil {
		policy := field(at, "memoryPolicy")
		c.memoryPolicy(&policy, l.MemoryPolicy)
	}
	if l.Personality != nil {
		personality := field(at, "personality")
		c.personality(&personality, l.Personality)
	}
	c.timeOffsets(at, l.TimeOffsets)
}

// userMappings checks the mappings of the container's user namespace.
func (c *checker) userMappings(at *place, l *Linux) {
	for _, m := range [...]struct {
		name string
		list []LinuxIDMapping
	}{{"uidMappings", l.UIDMappings}, {"gidMappings", l.GIDMappings}} {
		here := field(at, m.name)
		switch {
		case len(m.list) == 0:
			if c.ns.created(UserNamespace) {
				c.fail(here, "must be set for a new user namespace")
			}
		case !c.ns.has(UserNamespace):
			c.fail(here, "needs a user namespace")
		case !c.ns.created(UserNamespace):
			c.warn(here, "has no effect on the user namespace that is joined")
		}
		c.mappings(&here, m.list)
	}
}

// maxMappings is how many ranges a user namespace can have
// (UID_GID_MAP_MAX_EXTENTS, since Linux 4.15; user_namespaces(7)).
const maxMappings = 340

// mappings checks the ranges of a mapping by the rules of user_namespaces(7).
func (c *checker) mappings(at *place, list []LinuxIDMapping) {
	if len(list) > maxMappings {
		c.fail(*at, "has %d ranges, at most %d are possible", len(list), maxMappings)
		return
	}
	for i, m := range list {
		here := entry(at, i)
		if m.Size == 0 {
			c.fail(field(&here, "size"), "must not be 0")
			continue
		}
		// The last id of all is no id, so the range must end before it.
		if m.Size > invalidID-m.ContainerID {
			c.fail(here, "container ids from %d run past the greatest possible, %d", m.ContainerID, uint32(invalidID-1))
		}
		if m.Size > invalidID-m.HostID {
			c.fail(here, "host ids from %d run past the greatest possible, %d", m.HostID, uint32(invalidID-1))
		}
		for j, n := range list[:i] {
			if overlap(m.ContainerID, m.Size, n.ContainerID, n.Size) {
				c.fail(here, "container ids overlap those of entry %d", j)
			}
			if overlap(m.HostID, m.Size, n.HostID, n.Size) {
				c.fail(here, "host ids overlap those of entry %d", j)
			}
		}
	}
}

// overlap reports whether two ranges have an id in common.
func overlap(a, aSize, b, bSize uint32) bool {
	return uint64(a) < uint64(b)+uint64(bSize) && uint64(b) < uint64(a)+uint64(aSize)
}

// cgroupsPath checks what holds for both drivers; with the systemd one the
// value has the form slice:prefix:name.
func (c *checker) cgroupsPath(at place, path string) {
	if path == "" || !c.text(at, path) {
		return
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			c.fail(at, "%s has a \"..\" component", quote(path))
			return
		}
	}
	// The kernel refuses them, because they would garble /proc/PID/cgroup.
	if strings.Contains(path, "\n") {
		c.fail(at, "%s contains a line break", quote(path))
	}
}

// Device numbers have 12 and 20 bits inside of Linux (MINORBITS in
// include/linux/kdev_t.h).
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

func (c *checker) devices(at *place, devices []LinuxDevice) {
	if len(devices) == 0 {
		return
	}
	list := field(at, "devices")
	byPath := make(map[string]int, len(devices))
	for i := range devices {
		d := &devices[i]
		here := entry(&list, i)
		c.absolute(field(&here, "path"), d.Path)
		numbered := true
		switch d.Type {
		case "b", "c", "u":
		case "p":
			numbered = false
		case "":
			c.fail(field(&here, "type"), "must be set, to b, c, u or p")
		default:
			c.fail(field(&here, "type"), "unknown device type %s, must be b, c, u or p", quote(d.Type))
		}
		if numbered {
			c.number(field(&here, "major"), d.Major, maxMajor)
			c.number(field(&here, "minor"), d.Minor, maxMinor)
		}
		if d.UID != nil && *d.UID == invalidID {
			c.fail(field(&here, "uid"), "%d is not a valid id", *d.UID)
		}
		if d.GID != nil && *d.GID == invalidID {
			c.fail(field(&here, "gid"), "%d is not a valid id", *d.GID)
		}
		if j, twice := byPath[d.Path]; twice && !sameNode(d, &devices[j]) {
			c.fail(field(&here, "path"), "%s is a different device in entry %d", quote(d.Path), j)
		}
		byPath[d.Path] = i
	}
}

// sameNode reports whether two entries describe the same device.
func sameNode(a, b *LinuxDevice) bool {
	char := func(t string) bool { return t == "c" || t == "u" } // u is another word for c
	return (a.Type == b.Type || char(a.Type) && char(b.Type)) &&
		(a.Type == "p" || a.Major == b.Major && a.Minor == b.Minor)
}

// number checks a value of 0 to most.
func (c *checker) number(at place, n, most int64) {
	if n < 0 || n > most {
		c.fail(at, "%d is out of range, must be 0 to %d", n, most)
	}
}

func (c *checker) netDevices(at *place, devices map[string]LinuxNetDevice) {
	if len(devices) == 0 {
		return
	}
	list := field(at, "netDevices")
	if !c.ns.has(NetworkNamespace) {
		c.fail(list, "needs a network namespace")
	}
	taken := make(map[string]string, len(devices))
	for _, host := range sortedKeys(devices) {
		here := field(&list, host)
		if problem := interfaceProblem(host, false); problem != "" {
			c.fail(here, "%s %s", quote(host), problem)
		}
		name := devices[host].Name
		if name == "" {
			name = host
		} else if problem := interfaceProblem(name, true); problem != "" {
			c.fail(field(&here, "name"), "%s %s", quote(name), problem)
		}
		if other, twice := taken[name]; twice && !strings.Contains(name, "%") {
			c.fail(field(&here, "name"), "%s is also the name of %s in the container", quote(name), quote(other))
		}
		taken[name] = host
	}
}

// interfaceProblem says what is wrong with the name of a network interface.
// The rules are those of dev_valid_name and of dev_alloc_name, which takes one
// %d as the place for a number, in net/core/dev.c.
func interfaceProblem(name string, template bool) string {
	const most = 15 // IFNAMSIZ without the NUL
	switch {
	case name == "":
		return "is empty"
	case len(name) > most:
		return "is longer than 15 bytes"
	case name == "." || name == "..":
		return "is not a name of a network interface"
	case strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return "contains a slash, a colon, white space or a NUL byte"
	}
	if template {
		before, after, found := strings.Cut(name, "%d")
		if strings.Contains(before, "%") || found && strings.Contains(after, "%") {
			return "may have one %d and no other %"
		}
	}
	return ""
}

func (c *checker) propagation(at place, mode string) {
	// The recursive forms are not in the specification, but engines write
	// them, and every runtime takes them.
	switch mode {
	case "", "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable":
	default:
		c.fail(at, "unknown propagation %s, must be shared, slave, private or unbindable", quote(mode))
	}
}

func (c *checker) hiddenPaths(at *place, name string, paths []string) {
	list := field(at, name)
	if len(paths) > 0 && !c.ns.has(MountNamespace) {
		c.fail(list, "needs a mount namespace")
	}
	for i, path := range paths {
		c.absolute(entry(&list, i), path)
	}
}

func (c *checker) intelRdt(at *place, r *LinuxIntelRdt) {
	if id := r.ClosID; id == "." || id == ".." || id != "/" && strings.ContainsAny(id, "/\n\x00") {
		c.fail(field(at, "closID"), "%s is not a directory name, nor \"/\"", quote(id))
	}
	if s := r.L3CacheSchema; s != "" && c.text(field(at, "l3CacheSchema"), s) {
		if !strings.HasPrefix(s, "L3:") || strings.Contains(s, "\n") {
			c.warn(field(at, "l3CacheSchema"), "%s should be one line that starts with \"L3:\"", quote(s))
		}
	}
	if s := r.MemBwSchema; s != "" && c.text(field(at, "memBwSchema"), s) {
		if !strings.HasPrefix(s, "MB:") || strings.Contains(s, "\n") {
			c.fail(field(at, "memBwSchema"), "%s is not one line that starts with \"MB:\"", quote(s))
		}
	}
	schemata := field(at, "schemata")
	for i, line := range r.Schemata {
		if here := entry(&schemata, i); c.text(here, line) && strings.Contains(line, "\n") {
			c.fail(here, "%s contains a line break", quote(line))
		}
	}
}

// memoryPolicy checks a policy by the rules of set_mempolicy(2).
func (c *checker) memoryPolicy(at *place, p *LinuxMemoryPolicy) {
	nodes, flags := field(at, "nodes"), field(at, "flags")
	switch p.Mode {
	case MpolDefault, MpolLocal:
		if p.Nodes != "" {
			c.fail(nodes, "must not be set for %s", p.Mode)
		}
	case MpolBind, MpolInterleave, MpolWeightedInterleave, MpolPreferredMany:
		if p.Nodes == "" {
			c.fail(nodes, "must be set for %s", p.Mode)
		}
	case MpolPreferred:
	case "":
		c.fail(field(at, "mode"), "must be set")
	default:
		c.fail(field(at, "mode"), "unknown mode %s", quote(string(p.Mode)))
	}
	c.list(nodes, p.Nodes)
	static, relative := false, false
	for i, f := range p.Flags {
		switch f {
		case MpolFStaticNodes:
			static = true
		case MpolFRelativeNodes:
			relative = true
		case MpolFNumaBalancing:
			if p.Mode != MpolBind && p.Mode != MpolPreferredMany {
				c.fail(entry(&flags, i), "%s must not be set for %s", f, p.Mode)
			}
		default:
			c.fail(entry(&flags, i), "unknown flag %s", quote(string(f)))
		}
	}
	switch {
	case static && relative:
		c.fail(flags, "%s and %s exclude each other", MpolFStaticNodes, MpolFRelativeNodes)
	case (static || relative) && p.Nodes == "" && (p.Mode == MpolLocal || p.Mode == MpolPreferred):
		c.fail(flags, "must not be set for %s without nodes", p.Mode)
	}
}

func (c *checker) personality(at *place, p *LinuxPersonality) {
	switch p.Domain {
	case PerLinux, PerLinux32:
	case "":
		c.fail(field(at, "domain"), "must be set, to LINUX or LINUX32")
	default:
		c.fail(field(at, "domain"), "unknown domain %s, must be LINUX or LINUX32", quote(string(p.Domain)))
	}
	if len(p.Flags) > 0 {
		c.fail(field(at, "flags"), "must not be set, no flag is defined")
	}
}

func (c *checker) timeOffsets(at *place, offsets map[string]LinuxTimeOffset) {
	if len(offsets) == 0 {
		return
	}
	list := field(at, "timeOffsets")
	switch {
	case !c.ns.has(TimeNamespace):
		c.fail(list, "needs a time namespace")
	case !c.ns.created(TimeNamespace):
		c.fail(list, "must not be set for a time namespace that is joined")
	}
	for _, clock := range sortedKeys(offsets) {
		here := field(&list, clock)
		if clock != "monotonic" && clock != "boottime" {
			c.fail(here, "unknown clock %s, must be monotonic or boottime", quote(clock))
		}
		const most = 999_999_999
		if n := offsets[clock].Nanosecs; n > most {
			c.fail(field(&here, "nanosecs"), "%d is out of range, must be 0 to %d", n, most)
		}
	}
}
