//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hostMount mounts a filesystem on a directory of the test until its end.
func (b *box) hostMount(dir, fstype string, flags uintptr, data string) {
	b.Helper()
	b.mkdir(dir)
	if err := unix.Mount(fstype, dir, fstype, flags, data); err != nil {
		b.Fatalf("mount %s on %s: %v", fstype, dir, err)
	}
	b.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

func idMappings(first, size uint32) mod {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: first, Size: size}}
	return func(s *specs.Spec) {
		m := &s.Mounts[len(s.Mounts)-1]
		m.UIDMappings, m.GIDMappings = ids, ids
	}
}

// The attributes for whole trees reach the mounts below the source, those for
// the top do not.
func TestRecursiveAttributes(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("src")
	b.hostMount(src, "tmpfs", unix.MS_NOATIME, "size=64k")
	b.hostMount(filepath.Join(src, "sub"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_NODIRATIME|unix.MS_NOATIME, "size=64k")
	for options, want := range map[string]string{
		"":                                      "rw,noatime rw,nosuid,nodev,noexec,noatime,nodiratime",
		"rro":                                   "ro,noatime ro,nosuid,nodev,noexec,noatime,nodiratime",
		"ro":                                    "ro,noatime rw,nosuid,nodev,noexec,noatime,nodiratime",
		"rro rw":                                "rw,noatime ro,nosuid,nodev,noexec,noatime,nodiratime",
		"rnosuid rnodev rnoexec":                "rw,nosuid,nodev,noexec,noatime rw,nosuid,nodev,noexec,noatime,nodiratime",
		"rsuid rdev rexec rdiratime":            "rw,noatime rw,noatime",
		"ratime":                                "rw,relatime rw,nosuid,nodev,noexec,nodiratime,relatime",
		"rrelatime":                             "rw,relatime rw,nosuid,nodev,noexec,nodiratime,relatime",
		"rstrictatime":                          "rw rw,nosuid,nodev,noexec,nodiratime",
		"rstrictatime noatime":                  "rw,noatime rw,nosuid,nodev,noexec,nodiratime",
		"rnosymfollow rnodiratime":              "rw,noatime,nodiratime,nosymfollow rw,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow",
		"rnosymfollow rsymfollow":               "rw,noatime rw,nosuid,nodev,noexec,noatime,nodiratime",
		"nosymfollow":                           "rw,noatime,nosymfollow rw,nosuid,nodev,noexec,noatime,nodiratime",
		"rro rnoatime rrelatime rnostrictatime": "ro,relatime ro,nosuid,nodev,noexec,nodiratime,relatime",
	} {
		v := b.container(script(inspection), mount("/m", "bind", src, append([]string{"rbind"}, strings.Fields(options)...)...)).inspect()
		got := strings.Join(v.mount("/m").options, ",") + " " + strings.Join(v.mount("/m/sub").options, ",")
		if !sameWords(got, want) {
			b.Errorf("%q: mounted as %q, want %q", options, got, want)
		}
	}
}

// sameWords compares mount options of some mounts, whatever their order.
func sameWords(one, two string) bool {
	a, c := strings.Fields(one), strings.Fields(two)
	return len(a) == len(c) && !slices.ContainsFunc(a, func(s string) bool {
		i := slices.Index(a, s)
		x, y := strings.Split(s, ","), strings.Split(c[i], ",")
		slices.Sort(x)
		slices.Sort(y)
		return !slices.Equal(x, y)
	})
}

// Links are not followed on a mount with nosymfollow, and are with symfollow.
func TestNoSymFollow(t *testing.T) {
	b := newBox(t)
	b.write(b.path("src/file"), "followed\n", 0o644)
	b.symlink("file", b.path("src/link"))
	b.container(mount("/no", "bind", b.path("src"), "bind", "nosymfollow"), mount("/yes", "bind", b.path("src"), "bind", "nosymfollow", "symfollow"),
		mount("/fs", "tmpfs", "tmpfs", "nosymfollow"),
		script("cat /no/link 2>/dev/null || echo refused; readlink /no/link; cat /yes/link; ln -s /etc/passwd /fs/l; cat /fs/l 2>/dev/null || echo refused")).
		run().ok().prints("refused\nfile\nfollowed\nrefused\n")
}

// An id mapping changes who owns what is seen through the mount, on binds and
// on new filesystems, with mappings of the mount and of the container.
func TestIDMappedMounts(t *testing.T) {
	b := newSerialBox(t)
	b.needsKernel(6, 3, "tmpfs with id mappings")
	src := b.path("src")
	b.hostMount(src, "tmpfs", 0, "size=64k")
	b.hostMount(filepath.Join(src, "sub"), "tmpfs", 0, "size=64k")
	for _, name := range []string{"file", "sub/file"} {
		b.write(filepath.Join(src, name), "", 0o644)
		b.chown(filepath.Join(src, name), 1, 2, 0o644)
	}
	list := script("stat -c '%n %u:%g' /m/file /m/sub/file /t; touch /t/made /m/new; stat -c '%n %u:%g' /t/made /m/new; rm /m/new")
	t.Run("own mappings", func(t *testing.T) {
		c := b.container(mount("/m", "bind", src, "rbind", "idmap"), idMappings(5000, 10), mount("/t", "tmpfs", "tmpfs", "idmap", "mode=777"), idMappings(5000, 10),
			user(5003, 5004), script("stat -c '%n %u:%g' /m/file /m/sub/file /t; touch /t/made; stat -c '%n %u:%g' /t/made"))
		c.run().ok().prints("/m/file 5001:5002\n/m/sub/file 1:2\n/t 5000:5000\n/t/made 5003:5004\n")
	})
	t.Run("recursive", func(t *testing.T) {
		b.container(mount("/m", "bind", src, "rbind", "ridmap"), idMappings(5000, 10), script("stat -c '%n %u:%g' /m/file /m/sub/file")).
			run().ok().prints("/m/file 5001:5002\n/m/sub/file 5001:5002\n")
	})
	t.Run("in the option", func(t *testing.T) {
		b.container(mount("/m", "bind", src, "rbind", "ridmap=uids=0-7000-2;gids=0-8000-1#2-8100-1"), script("stat -c '%n %u:%g' /m/file /m/sub/file")).
			run().ok().prints("/m/file 7001:8100\n/m/sub/file 7001:8100\n")
	})
	t.Run("of the container", func(t *testing.T) {
		c := b.container()
		c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""),
			mount("/m", "bind", src, "rbind", "idmap"), mount("/t", "tmpfs", "tmpfs", "idmap", "mode=777", "uid=3"), list)
		c.run().ok().prints("/m/file 1:2\n/m/sub/file 65534:65534\n/t 3:0\n/t/made 0:0\n/m/new 0:0\n")
		if exists(filepath.Join(src, "new")) {
			b.Error("the file is still there")
		}
	})
	t.Run("other ones in a user namespace", func(t *testing.T) {
		c := b.container()
		c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""),
			mount("/m", "bind", src, "rbind", "ridmap"), idMappings(100100, 10), mount("/t", "tmpfs", "tmpfs", "idmap", "ro"), idMappings(100100, 10),
			mount("/r", "bind", src, "bind", "idmap=uids=@0-50-10;gids=@0-60-10"),
			script("stat -c '%n %u:%g' /m/file /m/sub/file /t /r/file; touch /t/x 2>/dev/null || echo ro"))
		c.run().ok().prints("/m/file 101:102\n/m/sub/file 101:102\n/t 100:100\n/r/file 51:62\nro\n")
	})
	t.Run("what it covers", func(t *testing.T) {
		c := b.container()
		c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), mount("/srv", "tmpfs", "tmpfs", "idmap", "tmpcopyup"),
			script("cat /srv/f; stat -c '%a' /srv; grep -c ' /srv .*idmapped' /proc/self/mountinfo"))
		b.write(filepath.Join(c.rootfs(), "srv/f"), "copied\n", 0o644)
		b.chown(filepath.Join(c.rootfs(), "srv"), 100000, 100000, 0o751)
		b.chown(filepath.Join(c.rootfs(), "srv/f"), 100000, 100000, 0o644)
		c.run().ok().prints("copied\n751\n1\n")
	})
	t.Run("impossible", func(t *testing.T) {
		b.container(mount("/m", "bind", "/proc/sys", "bind", "idmap"), idMappings(5000, 10)).run().fails(1, "mounts[6]", "/proc/sys on /m", "mount_setattr", "no id mappings", "invalid argument")
		b.container(mount("/m", "ramfs", "ramfs", "idmap"), idMappings(5000, 10)).run().fails(1, "mounts[6] /m", "no id mappings for ramfs")
	})
}

