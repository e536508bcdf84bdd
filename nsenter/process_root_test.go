//go:build integration

package nsenter

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// expect runs a plan whose program prints want.
func expect(t *testing.T, l launch, want string) {
	t.Helper()
	out := l.run(t)
	if out.err != nil {
		t.Fatalf("%s: %v", l.items[out.err.Index].String(), out.err)
	}
	// Whether a tmpfs has wide inode numbers, and says so, is the kernel's choice.
	if got := strings.ReplaceAll(strings.TrimSpace(out.stdout), ",inode64", ""); got != want || out.status != 0 {
		t.Errorf("output:\n%s\nstatus %#x, want:\n%s", got, out.status, want)
	}
}

func TestTryElse(t *testing.T) {
	item := func(name string, flags uint16, good bool) []Item {
		op := InitOp(UtsHostname{Name: name})
		if !good {
			op = NsSetns{Ns: NoSlot}
		}
		return []Item{{Op: op, Flags: flags}}
	}
	for _, tc := range []struct {
		name string
		mid  [][]Item
		want string
	}{
		{"failed", [][]Item{item("a", FlagOpTry, false), item("b", FlagOpElse, true)}, "b"},
		{"succeeded", [][]Item{item("a", FlagOpTry, true), item("b", FlagOpElse, true)}, "a"},
		{"second alternative", [][]Item{item("a", FlagOpTry, false), item("b", FlagOpTry|FlagOpElse, false), item("c", FlagOpElse, true)}, "c"},
		{"first of two alternatives", [][]Item{item("a", FlagOpTry, false), item("b", FlagOpTry|FlagOpElse, true), item("c", FlagOpElse, true)}, "b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			items := concat(enter(busyboxRoot(t)), []InitOp{procfs})
			for _, m := range tc.mid {
				items = append(items, m...)
			}
			items = append(items, plan(shell("cat /proc/sys/kernel/hostname")...)...)
			expect(t, launch{clone: isolated, items: items}, tc.want)
		})
	}
	t.Run("alternative fails", func(t *testing.T) {
		items := append(item("a", FlagOpTry, false), item("b", FlagOpElse, false)...)
		if out := (launch{clone: isolated, items: items}).run(t); out.err == nil || out.err.Index != 1 || out.err.Step != StepSetns {
			t.Errorf("got %v, want setns of item 1", out.err)
		}
	})
}

// TestFork goes on in a child, in pid and time namespaces that only a child can be in.
func TestFork(t *testing.T) {
	var pids []int
	l := launch{clone: unix.CLONE_NEWNS, items: plan(append([]InitOp{
		NsUnshare{Flags: unix.CLONE_NEWPID},
		ProcFork{},
		SyncWait{Point: 1, Into: NoSlot},
		NsUnshare{Flags: unix.CLONE_NEWTIME},
		NsTimens{Offsets: "monotonic 1000 5\nboottime 20000 0\n"},
	}, append(enter(busyboxRoot(t)), append([]InitOp{procfs}, shell("echo $$; cat /proc/self/timens_offsets | while read a b c; do echo $a $b $c; done")...)...)...)...)}
	l.onSync = func(t *testing.T, c *Child, _ Event) []*os.File {
		pids = append(pids, c.Pid())
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Pid()))
		if err != nil || !strings.Contains(string(b), fmt.Sprintf("NSpid:\t%d\t1\n", c.Pid())) {
			t.Errorf("process %d is not the first of a new pid namespace: %v", c.Pid(), err)
		}
		return nil
	}
	expect(t, l, "1\nmonotonic 1000 5\nboottime 20000 0")
	if len(pids) != 1 {
		t.Errorf("%d synchronisation points, want 1", len(pids))
	}
}

