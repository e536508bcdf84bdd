//go:build integration

package integration

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Attacks that worked on some runtime. In all of them the root filesystem and
// what runs in the container are hostile, and config.json is not.

// victim makes a file of the host that no container may reach, and a check
// that it is untouched.
func (b *box) victim() (path string, untouched func()) {
	b.Helper()
	path = b.path("victim/file")
	b.write(path, "of the host\n", 0o600)
	return path, func() {
		b.Helper()
		equal(b, "the host's file", b.read(path), "of the host\n")
		uid, gid := owner(b, path)
		equal(b, "owner of the host's file", fmt.Sprint(uid, gid), "0 0")
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 {
			b.Errorf("the host's directory holds %v, %v", entries, err)
		}
	}
}

// A user name made of digits in the image's passwd does not win over the id.
func TestCVE_2016_3697(t *testing.T) {
	b := newBox(t)
	c := b.container(user(1000, 1000), sleeping())
	b.write(filepath.Join(c.rootfs(), "etc/passwd"), "1000:x:0:0::/root:/bin/sh\n", 0o644)
	c.runDetached().ok()
	c.exec("id", "-u").ok().prints("1000\n")
	c.execWith([]string{"--user", "1000"}, "id", "-u").ok().prints("1000\n")
}

// spy is a script that reads, as fast as it can, all that /proc tells about
// the processes of the container, and tries to write to their programs.
const spy = `while :; do for p in /proc/[0-9]*; do
	readlink $p/exe; readlink $p/cwd; readlink $p/root; cat $p/maps; cat $p/environ | tr '\0' '\n'
	for f in $p/fd/*; do readlink $f; done
	(echo overwritten >>$p/exe) && echo "WROTE $(readlink $p/exe)"
done 2>/dev/null; done`

// A process that joins a container shows nothing of the host while it does:
// no descriptor, no program, no directory, although the container may trace.
func TestCVE_2016_9962(t *testing.T) {
	b := newBox(t)
	caps := append(defaultCapabilities(), "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH")
	c := b.container(script(spy), capabilities(specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}))
	c.runDetached().ok()
	for range rounds(30, 5) {
		c.exec("true").ok()
	}
	checkSpy(b, c.output())
}

// The host's runtime binary is never a program that the container can open,
// neither its own first one nor that of an added process.
func TestCVE_2019_5736(t *testing.T) {
	b := newBox(t)
	before := digest(b, underTest())
	c := b.container(script(spy))
	b.write(filepath.Join(c.rootfs(), "bin/evil"), "#!/proc/self/exe\n", 0o755)
	c.runDetached().ok()
	for range rounds(10, 3) {
		for _, command := range []string{"/proc/self/exe", "/bin/evil"} {
			c.exec(command, "--version") // what it does is not the question
		}
	}
	checkSpy(b, c.output())
	c.deleteForce()
	for _, command := range []string{"/proc/self/exe", "/bin/evil"} {
		c.configure(args(command, "--version"))
		if r := c.run(); strings.Contains(r.stdout, "runc version") {
			b.Errorf("%s is the runtime: %s", command, r.stdout)
		}
	}
	equal(b, "digest of the runtime", digest(b, underTest()), before)
}

func digest(b *box, path string) string {
	b.Helper()
	return fmt.Sprintf("%x", sha256.Sum256([]byte(b.read(path))))
}

func checkSpy(b *box, seen string) {
	b.Helper()
	if len(seen) == 0 {
		b.Error("the spy has seen nothing")
	}
	for line := range strings.Lines(seen) {
		if strings.HasPrefix(line, b.path("stream")) {
			continue // the output of the container itself
		}
		if strings.Contains(line, underTest()) || strings.Contains(line, b.dir) || strings.Contains(line, b.marker()) || strings.HasPrefix(line, "WROTE") {
			b.Errorf("the container saw %q", line)
			return
		}
	}
}

// A volume that covers /proc with files of its own does not catch the sysctls
// (and labels) meant for the kernel.
func TestCVE_2019_16884_2025_52881(t *testing.T) {
	b := newBox(t)
	fake := b.path("fake")
	b.write(filepath.Join(fake, "sys/net/ipv4/ip_forward"), "fake", 0o644)
	b.write(filepath.Join(fake, "self/attr/exec"), "fake", 0o644)
	b.mkdir(filepath.Join(fake, "thread-self/attr"))
	c := b.container(noMount("/proc"), noMasks(), mount("/proc", "bind", fake, "rbind"), namespace(specs.NetworkNamespace, ""),
		func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} })
	if r := c.run(); r.code != 0 {
		r.fails(1, "net.ipv4.ip_forward")
	}
	equal(b, "the fake sysctl", b.read(filepath.Join(fake, "sys/net/ipv4/ip_forward")), "fake")
	equal(b, "the fake label", b.read(filepath.Join(fake, "self/attr/exec")), "fake")
}

