package rootfs

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mount is one entry of the configuration's mounts on its way to operations.
type mount struct {
	*specs.Mount
	field string // mounts[3]
	path  string // destination, absolute and clean
	flags uint32 // MOUNT_* that the destination asks for
	opt   parsed
}

// option returns the path of the option that stands at i.
func (m *mount) option(i int) string { return index(m.field+".options", i) }

func (c *compiler) mounts() {
	for i := range c.spec.Mounts {
		m := mount{Mount: &c.spec.Mounts[i], field: index("mounts", i)}
		m.opt = parseOptions(m.Options)
		c.destination(&m)
		c.mount(&m)
		c.targets = append(c.targets, m.path)
	}
}

func (c *compiler) mount(m *mount) {
	switch {
	case m.opt.has(kindRemount):
		c.remount(m)
		return
	case m.opt.bind():
		c.bind(m)
	case m.Type == "bind" || m.Type == "none":
		c.problem(m.field+".type", m.Type, "is no filesystem, and neither bind, rbind nor remount is among the options")
	case m.Type == "":
		c.problem(m.field+".type", "", "is required without bind, rbind or remount among the options")
	default:
		c.onlyForBinds(m)
		if m.Type == "cgroup" {
			c.noIDMap(m)
			c.cgroup(m)
		} else {
			c.filesystem(m)
		}
	}
	if m.path == "/" {
		c.problem(m.field+".destination", m.Destination, "the root cannot be mounted over")
	}
	if m.path == "/dev" {
		c.devBind = m.opt.bind()
	}
}

// overProc are the files of procfs that may be mounted over: those that lxcfs and the like provide per container.
var overProc = [...]string{
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/slabinfo", "/proc/stat", "/proc/swaps",
	"/proc/sys/crypto/fips_enabled", "/proc/sys/kernel/ns_last_pid", "/proc/uptime",
}

// destination reads the target. What is below /proc is checked here as far as the text tells, and by the init on the descriptor.
func (c *compiler) destination(m *mount) {
	field := m.field + ".destination"
	if m.Destination == "" {
		c.problem(field, "", "is required")
		return
	}
	if !path.IsAbs(m.Destination) {
		c.warn(field, m.Destination, `a relative destination is deprecated, it is taken from "/"`)
	}
	m.path = path.Clean("/" + m.Destination)
	switch {
	case !within(m.path, "/proc") || m.opt.has(kindRemount):
	case m.path == "/proc":
		if m.Type != "proc" && !m.opt.bind() {
			c.problem(field, m.Destination, "only a procfs or a bind can be mounted there")
		}
		if c.mounted("/proc") && (!m.opt.bind() || path.Clean(m.Source) == "/proc") {
			// One procfs over another, as where engine and user both ask for it, hides nothing that is believed.
			m.flags |= nsenter.FlagMountInproc | nsenter.FlagMountNofollow
		}
	case slices.Contains(overProc[:], m.path):
		m.flags |= nsenter.FlagMountInproc
	default:
		c.problem(field, m.Destination, "nothing can be mounted inside /proc but over "+strings.Join(overProc[:], ", "))
	}
	if m.opt.has(kindDstNoFollow) {
		m.flags |= nsenter.FlagMountOnlink
	}
}

// onlyForBinds reports the options that only binds can have, and the one that only tmpfs can.
func (c *compiler) onlyForBinds(m *mount) {
	for _, k := range []kind{kindSrcNoFollow, kindCopyLink} {
		if m.opt.has(k) {
			i := m.opt.index(k)
			c.problem(m.option(i), m.Options[i], "only a bind mount can have it")
		}
	}
	if m.opt.has(kindCopyUp) && m.Type != "tmpfs" {
		c.problem(m.option(m.opt.index(kindCopyUp)), "tmpcopyup", "only a tmpfs can have it")
	}
}

// filesystem mounts a new filesystem.
func (c *compiler) filesystem(m *mount) {
	op := &nsenter.MountFs{Root: c.out.Root, Path: m.path, Fstype: m.Type, Source: m.Source, Attr: m.opt.fsAttr()}
	op.Flags = m.flags | nsenter.FlagMountMkdir
	op.Options = c.fsOptions(m)
	props := c.propagation(m, false)
	if len(props) > 0 {
		op.Propagation, props = props[0], props[1:]
	}
	if op.Attr&aRO != 0 && (m.Type == "tmpfs" || m.path == "/dev") {
		// Mount points, device nodes and the console are still to be made in it.
		op.Attr &^= aRO
		op.Options = slices.DeleteFunc(op.Options, func(s string) bool { return s == "ro" })
		add(&c.readonly, m.field, &nsenter.MountAttr{Root: c.out.Root, Path: m.path, AttrSet: aRO})
	}
	switch m.Type {
	case "proc", "sysfs":
		// Labels and sysctls of other runtimes were once written to what an image's symbolic link led to (CVE-2023-27561).
		op.Flags = op.Flags&^nsenter.FlagMountOnlink | nsenter.FlagMountNofollow
	case "tmpfs":
		if !slices.ContainsFunc(op.Options, func(s string) bool { return strings.HasPrefix(s, "mode=") }) {
			op.Flags |= nsenter.FlagMountInheritmode
		}
		if m.opt.has(kindCopyUp) {
			op.Flags |= nsenter.FlagMountCopyup
		}
	}
	if m.Type == "cgroup2" {
		c.firstCgroup() // what it shows as its root is where the process is
	}
	if !c.hostFallback(m, op) && !c.apart(m, op) {
		add(&c.out.Mounts, m.field, op)
	}
	c.morePropagation(m, props)
}