// Links as sources and as targets.
func TestMountLinks(t *testing.T) {
	b := newBox(t)
	b.write(b.path("src/real"), "real\n", 0o644)
	b.symlink("real", b.path("src/link"))
	c := b.container(
		mount("/followed", "bind", b.path("src/link"), "bind"),
		mount("/itself", "bind", b.path("src/link"), "bind", "src-nofollow"),
		mount("/made/link", "bind", b.path("src/link"), "bind", "copy-symlink"),
		mount("/plain", "bind", b.path("src/real"), "bind", "copy-symlink", "ro"),
		mount("/on", "bind", b.path("src/real"), "bind", "dest-nofollow"),
		script("cat /followed; readlink /itself; readlink /made/link; cat /plain; stat -c %F /on; cat /on; cat /etc/target; grep -c ' /made' /proc/self/mountinfo"))
	b.symlink("/etc/target", filepath.Join(c.rootfs(), "on"))
	b.write(filepath.Join(c.rootfs(), "etc/target"), "target\n", 0o644)
	c.run().exits(1).prints("real\nreal\nreal\nreal\nregular file\nreal\ntarget\n0\n")
	link, err := os.Readlink(filepath.Join(c.rootfs(), "made/link"))
	if err != nil || link != "real" {
		b.Errorf("the link is %q, %v", link, err)
	}
	c.run().exits(1) // the same link is there already
	c = b.container(mount("/etc/passwd", "bind", b.path("src/link"), "bind", "copy-symlink"))
	c.run().fails(1, "mounts[6]", "/etc/passwd", "symlinkat", "file exists")
}

