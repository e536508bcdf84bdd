package rootfs

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func spec(mounts ...specs.Mount) *specs.Spec {
	return &specs.Spec{Root: &specs.Root{Path: "rootfs"}, Mounts: mounts, Linux: &specs.Linux{}}
}

func mnt(dest, kind, source, options string) specs.Mount {
	return specs.Mount{Destination: dest, Type: kind, Source: source, Options: strings.Fields(options)}
}

func plain() Facts { return Facts{Bundle: "/bundle", MountNS: true, Cgroups: hybrid("/c/1")} }

func userns() Facts {
	f := plain()
	f.UserNS = true
	f.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	f.GIDMappings = f.UIDMappings
	return f
}

func compile(t *testing.T, s *specs.Spec, f Facts) *Rootfs {
	t.Helper()
	r, err := Compile(s, f, slots())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines renders items without the root's slot, for tests that do not care for it.
func lines(items []nsenter.Item) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = strings.Replace(text(it), " root=#10", "", 1)
	}
	return out
}

func expect(t *testing.T, items []nsenter.Item, want ...string) {
	t.Helper()
	got := lines(items)
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("item %d:\n got %s\nwant %s", i, g, w)
		}
	}
}

func TestMounts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		facts Facts
		mount specs.Mount
		want  []string
	}{
		{"type says nothing about a bind", plain(), mnt("/a", "tmpfs", "/src", "bind"), []string{"mount.bind path=/a source=/src flags=3"}},
		{"recursive wins", plain(), mnt("/a", "", "/src", "bind rbind"), []string{"mount.bind path=/a source=/src flags=7"}},
		{"relative source", plain(), mnt("/a", "bind", "./vol", "bind"), []string{"mount.bind path=/a source=/bundle/./vol flags=3"}},
		{"relative destination", plain(), mnt("a//b/../c", "bind", "/s", "bind"), []string{"mount.bind path=/a/c source=/s flags=3"}},
		{"clearing options on binds", plain(), mnt("/a", "bind", "/s", "bind rw suid dev exec"), []string{"mount.bind path=/a source=/s attr_clr=0xf flags=3"}},
		{"recursive attributes", plain(), mnt("/a", "bind", "/s", "rbind rro rnoatime ro"), []string{"mount.bind path=/a source=/s attr_set=0x1 rec_set=0x11 rec_clr=0x70 flags=7"}},
		{"superblock flags mean nothing on binds", plain(), mnt("/a", "bind", "/s", "bind sync lazytime"), []string{"mount.bind path=/a source=/s flags=3"}},
		{"nofollow", plain(), mnt("/a", "bind", "/s", "bind src-nofollow dest-nofollow"), []string{"mount.bind path=/a source=/s flags=2307"}},
		{"propagation in order", plain(), mnt("/a", "bind", "/s", "bind rslave rshared"), []string{
			"mount.bind path=/a source=/s propagation=0x84000 flags=3", "mount.propagation path=/a flags=0x104000",
		}},
		{"propagation of a filesystem", plain(), mnt("/a", "tmpfs", "x", "slave shared mode=1"), []string{
			"mount.fs path=/a fstype=tmpfs source=x options=[mode=1] propagation=0x80000 flags=1", "mount.propagation path=/a flags=0x100000",
		}},
		{"tmpfs without a mode", plain(), mnt("/a", "tmpfs", "tmpfs", "size=1m"), []string{"mount.fs path=/a fstype=tmpfs source=tmpfs options=[size=1m] flags=33"}},
		{"tmpfs options in one", plain(), mnt("/a", "tmpfs", "tmpfs", "size=50%,mode=0700"), []string{"mount.fs path=/a fstype=tmpfs source=tmpfs options=[size=50% mode=0700] flags=1"}},
		{"copy-up", plain(), mnt("/a", "tmpfs", "tmpfs", "tmpcopyup"), []string{"mount.fs path=/a fstype=tmpfs source=tmpfs flags=545"}},
		{"superblock flags", plain(), mnt("/a", "ext4", "/dev/x", "ro sync dirsync lazytime data=ordered"), []string{
			"mount.fs path=/a fstype=ext4 source=/dev/x options=[ro sync dirsync lazytime data=ordered] attr=0x1 flags=1",
		}},
		{"recursive options of a filesystem", plain(), mnt("/a", "ext4", "/dev/x", "noatime rstrictatime rro"), []string{
			"mount.fs path=/a fstype=ext4 source=/dev/x attr=0x21 flags=1",
		}},
		{"proc is not reached by links", plain(), mnt("/proc", "proc", "proc", "nosuid"), []string{"mount.fs path=/proc fstype=proc source=proc attr=0x2 flags=9"}},
		{"proc bound", plain(), mnt("/proc", "", "/proc", "rbind"), []string{"mount.bind path=/proc source=/proc flags=7"}},
		{"lxcfs", plain(), mnt("/proc/meminfo", "bind", "/var/lib/lxcfs/proc/meminfo", "bind"), []string{
			"mount.bind path=/proc/meminfo source=/var/lib/lxcfs/proc/meminfo flags=19",
		}},
		{"remount", plain(), mnt("/sys", "none", "", "remount ro nosuid"), []string{"mount.attr path=/sys attr_set=0x3"}},
		{"remount of a tree", plain(), mnt("/sys", "none", "", "remount rbind ro"), []string{"mount.attr path=/sys attr_set=0x1 flags=4"}},
		{"remount of both", plain(), mnt("/", "none", "", "remount rro dev private"), []string{
			"mount.attr path=/ attr_set=0x1 flags=4", "mount.attr path=/ attr_clr=0x4", "mount.propagation path=/ flags=0x40000",
		}},
		{"gid of devpts without a mapping", func() Facts {
			f := userns()
			f.GIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 5}}
			return f
		}(), mnt("/dev/pts", "devpts", "devpts", "newinstance gid=5"), []string{"mount.fs path=/dev/pts fstype=devpts source=devpts options=[newinstance] flags=1"}},
		{"gid of devpts with a mapping", userns(), mnt("/dev/pts", "devpts", "devpts", "gid=5"), []string{"mount.fs path=/dev/pts fstype=devpts source=devpts options=[gid=5] flags=1"}},
		{"what /proc/self is depends on who looks", plain(), mnt("/a", "bind", "/proc/self/fd/7", "bind"), []string{"mount.bind path=/a from=#11 propagation=0x84000 flags=67"}},
		{"clone of a peer becomes a slave first", userns(), mnt("/a", "bind", "/s", "rbind rshared"), []string{
			"try mount.bind path=/a source=/s propagation=0x104000 flags=7",
			"else mount.bind path=/a from=#11 propagation=0x84000 flags=71", "mount.propagation path=/a flags=0x104000",
		}},
		{"sysfs of the host's network", func() Facts { f := userns(); f.HostNet = true; return f }(), mnt("/sys", "sysfs", "sysfs", "noatime nosuid"), []string{
			"try mount.fs path=/sys fstype=sysfs source=sysfs attr=0x12 flags=9",
			"else mount.bind path=/sys source=/sys rec_set=0x13 rec_clr=0x70 flags=13",
		}},
		{"sysfs of its own network", userns(), mnt("/sys", "sysfs", "sysfs", ""), []string{"mount.fs path=/sys fstype=sysfs source=sysfs flags=9"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, compile(t, spec(tc.mount), tc.facts).Mounts, tc.want...)
		})
	}
}

