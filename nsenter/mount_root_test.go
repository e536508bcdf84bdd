//go:build integration

package nsenter

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFakeNull masks a file in roots whose /dev/null is something else: the mask must be the null device all the same.
func TestFakeNull(t *testing.T) {
	for _, tc := range []struct {
		name  string
		setup func(*testing.T, string)
	}{
		{"link (CVE-2025-31133)", symlink("/etc/secret", "dev/null")},
		{"file", file("dev/null")},
		{"missing", nil},
		{"link on the way", func(t *testing.T, root string) { symlink("tmp", "dev")(t, root); file("tmp/null")(t, root) }},
		{"another device", func(t *testing.T, root string) {
			if err := unix.Mknod(filepath.Join(root, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := busyboxRoot(t)
			file("etc/masked")(t, root)
			file("etc/secret")(t, root)
			if tc.setup != nil {
				tc.setup(t, root)
			}
			mask := MountMask{Root: slotRoot, Path: "/etc/masked", Null: slotNull, Empty: slotEmpty}
			expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{mask},
				shell("stat -c '%F %t:%T' /etc/masked; chmod 0 /etc/masked 2>&- || echo refused; cat /etc/masked /etc/secret"))},
				"character special file 1:3\nrefused\nx")
			t.Run("after the pivot", func(t *testing.T) {
				items := concat(enter(root), []InitOp{RootPivot{Root: slotRoot}}, []InitOp{MountMask{Root: NoSlot, Path: "/etc/masked", Null: slotNull, Empty: slotEmpty}})
				if out := (launch{clone: isolated, items: items}).run(t); out.err == nil || out.err.Index != len(items)-1 {
					t.Errorf("got %v, want a refusal: there is no null device to be had", out.err)
				}
			})
		})
	}
}

// TestCopyUp wants the covered directory's content in the tmpfs, with owners, modes and links, and the directory itself untouched.
func TestCopyUp(t *testing.T) {
	root := busyboxRoot(t)
	for _, c := range [][]string{
		{"mkdir", "-p", "a/sub/deep"},
		{"sh", "-c", "echo content >a/sub/file; head -c 3000000 /dev/zero >a/big; ln -s ../out a/link; mkfifo a/fifo"},
		{"chown", "-h", "7:8", "a/sub/file", "a/link", "a/sub"},
		{"chmod", "4751", "a/sub/file"},
		{"chmod", "1733", "a/sub", "a"},
	} {
		cmd := exec.Command(c[0], c[1:]...)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
	}
	const list = "cd /a; stat -c '%n %F %a %u:%g %s' sub sub/file big link fifo . | grep -v directory; stat -c '%n %a %u:%g' sub .; cat sub/file; stat -f -c %T ."
	tmp := tmpfsAt("/a", FlagMountCopyup|FlagMountInheritmode)
	tmp.Attr = unix.MOUNT_ATTR_RDONLY
	expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{procfs, tmp}, shell(list+"; (echo x >y) 2>/dev/null || echo readonly"))},
		"sub/file regular file 4751 7:8 8\nbig regular file 644 0:0 3000000\nlink symbolic link 777 7:8 6\nfifo fifo 644 0:0 0\n"+
			"sub 1733 7:8\n. 1733 0:0\ncontent\ntmpfs\nreadonly")
	if _, err := os.Stat(filepath.Join(root, "a/y")); err == nil {
		t.Error("the covered directory was written to")
	}
}

func TestInheritMode(t *testing.T) {
	root := busyboxRoot(t)
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o1751|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{
		tmpfsAt("/tmp", FlagMountMkdir|FlagMountInheritmode),
		tmpfsAt("/new", FlagMountMkdir|FlagMountInheritmode),
	}, shell("stat -c '%n %a' /tmp /new"))}, "/tmp 1751\n/new 1777")
}