// A copied link works in a user namespace too, and is written into the root.
func TestCopySymlinkInUserNamespace(t *testing.T) {
	b := newBox(t)
	b.symlink("where/ever", b.path("link"))
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), mount("/made", "bind", b.path("link"), "bind", "copy-symlink"), args("readlink", "/made"))
	c.run().ok().prints("where/ever\n")
}

// layers makes directories for an overlay, whose paths are long.
func (b *box) layers(n int) (list []string) {
	for i := range n {
		layer := b.path("layers", strings.Repeat("x", 100), itoa(i))
		b.write(filepath.Join(layer, "file"), itoa(i)+"\n", 0o644)
		b.write(filepath.Join(layer, "only"+itoa(i)), itoa(i)+"\n", 0o644)
		list = append(list, layer)
	}
	return list
}

// Values that are too long for fsconfig(2) go by mount(2), of which nothing is
// left but the mount.
func TestLongOptions(t *testing.T) {
	b := newSerialBox(t)
	layers := b.layers(3)
	upper := b.path("upper", strings.Repeat("u", 200), strings.Repeat("v", 100))
	b.mkdir(filepath.Join(upper, "up"))
	b.mkdir(filepath.Join(upper, "work"))
	v := b.container(
		mount("/o", "overlay", "overlay", "lowerdir="+strings.Join(layers, ":"), "upperdir="+upper+"/up", "workdir="+upper+"/work", "nodev", "noatime"),
		script(inspection+"cat /o/file /o/only2 >&2; echo new >/o/new")).run().ok()
	equal(b, "what the overlay shows", v.stderr, "0\n2\n")
	equal(b, "file in the upper layer", b.read(filepath.Join(upper, "up/new")), "new\n")
	view := b.parseView(v.stdout)
	hasAll(b, "options", view.mount("/o").options, "rw", "nodev", "noatime")
	for _, m := range mountTable(view.sections["mountinfo"]) {
		if strings.HasSuffix(m.point, "/m") {
			b.Errorf("%s is left", m.point)
		}
	}
	b.container(mount("/m", "overlay", "overlay", "lowerdir=/none:"+strings.Join(layers, ":"))).run().fails(1, "mounts[6] /m", "mount overlay", "no such file")
	b.container(mount("/m", "tmpfs", "tmpfs", "size=1m", "x"+strings.Repeat("y", 300)+"=1")).run().fails(1, "mounts[6] /m", "mount tmpfs", "invalid argument")
}

// The same in a user namespace, whose root mounts it.
func TestLongOptionsInUserNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.inUserNamespace(), mount("/o", "overlay", "overlay", "lowerdir="+strings.Join(b.layers(3), ":"), "userxattr", "nodev"),
		script("cat /o/file /o/only2; grep -c '^' /proc/self/mountinfo; ls /"))
	with := c.run()
	c.configure(c.inUserNamespace(), mount("/o", "tmpfs", "tmpfs"), script("echo 0; echo 2; grep -c '^' /proc/self/mountinfo; ls /"))
	with.ok().prints(c.run().ok().stdout)
}

