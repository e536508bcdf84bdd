package hostcheck

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// files looks at what the configuration names outside of lists of its own: the root, devices, network devices.
func (c *checker) files() {
	c.openRoot()
	c.devices()
	// Not /sys/class/net: that is about the network namespace in which sysfs was mounted.
	devices := c.read("/proc/self/net/dev")
	for _, name := range slices.Sorted(maps.Keys(c.linux.NetDevices)) {
		if name == "lo" {
			c.fail(specs.Member("linux.netDevices", name), "", "each network namespace has a loopback device of its own, which cannot be moved")
		} else if devices != "" && !slices.Contains(strings.Fields(devices), name+":") {
			c.fail(specs.Member("linux.netDevices", name), "", "the host has no such network device")
		}
	}
}

// rootPath is where the root filesystem is, "" where none is named.
func (c *checker) rootPath() string {
	switch r := c.Spec.Root; {
	case r == nil || r.Path == "":
		return ""
	case path.IsAbs(r.Path):
		return path.Clean(r.Path)
	default:
		return path.Join(c.Bundle, r.Path)
	}
}

// openRoot opens the root filesystem as a create does: one in the bundle must not lead out of it.
func (c *checker) openRoot() {
	p := c.rootPath()
	if p == "" {
		return
	}
	if joined, _ := c.has(specs.MountNamespace); joined != "" {
		return // what is there is not what is seen from here
	}
	base, rel, resolve := "/", strings.TrimPrefix(p, "/"), uint64(0)
	if below, ok := strings.CutPrefix(p+"/", strings.TrimSuffix(c.Bundle, "/")+"/"); ok && c.Bundle != "/" {
		base, rel, resolve = c.Bundle, strings.TrimSuffix(below, "/"), unix.RESOLVE_BENEATH|unix.RESOLVE_NO_MAGICLINKS
	}
	if rel == "" {
		rel = "."
	}
	dir, err := unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // the bundle has been found before
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, rel, &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: resolve})
	switch {
	case errors.Is(err, unix.EXDEV):
		c.fail("root.path", c.Spec.Root.Path, "leads out of the bundle %s", c.Bundle)
	case errors.Is(err, unix.ENOSYS):
	case err != nil:
		c.failErrno("root.path", c.Spec.Root.Path, err)
	default:
		c.root = fd
	}
}

// devices are made by mknod(2) or, in a user namespace, bound from the host.
func (c *checker) devices() {
	_, userns := c.has(specs.UserNamespace)
	userns = userns || c.Nested
	for i := range c.linux.Devices {
		d := &c.linux.Devices[i]
		field := index("linux.devices", i)
		kind := map[string]uint32{"c": unix.S_IFCHR, "u": unix.S_IFCHR, "b": unix.S_IFBLK}[d.Type]
		switch {
		case kind == 0 || !path.IsAbs(d.Path):
		case !userns && !c.can(unix.CAP_MKNOD):
			c.fail(field, "", "to make a device node, the caller needs CAP_MKNOD")
		case userns:
			var st unix.Stat_t
			if err := unix.Stat(d.Path, &st); err != nil {
				c.fail(field+".path", d.Path, "%s; in a user namespace devices are those of the host", errnoText(err))
			} else if st.Mode&unix.S_IFMT != kind || int64(unix.Major(st.Rdev)) != d.Major || int64(unix.Minor(st.Rdev)) != d.Minor {
				c.fail(field+".path", d.Path, "is another device on the host, and in a user namespace devices are those of the host")
			}
		}
	}
}
