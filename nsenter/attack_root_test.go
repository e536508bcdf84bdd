//go:build integration

package nsenter

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// refused is a plan that must fail at one step with one errno; the failing item is the last one.
type refused struct {
	name  string
	setup func(t *testing.T, root string)
	clone uintptr
	ops   []InitOp
	step  InitStep
	errno unix.Errno
}

func (r refused) check(t *testing.T) {
	t.Helper()
	root := busyboxRoot(t)
	if r.setup != nil {
		r.setup(t, root)
	}
	items := concat(enter(root), r.ops)
	out := launch{clone: isolated, items: items}.run(t)
	switch {
	case out.err == nil:
		t.Errorf("it went through, want %v: %v", r.step, r.errno)
	case out.err.Index != len(items)-1:
		t.Errorf("item %d failed (%v), want the last one, %d", out.err.Index, out.err, len(items)-1)
	case out.err.Step != r.step || out.err.Errno != r.errno:
		t.Errorf("got %v, want %v: %v", out.err, r.step, r.errno)
	case out.status.ExitStatus() != 1:
		t.Errorf("exit status %d, want 1", out.status.ExitStatus())
	}
}

func symlink(target, path string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		t.Helper()
		p := filepath.Join(root, path)
		if err := os.RemoveAll(p); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, p); err != nil {
			t.Fatal(err)
		}
	}
}

