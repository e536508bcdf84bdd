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

// Every usual type of mount, with its options as the kernel shows them.
func TestMountTypes(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection),
		mount("/t", "tmpfs", "scratch", "nosuid", "nodev", "noexec", "size=256k", "mode=0751", "uid=7", "nr_inodes=50"),
	).inspect()
	for _, tc := range []struct{ point, fstype, source, options, super string }{
		{"/proc", "proc", "proc", "rw,nosuid,nodev,noexec", ""},
		{"/dev", "tmpfs", "tmpfs", "rw,nosuid", "mode=755,size=65536k"},
		{"/dev/pts", "devpts", "devpts", "rw,nosuid,noexec", "gid=5,mode=620,ptmxmode=666"},
		{"/dev/shm", "tmpfs", "shm", "rw,nosuid,nodev,noexec", "size=65536k"},
		{"/dev/mqueue", "mqueue", "mqueue", "rw,nosuid,nodev,noexec", ""},
		{"/sys", "sysfs", "sysfs", "ro,nosuid,nodev,noexec", ""},
		{"/t", "tmpfs", "scratch", "rw,nosuid,nodev,noexec", "size=256k,mode=751,uid=7,nr_inodes=50"},
	} {
		m := v.mount(tc.point)
		equal(b, tc.point+" type", m.fstype, tc.fstype)
		equal(b, tc.point+" source", m.source, tc.source)
		hasAll(b, tc.point+" options", m.options, strings.Split(tc.options, ",")...)
		for _, s := range strings.Split(tc.super, ",") {
			if s != "" && !slices.Contains(m.super, s) {
				b.Errorf("%s: %q is not in %v", tc.point, s, m.super)
			}
		}
	}
	if slices.Contains(v.mount("/dev").options, "nodev") || slices.Contains(v.mount("/dev").options, "noexec") {
		b.Errorf("/dev: options %v", v.mount("/dev").options)
	}
}

// The whole table of the container: nothing of the host is left in it.
func TestMountTableHasNothingElse(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection)).inspect()
	known := []string{"/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"}
	for _, m := range mountTable(v.sections["mountinfo"]) {
		masked := slices.Contains(baseSpec().Linux.MaskedPaths, m.point) || slices.Contains(baseSpec().Linux.ReadonlyPaths, m.point)
		if !masked && !slices.Contains(known, m.point) {
			b.Errorf("mount that nobody asked for: %s (%s)", m.point, m.fstype)
		}
	}
}

func TestBindMounts(t *testing.T) {
	b := newBox(t)
	b.write(b.path("src/dir/file"), "in dir\n", 0o644)
	b.write(b.path("src/file"), "a file\n", 0o600)
	c := b.container(
		mount("/mnt/dir", "bind", b.path("src/dir"), "bind"),
		mount("/mnt/ro", "bind", b.path("src/dir"), "bind", "ro", "nosuid", "nodev", "noexec", "noatime"),
		mount("/mnt/deep/er/file", "bind", b.path("src/file"), "bind"),
		mount("/mnt/rofile", "", b.path("src/file"), "rbind", "ro"),
		script(`cat /mnt/dir/file /mnt/ro/file /mnt/deep/er/file /mnt/rofile
			echo new >/mnt/dir/new
			echo no 2>/dev/null >/mnt/ro/no || echo read-only dir
			echo no 2>/dev/null >/mnt/rofile || echo read-only file
			grep -E ' /mnt/(ro|dir) ' /proc/self/mountinfo | cut -d' ' -f5,6`))
	r := c.run().ok()
	b.contains("output", r.stdout, "in dir\nin dir\na file\na file\nread-only dir\nread-only file\n",
		"/mnt/ro ro,nosuid,nodev,noexec,noatime\n", "/mnt/dir rw")
	equal(b, "file written through the mount", b.read(b.path("src/dir/new")), "new\n")
	equal(b, "file on the host", b.read(b.path("src/file")), "a file\n")
	if info, err := os.Stat(filepath.Join(c.rootfs(), "mnt/deep/er/file")); err != nil || !info.Mode().IsRegular() {
		b.Errorf("the missing target of a file mount was made as %v, %v", info, err)
	}
}

// A relative source is found from the bundle.
func TestBindRelativeSource(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/data", "bind", "volumes/data", "rbind"), args("cat", "/data/f"))
	b.write(filepath.Join(c.bundle, "volumes/data/f"), "relative\n", 0o644)
	c.run().ok().prints("relative\n")
}

