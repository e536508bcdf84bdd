package rootfs

import (
	"slices"

	"github.com/minirun/minirun/nsenter"
	"golang.org/x/sys/unix"
)

const defaultDevices = "default devices"

// device is one node to be made.
type device struct {
	because      string
	path         string
	mode         uint32 // type and permission bits
	major, minor uint32
	uid, gid     uint32
}

// standardDevices are in every container: config-linux.md, "Default Devices", but for the console and ptmx.
var standardDevices = [...]device{
	{defaultDevices, "/dev/null", unix.S_IFCHR | 0o666, 1, 3, 0, 0},
	{defaultDevices, "/dev/zero", unix.S_IFCHR | 0o666, 1, 5, 0, 0},
	{defaultDevices, "/dev/full", unix.S_IFCHR | 0o666, 1, 7, 0, 0},
	{defaultDevices, "/dev/random", unix.S_IFCHR | 0o666, 1, 8, 0, 0},
	{defaultDevices, "/dev/urandom", unix.S_IFCHR | 0o666, 1, 9, 0, 0},
	{defaultDevices, "/dev/tty", unix.S_IFCHR | 0o666, 5, 0, 0, 0},
}

// standardLinks are the links of runtime-linux.md, "Dev symbolic links", and ptmx, which must be the one of the container's own devpts.
var standardLinks = [...]struct {
	path, target string
	flags        uint32
}{
	{"/dev/ptmx", "pts/ptmx", nsenter.FlagFsReplace},
	{"/dev/fd", "/proc/self/fd", nsenter.FlagFsExistok},
	{"/dev/stdin", "/proc/self/fd/0", nsenter.FlagFsExistok},
	{"/dev/stdout", "/proc/self/fd/1", nsenter.FlagFsExistok},
	{"/dev/stderr", "/proc/self/fd/2", nsenter.FlagFsExistok},
	{"/dev/core", "/proc/kcore", nsenter.FlagFsExistok},
}

// devices makes the nodes and links of /dev. Where /dev is a bind, its content is the host's and is left alone.
func (c *compiler) devices() {
	if c.devBind {
		c.out.Console.Ptmx = "/dev/ptmx"
	}
	nodes := append(make([]device, 0, len(standardDevices)+len(c.linux.Devices)), standardDevices[:]...)
	for i := range c.linux.Devices {
		d, ok := c.device(i)
		if !ok {
			continue
		}
		if d.path == "/dev/null" && (d.mode&unix.S_IFMT != unix.S_IFCHR || d.major != 1 || d.minor != 3) {
			c.problem(d.because+".path", d.path, "must be the null device, type c, major 1, minor 3: masked files are covered with it")
		}
		if !c.devBind && c.mounted(d.path) {
			c.warn(d.because+".path", d.path, "is not made, as something is mounted there")
		}
		if at := slices.IndexFunc(nodes, func(n device) bool { return n.path == d.path }); at >= 0 && at < len(standardDevices) {
			nodes[at] = d
		} else {
			nodes = append(nodes, d)
		}
	}
	for i := range nodes {
		n := &nodes[i]
		if c.devBind && within(n.path, "/dev") || c.mounted(n.path) {
			continue
		}
		c.node(n)
	}
	for _, l := range standardLinks {
		if c.devBind || c.mounted(l.path) || l.path == "/dev/core" && !c.facts.Kcore {
			continue
		}
		add(&c.out.Devices, defaultDevices, &nsenter.FsSymlink{Root: c.out.Root, Path: l.path, Target: l.target, Flags: l.flags})
	}
}

// node makes n, or binds the host's where the kernel does not let a user namespace make one (all but fifos).
func (c *compiler) node(n *device) {
	if c.confined() && n.mode&unix.S_IFMT != unix.S_IFIFO {
		add(&c.out.Devices, n.because, &nsenter.FsDevbind{
			Root: c.out.Root, Path: n.path, Source: n.path,
			Mode: n.mode & unix.S_IFMT, Major: n.major, Minor: n.minor,
		})
		return
	}
	add(&c.out.Devices, n.because, &nsenter.FsMknod{
		Root: c.out.Root, Path: n.path, Mode: n.mode, Major: n.major, Minor: n.minor, Uid: n.uid, Gid: n.gid, Flags: nsenter.FlagFsExistok,
	})
}

// device reads linux.devices[i]; false: a problem, or nothing to make.
func (c *compiler) device(i int) (device, bool) {
	in := &c.linux.Devices[i]
	d := device{because: index("linux.devices", i), mode: 0o666}
	before := len(c.problems)
	d.path = c.absolute(d.because+".path", in.Path)
	if d.path == "/" {
		c.problem(d.because+".path", in.Path, "is a directory")
	}
	if in.FileMode != nil {
		// The field is the plain number of chmod(2), not Go's encoding of it, and engines copy st_mode into it, type bits and all.
		d.mode = uint32(*in.FileMode) & 0o7777
	}
	if in.UID != nil {
		d.uid = *in.UID
	}
	if in.GID != nil {
		d.gid = *in.GID
	}
	switch in.Type {
	case "c", "u":
		d.mode |= unix.S_IFCHR
	case "b":
		d.mode |= unix.S_IFBLK
	case "p":
		d.mode |= unix.S_IFIFO
	case "":
		c.problem(d.because+".type", "", "is required")
	default:
		c.problem(d.because+".type", in.Type, "unknown, must be c, b, u or p")
	}
	if in.Type != "p" {
		d.major = c.deviceNumber(d.because+".major", in.Major, 1<<12)
		d.minor = c.deviceNumber(d.because+".minor", in.Minor, 1<<20)
	}
	// The container's ptmx is the link to its own devpts: a node here could open terminals of the host's.
	return d, len(c.problems) == before && d.path != "/dev/ptmx"
}

// deviceNumber checks a major or minor number against the kernel's dev_t (12 and 20 bits).
func (c *compiler) deviceNumber(field string, n, limit int64) uint32 {
	if n < 0 || n >= limit {
		c.problem(field, itoa(n), "must be from 0 to "+itoa(limit-1))
		return 0
	}
	return uint32(n)
}
