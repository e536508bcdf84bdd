//go:build integration

package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// inUserNamespace is the container's ids mapped to 100000 and up, in a
// network namespace of their own.
func (c *container) inUserNamespace() mod {
	return func(s *specs.Spec) {
		c.userNamespace(100000, 65536)(s)
		namespace(specs.NetworkNamespace, "")(s)
	}
}

// eachWay runs a test with and without a user namespace: sources are opened by
// the runtime in the one, by the init in the other.
func eachWay(t *testing.T, test func(b *box, c *container, mods ...mod)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) {
		b := newBox(t)
		test(b, b.container())
	})
	t.Run("user namespace", func(t *testing.T) {
		b := newBox(t)
		c := b.container()
		test(b, c, c.inUserNamespace())
	})
}

// Everything that a source can be.
func TestBindKinds(t *testing.T) {
	eachWay(t, func(b *box, c *container, mods ...mod) {
		b.mkdir(b.path("dir"))
		b.write(b.path("file"), "file\n", 0o644)
		if err := unix.Mkfifo(b.path("fifo"), 0o666); err != nil {
			b.Fatal(err)
		}
		b.mknod(b.path("device"), 1, 5)
		l, err := net.Listen("unix", b.path("sock"))
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		var names []string
		for _, name := range []string{"dir", "file", "fifo", "device", "sock"} {
			mods = append(mods, mount("/made/"+name, "bind", b.path(name), "bind"), mount("/have/"+name, "bind", b.path(name), "bind", "ro", "nosuid"))
			names = append(names, "/made/"+name, "/have/"+name)
			if name == "dir" {
				b.mkdir(filepath.Join(c.rootfs(), "have/dir"))
			} else {
				b.write(filepath.Join(c.rootfs(), "have", name), "", 0o644)
			}
		}
		c.configure(append(mods, script("stat -c '%n %F' "+strings.Join(names, " ")+"; grep -c ' /have.* ro,nosuid' /proc/self/mountinfo"))...)
		c.run().ok().prints("/made/dir directory\n/have/dir directory\n/made/file regular file\n/have/file regular file\n/made/fifo fifo\n/have/fifo fifo\n" +
			"/made/device character special file\n/have/device character special file\n/made/sock socket\n/have/sock socket\n5\n")
	})
}

// A source that is not there is named, with the mount that wants it.
func TestBindMissingSource(t *testing.T) {
	eachWay(t, func(b *box, c *container, mods ...mod) {
		c.configure(append(mods, mount("/here", "bind", b.path("nowhere"), "rbind"))...)
		c.run().fails(1, "mounts[6]", b.path("nowhere"), "/here", "no such file or directory")
		b.write(b.path("file"), "", 0o644)
		c.configure(append(mods, mount("/here", "bind", b.path("file/below"), "rbind"))...)
		c.run().fails(1, "mounts[6]", b.path("file/below"), "/here", "not a directory")
		if exists(filepath.Join(c.rootfs(), "here")) {
			b.Error("the target was made")
		}
	})
}

// A root below a directory that the container's user may not enter.
func TestUserNamespacePrivateRoot(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.inUserNamespace(), readonlyRoot(), mount("/made", "tmpfs", "tmpfs"), script("id -u; ls -d /made; touch /x 2>/dev/null || echo read-only; cd ..; ls -d bin"))
	b.chown(c.bundle, 0, 0, 0o700)
	c.run().ok().prints("0\n/made\nread-only\nbin\n")
	outside := b.path("closed/root")
	makeBusyboxRoot(b, outside)
	b.chown(filepath.Dir(outside), 0, 0, 0o700)
	c.configure(c.inUserNamespace(), func(s *specs.Spec) { s.Root.Path = outside }, noMasks(), script("ls -d bin; ls -a / | head -3"), mount("/made", "tmpfs", "tmpfs"))
	c.run().fails(1, "mounts[6] /made", "mkdirat", "permission denied") // the root belongs to nobody inside
	b.chown(outside, 100000, 100000, 0o755)
	c.run().ok().prints("bin\n.\n..\nbin\n")
	b.symlink(outside, filepath.Join(c.bundle, "link"))
	c.configure(c.inUserNamespace(), func(s *specs.Spec) { s.Root.Path = "link" })
	c.run().fails(1, "root.path", "leads out of the bundle")
	c.configure(c.inUserNamespace(), func(s *specs.Spec) { s.Root.Path = "none" })
	c.run().fails(1, "root.path", "none", "no such file or directory")
	c.configure(c.inUserNamespace(), func(s *specs.Spec) { s.Root.Path = "config.json" })
	c.run().fails(1, "root.path", "config.json", "not a directory")
}