// /proc and /sys of the image may not be symlinks: everything written there
// would go elsewhere.
func TestCVE_2019_19921_2023_27561_2023_28642_2025_54867(t *testing.T) {
	for _, name := range []string{"proc", "sys"} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c := b.container(args("echo", "started"))
			b.remove(filepath.Join(c.rootfs(), name))
			b.mkdir(filepath.Join(c.rootfs(), "evil/level1"))
			b.symlink("/evil/level1", filepath.Join(c.rootfs(), name))
			c.run().fails(1, "mounts[", "/"+name).prints("")
			b.checkLeaks()
		})
	}
}

// The target of a mount is a link of the image, to somewhere on the host or up
// and out of the root: the mount and what is made for it stay in the root.
func TestCVE_2019_18837(t *testing.T) {
	for name, prefix := range map[string]string{"absolute": "", "up": "../../../../../../../../.."} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			victim, untouched := b.victim()
			b.write(b.path("src"), "bound\n", 0o644)
			c := b.container(mount("/file", "bind", b.path("src"), "bind"), mount("/dir/made", "tmpfs", "tmpfs"), mount("/dangling", "bind", b.path("src"), "bind"),
				device("/dir/device", "c", 10, 229, 0o666, 0, 0), cwd("/dir/cwd"), script("cat "+victim+" /file /dangling; ls "+filepath.Dir(victim)))
			b.symlink(prefix+victim, filepath.Join(c.rootfs(), "file"))
			b.symlink(prefix+filepath.Dir(victim), filepath.Join(c.rootfs(), "dir"))
			b.symlink(prefix+victim+".new", filepath.Join(c.rootfs(), "dangling"))
			c.run().ok().prints("bound\nbound\nbound\ncwd\ndevice\nfile\nfile.new\nmade\n")
			untouched()
		})
	}
}

// swapping exchanges two paths without pause until the test ends.
func (b *box) swapping(one, two string) {
	b.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, two, unix.RENAME_EXCHANGE)
			}
		}
	}()
	b.Cleanup(func() {
		close(stop)
		<-done
	})
}

// The target of a mount is swapped for a symlink to the host while the runtime
// looks at it: no mount and no directory appears on the host.
func TestCVE_2021_30465_2024_45310(t *testing.T) {
	b := newBox(t)
	path, untouched := b.victim()
	b.write(b.path("src/f"), "", 0o644)
	c := b.container(mount("/swap/a/b", "tmpfs", "tmpfs"), mount("/swap/made/dir", "bind", b.path("src"), "bind"),
		mount("/swap/made/file", "bind", b.path("src/f"), "bind"), script("ls /swap >/dev/null; test ! -e /swap/file"))
	b.mkdir(filepath.Join(c.rootfs(), "swap"))
	b.symlink(filepath.Dir(path), filepath.Join(c.rootfs(), "link"))
	b.swapping(filepath.Join(c.rootfs(), "swap"), filepath.Join(c.rootfs(), "link"))
	for range rounds(40, 5) {
		if r := c.run(); r.code != 0 && r.code != 1 {
			r.exits(1)
		}
		untouched()
	}
	if strings.Contains(b.read("/proc/self/mountinfo"), filepath.Dir(path)) {
		b.Error("something is mounted on the host's directory")
	}
}

// More mappings than fit any small buffer: the user namespace is not lost.
func TestCVE_2021_43784(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 1), namespace(specs.NetworkNamespace, ""), script("cat /proc/self/uid_map | wc -l; id -u"), func(s *specs.Spec) {
		for i := uint32(1); i < 200; i++ {
			s.Linux.UIDMappings = append(s.Linux.UIDMappings, specs.LinuxIDMapping{ContainerID: 10 * i, HostID: 100000 + 10*i, Size: 5})
		}
	})
	c.run().ok().prints("200\n0\n")
}

// A process that exec adds has no inheritable and no ambient capability.
func TestCVE_2022_29162_2025_27612(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	for _, flags := range [][]string{nil, {"--cap", "CAP_SYS_ADMIN"}, {"--cap", "CAP_NET_ADMIN", "--user", "1000"}} {
		v := b.parseView(c.execWith(flags, "sh", "-c", inspection).ok().stdout)
		v.is("CapInh", capabilityMask())
		v.is("CapAmb", capabilityMask())
	}
}