// More layers than mount(2) takes.
func TestManyLayers(t *testing.T) {
	b := newSerialBox(t)
	b.needsKernel(6, 8, "an overlay's layers one by one")
	v := b.container(mount("/o", "overlay", "overlay", "lowerdir="+strings.Join(b.layers(40), ":"), "ro", "rslave", "rshared"),
		script(inspection+"cat /o/file /o/only39 >&2; touch /o/x 2>/dev/null || echo read-only >&2")).run().ok()
	equal(b, "what the overlay shows", v.stderr, "0\n39\nread-only\n")
	view := b.parseView(v.stdout)
	hasAll(b, "options", view.mount("/o").options, "ro")
	if tags := strings.Join(view.mount("/o").tags, " "); !strings.HasPrefix(tags, "shared:") {
		b.Errorf("propagation is %q", tags)
	}
}

// A filesystem that the kernel does not have.
func TestUnknownFilesystem(t *testing.T) {
	b := newBox(t)
	for _, m := range []mod{mount("/m", "nonefs", "x"), mount("/m", "nonefs", "x", "silent")} {
		b.container(m).run().fails(1, "mounts[6] /m", "nonefs (this kernel has no such filesystem)", "no such device")
	}
}

// Flags that only mount(2) has.
func TestLegacyFlags(t *testing.T) {
	b := newBox(t)
	v := b.container(mount("/m", "tmpfs", "tmpfs", "silent", "iversion", "sync", "size=64k", "noexec"), mount("/loud", "tmpfs", "tmpfs", "silent", "loud", "iversion", "noiversion"),
		script(inspection)).inspect()
	hasAll(b, "options", v.mount("/m").options, "rw", "noexec", "relatime")
	hasAll(b, "options of the filesystem", v.mount("/m").super, "sync", "size=64k")
	equal(b, "other", v.mount("/loud").fstype, "tmpfs")
}

// A remount changes the filesystem's options; with bind, the mount's only.
func TestRemountOptions(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("src")
	b.hostMount(src, "tmpfs", 0, "size=64k")
	v := b.container(
		mount("/a", "tmpfs", "tmpfs", "size=64k", "sync"), mount("/a", "tmpfs", "tmpfs", "remount", "size=128k", "async", "lazytime", "noexec"),
		mount("/b", "bind", src, "rbind"), mount("/b", "bind", "", "remount", "bind", "ro", "sync", "nosuid"),
		mount("/c", "bind", src, "bind"), mount("/c", "none", "", "remount", "rbind", "ro", "noexec", "slave", "shared"),
		mount("/d", "tmpfs", "tmpfs", "mode=700"), mount("/d", "", "", "remount", "ro"), mount("/d", "", "", "remount", "rw", "nr_inodes=70"),
		script(inspection)).inspect()
	for point, want := range map[string][2]string{
		"/a": {"rw,noexec,relatime", "rw,lazytime,size=128k"}, "/b": {"ro,nosuid,relatime", "rw,size=64k"},
		"/c": {"ro,noexec,relatime", "rw,size=64k"}, "/d": {"rw,relatime", "rw,nr_inodes=70,mode=700"},
	} {
		m := v.mount(point)
		if !sameWords(strings.Join(m.options, ","), want[0]) {
			b.Errorf("%s: options %v, want %s", point, m.options, want[0])
		}
		hasAll(b, point+" of the filesystem", m.super, strings.Split(want[1], ",")...)
		if slices.Contains(m.super, "sync") {
			b.Errorf("%s: options of the filesystem %v", point, m.super)
		}
	}
	b.container(mount("/etc", "none", "", "remount", "size=1m")).run().fails(1, "mounts[6] /etc", "fspick", "invalid argument")
	b.container(mount("/none", "none", "", "remount", "ro")).run().fails(1, "mounts[6] /none", "no such file or directory")
	b.container(mount("/proc", "proc", "", "remount", "nonsense")).run().fails(1, "mounts[6] /proc", "fsconfig", "nonsense")
}

// Several propagation options at once, in their order, on binds and new
// filesystems.
func TestPropagationLists(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("src")
	b.hostMount(src, "tmpfs", 0, "size=64k")
	if err := unix.Mount("", src, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	v := b.container(script(inspection),
		mount("/both", "bind", src, "rbind", "rslave", "rshared"), mount("/last", "bind", src, "bind", "shared", "slave"),
		mount("/gone", "bind", src, "bind", "slave", "private"), mount("/fs", "tmpfs", "tmpfs", "shared"),
		mount("/un", "tmpfs", "tmpfs", "rshared", "runbindable")).inspect()
	for point, want := range map[string]string{"/both": "shared: master:", "/last": "master:", "/gone": "", "/fs": "shared:", "/un": "unbindable"} {
		var kinds []string
		for _, tag := range v.mount(point).tags {
			kinds = append(kinds, strings.TrimRight(tag, "0123456789"))
		}
		equal(b, "propagation of "+point, strings.Join(kinds, " "), want)
	}
}