// What is mounted below the root on the host is there in a user namespace too,
// and what the container mounts does not come out.
func TestUserNamespaceRootMounts(t *testing.T) {
	b := newSerialBox(t)
	c := b.container()
	c.configure(c.inUserNamespace(), mount("/t", "tmpfs", "tmpfs"), script("cat /below/f; grep ' /below ' /proc/self/mountinfo | grep -c shared:"))
	below := filepath.Join(c.rootfs(), "below")
	b.hostMount(below, "tmpfs", 0, "size=64k")
	if err := unix.Mount("", below, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(below, "f"), "below\n", 0o644)
	c.run().exits(1).prints("below\n0\n")
	if strings.Contains(b.read("/proc/self/mountinfo"), c.rootfs()+"/t ") {
		b.Error("a mount of the container is on the host")
	}
}

// More sources than an ordinary limit of open files lets through.
func TestManySources(t *testing.T) {
	b := newBox(t)
	b.write(b.path("f"), "x\n", 0o644)
	c := b.container()
	mods := []mod{c.inUserNamespace(), script("cat /many/* | wc -l")}
	for i := range 400 {
		mods = append(mods, mount(fmt.Sprintf("/many/%d", i), "bind", b.path("f"), "bind"))
	}
	c.configure(mods...)
	cmd := b.command("run", "-b", c.bundle, c.id)
	cmd.Args = append([]string{"prlimit", "--nofile=512:4096"}, cmd.Args...)
	path, err := lookPath("prlimit")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[2], cmd.Path = underTest(), path
	b.finish(cmd).ok().prints("400\n")
	for i := range 4000 {
		mods = append(mods, mount(fmt.Sprintf("/more/%d", i), "bind", b.path("f"), "bind"))
	}
	c.configure(mods...)
	// Older kernels refuse so many mounts that are in no tree before that.
	if r := c.run().exits(1); !strings.Contains(r.stderr, "more than the 4096 descriptors") && !strings.Contains(r.stderr, "open_tree: no space left on device") {
		t.Errorf("stderr: %s", r.stderr)
	}
}

// Flags of the host's mounts stay in a user namespace, unless they are taken
// away by name.
func TestKeptFlags(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("src")
	b.hostMount(src, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_NOATIME, "size=64k")
	c := b.container()
	c.configure(c.inUserNamespace(), script(inspection), mount("/kept", "bind", src, "rbind", "ro"), mount("/cleared", "bind", src, "bind", "exec", "relatime"),
		mount("/later", "bind", src, "bind"), mount("/later", "none", "", "remount", "bind", "ro"))
	v := c.inspect()
	for point, want := range map[string]string{
		"/kept": "ro,nosuid,nodev,noexec,noatime", "/cleared": "rw,nosuid,nodev,relatime", "/later": "ro,nosuid,nodev,noexec,noatime",
	} {
		if got := strings.Join(v.mount(point).options, ","); !sameWords(got, want) {
			b.Errorf("%s: %s, want %s", point, got, want)
		}
	}
}

// No one in a user namespace takes the flags of a host's mount away, whatever
// capabilities it has there.
func TestLockedFlags(t *testing.T) {
	b := newSerialBox(t)
	src := b.path("src")
	b.hostMount(src, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC, "size=64k")
	c := b.container()
	caps := append(defaultCapabilities(), "CAP_SYS_ADMIN")
	c.configure(c.inUserNamespace(), mount("/m", "bind", src, "rbind"), mount("/f", "bind", "/etc/hostname", "bind", "nosuid"), mount("/tree", "bind", src, "bind"),
		capabilities(specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}),
		script("for o in rw,nosuid,noexec ro,suid,noexec ro,nosuid,exec; do for m in /m /tree; do mount -o remount,bind,$o $m 2>/dev/null && echo $m $o; done; done; "+
			"mount -o remount,bind,ro,nosuid,noexec /m && echo kept; mount -o remount,bind,rw / && echo root"))
	c.run().ok().prints("kept\nroot\n")
}

