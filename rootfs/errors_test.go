package rootfs

import (
	"strings"
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
		{device(specs.LinuxDevice{Path: "/dev/../dev/null", Type: "c", Major: 1, Minor: 5}), plain(), `linux.devices[0].path ("/dev/null"): must be the null device, type c, major 1, minor 3: masked files are covered with it`},
		{device(specs.LinuxDevice{Path: "/dev/null", Type: "b", Major: 1, Minor: 3}), plain(), `linux.devices[0].path ("/dev/null"): must be the null device, type c, major 1, minor 3: masked files are covered with it`},
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
		{spec(mnt("/a", "none", "", "remount bind size=1 sync")), plain(), `mounts[0].options[2] ("size=1"): unknown option: a bind mount cannot have options of a filesystem`},
		{spec(mnt("/a", "none", "", "remount idmap tmpcopyup dest-nofollow")), userns(), `mounts[0].options[1] ("idmap"): is for a mount that is being made, and cannot go with remount; ` +
			`mounts[0].options[2] ("tmpcopyup"): is for a mount that is being made, and cannot go with remount; mounts[0].options[3] ("dest-nofollow"): is for a mount that is being made, and cannot go with remount`},
		{mapped(mnt("/a", "none", "", "remount"), true, true), plain(), "mounts[0].uidMappings: are for a mount that is being made, and cannot go with remount"},
		{spec(mnt("/a", "tmpfs", "t", "idmap")), plain(), `mounts[0].options[0] ("idmap"): needs uidMappings and gidMappings in the mount, or a user namespace with mappings`},
		{spec(mnt("/a", "tmpfs", "t", "src-nofollow copy-symlink")), plain(), `mounts[0].options[0] ("src-nofollow"): only a bind mount can have it; mounts[0].options[1] ("copy-symlink"): only a bind mount can have it`},
		{mapped(mnt("/a", "sysfs", "t", ""), true, true), plain(), "mounts[0].uidMappings: the files of this filesystem have no owners that could be mapped"},
		{spec(mnt("/a", "mqueue", "t", "ro ridmap")), userns(), `mounts[0].options[1] ("ridmap"): the files of this filesystem have no owners that could be mapped`},
		{spec(mnt("/a", "cgroup", "t", "idmap")), userns(), `mounts[0].options[0] ("idmap"): the files of this filesystem have no owners that could be mapped`},
		{spec(mnt("/a", "tmpfs", "t", "idmap silent")), userns(), "mounts[0].options: an id mapping in a container with a user namespace needs fsconfig(2), and these options need mount(2)"},
		{spec(mnt("/a", "x", "/"+strings.Repeat("s", 4095), "")), plain(), "mounts[0].source: is longer than the 4095 bytes that mount(2) takes"},
		{spec(mnt("/a", "x", "/", strings.Repeat("o", 4096))), plain(), "mounts[0].options: the filesystem's options are longer than the 4095 bytes that mount(2) takes"},
		{spec(mnt("/a", "overlay", "o", "lowerdir=/"+strings.Repeat("o", 300)+strings.Repeat(":/x", 1300))), plain(), "mounts[0].options: the filesystem's options are longer than the 4095 bytes that mount(2) takes"},
		{spec(mnt("/a", "overlay", "o", "silent lowerdir=/x"+strings.Repeat(":/x", 1400))), plain(), "mounts[0].options: the filesystem's options are longer than the 4095 bytes that mount(2) takes"},
		{spec(mnt("/a", "overlay", "o", `lowerdir=/x\:`+strings.Repeat(":/x", 1400))), plain(), "mounts[0].options: the filesystem's options are longer than the 4095 bytes that mount(2) takes"},
		{spec(mnt("/a", "", "/s", "bind idmap=uids=0-1-2")), plain(), `mounts[0].options[1] ("idmap=uids=0-1-2"): must have uids and gids`},
		{spec(mnt("/a", "", "/s", "bind idmap=gids=0-1-2;ids=0-1-1")), plain(), `mounts[0].options[1] ("idmap=gids=0-1-2;ids=0-1-1"): only uids and gids can be given`},
		{spec(mnt("/a", "", "/s", "bind idmap=gids=0-1")), plain(), `mounts[0].options[1] ("idmap=gids=0-1"): a mapping must be three numbers, FILESYSTEM-HOST-SIZE: "0-1"`},
		{spec(mnt("/a", "", "/s", "bind idmap=gids=0-1-2-3")), plain(), `mounts[0].options[1] ("idmap=gids=0-1-2-3"): a mapping must be three numbers, FILESYSTEM-HOST-SIZE: "0-1-2-3"`},
		{spec(mnt("/a", "", "/s", "bind idmap=gids=0-1-0")), plain(), `mounts[0].options[1] ("idmap=gids=0-1-0"): the size of a mapping must not be 0: "0-1-0"`},
		{spec(mnt("/a", "", "/s", "bind idmap=gids=0-1-1#@0-65530-7")), userns(), `mounts[0].options[1] ("idmap=gids=0-1-1#@0-65530-7"): no mapping of the container's user namespace holds all of it: "0-65530-7"`},
		{mapped(mnt("/a", "", "/s", "bind ridmap=gids=0-1-1;uids=0-1-1"), true, true), plain(), `mounts[0].options[1] ("ridmap=gids=0-1-1;uids=0-1-1"): has mappings of its own, so uidMappings and gidMappings cannot be there as well`},
		{spec(mnt("/a", "", "/s", "bind idmap=x")), plain(), `mounts[0].options[1] ("idmap=x"): unknown option: a bind mount cannot have options of a filesystem`},
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

// TestDeviceUnderMount: a device that a mount takes the place of is told of.
func TestDeviceUnderMount(t *testing.T) {
	s := spec(mnt("/dev", "tmpfs", "t", ""), mnt("/dev/fuse", "", "/dev/fuse", "bind"))
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}, {Path: "/dev/null", Type: "c", Major: 1, Minor: 3}}
	r, err := Compile(s, plain(), slots())
	if err != nil {
		t.Fatal(err)
	}
	if want := `linux.devices[0].path ("/dev/fuse"): is not made, as something is mounted there`; len(r.Warnings) != 1 || r.Warnings[0].Error() != want {
		t.Errorf("warnings %v, want %s", r.Warnings, want)
	}
}