func file(path string) func(*testing.T, string) {
	return func(t *testing.T, root string) {
		t.Helper()
		p := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("x"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	procfs = MountFs{Root: slotRoot, Path: "/proc", Fstype: "proc", Source: "proc", Flags: FlagMountMkdir | FlagMountNofollow}
	tmpfs  = MountFs{Root: slotRoot, Path: "/tmp", Fstype: "tmpfs", Source: "tmpfs", Flags: FlagMountMkdir}
	devpts = MountFs{Root: slotRoot, Path: "/dev/pts", Fstype: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620"}, Flags: FlagMountMkdir}
)

func tmpfsAt(path string, flags uint32) MountFs {
	m := tmpfs
	m.Path, m.Flags = path, flags
	return m
}

// TestHostileRoot has a row for each way in which an image, or a path of the configuration that meets one, must not get through.
func TestHostileRoot(t *testing.T) {
	console := ConsoleOpen{Root: slotRoot, Ptmx: "/dev/pts/ptmx", Target: "/dev/console", Tty: slotExtra}
	for _, r := range []refused{
		{"magic link in a target", nil, 0, []InitOp{procfs, tmpfsAt("/proc/self/root/tmp", 0)}, StepOpenat2, unix.ELOOP},
		{"magic link made by the image", symlink("/proc/self/cwd/x", "l"), 0, []InitOp{procfs, tmpfsAt("/l", FlagMountMkdir)}, StepOpenat2, unix.ELOOP},
		{"procfs on a link (CVE-2023-27561)", symlink("tmp", "proc"), 0, []InitOp{procfs}, StepOpenat2, unix.ELOOP},
		{"procfs below a link (CVE-2025-54867)", symlink("tmp", "a"), 0, []InitOp{tmpfsAt("/a/proc", FlagMountMkdir|FlagMountNofollow)}, StepOpenat2, unix.ELOOP},
		{"mount inside procfs (CVE-2019-16884)", nil, 0, []InitOp{procfs, MountBind{Root: slotRoot, Path: "/proc/self/attr", Source: "/tmp", From: NoSlot, Userns: NoSlot}}, StepInsideProcfs, unix.EPERM},
		{"link into procfs", symlink("/proc/sys", "l"), 0, []InitOp{procfs, tmpfsAt("/l", 0)}, StepInsideProcfs, unix.EPERM},
		{"mount on a link to the root", symlink("/", "l"), 0, []InitOp{tmpfsAt("/l", 0)}, StepMoveMount, unix.EBUSY},
		{"mask on a link to the root", symlink("tmp/..", "l"), 0, []InitOp{MountMask{Root: slotRoot, Path: "/l", Null: slotProc, Empty: slotExtra}}, StepMoveMount, unix.EBUSY},
		{"circle of links", func(t *testing.T, root string) { symlink("b", "a")(t, root); symlink("a", "b")(t, root) }, 0, []InitOp{tmpfsAt("/a/x", FlagMountMkdir)}, StepOpenat2, unix.ELOOP},
		{"file where a directory is needed", file("f"), 0, []InitOp{tmpfsAt("/f/x", FlagMountMkdir)}, StepOpenat2, unix.ENOTDIR},
		{"no target", nil, 0, []InitOp{tmpfsAt("/missing", 0)}, StepOpenat2, unix.ENOENT},
		{"ptmx is a file", file("dev/pts/ptmx"), 0, []InitOp{console}, StepVerifyDevice, unix.ENODEV},
		{"pts is a link", symlink("/tmp", "dev/pts"), 0, []InitOp{console}, StepVerifyDevice, unix.ENODEV},
		{"ptmx is a link", symlink("/dev/tty", "dev/pts/ptmx"), 0, []InitOp{console}, StepVerifyDevice, unix.ENODEV},
		{"something is mounted on ptmx (CVE-2025-52565)", nil, 0, []InitOp{devpts, MountBind{Root: slotRoot, Path: "/dev/pts/ptmx", Source: "/dev/null", From: NoSlot, Userns: NoSlot}, console}, StepOpenat2, unix.EXDEV},
		{"console is a link (CVE-2026-88264)", symlink("/etc/owned", "dev/console"), 0, []InitOp{devpts, console}, StepOpenat2, unix.ELOOP},
		{"device exists with other numbers", func(t *testing.T, root string) {
			if err := unix.Mknod(filepath.Join(root, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
				t.Fatal(err)
			}
		}, 0, []InitOp{FsMknod{Root: slotRoot, Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3, Flags: FlagFsExistok}}, StepVerifyDevice, unix.EEXIST},
		{"device is a link (CVE-2026-88265)", symlink("/dev/zero", "dev/null"), 0, []InitOp{FsMknod{Root: slotRoot, Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3, Flags: FlagFsExistok}}, StepVerifyDevice, unix.EEXIST},
		{"device exists", file("dev/null"), 0, []InitOp{FsMknod{Root: slotRoot, Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3}}, StepMknodat, unix.EEXIST},
		{"device to bind is another", nil, 0, []InitOp{FsDevbind{Root: slotRoot, Path: "/dev/null", Source: "/dev/zero", Mode: unix.S_IFCHR, Major: 1, Minor: 3}}, StepVerifyDevice, unix.ENODEV},
		{"sysctl leads out of sys", nil, 0, []InitOp{ProcfsOpen{Proc: slotProc}, SysctlWrite{Proc: slotProc, Path: "../sysrq-trigger", Value: "h"}}, StepOpenat2, unix.EXDEV},
		{"sysctl is missing", nil, 0, []InitOp{ProcfsOpen{Proc: slotProc}, SysctlWrite{Proc: slotProc, Path: "kernel/nothing", Value: "1"}}, StepOpenat2, unix.ENOENT},
		{"sysctl value is wrong", nil, 0, []InitOp{ProcfsOpen{Proc: slotProc}, SysctlWrite{Proc: slotProc, Path: "net/ipv4/ip_forward", Value: "x"}}, StepWrite, unix.EINVAL},
		{"attribute leads out of the process", nil, 0, []InitOp{ProcfsOpen{Proc: slotProc}, ProcAttr{Proc: slotProc, Path: "../sys/kernel/hostname", Value: "h"}}, StepOpenat2, unix.EXDEV},
		{"attribute through a magic link", nil, 0, []InitOp{ProcfsOpen{Proc: slotProc}, ProcAttr{Proc: slotProc, Path: "root/etc/passwd", Value: "h"}}, StepOpenat2, unix.ELOOP},
		{"no procfs", nil, 0, []InitOp{RootOpen{Path: "/tmp", Root: slotProc}, SysctlWrite{Proc: slotProc, Path: "x", Value: "1"}}, StepOpenat2, unix.ENOENT},
		{"root is a file", nil, 0, []InitOp{RootOpen{Path: "/etc/passwd", Root: slotRoot}}, StepOpenat2, unix.ENOTDIR},
		{"root leads out of its base", nil, 0, []InitOp{RootOpen{Base: "/usr", Path: "../etc", Root: slotRoot}}, StepOpenat2, unix.EXDEV},
		{"working directory outside (CVE-2024-21626)", nil, 0, []InitOp{procfs, RootPivot{Root: slotRoot}, ProcChdir{Path: "/proc/self/fd/3"}}, StepGetcwd, unix.ENOENT},
		{"unknown file system", nil, 0, []InitOp{MountFs{Root: slotRoot, Path: "/tmp", Fstype: "nofs"}}, StepFsopen, unix.ENODEV},
		{"unknown option", nil, 0, []InitOp{MountFs{Root: slotRoot, Path: "/tmp", Fstype: "tmpfs", Options: []string{"bogus=1"}}}, StepFsconfig, unix.EINVAL},
		{"missing bind source", nil, 0, []InitOp{MountBind{Root: slotRoot, Path: "/tmp", Source: "/no/such", From: NoSlot, Userns: NoSlot}}, StepOpenTree, unix.ENOENT},
		{"no mount point", nil, 0, []InitOp{MountAttr{Root: slotRoot, Path: "/tmp", AttrSet: unix.MOUNT_ATTR_RDONLY}}, StepMountSetattr, unix.EINVAL},
		{"empty slot", nil, 0, []InitOp{NsSetns{Ns: slotExtra}}, StepSetns, unix.EBADF},
	} {
		t.Run(r.name, func(t *testing.T) {
			if r.name == "working directory outside (CVE-2024-21626)" {
				r.checkWithLeak(t)
				return
			}
			r.check(t)
		})
	}
}

// checkWithLeak gives the container a descriptor of a host directory, as a buggy caller would.
func (r refused) checkWithLeak(t *testing.T) {
	t.Helper()
	dir, err := os.Open("/sys/fs/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	items := concat(enter(busyboxRoot(t)), r.ops)
	out := launch{clone: isolated, items: items, keep: []*os.File{dir}}.run(t)
	if out.err == nil || out.err.Step != r.step || out.err.Errno != r.errno {
		t.Errorf("got %v, want %v: %v", out.err, r.step, r.errno)
	}
}

// TestLinksStayInside follows links that lead out of the root, or nowhere, and wants their targets inside.
func TestLinksStayInside(t *testing.T) {
	for _, tc := range []struct{ name, link, target, path, made string }{
		{"absolute", "l", "/etc", "/l/new", "etc/new"},
		{"dangling", "l", "/srv/deep/er", "/l", "srv/deep/er"},
		{"dangling on the way", "l", "/srv", "/l/a/b", "srv/a/b"},
		{"dangling, relative", "d/l", "../x/y", "/d/l/z", "x/y/z"},
		{"up and out", "d/l", "../../../../../../up", "/d/l", "up"},
		{"two after another", "l", "m", "/l/n", "two/n"},
		{"slashes", "l", "//srv//", "///l///n///", "srv/n"},
		{"dots in the path", "l", "etc", "/../../l/./n", "etc/n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := busyboxRoot(t)
			symlink(tc.target, tc.link)(t, root)
			symlink("two", "m")(t, root)
			for _, op := range []InitOp{
				FsMkdir{Root: slotRoot, Path: tc.path + "/dir", Mode: 0o700},
				MountBind{Root: slotRoot, Path: tc.path + "/file", Source: "/etc/hostname", From: NoSlot, Userns: NoSlot, Flags: FlagMountMkauto},
				FsSymlink{Root: slotRoot, Path: tc.path + "/link", Target: "t"},
				tmpfsAt(tc.path, FlagMountMkdir),
			} {
				out := launch{clone: isolated, items: concat(enter(root), []InitOp{op})}.run(t)
				if out.err != nil {
					t.Fatalf("%s: %v", op.OpName(), out.err)
				}
			}
			for _, name := range []string{"dir", "file", "link"} {
				if _, err := os.Lstat(filepath.Join(root, tc.made, name)); err != nil {
					t.Error(err)
				}
			}
			st, err := os.Stat(filepath.Join(root, tc.made, "dir"))
			if err != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("mode %v, error %v, want 0700", st.Mode(), err)
			}
		})
	}
}
