//go:build integration

package nsenter

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// mappedUserns returns a user namespace that maps 0 to 100000.
func mappedUserns(t *testing.T) *os.File {
	t.Helper()
	cmd := exec.Command("/bin/cat")
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: maps, GidMappings: maps}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
	in.Close()
	cmd.Wait()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

const mountLines = "while read a b c root point opts rest; do case $point in /m*) echo $point $opts ${rest##* };; esac; done </proc/self/mountinfo"

// TestMake has filesystems that are made first and mounted later.
func TestMake(t *testing.T) {
	root := busyboxRoot(t)
	if err := os.Mkdir(filepath.Join(root, "m"), 0o2750); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "m"), 0o750|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	file("m/copied")(t, root)
	bind := MountBind{Root: slotRoot, Path: "/m", From: slotExtra, Userns: NoSlot, Flags: FlagMountTree | FlagMountMkdir}
	t.Run("mapped", func(t *testing.T) {
		var u unix.Utsname
		if err := unix.Uname(&u); err != nil {
			t.Fatal(err)
		}
		release := unix.ByteSliceToString(u.Release[:])
		var major, minor int
		if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil || major < 6 || major == 6 && minor < 3 {
			t.Skipf("tmpfs has no id mappings before Linux 6.3, this is %s (%v)", release, err)
		}
		l := launch{clone: isolated, slots: map[Slot]*os.File{slotProc: mappedUserns(t)}, items: concat(enter(root), []InitOp{
			procfs, MountMake{Tree: slotExtra, Fstype: "tmpfs", Source: "x", Options: []string{"size=64k", "uid=5"}, Attr: unix.MOUNT_ATTR_NOSUID, Userns: slotProc}, bind,
		}, shell(mountLines+"; stat -c %u /m"))}
		expect(t, l, "/m rw,nosuid,relatime,idmapped rw,size=64k,uid=5\n100005")
	})
	t.Run("copy-up", func(t *testing.T) {
		b := bind
		b.Flags |= FlagMountCopyup | FlagMountInheritmode
		b.AttrSet = unix.MOUNT_ATTR_RDONLY
		expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{
			MountMake{Tree: slotExtra, Fstype: "tmpfs", Source: "x", Userns: NoSlot}, b,
		}, shell("stat -f -c %T /m; ls /m; stat -c %a /m; (echo >/m/x) 2>/dev/null || echo ro"))}, "tmpfs\ncopied\n2750\nro")
	})
	t.Run("unknown", func(t *testing.T) {
		out := launch{clone: isolated, items: concat(enter(root), []InitOp{MountMake{Tree: slotExtra, Fstype: "nonefs", Userns: NoSlot}})}.run(t)
		if e := out.err; e == nil || e.Step != StepFsopen || e.Errno != unix.ENODEV {
			t.Errorf("got %+v", e)
		}
	})
}