// Values and keys of sysctls that smuggle others in.
func TestCVE_2022_0811(t *testing.T) {
	b := newBox(t)
	host := b.read("/proc/sys/kernel/core_pattern")
	for key, value := range map[string]string{
		"kernel.shm_rmid_forced+kernel.core_pattern":               "1",
		"kernel.shm_rmid_forced":                                   "1+kernel.core_pattern=|/evil",
		"net/../kernel/core_pattern":                               "|/evil",
		"fs.mqueue.msg_max/../../../kernel/core_pattern":           "|/evil",
		"kernel.shm_rmid_forced\x00":                               "1",
		"net.ipv4.ip_forward\n/proc/sys/kernel/core_pattern=|evil": "1",
	} {
		c := b.container(namespace(specs.NetworkNamespace, ""), func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: value} })
		c.run().exits(1)
	}
	equal(b, "the host's core pattern", b.read("/proc/sys/kernel/core_pattern"), host)
}

// The release agent of a v1 hierarchy cannot be set from a container.
func TestCVE_2022_0492(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev"), namespace(specs.CgroupNamespace, ""),
		script(`for f in $(find /sys/fs/cgroup -name release_agent) /sys/fs/cgroup/cgroup.procs; do (echo /evil >$f) 2>/dev/null && echo wrote $f; done
			mkdir /tmp/cg; mount -t cgroup -o cpu cgroup /tmp/cg 2>/dev/null && echo mounted
			mount -t cgroup2 cgroup /tmp/cg 2>/dev/null && echo mounted v2; unshare -UrmC true 2>/dev/null && echo unshared; true`))
	c.configure(append([]mod{dockerProfile(b)}, func(s *specs.Spec) {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}})
		s.Process.Args = []string{"sh", "-c", `for f in $(find /sys/fs/cgroup -name release_agent) /sys/fs/cgroup/cgroup.procs; do (echo /evil >$f) 2>/dev/null && echo wrote $f; done
			mkdir /tmp/cg; mount -t cgroup -o cpu cgroup /tmp/cg 2>/dev/null && echo mounted
			mount -t cgroup2 cgroup /tmp/cg 2>/dev/null && echo mounted v2; unshare -UrmC true 2>/dev/null && echo unshared; true`}
	})...)
	c.run().ok().prints("")
}

// A working directory by way of a descriptor the runtime may have left open
// does not lead out of the container, at run and at exec.
func TestCVE_2024_21626(t *testing.T) {
	b := newBox(t)
	path, untouched := b.victim()
	climb := script("cat ../../../../../../../../.." + path + " 2>/dev/null; pwd -P")
	check := func(r result, fd int) {
		if strings.Contains(r.stdout, "of the host") {
			b.Errorf("descriptor %d leads to the host: %q", fd, r.stdout)
		}
		if r.code == 0 && strings.Contains(r.stdout, "unreachable") {
			b.Errorf("descriptor %d leads out of the root: %q", fd, r.stdout)
		}
	}
	running := b.sleeper()
	c := b.container()
	for fd := range rounds(20, 6) {
		dir := fmt.Sprintf("/proc/self/fd/%d", fd)
		c.configure(climb, cwd(dir))
		check(c.run(), fd)
		check(running.execWith([]string{"--cwd", dir}, "sh", "-c", "cat ../../../../../../../../.."+path+" 2>/dev/null; pwd -P"), fd)
		b.remove(filepath.Join(c.rootfs(), "link"))
		b.symlink(dir, filepath.Join(c.rootfs(), "link"))
		c.configure(climb, cwd("/link"))
		check(c.run(), fd)
	}
	untouched()
}