func TestReadonlyComesLate(t *testing.T) {
	r := compile(t, spec(
		mnt("/dev", "devtmpfs", "dev", "ro nosuid"), mnt("/run", "tmpfs", "run", "ro mode=755"), mnt("/x", "ext4", "/dev/x", "ro"), mnt("/s", "", "/s", "bind ro"),
	), plain())
	expect(t, r.Mounts,
		"mount.fs path=/dev fstype=devtmpfs source=dev attr=0x2 flags=1",
		"mount.fs path=/run fstype=tmpfs source=run options=[mode=755] flags=1",
		"mount.fs path=/x fstype=ext4 source=/dev/x options=[ro] attr=0x1 flags=1",
		"mount.bind path=/s source=/s attr_set=0x1 flags=3")
	expect(t, r.Finish, "mount.attr path=/dev attr_set=0x1", "mount.attr path=/run attr_set=0x1")
}

func TestHostDev(t *testing.T) {
	s := spec(mnt("/dev", "bind", "/dev", "rbind ro"))
	s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}, {Path: "/opt/pipe", Type: "p"}}
	r := compile(t, s, plain())
	expect(t, r.Devices, "fs.mknod path=/opt/pipe mode=4534 flags=1")
	if r.Console.Ptmx != "/dev/ptmx" {
		t.Errorf("ptmx is %s", r.Console.Ptmx)
	}
}