// TestLegacy mounts with mount(2): a value that fsconfig(2) refuses for its length, and nothing left of the way there.
func TestLegacy(t *testing.T) {
	root := busyboxRoot(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("l", 200), strings.Repeat("m", 100))
	if err := os.MkdirAll(long, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(long, "file"), []byte("deep\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	legacy := MountLegacy{
		Tree: slotExtra, Fstype: "overlay", Source: "over", Data: "lowerdir=" + long + ":" + root, Flags: unix.MS_DIRSYNC,
		Attr: unix.MOUNT_ATTR_NOATIME | unix.MOUNT_ATTR_NODEV, Userns: NoSlot,
	}
	bind := MountBind{Root: slotRoot, Path: "/m", From: slotExtra, Userns: NoSlot, Flags: FlagMountTree | FlagMountMkdir}
	out := launch{clone: isolated, items: concat(enter(root), []InitOp{procfs, legacy, bind},
		shell("cat /m/file; while read a b c root point opts rest; do echo $point $opts; done </proc/self/mountinfo"))}.run(t)
	begin, end := "deep\n", "\n/m rw,nodev,noatime\n" // in between are the root's flags, which are the host's
	if out.err != nil || !strings.HasPrefix(out.stdout, begin) || !strings.HasSuffix(out.stdout, end) {
		t.Errorf("error %v, output %q, want %q ... %q", out.err, out.stdout, begin, end)
	}
	legacy.Data = "lowerdir=/none:/nothing"
	out = launch{clone: isolated, items: concat(enter(root), []InitOp{legacy})}.run(t)
	if e := out.err; e == nil || e.Step != StepMount || e.Errno != unix.ENOENT || e.Detail != "overlay" {
		t.Errorf("got %+v", e)
	}
}

func TestReconfigure(t *testing.T) {
	root := busyboxRoot(t)
	items := func(options ...string) []Item {
		return concat(enter(root), []InitOp{
			procfs,
			MountFs{Root: slotRoot, Path: "/m", Fstype: "tmpfs", Source: "x", Options: []string{"size=64k"}, Flags: FlagMountMkdir},
			MountReconfigure{Root: slotRoot, Path: "/m", Options: options},
		}, shell(mountLines))
	}
	expect(t, launch{clone: isolated, items: items("size=128k", "ro")}, "/m rw,relatime ro,size=128k")
	out := launch{clone: isolated, items: items("size=some")}.run(t)
	if e := out.err; e == nil || e.Step != StepFsconfig || e.Errno != unix.EINVAL || !strings.Contains(e.Detail, "size") {
		t.Errorf("got %+v", e)
	}
	items1 := concat(enter(root), []InitOp{MountReconfigure{Root: slotRoot, Path: "/etc"}})
	if out := (launch{clone: isolated, items: items1}).run(t); out.err == nil || out.err.Step != StepFspick || out.err.Errno != unix.EINVAL {
		t.Errorf("no mount point: got %+v", out.err)
	}
}

// TestLinks has a source and a target that are symbolic links.
func TestLinks(t *testing.T) {
	root := busyboxRoot(t)
	src := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("else/where", src); err != nil {
		t.Fatal(err)
	}
	bind := func(path, source string, flags uint32) MountBind {
		return MountBind{Root: slotRoot, Path: path, Source: source, From: NoSlot, Userns: NoSlot, Flags: FlagMountMkauto | flags}
	}
	copied := bind("/tmp/new/link", src, FlagMountCopylink)
	expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{
		copied, copied, bind("/tmp/plain", "/etc/hostname", FlagMountCopylink), bind("/tmp/self", src, FlagMountSrcnofollow),
	}, shell("stat -c '%N %F' /tmp/new/link /tmp/plain /tmp/self"))},
		"'/tmp/new/link' -> 'else/where' symbolic link\n/tmp/plain regular file\n'/tmp/self' -> 'else/where' symbolic link")
	for path, name := range map[string]string{"/bin/sh": "another link", "/etc": "a directory"} {
		out := launch{clone: isolated, items: concat(enter(root), []InitOp{bind(path, src, FlagMountCopylink)})}.run(t)
		if e := out.err; e == nil || e.Step != StepSymlinkat || e.Errno != unix.EEXIST || e.Detail != path {
			t.Errorf("onto %s: got %+v", name, e)
		}
	}
	symlink("/etc/passwd", "tmp/target")(t, root)
	expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{
		bind("/tmp/target", "/etc/hostname", FlagMountOnlink), bind("/tmp/missing", "/etc/hostname", FlagMountOnlink),
	}, shell("stat -c %F /tmp/target /tmp/missing; ls /etc"))}, "regular file\nregular file")
}

// TestAttachedRoot has a root that comes as a detached tree, as from a directory that the container's user cannot enter.
func TestAttachedRoot(t *testing.T) {
	root := busyboxRoot(t)
	fd, err := unix.OpenTree(unix.AT_FDCWD, root, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		t.Fatal(err)
	}
	tree := os.NewFile(uintptr(fd), root)
	defer tree.Close()
	expect(t, launch{clone: isolated, slots: map[Slot]*os.File{slotRoot: tree}, items: concat([]InitOp{
		MountPropagation{Root: NoSlot, Path: "/", Flags: unix.MS_REC | unix.MS_SLAVE},
		RootAttach{Root: slotRoot, Propagation: unix.MS_REC | unix.MS_SLAVE},
		procfs,
	}, shell("cd /; ls; cd ..; ls -d bin; while read a b c root point opts rest; do echo $point; done </proc/self/mountinfo"))},
		"bin\ndev\netc\nproc\nsys\ntmp\nbin\n/\n/proc")
}