// The files of procfs that may be covered, and nothing else in it, also by
// way of links.
func TestMountsInProc(t *testing.T) {
	b := newBox(t)
	b.write(b.path("fake"), "MemTotal: 1 kB\n", 0o644)
	b.container(mount("/proc/meminfo", "bind", b.path("fake"), "bind", "ro", "nosuid"), mount("/proc/uptime", "bind", b.path("fake"), "bind"),
		script("cat /proc/meminfo /proc/uptime; (echo x >/proc/meminfo) 2>/dev/null || echo refused")).
		run().ok().prints("MemTotal: 1 kB\nMemTotal: 1 kB\nrefused\n")
	b.container(mount("/proc/sys/kernel/hostname", "bind", b.path("fake"), "bind")).run().fails(1, "mounts[6].destination", "nothing can be mounted inside /proc")
	for _, tc := range []struct{ link, dest, why string }{
		{"/proc/sys/kernel/hostname", "/link", "inside a procfs"},
		{"/proc/self", "/link/attr", "inside a procfs"},
		{"/proc/", "/link/sys/kernel/core_pattern", "inside a procfs"},
		{"../proc/self/fd", "/link/1", "too many levels of symbolic links"},
	} {
		c := b.container(mount(tc.dest, "bind", b.path("fake"), "bind"))
		b.symlink(tc.link, filepath.Join(c.rootfs(), "link"))
		c.run().fails(1, "mounts[6]", tc.dest, tc.why)
	}
}

// A relative destination is taken from the root.
func TestRelativeDestination(t *testing.T) {
	b := newBox(t)
	b.write(b.path("f"), "bound\n", 0o644)
	b.container(mount("some/../where/f", "bind", b.path("f"), "bind"), mount("../../up", "tmpfs", "tmpfs", "mode=711"), script("cat /where/f; stat -c %a /up")).
		run().ok().prints("bound\n711\n")
}

// A root that cannot be written to has to have the mount points; where they are
// missing, the error says which and why.
func TestReadonlyLowerRoot(t *testing.T) {
	b := newSerialBox(t)
	c := b.container(args("ls", "-d", "/have"), mount("/have", "tmpfs", "tmpfs"))
	b.mkdir(filepath.Join(c.rootfs(), "have"))
	if err := unix.Mount(c.rootfs(), c.rootfs(), "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(c.rootfs(), unix.MNT_DETACH)
	if err := unix.Mount("", c.rootfs(), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	c.run().ok().prints("/have\n")
	c.configure(mount("/have", "tmpfs", "tmpfs"), mount("/have/more", "tmpfs", "tmpfs"), mount("/missing/dir", "tmpfs", "tmpfs"))
	c.run().fails(1, "mounts[8] /missing/dir", "mkdirat", "read-only file system")
}

// Nothing is made in a source that is bound read-only, and what is made in a
// writable one is there.
func TestMountPointInSource(t *testing.T) {
	b := newBox(t)
	b.mkdir(b.path("src"))
	b.container(mount("/v", "bind", b.path("src"), "bind", "ro"), mount("/v/sub", "tmpfs", "tmpfs")).run().fails(1, "mounts[7] /v/sub", "mkdirat", "read-only file system")
	if exists(b.path("src/sub")) {
		b.Error("the mount point was made in the read-only source")
	}
	b.container(mount("/v", "bind", b.path("src"), "bind"), mount("/v/sub", "tmpfs", "tmpfs"), script("echo x >/v/sub/f")).run().ok()
	if entries, err := os.ReadDir(b.path("src/sub")); err != nil || len(entries) > 0 {
		b.Errorf("the mount point in the source: %v, %v", entries, err)
	}
}

// Masked and read-only paths that are links, that are missing, or whose links
// lead nowhere.
func TestPathsThroughLinks(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) {
		s.Linux.MaskedPaths = []string{"/mlink", "/dangling", "/no/where", "/etc/passwd/x", "/mdirlink"}
		s.Linux.ReadonlyPaths = []string{"/rlink", "/dangling", "/no/where", "/etc/passwd/x", "/rdirlink/sub"}
	}, script(`cat /secret; ls /secrets; for f in /fixed /fixeds/sub/f; do (echo x >$f) 2>/dev/null || echo refused; done; echo x >/fixeds/f && echo free`))
	for name, target := range map[string]string{"mlink": "/secret", "rlink": "../fixed", "dangling": "/nothing", "mdirlink": "secrets", "rdirlink": "/fixeds"} {
		b.symlink(target, filepath.Join(c.rootfs(), name))
	}
	for _, name := range []string{"secret", "secrets/f", "fixed", "fixeds/sub/f", "fixeds/f"} {
		b.write(filepath.Join(c.rootfs(), name), "hidden", 0o644)
	}
	c.run().ok().prints("refused\nrefused\nfree\n")
	for _, name := range []string{"nothing", "no"} {
		if exists(filepath.Join(c.rootfs(), name)) {
			b.Errorf("%s was made", name)
		}
	}
	c.configure(func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/loop"} })
	b.symlink("loop", filepath.Join(c.rootfs(), "loop"))
	c.run().fails(1, "linux.maskedPaths[0] /loop", "too many levels of symbolic links")
}