// A FIFO where the runtime expects a user database does not make it wait.
func TestCVE_2024_9676(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), user(1000, 1000))
	for _, name := range []string{"etc/passwd", "etc/group"} {
		b.remove(filepath.Join(c.rootfs(), name))
		if err := unix.Mkfifo(filepath.Join(c.rootfs(), name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c.runDetached().ok()
	c.exec("sh", "-c", "echo $HOME").ok().prints("/\n")
}

// Ids that do not fit never become root.
func TestCVE_2024_40635_2026_30892(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	for arg, want := range map[string]string{"1": "1 0", "1:2": "1 2", "0:5": "0 5", "65534:65534": "65534 65534", "4294967294": "4294967294 0"} {
		c.execWith([]string{"-u", arg}, "sh", "-c", "echo $(id -u) $(id -g)").ok().prints(want + "\n")
	}
	for _, arg := range []string{"4294967296", "4294967295", "-1", "18446744073709551616", "1:", ":1", "1:4294967296", "0x10", "1 ", "user"} {
		c.execWith([]string{"-u", arg}, "id").exits(255).prints("")
	}
	bad := b.container()
	text := strings.Replace(b.read(filepath.Join(bad.bundle, "config.json")), `"uid": 0`, `"uid": 4294967296`, 1)
	b.write(filepath.Join(bad.bundle, "config.json"), text, 0o644)
	bad.run().fails(1, "process.user.uid").prints("")
}

// /dev/null of the image is something else: a masked path is not made to show
// it, and the standard streams are not opened on it.
func TestCVE_2025_31133_2026_88265(t *testing.T) {
	for name, prepare := range map[string]func(b *box, null, victim string){
		"symlink to the host":  func(b *box, null, victim string) { b.symlink(victim, null) },
		"symlink to proc":      func(b *box, null, _ string) { b.symlink("/proc/sys/kernel/core_pattern", null) },
		"symlink up":           func(b *box, null, victim string) { b.symlink("../../../../../../.."+victim, null) },
		"regular file":         func(b *box, null, _ string) { b.write(null, "fake null", 0o666) },
		"directory":            func(b *box, null, _ string) { b.mkdir(null) },
		"another device":       func(b *box, null, _ string) { b.mknod(null, 1, 7) },
		"dangling to the host": func(b *box, null, victim string) { b.symlink(victim+".new", null) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			victim, untouched := b.victim()
			core := b.read("/proc/sys/kernel/core_pattern")
			c := b.container(noMount("/dev"), noMount("/dev/pts"), noMount("/dev/shm"), noMount("/dev/mqueue"), user(1000, 1000),
				func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/etc/secret"} },
				script("cat /etc/secret; stat -c '%F %t:%T' /etc/secret /dev/null"))
			b.write(filepath.Join(c.rootfs(), "etc/secret"), "hidden\n", 0o644)
			prepare(b, filepath.Join(c.rootfs(), "dev/null"), victim)
			r := c.run()
			if r.code == 0 {
				r.prints("character special file 1:3\ncharacter special file 1:3\n")
			} else {
				r.fails(1, "null").prints("")
			}
			untouched()
			equal(b, "the host's core pattern", b.read("/proc/sys/kernel/core_pattern"), core)
			b.checkLeaks()
		})
	}
}

// The same where /dev is a directory of the image's maker, in which nothing is
// made: nothing but the null device is taken for a mask.
func TestCVE_2025_31133_BoundDev(t *testing.T) {
	for name, prepare := range map[string]func(b *box, null string){
		"symlink": func(b *box, null string) { b.symlink("/etc/secret", null) }, "file": func(b *box, null string) { b.write(null, "fake null", 0o666) },
		"device": func(b *box, null string) { b.mknod(null, 1, 5) }, "nothing": func(b *box, null string) { b.mkdir(filepath.Dir(null)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			prepare(b, b.path("dev/null"))
			c := b.container(noMount("/dev"), noMount("/dev/pts"), noMount("/dev/shm"), noMount("/dev/mqueue"), mount("/dev", "bind", b.path("dev"), "bind"),
				func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/etc/masked"} }, script("cat /etc/masked; stat -c '%F %t:%T' /etc/masked"))
			b.write(filepath.Join(c.rootfs(), "etc/masked"), "hidden\n", 0o644)
			b.write(filepath.Join(c.rootfs(), "etc/secret"), "secret\n", 0o644)
			c.run().fails(1, "linux.maskedPaths[0] /etc/masked", "/dev/null").prints("")
		})
	}
}

func (b *box) mknod(path string, major, minor uint32) {
	b.Helper()
	b.mkdir(filepath.Dir(path))
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor))); err != nil {
		b.Fatalf("mknod %s: %v", path, err)
	}
}