// TestBind has binds with attributes for the top, the tree and both.
func TestBind(t *testing.T) {
	root := busyboxRoot(t)
	bind := func(path string, change func(*MountBind)) MountBind {
		b := MountBind{Root: slotRoot, Path: path, Source: filepath.Join(root, "tmp"), From: NoSlot, Userns: NoSlot, Flags: FlagMountMkauto | FlagMountRecursive}
		if change != nil {
			change(&b)
		}
		return b
	}
	const ro, noexec, noatime = unix.MOUNT_ATTR_RDONLY, unix.MOUNT_ATTR_NOEXEC, unix.MOUNT_ATTR_NOATIME
	sub := tmpfsAt("/tmp/sub", FlagMountMkdir)
	expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{
		procfs, tmpfsAt("/tmp", 0), sub,
		func() InitOp { b := bind("/plain", nil); b.Source = filepath.Join(root, "tmp"); return b }(),
		bind("/top", func(b *MountBind) { b.AttrSet = ro }),
		bind("/tree", func(b *MountBind) { b.RecSet = ro | noexec }),
		bind("/both", func(b *MountBind) {
			b.RecSet, b.AttrClr, b.AttrSet = ro, ro|unix.MOUNT_ATTR__ATIME, noatime
		}),
		bind("/flat", func(b *MountBind) { b.Flags = FlagMountMkauto; b.Propagation = unix.MS_SHARED }),
		bind("/f/file", func(b *MountBind) { b.Source, b.AttrSet, b.AttrClr = "/etc/hostname", ro, unix.MOUNT_ATTR__ATIME }),
		bind("/optional/no", func(b *MountBind) { b.Flags = FlagMountOptional }),
	}, shell("grep -E ' /(plain|top|tree|both|flat|f)(/| )' /proc/self/mountinfo | while read id par dev r p o rest; do case $rest in shared*) s=shared;; *) s=;; esac; echo $p ${o#r[ow],} ${o%%,*} $s; done | sed 's/relatime//; s/,*$//; s/ ,/ /' | sort"))},
		strings.Join([]string{
			"/both noatime rw", "/both/sub  ro", "/f/file  ro", "/flat  rw shared", "/plain  rw", "/plain/sub  rw",
			"/top  ro", "/top/sub  rw", "/tree noexec, ro", "/tree/sub noexec, ro",
		}, "\n"))
}

// TestSharedHost begins in a tree that is shared with another mount namespace: the container must come up, and nothing of it may
// show there.
func TestSharedHost(t *testing.T) {
	root := busyboxRoot(t)
	for _, tc := range []struct {
		name  string
		flags uint32
		step  InitStep
	}{
		{"parent made private", FlagRootPrivateparent, StepNone},
		{"parent stays shared", 0, StepPivotRoot},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := launch{clone: isolated, items: concat([]InitOp{
				MountPropagation{Root: NoSlot, Path: "/", Flags: unix.MS_REC | unix.MS_PRIVATE},
				MountPropagation{Root: NoSlot, Path: "/", Flags: unix.MS_REC | unix.MS_SHARED},
				RootOpen{Path: root, Root: slotRoot, Flags: tc.flags},
				procfs,
			}, shell("while read a b c d e f; do echo $e; done </proc/self/mountinfo"))}.run(t)
			switch {
			case tc.step == StepNone && (out.err != nil || strings.TrimSpace(out.stdout) != "/\n/proc"):
				t.Errorf("error %v, mounts:\n%s", out.err, out.stdout)
			case tc.step != StepNone && (out.err == nil || out.err.Step != tc.step):
				t.Errorf("got %v, want %v", out.err, tc.step)
			}
		})
	}
}

func TestNoPivot(t *testing.T) {
	root := busyboxRoot(t)
	end := shell("while read a b c d e f; do echo $e; done </proc/self/mountinfo; ls /")
	items := concat(enter(root), []InitOp{procfs, RootChroot{Root: slotRoot}}, end[1:])
	out := launch{clone: isolated, items: items}.run(t)
	if out.err != nil || !strings.HasSuffix(out.stdout, "/\n/proc\nbin\ndev\netc\nproc\nsys\ntmp\n") {
		t.Errorf("error %v, output:\n%s", out.err, out.stdout)
	}
	items = plan(append([]InitOp{RootOpen{Path: root, Root: slotRoot, Flags: FlagRootPlain}, RootChroot{Root: slotRoot, Flags: FlagRootPlain}}, shell("ls /")[1:]...)...)
	expect(t, launch{items: items}, "bin\ndev\netc\nproc\nsys\ntmp")
}

// TestConsole makes a terminal, binds it, and talks through it.
func TestConsole(t *testing.T) {
	var master *os.File
	end := shell("echo hello; stat -c '%F %u' /dev/console; stat -c %u /dev/pts/0; stty size 2>/dev/null || busybox stty size; echo x >/dev/tty && echo controlling")
	end = append(append([]InitOp{}, end[0], ProcSetsid{}, ConsoleAttach{Tty: slotExtra}), end[1:]...)
	mknod := FsMknod{Root: slotRoot, Path: "/dev/tty", Mode: unix.S_IFCHR | 0o666, Major: 5, Minor: 0}
	l := launch{clone: isolated, items: concat(enter(busyboxRoot(t)), []InitOp{
		mknod, devpts,
		ConsoleOpen{Root: slotRoot, Ptmx: "/dev/pts/ptmx", Target: "/dev/console", Rows: 33, Cols: 77, Uid: 12, Gid: ^uint32(0), Point: 4, Tty: slotExtra},
	}, end)}
	l.onSync = func(t *testing.T, _ *Child, e Event) []*os.File {
		if len(e.Files) != 1 {
			t.Errorf("%d descriptors, want 1", len(e.Files))
			return nil
		}
		fd, err := unix.FcntlInt(e.Files[0].Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
		}
		master = os.NewFile(uintptr(fd), "master")
		return nil
	}
	out := l.run(t)
	if out.err != nil {
		t.Fatal(out.err)
	}
	defer master.Close()
	got, err := io.ReadAll(master) // may come in parts; the end is EIO
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	want := "hello\r\ncharacter special file 12\r\n12\r\n33 77\r\nx\r\ncontrolling\r\n"
	if string(got) != want {
		t.Errorf("terminal says %q, want %q", got, want)
	}
}

