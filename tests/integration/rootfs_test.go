//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func readonlyRoot() mod { return func(s *specs.Spec) { s.Root.Readonly = true } }

func TestReadonlyRoot(t *testing.T) {
	b := newBox(t)
	c := b.container(readonlyRoot(), mount("/made/here", "tmpfs", "tmpfs"),
		script("echo x 2>/dev/null >/file || echo root; echo x >/made/here/f && echo mount; echo x >/dev/shm/f && echo shm; echo x >/dev/f && echo dev"))
	c.run().ok().prints("root\nmount\nshm\ndev\n")
	if exists(filepath.Join(c.rootfs(), "file")) {
		b.Error("the file was made")
	}
}

// An absolute root path outside the bundle.
func TestAbsoluteRoot(t *testing.T) {
	b := newBox(t)
	c := b.container(args("cat", "/etc/marker"))
	other := b.path("other root")
	makeBusyboxRoot(b, other)
	b.write(filepath.Join(other, "etc/marker"), "other\n", 0o644)
	c.configure(args("cat", "/etc/marker"), func(s *specs.Spec) { s.Root.Path = other })
	c.run().ok().prints("other\n")
}

// Nothing above the root can be reached, and the old root is gone.
func TestRootIsSwitched(t *testing.T) {
	for name, flags := range map[string][]string{"pivot": nil, "no pivot": {"--no-pivot"}} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			c := b.container(script(inspection + "ls -a /.. >&2; cd /; cd ..; ls -d tmp/mrt* >&2; ls /proc/1/root/ >/dev/null && true"))
			r := c.run(flags...).ok()
			v := b.parseView(r.stdout)
			if strings.Contains(r.stderr, "tmp/mrt") && !strings.Contains(r.stderr, "No such file") {
				b.Errorf("the host's /tmp is seen: %s", r.stderr)
			}
			equal(b, "type of the root's mount", v.mount("/").fstype != "", true)
		})
	}
}

func TestRootfsPropagation(t *testing.T) {
	for mode, want := range map[string]string{"": "", "private": "", "rprivate": "", "slave": "", "rslave": "", "unbindable": "unbindable", "shared": "shared:"} {
		t.Run("mode "+mode, func(t *testing.T) {
			b := newBox(t)
			v := b.container(script(inspection), rootfsPropagation(mode)).inspect()
			tags := strings.Join(v.mount("/").tags, " ")
			if want != "" && !strings.Contains(tags, want) || want == "" && strings.Contains(tags, "shared:") {
				b.Errorf("propagation of / is %q, want %q", tags, want)
			}
			if strings.Contains(b.read("/proc/self/mountinfo"), b.dir) {
				b.Error("a mount of the container is seen on the host")
			}
		})
	}
}

func TestMaskedPaths(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) {
		s.Linux.MaskedPaths = []string{"/secret", "/etc/secret", "/proc/timer_list", "/not/there"}
	}, script(`cat /etc/secret; echo "code $?"; ls /secret; stat -c %a /etc/secret
		(echo x >/etc/secret) && echo discarded; (echo x >/secret/x) 2>/dev/null || echo read-only; cat /proc/timer_list`))
	b.write(filepath.Join(c.rootfs(), "secret/f"), "hidden", 0o644)
	b.write(filepath.Join(c.rootfs(), "etc/secret"), "hidden", 0o644)
	c.run().ok().prints("code 0\n666\ndiscarded\nread-only\n")
	if exists(filepath.Join(c.rootfs(), "not")) {
		b.Error("a masked path that is not there was made")
	}
	equal(b, "masked file", b.read(filepath.Join(c.rootfs(), "etc/secret")), "hidden")
}

func TestReadonlyPaths(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) {
		s.Linux.ReadonlyPaths = []string{"/fixed", "/etc/fixed", "/proc/sys", "/not/there"}
	}, script(`cat /fixed/f /etc/fixed; for f in /fixed/f /etc/fixed /proc/sys/kernel/domainname; do
		(echo x >$f) 2>/dev/null || echo refused; done; echo x >/etc/free && echo free; grep ' /fixed ' /proc/self/mountinfo | cut -d' ' -f6`))
	b.write(filepath.Join(c.rootfs(), "fixed/f"), "one\n", 0o644)
	b.write(filepath.Join(c.rootfs(), "etc/fixed"), "two\n", 0o644)
	out := c.run().ok().stdout
	b.contains("output", out, "one\ntwo\nrefused\nrefused\nrefused\nfree\nro")
}