func TestDevices(t *testing.T) {
	mode, uid, gid := os.FileMode(0o20644), uint32(1), uint32(2)
	s := spec(mnt("/dev", "tmpfs", "tmpfs", "mode=755"), mnt("/dev/tty", "bind", "/dev/tty", "bind"))
	s.Linux.Devices = []specs.LinuxDevice{
		{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode, UID: &uid, GID: &gid},
		{Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2},
		{Path: "/dev/sda", Type: "b", Major: 8},
		{Path: "/dev/u", Type: "u", Major: 4095, Minor: 1<<20 - 1},
	}
	links := []string{
		"fs.symlink path=/dev/ptmx target=pts/ptmx flags=2", "fs.symlink path=/dev/fd target=/proc/self/fd flags=1",
		"fs.symlink path=/dev/stdin target=/proc/self/fd/0 flags=1", "fs.symlink path=/dev/stdout target=/proc/self/fd/1 flags=1",
		"fs.symlink path=/dev/stderr target=/proc/self/fd/2 flags=1",
	}
	r := compile(t, s, plain())
	expect(t, r.Devices, append([]string{
		"fs.mknod path=/dev/null mode=8612 major=1 minor=3 uid=1 gid=2 flags=1",
		"fs.mknod path=/dev/zero mode=8630 major=1 minor=5 flags=1", "fs.mknod path=/dev/full mode=8630 major=1 minor=7 flags=1",
		"fs.mknod path=/dev/random mode=8630 major=1 minor=8 flags=1", "fs.mknod path=/dev/urandom mode=8630 major=1 minor=9 flags=1",
		"fs.mknod path=/dev/sda mode=25014 major=8 flags=1", "fs.mknod path=/dev/u mode=8630 major=4095 minor=1048575 flags=1",
	}, links...)...)
	if got := r.Devices[0].Because; got != "linux.devices[0]" {
		t.Errorf("the replaced node is because of %s", got)
	}
	r = compile(t, s, userns())
	expect(t, r.Devices[:1], "fs.devbind path=/dev/null source=/dev/null mode=8192 major=1 minor=3")
}