// Names below /dev/pts and /dev/console that the image prepared are not taken
// for the terminal.
func TestCVE_2025_52565_2026_88264(t *testing.T) {
	for name, link := range map[string]string{
		"absolute": "", "to proc": "/proc/sys/kernel/core_pattern", "up": "../../../../../../../..",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			victim, untouched := b.victim()
			core := b.read("/proc/sys/kernel/core_pattern")
			target := link
			if name != "to proc" {
				target = link + victim
			}
			c := b.container(noMount("/dev"), noMount("/dev/shm"), noMount("/dev/mqueue"), terminal(0, 0),
				script("tty; stat -c '%F' /dev/console; echo typed >/dev/console; echo end"))
			b.symlink(target, filepath.Join(c.rootfs(), "dev/console"))
			b.symlink(target, filepath.Join(c.rootfs(), "dev/pts/0"))
			b.symlink(target+".new", filepath.Join(c.rootfs(), "dev/ptmx"))
			socket := b.listenConsole()
			if r := c.runDetached("--console-socket", socket.path); r.code == 0 {
				p, _ := socket.receive()
				p.expect("end\r\n")
			} else {
				r.fails(1, "/dev")
			}
			untouched()
			equal(b, "the host's core pattern", b.read("/proc/sys/kernel/core_pattern"), core)
		})
	}
}

// /dev of the image is a symlink to a directory of the host: nothing is made
// and nothing removed there.
func TestCVE_2026_41579_2026_47766(t *testing.T) {
	for name, withMount := range map[string]bool{"with a mount on /dev": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			victim := b.path("hostdev")
			b.write(filepath.Join(victim, "ptmx"), "of the host", 0o644)
			mods := []mod{args("true"), device("/dev/fuse", "c", 10, 229, 0o666, 0, 0)}
			if !withMount {
				mods = append(mods, noMount("/dev"), noMount("/dev/pts"), noMount("/dev/shm"), noMount("/dev/mqueue"))
			}
			c := b.container(mods...)
			b.remove(filepath.Join(c.rootfs(), "dev"))
			b.symlink(victim, filepath.Join(c.rootfs(), "dev"))
			if r := c.run(); r.code != 0 {
				r.fails(1, "/dev")
			}
			entries, _ := os.ReadDir(victim)
			if len(entries) != 1 || b.read(filepath.Join(victim, "ptmx")) != "of the host" {
				b.Errorf("the host's directory holds %v", entries)
			}
		})
	}
}

// Masked and read-only paths are resolved once and in the root, also when the
// image makes them symlinks or swaps them.
func TestGHSA_3q8j_pf29_vwv8(t *testing.T) {
	b := newBox(t)
	victim, untouched := b.victim()
	b.chown(victim, 0, 0, 0o600)
	c := b.container(func(s *specs.Spec) {
		s.Linux.MaskedPaths = append(s.Linux.MaskedPaths, "/swap/file", "/link")
		s.Linux.ReadonlyPaths = append(s.Linux.ReadonlyPaths, "/swap/file", "/swap", "/link")
	})
	b.write(filepath.Join(c.rootfs(), "swap/file"), "secret", 0o644)
	b.symlink(filepath.Dir(victim), filepath.Join(c.rootfs(), "dirlink"))
	b.symlink(victim, filepath.Join(c.rootfs(), "link"))
	b.swapping(filepath.Join(c.rootfs(), "swap"), filepath.Join(c.rootfs(), "dirlink"))
	for range rounds(30, 5) {
		if r := c.run(); r.code != 0 {
			r.exits(1)
		}
		untouched()
	}
	b.write(victim, "of the host\n", 0o600) // still writable: nothing made it read-only
}

// The root becomes read-only without the help of a /proc that the image brings.
func TestCVE_2026_115521(t *testing.T) {
	b := newBox(t)
	c := b.container(noMount("/proc"), noMasks(), readonlyRoot(), mount("/ro", "bind", b.dir, "bind", "ro"),
		script("echo x 2>/dev/null >/file || echo read-only; echo x 2>/dev/null >/ro/file || echo read-only"))
	for fd := range 20 {
		b.symlink("/tmp", filepath.Join(c.rootfs(), "proc/self/fd", fmt.Sprint(fd)))
		b.symlink("/tmp", filepath.Join(c.rootfs(), "proc/thread-self/fd", fmt.Sprint(fd)))
	}
	c.run().ok().prints("read-only\nread-only\n")
	if exists(filepath.Join(c.rootfs(), "file")) {
		b.Error("the file was made")
	}
}

// A process that exec adds stays below the container's cgroup, also where
// another cgroup's name begins like it.
func TestExecCgroupEscape(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	other := b.container(sleeping())
	other.id = c.id + "x"
	other.configure(sleeping())
	other.runDetached().ok()
	for _, path := range []string{"../" + other.id, "..", "/../" + other.id, "a/../../" + other.id} {
		r := c.execWith([]string{"--cgroup", path}, "cat", "/proc/self/cgroup")
		r.exits(255).prints("")
	}
	equal(b, "processes of the other container", len(psPids(other)), 1)
}