// Read-only paths keep the flags of the mount they are on.
func TestReadonlyPathsKeepFlags(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection)).inspect()
	hasAll(b, "/proc/sys", v.mount("/proc/sys").options, "ro", "nosuid", "nodev", "noexec")
}

// A target that is a symlink ends inside the root, wherever it points.
func TestMountTargetSymlinks(t *testing.T) {
	for _, tc := range []struct{ name, link, lands string }{
		{"absolute", "/real", "real"},
		{"relative", "real", "real"},
		{"up", "../../../../../../real", "real"},
		{"dangling", "/made/by/mount", "made/by/mount"},
		{"dangling relative", "made", "made"},
		{"through another", "/second/dir", "real/dir"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBox(t)
			b.write(b.path("src/f"), "bound\n", 0o644)
			c := b.container(mount("/link", "bind", b.path("src"), "bind"), script("cat /link/f; cat /"+tc.lands+"/f"))
			b.mkdir(filepath.Join(c.rootfs(), "real"))
			b.symlink("real", filepath.Join(c.rootfs(), "second"))
			b.symlink(tc.link, filepath.Join(c.rootfs(), "link"))
			c.run().ok().prints("bound\nbound\n")
			if info, err := os.Lstat(filepath.Join(c.rootfs(), tc.lands)); err != nil || !info.IsDir() {
				b.Errorf("%s in the root is %v, %v", tc.lands, info, err)
			}
		})
	}
}

// The same for a file, and for a symlink in the middle of the path.
func TestMountTargetSymlinksOfFiles(t *testing.T) {
	b := newBox(t)
	b.write(b.path("src"), "bound\n", 0o644)
	c := b.container(mount("/etc/resolv.conf", "bind", b.path("src"), "bind"), mount("/outside/new/file", "bind", b.path("src"), "bind"),
		script("cat /etc/resolv.conf /run/real/resolv.conf /outside/new/file"))
	b.symlink("../run/real/resolv.conf", filepath.Join(c.rootfs(), "etc/resolv.conf"))
	victim := b.path("victim")
	b.mkdir(victim)
	b.symlink(victim, filepath.Join(c.rootfs(), "outside"))
	c.run().ok().prints("bound\nbound\nbound\n")
	if entries, _ := os.ReadDir(victim); len(entries) != 0 {
		b.Errorf("the host's directory got %v", entries)
	}
}

// Symlinks in a loop are an error, not a hang.
func TestMountTargetSymlinkLoop(t *testing.T) {
	b := newBox(t)
	c := b.container(mount("/loop/x", "tmpfs", "tmpfs"))
	b.symlink("/loop", filepath.Join(c.rootfs(), "loop"))
	c.run().fails(1, "/loop/x", "too many levels of symbolic links")
}

// A mount over a path whose parent is a file.
func TestMountTargetBelowFile(t *testing.T) {
	b := newBox(t)
	b.container(mount("/etc/passwd/x", "tmpfs", "tmpfs")).run().fails(1, "/etc/passwd/x", "not a directory")
}

// A directory cannot be bound on a file, nor a file on a directory.
func TestBindKindMismatch(t *testing.T) {
	b := newBox(t)
	b.mkdir(b.path("dir"))
	b.write(b.path("file"), "", 0o644)
	b.container(mount("/etc/passwd", "bind", b.path("dir"), "bind")).run().fails(1, "mounts[6]", "/etc/passwd")
	b.container(mount("/etc", "bind", b.path("file"), "bind")).run().fails(1, "mounts[6]", "/etc")
}

// Two containers on one root at once do not disturb each other.
func TestSharedRoot(t *testing.T) {
	b := newBox(t)
	first := b.sleeper(mount("/t", "tmpfs", "tmpfs"))
	second := b.container()
	second.configure(mount("/t", "tmpfs", "tmpfs"), script("echo x >/t/f; ls /t"), func(s *specs.Spec) { s.Root.Path = first.rootfs() })
	second.run().ok().prints("f\n")
	first.exec("ls", "/t").ok().prints("")
}