func TestRoot(t *testing.T) {
	for path, want := range map[string]string{
		"rootfs":         "root.open base=/bundle path=rootfs root=#10",
		".":              "root.open base=/bundle path=. root=#10",
		"a/../b/":        "root.open base=/bundle path=b root=#10",
		"/bundle/rootfs": "root.open base=/bundle path=rootfs root=#10",
		"/bundle2/r":     "root.open path=/bundle2/r root=#10",
		"../r":           "root.open path=/bundle/../r root=#10",
		"/":              "root.open path=/ root=#10",
	} {
		s := spec()
		s.Root.Path = path
		if got := compile(t, s, plain()).Prepare[1].String(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestPropagation(t *testing.T) {
	for _, tc := range []struct{ value, first, bind, fs, last string }{
		{"", "0x84000", "source=/s", "", ""},
		{"slave", "0x84000", "source=/s", "", ""},
		{"rslave", "0x84000", "source=/s", "", ""},
		{"private", "0x44000", "source=/s", "", ""},
		{"rprivate", "0x44000", "source=/s", "", ""},
		{"shared", "0x84000", "from=#11", "", "0x100000"},
		{"rshared", "0x84000", "from=#11 propagation=0x104000", " propagation=0x100000", "0x100000"},
		{"unbindable", "0x84000", "source=/s", "", "0x20000"},
		{"runbindable", "0x84000", "source=/s", "", "0x24000"},
	} {
		s := spec(mnt("/b", "bind", "/s", "rbind"), mnt("/p", "proc", "proc", ""))
		s.Linux.RootfsPropagation = tc.value
		s.Root.Readonly = true
		s.Linux.ReadonlyPaths = []string{"/p/sys"}
		r := compile(t, s, plain())
		expect(t, r.Prepare[:1], "mount.propagation path=/ flags="+tc.first)
		flags := " flags=7"
		if strings.HasPrefix(tc.bind, "from") {
			flags = " flags=71"
		}
		expect(t, r.Mounts, "mount.bind path=/b "+tc.bind+flags, "mount.fs path=/p fstype=proc source=proc"+tc.fs+" flags=9")
		finish := []string{"mount.readonly path=/p/sys", "mount.attr path=/ attr_set=0x1"}
		if tc.last != "" {
			finish = append(finish, "mount.propagation path=/ flags="+tc.last)
		}
		expect(t, r.Finish, finish...)
	}
}

func TestIDMap(t *testing.T) {
	ids := func(m specs.Mount, host uint32) specs.Mount {
		m.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: host, Size: 10}}
		m.GIDMappings = m.UIDMappings
		return m
	}
	r := compile(t, spec(
		ids(mnt("/a", "bind", "/a", "rbind idmap"), 5), ids(mnt("/b", "bind", "/b", "rbind ridmap src-nofollow"), 5), ids(mnt("/c", "bind", "/c", "bind"), 6),
		mnt("/d", "bind", "/d", "bind idmap"),
	), userns())
	want := []Source{
		{Slot: 10, Path: "rootfs", Base: "/bundle", Directory: true, Recursive: true, IDMap: nsenter.NoSlot, Because: "root.path"},
		{Slot: 12, Path: "/a", Target: "/a", Recursive: true, IDMap: 11, Because: "mounts[0]"},
		{Slot: 13, Path: "/b", Target: "/b", Recursive: true, NoFollow: true, IDMap: 11, IDMapRecursive: true, Because: "mounts[1]"},
		{Slot: 15, Path: "/c", Target: "/c", IDMap: 14, Because: "mounts[2]"},
		{Slot: 17, Path: "/d", Target: "/d", IDMap: 16, Because: "mounts[3]"},
	}
	if !slices.Equal(r.Sources, want) {
		t.Errorf("sources\n got %+v\nwant %+v", r.Sources, want)
	}
	if len(r.IDMaps) != 3 || r.IDMaps[2].UID[0].HostID != 100000 {
		t.Errorf("id maps %+v", r.IDMaps)
	}
	if got := r.Warnings.Error(); got != "mounts[2].uidMappings: mappings without idmap or ridmap among the options, taken as idmap" {
		t.Errorf("warnings %s", got)
	}
}

func TestEmptyRemount(t *testing.T) {
	r := compile(t, spec(mnt("/a", "", "", "remount bind sync"), mnt("/a", "", "", "remount")), plain())
	expect(t, r.Mounts)
	if got, want := r.Warnings.Error(), "mounts[0].options: a remount that changes nothing; mounts[1].options: a remount that changes nothing"; got != want {
		t.Errorf("warnings %s, want %s", got, want)
	}
}

// TestPlainCgroup2 has a version 2 hierarchy that is mounted as any filesystem: the container's cgroup must stand before.
func TestPlainCgroup2(t *testing.T) {
	r := compile(t, spec(mnt("/t", "tmpfs", "t", "mode=1"), mnt("/cg", "cgroup2", "cg", "ro nsdelegate")), plain())
	expect(t, r.Mounts[1:], "mount.fs path=/cg fstype=cgroup2 source=cg options=[ro nsdelegate] attr=0x1 flags=1")
	if r.FirstCgroup != 1 {
		t.Errorf("the cgroup is needed from mount %d on", r.FirstCgroup)
	}
}

func TestMountLabel(t *testing.T) {
	s := spec(mnt("/proc", "proc", "proc", ""), mnt("/t", "tmpfs", "t", "mode=1"), mnt("/own", "tmpfs", "t", `mode=1 context="a:s0:c3,c4"`),
		mnt("/old", "tmpfs", "t", "mode=1 silent"), mnt("/fs", "tmpfs", "t", "mode=1 rootcontext=b"))
	s.Linux.MountLabel = "u:r:t:s0:c1,c2"
	f := plain()
	f.SELinux = true
	expect(t, compile(t, s, f).Mounts,
		"mount.fs path=/proc fstype=proc source=proc flags=9",
		"mount.fs path=/t fstype=tmpfs source=t options=[mode=1 context=u:r:t:s0:c1,c2] flags=1",
		"mount.fs path=/own fstype=tmpfs source=t options=[mode=1 context=a:s0:c3,c4] flags=1",
		`mount.legacy tree=#11 fstype=tmpfs source=t data="mode=1,context=\"u:r:t:s0:c1,c2\"" flags=0x8000`,
		"mount.bind path=/old from=#11 flags=65",
		"mount.fs path=/fs fstype=tmpfs source=t options=[mode=1 rootcontext=b context=u:r:t:s0:c1,c2] flags=1")
}

func TestWithoutMountNamespace(t *testing.T) {
	r := compile(t, &specs.Spec{Root: &specs.Root{Path: "/"}}, Facts{Bundle: "/bundle"})
	expect(t, flatten(r))
	if r.Root != nsenter.NoSlot || r.Console.Target != "" {
		t.Errorf("root is %d, console %+v", r.Root, r.Console)
	}
	r = compile(t, spec(), Facts{Bundle: "/bundle"})
	expect(t, flatten(r), "root.open base=/bundle path=rootfs flags=2", "root.chroot flags=2")
	s := spec(mnt("/a", "tmpfs", "a", ""))
	s.Linux = &specs.Linux{
		MaskedPaths: []string{"/a"}, ReadonlyPaths: []string{"/b"}, RootfsPropagation: "slave", MountLabel: "x",
		Devices: []specs.LinuxDevice{{Path: "/dev/x", Type: "c"}},
	}
	const text = ": needs a mount namespace in linux.namespaces"
	_, err := Compile(s, Facts{Bundle: "/bundle"}, slots())
	if got, want := message(err), "mounts"+text+"; linux.devices"+text+"; linux.maskedPaths"+text+
		"; linux.readonlyPaths"+text+"; linux.rootfsPropagation"+text+"; linux.mountLabel"+text; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	_, err = Compile(&specs.Spec{Root: &specs.Root{Path: "/", Readonly: true}}, Facts{}, slots())
	if got, want := message(err), "root.readonly"+text; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestProblemsAreErrors(t *testing.T) {
	_, err := Compile(spec(mnt("/a", "", "", ""), mnt("", "tmpfs", "", "size=bogus")), plain(), slots())
	var all Problems
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("got %v", err)
	}
	var first Problem
	if !errors.As(err, &first) || first.Path != "mounts[0].type" {
		t.Errorf("got %+v", first)
	}
}
