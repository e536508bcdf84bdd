package rootfs

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestErrors has one wrong configuration a row and the whole message.
func TestErrors(t *testing.T) {
	const proc = "/proc/cpuinfo, /proc/diskstats, /proc/loadavg, /proc/meminfo, /proc/slabinfo, /proc/stat, /proc/swaps, " +
		"/proc/sys/crypto/fips_enabled, /proc/sys/kernel/ns_last_pid, /proc/uptime"
	linux := func(change func(*specs.Linux)) *specs.Spec {
		s := spec()
		change(s.Linux)
		return s
	}
	device := func(d specs.LinuxDevice) *specs.Spec {
		return linux(func(l *specs.Linux) { l.Devices = []specs.LinuxDevice{d} })
	}
	mapped := func(m specs.Mount, uid, gid bool) *specs.Spec {
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}}
		if uid {
			m.UIDMappings = ids
		}
		if gid {
			m.GIDMappings = ids
		}
		return spec(m)
	}
	unprivileged := userns()
	unprivileged.Unprivileged = true
	bare := plain()
	bare.Cgroups = nil
	noPivot := plain()
	noPivot.NoPivot = true
	for _, tc := range []struct {
		spec  *specs.Spec
		facts Facts
		want  string
	}{
		{spec(mnt("", "tmpfs", "t", "")), plain(), "mounts[0].destination: is required"},
		{spec(mnt("/", "tmpfs", "t", "")), plain(), `mounts[0].destination ("/"): the root cannot be mounted over`},
		{spec(mnt("..", "", "/s", "bind")), plain(), `mounts[0].destination (".."): the root cannot be mounted over`},
		{spec(mnt("/", "cgroup", "", "")), plain(), `mounts[0].destination ("/"): the root cannot be mounted over`},
		{spec(mnt("/proc", "tmpfs", "t", "")), plain(), `mounts[0].destination ("/proc"): only a procfs or a bind can be mounted there`},
		{spec(mnt("/x/../proc/sys", "", "/s", "bind")), plain(), `mounts[0].destination ("/x/../proc/sys"): nothing can be mounted inside /proc but over ` + proc},
		{spec(mnt("/proc/1/attr", "proc", "proc", "")), plain(), `mounts[0].destination ("/proc/1/attr"): nothing can be mounted inside /proc but over ` + proc},
		{spec(mnt("/a", "", "", "ro")), plain(), "mounts[0].type: is required without bind, rbind or remount among the options"},
		{spec(mnt("/a", "bind", "/s", "ro")), plain(), `mounts[0].type ("bind"): is no filesystem, and neither bind, rbind nor remount is among the options`},
		{spec(mnt("/a", "none", "/s", "")), plain(), `mounts[0].type ("none"): is no filesystem, and neither bind, rbind nor remount is among the options`},
		{spec(mnt("/a", "bind", "", "bind")), plain(), "mounts[0].source: is required for a bind mount"},
		{spec(mnt("/a", "bind", "/s", "bind size=1 Ro")), plain(), `mounts[0].options[1] ("size=1"): unknown option: a bind mount cannot have options of a filesystem; ` +
			`mounts[0].options[2] ("Ro"): unknown option: a bind mount cannot have options of a filesystem`},
		{spec(mnt("/a", "bind", "/s", "bind tmpcopyup")), plain(), `mounts[0].options[1] ("tmpcopyup"): only a tmpfs can have it`},
		{spec(mnt("/a", "ext4", "/s", "tmpcopyup")), plain(), `mounts[0].options[0] ("tmpcopyup"): only a tmpfs can have it`},
		{spec(mnt("/a", "tmpfs", "t", "ro size=bogus")), plain(), `mounts[0].options[1] ("size=bogus"): not a value that tmpfs knows for size`},
		{spec(mnt("/a", "tmpfs", "t", "size")), plain(), `mounts[0].options[0] ("size"): not a value that tmpfs knows for size`},
		{spec(mnt("/a", "tmpfs", "t", "size=1m,mode=999")), plain(), `mounts[0].options[0] ("size=1m,mode=999"): not a value that tmpfs knows for mode`},
		{spec(mnt("/a", "tmpfs", "t", "nr_inodes=5%")), plain(), `mounts[0].options[0] ("nr_inodes=5%"): not a value that tmpfs knows for nr_inodes`},
		{spec(mnt("/a", "tmpfs", "t", "uid=root")), plain(), `mounts[0].options[0] ("uid=root"): not a value that tmpfs knows for uid`},
		{spec(mnt("/a", "none", "", "remount size=1 sync")), plain(), `mounts[0].options[1] ("size=1"): unknown option: a remount cannot change the filesystem's own options; ` +
			`mounts[0].options[2] ("sync"): a remount cannot change the filesystem's own options`},
		{spec(mnt("/a", "tmpfs", "t", "idmap")), plain(), `mounts[0].options[0] ("idmap"): only a bind mount can have it`},
		{spec(mnt("/a", "tmpfs", "t", "src-nofollow ridmap")), plain(), `mounts[0].options[1] ("ridmap"): only a bind mount can have it; mounts[0].options[0] ("src-nofollow"): only a bind mount can have it`},
		{mapped(mnt("/a", "tmpfs", "t", ""), true, true), plain(), "mounts[0].uidMappings: only a bind mount can have id mappings"},
		{spec(mnt("/a", "", "/s", "bind idmap")), plain(), `mounts[0].options[1] ("idmap"): needs uidMappings and gidMappings in the mount, or a user namespace with mappings`},
		{mapped(mnt("/a", "", "/s", "bind idmap"), true, false), plain(), "mounts[0].gidMappings: is required with uidMappings"},
		{mapped(mnt("/a", "", "/s", "bind idmap"), false, true), plain(), "mounts[0].uidMappings: is required with gidMappings"},
		{spec(mnt("/a", "", "/s", "bind ridmap")), unprivileged, `mounts[0].options[1] ("ridmap"): id-mapped mounts need privileges on the host`},
		{spec(mnt("/a", "cgroup", "", "")), bare, `mounts[0].type ("cgroup"): the host has no cgroup hierarchy mounted`},
		{&specs.Spec{}, plain(), "root.path: is required"},
		{&specs.Spec{Root: &specs.Root{}}, plain(), "root.path: is required"},
		{&specs.Spec{}, Facts{}, "root.path: is required"},
		{linux(func(l *specs.Linux) { l.RootfsPropagation = "bind" }), plain(), `linux.rootfsPropagation ("bind"): unknown, must be one of private, slave, shared, unbindable, or one of them with an r before it`},
		{linux(func(l *specs.Linux) { l.RootfsPropagation = "rprivate" }), noPivot, `linux.rootfsPropagation ("rprivate"): is not safe without pivot_root`},
		{linux(func(l *specs.Linux) { l.MountLabel = "a:b" }), plain(), `linux.mountLabel ("a:b"): SELinux is not enabled on this host`},
		{linux(func(l *specs.Linux) { l.MaskedPaths = []string{"/a", "b", ""} }), plain(), `linux.maskedPaths[1] ("b"): must be an absolute path; linux.maskedPaths[2]: is empty`},
		{linux(func(l *specs.Linux) { l.MaskedPaths = []string{"/a/.."} }), plain(), `linux.maskedPaths[0] ("/"): the root cannot be masked`},
		{linux(func(l *specs.Linux) { l.ReadonlyPaths = []string{"proc"} }), plain(), `linux.readonlyPaths[0] ("proc"): must be an absolute path`},
		{device(specs.LinuxDevice{Path: "dev/x", Type: "c"}), plain(), `linux.devices[0].path ("dev/x"): must be an absolute path`},
		{device(specs.LinuxDevice{Path: "/", Type: "c"}), plain(), `linux.devices[0].path ("/"): is a directory`},
		{device(specs.LinuxDevice{Path: "/dev/x"}), plain(), "linux.devices[0].type: is required"},
		{device(specs.LinuxDevice{Path: "/dev/x", Type: "x"}), plain(), `linux.devices[0].type ("x"): unknown, must be c, b, u or p`},
		{device(specs.LinuxDevice{Path: "/dev/x", Type: "b", Major: 4096, Minor: -1}), plain(), `linux.devices[0].major ("4096"): must be from 0 to 4095; linux.devices[0].minor ("-1"): must be from 0 to 1048575`},
	} {
		r, err := Compile(tc.spec, tc.facts, slots())
		if got := message(err); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
		if r != nil {
			t.Errorf("%s: a result all the same", tc.want)
		}
	}
}