// TestUserNamespace sets a container up as root of a new user namespace, whose maps the host side writes.
func TestUserNamespace(t *testing.T) {
	root := busyboxRoot(t)
	for p := root; p != filepath.Clean(os.TempDir()); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(root, 100000, 100000); err != nil {
		t.Fatal(err)
	}
	l := launch{items: plan(append([]InitOp{
		NsUnshare{Flags: unix.CLONE_NEWUSER},
		SyncWait{Point: 1, Into: NoSlot},
		CredGroups{},
		CredUser{Flags: FlagCredKeepcaps},
		NsUnshare{Flags: isolated | unix.CLONE_NEWTIME},
		NsTimens{Offsets: "boottime 7 0\n"},
		ProcFork{},
	}, append(enter(root), []InitOp{
		procfs,
		MountFs{Root: slotRoot, Path: "/dev", Fstype: "tmpfs", Options: []string{"mode=755"}},
		FsDevbind{Root: slotRoot, Path: "/dev/null", Source: "/dev/null", Mode: unix.S_IFCHR, Major: 1, Minor: 3},
		MountFs{Root: slotRoot, Path: "/sys", Fstype: "sysfs", Attr: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC},
		ProcfsOpen{Proc: slotProc},
		SysctlWrite{Proc: slotProc, Path: "kernel/msgmax", Value: "9000"},
		MountMask{Root: slotRoot, Path: "/proc/version", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: slotRoot, Path: "/proc/uptime", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: slotRoot, Path: "/proc/tty", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: slotRoot, Path: "/sys/block", Null: slotNull, Empty: slotEmpty},
		RootPivot{Root: slotRoot},
		CapsBounding{Set: 1 << unix.CAP_CHOWN},
		CapsSet{Effective: 1, Permitted: 1},
		ProcExec{Args: []string{"/bin/sh", "-c", "id -u; cat /proc/sys/kernel/msgmax /proc/version /proc/uptime; ls /proc/tty /sys/block | grep -v :; stat -c %u /; echo x >/dev/null; grep CapEff /proc/self/status; grep boottime /proc/self/timens_offsets | while read a b c; do echo $a $b; done"}, Env: []string{"PATH=/bin"}},
	}...)...)...)}
	l.onSync = func(t *testing.T, c *Child, _ Event) []*os.File {
		for _, f := range []string{"uid_map", "gid_map"} {
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", c.Pid(), f), []byte("0 100000 65536\n"), 0); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	expect(t, l, "0\n9000\n\n0\nCapEff:\t0000000000000001\nboottime 7")
}

// TestJoin runs a program in the namespaces of another process, all joined at once by its pidfd.
func TestJoin(t *testing.T) {
	g := newGate(t)
	other := g.created(t, append(createdPlan(busyboxRoot(t), "/bin/sh")[:2:2], concat([]InitOp{UtsHostname{Name: "other"}}, opsOf(createdPlan(busyboxRoot(t), "/bin/sh")[2:]))...))
	expect(t, launch{slots: map[Slot]*os.File{slotExtra: other.PidFD()}, items: plan(
		NsSetns{Ns: slotExtra, Flags: isolated},
		ProcFork{},
		ProcChdir{Path: "/"},
		ProcExec{Args: []string{"/bin/sh", "-c", "cat /proc/sys/kernel/hostname; echo /proc/[0-9]*"}, Env: []string{"PATH=/bin"}},
	)}, "other\n/proc/1 /proc/2")
}

func opsOf(items []Item) []InitOp {
	var ops []InitOp
	for _, it := range items {
		ops = append(ops, it.Op.(InitOp))
	}
	return ops
}

func TestLookup(t *testing.T) {
	for _, tc := range []struct {
		name       string
		candidates []string
		errno      unix.Errno
		detail     string
	}{
		{"nothing", nil, unix.ENOENT, "prog"},
		{"missing", []string{"/a/prog", "/bin/prog"}, unix.ENOENT, "prog"},
		{"below a file", []string{"/bin/busybox/prog"}, unix.ENOENT, "prog"},
		{"not executable", []string{"/a/prog", "/etc/prog", "/b/prog"}, unix.EACCES, "/etc/prog"},
		{"directory", []string{"/tmp", "/a/prog"}, unix.EISDIR, "/tmp"},
		{"circle", []string{"/circle"}, unix.ELOOP, "/circle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := busyboxRoot(t)
			symlink("circle", "circle")(t, root)
			if err := os.WriteFile(filepath.Join(root, "etc/prog"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			out := launch{clone: isolated, items: concat(enter(root), []InitOp{RootPivot{Root: slotRoot}, ProcLookup{Name: "prog", Candidates: tc.candidates}})}.run(t)
			if out.err == nil || out.err.Step != StepLookup || out.err.Errno != tc.errno || out.err.Detail != tc.detail {
				t.Errorf("got %v, want lookup (%s): %v", out.err, tc.detail, tc.errno)
			}
		})
	}
}

// TestHome reads the image's /etc/passwd by number only, and survives what an image may put there.
func TestHome(t *testing.T) {
	const passwd = "0:x:5:0::/wrong:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\nbad\nn:x:99999999999999999999:0::/no:\nrel:x:7:7::home/rel:/bin/sh\nu:x:10:10:Some One:/home/u:/bin/sh\nu2:x:10:10::/second:/bin/sh\nlast:x:11:11::/home/last"
	for _, tc := range []struct {
		name  string
		uid   uint32
		setup func(t *testing.T, root string)
		want  string
	}{
		{"root", 0, nil, "/root"},
		{"first of two", 10, nil, "/home/u"},
		{"without a newline", 11, nil, "/home/last"},
		{"missing", 12, nil, "/"},
		{"relative", 7, nil, "/"},
		{"by name", 5, nil, "/wrong"},
		{"overflow", 0xffffffff, nil, "/"},
		{"no file", 0, func(t *testing.T, root string) {
			if err := os.Remove(filepath.Join(root, "etc/passwd")); err != nil {
				t.Fatal(err)
			}
		}, "/"},
		{"fifo (CVE-2024-9676)", 0, func(t *testing.T, root string) {
			p := filepath.Join(root, "etc/passwd")
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mkfifo(p, 0o666); err != nil {
				t.Fatal(err)
			}
		}, "/"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := busyboxRoot(t)
			if err := os.WriteFile(filepath.Join(root, "etc/passwd"), []byte(passwd), 0o644); err != nil {
				t.Fatal(err)
			}
			if tc.setup != nil {
				tc.setup(t, root)
			}
			expect(t, launch{clone: isolated, items: concat(enter(root), []InitOp{
				RootPivot{Root: slotRoot},
				ProcHome{Uid: tc.uid},
				ProcExec{Args: []string{"/bin/sh", "-c", "echo $HOME"}},
			})}, tc.want)
		})
	}
}

// filter is a seccomp program: the listed system calls get an action, all others another.
func filter(action, other uint32, calls ...uint32) []byte {
	type insn struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	prog := []insn{{unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, 0, 0, 0}}
	for _, nr := range calls {
		prog = append(prog, insn{unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, 0, 1, nr}, insn{unix.BPF_RET | unix.BPF_K, 0, 0, action})
	}
	prog = append(prog, insn{unix.BPF_RET | unix.BPF_K, 0, 0, other})
	var b []byte
	for _, i := range prog {
		b = binary.LittleEndian.AppendUint16(b, i.code)
		b = append(b, i.jt, i.jf)
		b = binary.LittleEndian.AppendUint32(b, i.k)
	}
	return b
}

const (
	retKill   = 0x80000000
	retAllow  = 0x7fff0000
	retNotify = 0x7fc00000
	retErrno  = 0x00050000
)

// TestStrictFilter waits, reports and executes under a filter that kills for everything else.
func TestStrictFilter(t *testing.T) {
	g := newGate(t)
	allowed := filter(retAllow, retKill, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_EXECVE)
	items := append(createdPlan(busyboxRoot(t), "/bin/sh")[:7:7], plan(
		SeccompLoad{Filter: allowed},
		SyncCreated{Start: slotExtra, Result: slotExtra + 1},
		SyncFinal{},
		ProcExec{Args: []string{"/bin/sh", "-c", "exit 5"}},
	)...)
	items = append(items[:6:6], append(plan(ProcUmask{Mask: 0o22}), items[6:]...)...)
	c := g.created(t, items)
	if err := g.go1(t); err != nil {
		t.Fatal(err)
	}
	st, err := c.Wait()
	if err != nil || !st.Signaled() || st.Signal() != unix.SIGSYS {
		t.Errorf("status %#x, error %v, want the program to be killed by SIGSYS", st, err)
	}
}

// TestListener hands the listener of a filter over, and lets the host side answer a system call.
func TestListener(t *testing.T) {
	var listener *os.File
	l := launch{clone: isolated, items: concat(enter(busyboxRoot(t)), []InitOp{
		RootPivot{Root: slotRoot},
		ProcNonewprivs{},
		SeccompLoad{Filter: filter(retNotify, retAllow, unix.SYS_MKDIR), Flags: unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, Point: 9},
		SyncFinal{},
		ProcExec{Args: []string{"/bin/busybox", "true"}},
	})}
	l.onSync = func(t *testing.T, c *Child, e Event) []*os.File {
		fd, err := unix.PidfdGetfd(int(c.PidFD().Fd()), int(e.Aux), 0)
		if err != nil {
			t.Error(err)
			return nil
		}
		listener = os.NewFile(uintptr(fd), "listener")
		return nil
	}
	out := l.run(t)
	if out.err != nil || out.status != 0 || len(out.points) != 1 || out.points[0] != 9 {
		t.Errorf("error %v, status %#x, points %v", out.err, out.status, out.points)
	}
	if listener == nil {
		t.Fatal("no listener")
	}
	defer listener.Close()
	if name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", listener.Fd())); err != nil || !strings.Contains(name, "seccomp notify") {
		t.Errorf("the descriptor is %q, error %v", name, err)
	}
}

// TestFilterErrno makes umask(2) fail under the filter: the umask must have been set before.
func TestFilterErrno(t *testing.T) {
	expect(t, launch{clone: isolated, items: concat(enter(busyboxRoot(t)), []InitOp{
		RootPivot{Root: slotRoot},
		ProcUmask{Mask: 0o27},
		SeccompLoad{Filter: filter(retErrno|uint32(unix.EPERM), retAllow, unix.SYS_MMAP, unix.SYS_CLOSE, unix.SYS_UMASK)},
		ProcExec{Args: []string{"/bin/sh", "-c", "echo >/tmp/file; stat -c %a /tmp/file"}, Env: []string{"PATH=/bin"}},
	})}, "640")
}

// TestPlanRefusedByInit wants a plan that is not this build's, or damaged, to be refused before anything happens.
func TestPlanRefusedByInit(t *testing.T) {
	out := launch{items: []Item{{Op: UtsHostname{Name: "x"}, Flags: FlagOpElse}}}.run(t)
	if out.err == nil || out.err.Step != StepPlan || out.err.Detail != "OP_ELSE without OP_TRY before it" {
		t.Errorf("got %v, want a refusal", out.err)
	}
}