// rbind takes the mounts below the source, bind does not; remounting the top
// read-only leaves those below as they are.
func TestBindRecursive(t *testing.T) {
	b := newBox(t)
	src := b.path("src")
	b.mkdir(filepath.Join(src, "sub"))
	if err := unix.Mount("tmpfs", filepath.Join(src, "sub"), "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(filepath.Join(src, "sub"), unix.MNT_DETACH)
	b.write(filepath.Join(src, "sub/f"), "below\n", 0o644)
	c := b.container(mount("/r", "bind", src, "rbind", "ro"), mount("/b", "bind", src, "bind"),
		script("cat /r/sub/f; ls /b/sub; echo x >/r/x || echo ro; echo x >/r/sub/x && echo rw below"))
	c.run().ok().prints("below\nro\nrw below\n")
}

// Sources that only root may see are opened before privileges are given up.
func TestBindPrivateSource(t *testing.T) {
	b := newBox(t)
	private := b.path("private")
	b.write(filepath.Join(private, "data/f"), "private\n", 0o644)
	b.chown(private, 0, 0, 0o700)
	c := b.container(mount("/data", "bind", filepath.Join(private, "data"), "bind"), args("cat", "/data/f"), user(1000, 1000))
	c.run().ok().prints("private\n")
}

func TestBindOverRootEntries(t *testing.T) {
	b := newBox(t)
	b.write(b.path("hosts"), "1.2.3.4 x\n", 0o644)
	b.container(mount("/etc/hosts", "bind", b.path("hosts"), "rbind", "rprivate"), args("cat", "/etc/hosts")).
		run().ok().prints("1.2.3.4 x\n")
}

// Mounts are done in their order: later ones hide and go below earlier ones.
func TestMountOrder(t *testing.T) {
	b := newBox(t)
	b.write(b.path("f"), "bound\n", 0o644)
	b.container(
		mount("/a", "tmpfs", "one"), mount("/a/b/c", "bind", b.path("f"), "bind"), mount("/a/t", "tmpfs", "two"),
		script("cat /a/b/c; grep ' /a' /proc/self/mounts | cut -d' ' -f1,2"),
	).run().ok().prints("bound\none /a\n" + strings.Split(b.devOf(b.path("f")), "\n")[0] + " /a/b/c\ntwo /a/t\n")
}

// devOf returns the source of the mount that holds a path.
func (b *box) devOf(path string) string {
	b.Helper()
	best := mountLine{}
	for _, m := range mountTable(b.read("/proc/self/mountinfo")) {
		if strings.HasPrefix(path+"/", strings.TrimSuffix(m.point, "/")+"/") && len(m.point) >= len(best.point) {
			best = m
		}
	}
	return best.source
}

// tmpfs over a directory that is there keeps that directory's mode unless
// mode= says otherwise.
func TestTmpfsMode(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/var/kept", "tmpfs", "tmpfs"), mount("/var/given", "tmpfs", "tmpfs", "mode=1733"),
		mount("/var/new", "tmpfs", "tmpfs"), script("stat -c '%n %a' /var/kept /var/given"))
	for _, name := range []string{"kept", "given"} {
		b.mkdir(filepath.Join(c.rootfs(), "var", name))
		b.chown(filepath.Join(c.rootfs(), "var", name), 0, 0, 0o710)
	}
	c.run().ok().prints("/var/kept 710\n/var/given 1733\n")
}

func TestTmpfsLimits(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/t", "tmpfs", "tmpfs", "size=64k"), script("dd if=/dev/zero of=/t/f bs=1024 count=100 2>/dev/null; stat -c %s /t/f"))
	c.run().ok().prints("65536\n")
}

// tmpcopyup: the new tmpfs starts with what was in the directory.
func TestTmpCopyUp(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/srv", "tmpfs", "tmpfs", "tmpcopyup", "size=1m"),
		script("cat /srv/d/f; readlink /srv/l; stat -c '%a %u' /srv/d; echo changed >/srv/d/f"))
	b.write(filepath.Join(c.rootfs(), "srv/d/f"), "copied\n", 0o644)
	b.symlink("d/f", filepath.Join(c.rootfs(), "srv/l"))
	b.chown(filepath.Join(c.rootfs(), "srv/d"), 3, 3, 0o750)
	c.run().ok().prints("copied\nd/f\n750 3\n")
	equal(b, "file below the tmpfs", b.read(filepath.Join(c.rootfs(), "srv/d/f")), "copied\n")
}