// hostFallback is for the filesystems of namespaces that the container's user namespace does not own: the kernel refuses a new
// instance (EPERM), then the host's is bound, sysfs read-only as a whole.
func (c *compiler) hostFallback(m *mount, op *nsenter.MountFs) bool {
	bind := nsenter.MountBind{Root: op.Root, Path: op.Path, From: nsenter.NoSlot, Userns: nsenter.NoSlot, RecSet: op.Attr, Propagation: op.Propagation}
	switch {
	case !c.confined():
		return false
	case m.Type == "sysfs" && c.facts.HostNet:
		bind.Source = "/sys"
		bind.RecSet |= aRO
	case m.Type == "proc" && c.facts.HostPID:
		bind.Source = "/proc"
	case m.Type == "mqueue" && c.facts.HostIPC:
		bind.Source = "/dev/mqueue"
	default:
		return false
	}
	if bind.RecSet&aAtime != 0 {
		bind.RecClr = aAtime
	}
	bind.Flags = op.Flags | nsenter.FlagMountRecursive
	c.out.Mounts = either(c.out.Mounts, m.field, op, &bind)
	return true
}

// fsOptions returns what fsconfig(2) gets: flags of the superblock, then the filesystem's own options one by one.
func (c *compiler) fsOptions(m *mount) []string {
	out := make([]string, 0, len(m.opt.sb)+len(m.opt.data)+1)
	out = append(out, m.opt.sb...)
	for _, d := range m.opt.data {
		for _, o := range splitData(d.text) {
			if c.fsOption(m, d, o) {
				out = append(out, o)
			}
		}
	}
	// The filesystems left out have labels of their own for each object.
	own := slices.ContainsFunc(out, func(o string) bool { return isContext(o, "context=", "fscontext=", "defcontext=") })
	if l := c.linux.MountLabel; l != "" && !own && !slices.Contains([]string{"proc", "sysfs", "mqueue", "cgroup", "cgroup2"}, m.Type) {
		out = append(out, "context="+l)
	}
	return out
}

// fsOption checks one option of the two filesystems that every container has; false: it is not to be used.
func (c *compiler) fsOption(m *mount, d datum, option string) bool {
	key, value, _ := strings.Cut(option, "=")
	switch {
	case m.Type == "tmpfs" && !validTmpfs(key, value):
		c.problem(m.option(d.at), d.text, "not a value that tmpfs knows for "+key)
	case m.Type == "devpts" && key == "gid" && c.confined() && !mapped(c.facts.GIDMappings, value):
		c.warn(m.option(d.at), d.text, "left out, as the group has no mapping in the container's user namespace")
		return false
	}
	return true
}

// validTmpfs tells whether tmpfs(5) has such a value; options that it does not list are left to the kernel.
func validTmpfs(key, value string) bool {
	switch key {
	case "size", "nr_blocks", "nr_inodes":
		if key == "size" {
			value = strings.TrimSuffix(value, "%")
		}
		if value != "" && strings.ContainsRune("kKmMgGtTpPeE", rune(value[len(value)-1])) {
			value = value[:len(value)-1]
		}
		_, err := strconv.ParseUint(value, 0, 64)
		return err == nil
	case "mode":
		_, err := strconv.ParseUint(value, 8, 12)
		return err == nil
	case "uid", "gid":
		_, err := strconv.ParseUint(value, 0, 32)
		return err == nil
	}
	return true
}

// mapped tells whether the decimal id has a mapping.
func mapped(mappings []specs.LinuxIDMapping, id string) bool {
	n, err := strconv.ParseUint(id, 10, 32)
	return err == nil && slices.ContainsFunc(mappings, func(m specs.LinuxIDMapping) bool {
		return n >= uint64(m.ContainerID) && n < uint64(m.ContainerID)+uint64(m.Size)
	})
}

// propagation returns the changes of propagation that a mount gets, in order. clone: it is a clone that the host side made, which
// shares the host's peer groups.
func (c *compiler) propagation(m *mount, clone bool) []uint64 {
	props := m.opt.prop
	if len(props) == 0 && c.prop == unix.MS_SHARED|unix.MS_REC {
		props = []uint64{unix.MS_SHARED}
		if m.opt.has(kindRbind) {
			props[0] |= unix.MS_REC
		}
	}
	if clone && c.prop&unix.MS_SHARED == 0 && (len(props) == 0 || props[0]&unix.MS_REC == 0 || props[0]&unix.MS_SHARED != 0) {
		// What the init clones itself is a slave of the host's from Prepare on. This one has to become so first.
		props = append([]uint64{unix.MS_SLAVE | unix.MS_REC}, props...)
	}
	return props
}

// morePropagation adds the changes that do not fit into the mount's own operation.
func (c *compiler) morePropagation(m *mount, props []uint64) {
	for _, p := range props {
		add(&c.out.Mounts, m.field, &nsenter.MountPropagation{Root: c.out.Root, Path: m.path, Flags: p})
	}
}