// TestHook runs programs beside the container and wants their fate reported.
func TestHook(t *testing.T) {
	state, err := os.CreateTemp(t.TempDir(), "state")
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	if _, err := state.WriteString(`{"id":"x"}` + "\n"); err != nil {
		t.Fatal(err)
	}
	hook := func(script string, timeout uint64) HookRun {
		return HookRun{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"ONLY=this"}, TimeoutMs: timeout, State: slotExtra}
	}
	run := func(t *testing.T, keep []*os.File, ops ...InitOp) outcome {
		t.Helper()
		return launch{clone: isolated, keep: keep, slots: map[Slot]*os.File{slotExtra: state}, items: concat(enter(busyboxRoot(t)), []InitOp{procfs, RootPivot{Root: slotRoot}}, ops)}.run(t)
	}
	t.Run("good", func(t *testing.T) {
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		h := hook("/bin/cat; echo $0 $ONLY; for fd in 0 1 2 3 4 5 6 7 8 9; do if [ -e /proc/$$/fd/$fd ]; then echo $fd; fi; done; umask", 60000)
		out := run(t, []*os.File{null}, h, h)
		once := "{\"id\":\"x\"}\nsh this\n0\n1\n2\n0022\n"
		if out.err != nil || out.stdout != once+once {
			t.Errorf("error %v, output %q, want %q twice", out.err, out.stdout, once)
		}
	})
	for _, tc := range []struct {
		name   string
		hook   HookRun
		step   InitStep
		errno  unix.Errno
		value  int64
		detail string
	}{
		{"exit status", hook("exit 3", 0), StepHookExit, 0, 3, "exit status 3"},
		{"signal", hook("kill -TERM $$", 0), StepHookSignal, 0, 15, "signal 15"},
		{"timeout", hook("while :; do :; done", 100), StepHookTimeout, unix.ETIMEDOUT, 100, "timed out"},
		{"missing", HookRun{Path: "/bin/none", State: NoSlot}, StepExecve, unix.ENOENT, 0, "/bin/none"},
		{"directory", HookRun{Path: "/bin", State: NoSlot}, StepExecve, unix.EACCES, 0, "/bin"},
		{"no arguments", HookRun{Path: "/bin/busybox", State: NoSlot}, StepNone, 0, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out := run(t, nil, tc.hook)
			if tc.step == StepNone {
				if out.err != nil {
					t.Error(out.err)
				}
				return
			}
			if e := out.err; e == nil || e.Step != tc.step || e.Errno != tc.errno || e.Value != tc.value || e.Detail != tc.detail {
				t.Errorf("got %+v, want %v %v %d %q", e, tc.step, tc.errno, tc.value, tc.detail)
			}
		})
	}
}

// TestHostGoesAway wants an init whose host side dies to end, in silence.
func TestHostGoesAway(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c, err := (&Launch{
		Plan: &Plan{Items: plan(SyncWait{Point: 1, Into: NoSlot})}, Executable: executable(t), Stdio: [3]*os.File{null, null, null}, CloneFlags: isolated,
	}).Start()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.Next(ctx); err != nil {
		t.Fatal(err)
	}
	c.closeSocket()
	st, err := c.Wait()
	if err != nil || st.ExitStatus() != 1 {
		t.Errorf("status %#x, error %v, want exit status 1", st, err)
	}
}

// TestReceivedDescriptors lets the host side hand descriptors over in the middle of a plan.
func TestReceivedDescriptors(t *testing.T) {
	l := launch{clone: isolated, items: concat(enter(busyboxRoot(t)), []InitOp{
		SyncWait{Point: 1, Into: slotExtra},
		MountBind{Root: slotRoot, Path: "/etc/one", From: slotExtra, Userns: NoSlot, Flags: FlagMountMkauto | FlagMountTree},
		MountBind{Root: slotRoot, Path: "/etc/two", From: slotExtra + 1, Userns: NoSlot, Flags: FlagMountMkauto | FlagMountTree},
		SyncSend{Point: 2, Fd: slotExtra + 1},
	}, shell("cat /etc/one; ls -d /etc/two/passwd"))}
	var sent int
	l.onSync = func(t *testing.T, _ *Child, e Event) []*os.File {
		if e.Point == 2 {
			sent = len(e.Files)
			return nil
		}
		var files []*os.File
		for _, p := range []string{"/etc/hostname", "/etc"} {
			fd, err := unix.OpenTree(unix.AT_FDCWD, p, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, os.NewFile(uintptr(fd), p))
		}
		return files
	}
	name, err := os.ReadFile("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	expect(t, l, strings.TrimSpace(string(name))+"\n/etc/two/passwd")
	if sent != 1 {
		t.Errorf("%d descriptors came, want 1", sent)
	}
}