// Propagation options apply to the mount.
func TestMountPropagation(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("shared")
	b.mkdir(src)
	if err := unix.Mount("tmpfs", src, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(src, unix.MNT_DETACH)
	if err := unix.Mount("", src, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	v := b.container(script(inspection),
		mount("/slave", "bind", src, "rbind", "rslave"),
		mount("/private", "bind", src, "rbind", "rprivate"), mount("/un", "bind", src, "rbind", "runbindable"),
	).inspect()
	for point, want := range map[string]string{"/private": "", "/un": "unbindable", "/slave": "master:"} {
		tags := strings.Join(v.mount(point).tags, " ")
		if (want == "") != (tags == "") || !strings.HasPrefix(tags, want) {
			b.Errorf("%s: propagation %q, want %q", point, tags, want)
		}
	}
}

// With shared propagation a mount made on the host shows up inside, and one
// made inside shows up on the host.
func TestMountPropagationShared(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("shared")
	b.mkdir(filepath.Join(src, "host"))
	if err := unix.Mount("tmpfs", src, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(src, unix.MNT_DETACH)
	if err := unix.Mount("", src, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	b.mkdir(filepath.Join(src, "host"))
	b.mkdir(filepath.Join(src, "inside"))
	caps := append(defaultCapabilities(), "CAP_SYS_ADMIN")
	c := b.sleeper(mount("/m", "bind", src, "rbind", "rshared"), rootfsPropagation("shared"),
		capabilities(specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}))
	if err := unix.Mount("tmpfs", filepath.Join(src, "host"), "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(filepath.Join(src, "host"), unix.MNT_DETACH)
	b.write(filepath.Join(src, "host/f"), "from the host\n", 0o644)
	c.exec("cat", "/m/host/f").ok().prints("from the host\n")
	c.exec("sh", "-c", "mount -t tmpfs tmpfs /m/inside && echo from inside >/m/inside/f").ok()
	equal(b, "file seen on the host", b.read(filepath.Join(src, "inside/f")), "from inside\n")
	unix.Unmount(filepath.Join(src, "inside"), unix.MNT_DETACH)
}

func rootfsPropagation(mode string) mod {
	return func(s *specs.Spec) { s.Linux.RootfsPropagation = mode }
}

// Atime options are one choice, and options of binds can be cleared.
func TestMountAtimeAndClearing(t *testing.T) {
	b := newBox(t)
	src := b.path("src")
	b.mkdir(src)
	if err := unix.Mount("tmpfs", src, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NOATIME, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(src, unix.MNT_DETACH)
	v := b.container(script(inspection),
		mount("/strict", "tmpfs", "t", "strictatime"), mount("/rel", "tmpfs", "t", "relatime"), mount("/no", "tmpfs", "t", "noatime", "nodiratime"),
		mount("/cleared", "bind", src, "bind", "suid", "exec", "relatime"),
	).inspect()
	for point, want := range map[string]string{
		"/strict": "rw", "/rel": "rw,relatime", "/no": "rw,noatime,nodiratime", "/cleared": "rw,relatime",
	} {
		equal(b, point, strings.Join(v.mount(point).options, ","), want)
	}
}

// A remount changes what an earlier entry made.
func TestMountRemount(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/t", "tmpfs", "tmpfs", "mode=755"), mount("/t", "tmpfs", "tmpfs", "remount", "ro"),
		script("echo x 2>/dev/null >/t/x || echo ro"))
	c.run().ok().prints("ro\n")
}

// The cgroup mount shows the container's own cgroups.
func TestMountCgroup(t *testing.T) {
	for _, mode := range []string{"ro", "rw"} {
		t.Run(mode, func(t *testing.T) {
			b := newBox(t)
			v := b.container(script(inspection+"ls /sys/fs/cgroup >&2"), namespace(specs.CgroupNamespace, ""),
				mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", mode)).run().ok()
			view := b.parseView(v.stdout)
			for _, line := range view.lines("cgroup") {
				if !strings.HasSuffix(line, ":/") {
					b.Errorf("the cgroup namespace shows %q", line)
				}
			}
			checkCgroupMounts(b, view, v.stderr, mode)
		})
	}
}

func checkCgroupMounts(b *box, v view, listing, mode string) {
	b.Helper()
	if pureV2() {
		m := v.mount("/sys/fs/cgroup")
		equal(b, "type", m.fstype, "cgroup2")
		hasAll(b, "options", m.options, mode, "nosuid", "nodev", "noexec")
		b.contains("/sys/fs/cgroup", listing, "cgroup.procs", "cgroup.controllers")
		return
	}
	for _, h := range hierarchies() {
		if h.v2 {
			continue
		}
		m := v.mount(filepath.Join("/sys/fs/cgroup", filepath.Base(h.dir)))
		equal(b, h.dir+" type", m.fstype, "cgroup")
		hasAll(b, h.dir+" options", m.options, mode, "nosuid", "nodev", "noexec")
	}
}

// Without a cgroup namespace the mount is the container's part of the tree.
func TestMountCgroupWithoutNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "ro"),
		script("cat /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/pids/cgroup.procs 2>/dev/null | sort -u | head -1; "+
			"mkdir /sys/fs/cgroup/x /sys/fs/cgroup/pids/x 2>/dev/null || echo read-only"))
	c.run().ok().prints("1\nread-only\n")
}
