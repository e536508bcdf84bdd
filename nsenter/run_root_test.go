//go:build integration

package nsenter

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRunPlain carries out everything that an ordinary container needs.
func TestRunPlain(t *testing.T) {
	root := busyboxRoot(t)
	const quiet = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	l := launch{clone: isolated, items: concat(enter(root), []InitOp{
		MountFs{Root: slotRoot, Path: "/proc", Fstype: "proc", Source: "proc", Attr: quiet, Flags: FlagMountMkdir | FlagMountNofollow},
		MountFs{Root: slotRoot, Path: "/dev", Fstype: "tmpfs", Source: "tmpfs", Options: []string{"mode=755", "size=65536k"}, Attr: unix.MOUNT_ATTR_NOSUID, Flags: FlagMountMkdir},
		MountFs{Root: slotRoot, Path: "/dev/pts", Fstype: "devpts", Source: "devpts", Options: []string{"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}, Attr: quiet &^ unix.MOUNT_ATTR_NODEV, Flags: FlagMountMkdir},
		MountFs{Root: slotRoot, Path: "/dev/shm", Fstype: "tmpfs", Source: "shm", Options: []string{"mode=1777", "size=65536k"}, Attr: quiet, Flags: FlagMountMkdir},
		MountFs{Root: slotRoot, Path: "/dev/mqueue", Fstype: "mqueue", Source: "mqueue", Attr: quiet, Flags: FlagMountMkdir},
		MountFs{Root: slotRoot, Path: "/sys", Fstype: "sysfs", Source: "sysfs", Attr: quiet | unix.MOUNT_ATTR_RDONLY, Flags: FlagMountMkdir | FlagMountNofollow},
		FsMknod{Root: slotRoot, Path: "/dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3},
		FsMknod{Root: slotRoot, Path: "/dev/zero", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 5},
		FsSymlink{Root: slotRoot, Path: "/dev/fd", Target: "/proc/self/fd"},
		FsSymlink{Root: slotRoot, Path: "/dev/ptmx", Target: "pts/ptmx"},
		SyncWait{Point: 7, Into: NoSlot},
		RootPivot{Root: slotRoot},
		MountMask{Root: NoSlot, Path: "/proc/version", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: NoSlot, Path: "/proc/uptime", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: NoSlot, Path: "/proc/tty", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: NoSlot, Path: "/sys/firmware", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: NoSlot, Path: "/sys/block", Null: slotNull, Empty: slotEmpty},
		MountMask{Root: NoSlot, Path: "/proc/nothing", Null: slotNull, Empty: slotEmpty},
		MountReadonly{Root: NoSlot, Path: "/proc/sys"},
		MountReadonly{Root: NoSlot, Path: "/proc/irq"},
		MountAttr{Root: NoSlot, Path: "/", AttrSet: unix.MOUNT_ATTR_RDONLY},
		UtsHostname{Name: "plain"},
		ProcfsOpen{Proc: slotProc},
		SysctlWrite{Proc: slotProc, Path: "net/ipv4/ip_forward", Value: "1"},
		ProcSetsid{},
		RlimitSet{Resource: unix.RLIMIT_NOFILE, Soft: 1000, Hard: 1001},
		CapsBounding{Set: 1 << unix.CAP_KILL},
		ProcChdir{Path: "/tmp"},
		CredGroups{Gids: []uint32{5, 6}},
		CredUser{Uid: 10, Gid: 20, Flags: FlagCredKeepcaps},
		ProcUmask{Mask: 0o27},
		ProcHome{Uid: 10},
		ProcLookup{Name: "sh", Candidates: []string{"/nowhere/sh", "/bin", "/bin/sh"}},
		ProcClosefds{First: 3},
		CapsSet{Permitted: 1 << unix.CAP_KILL, Effective: 1 << unix.CAP_KILL, Inheritable: 1 << unix.CAP_KILL},
		CapsAmbient{Set: 1 << unix.CAP_KILL},
		ProcNonewprivs{},
		SyncFinal{},
		ProcExec{Args: []string{"sh", "-c", plainScript}, Env: []string{"PATH=/bin", "A=b"}},
	})}
	got := l.run(t)
	if got.err != nil {
		t.Fatalf("%v: %v", l.items[got.err.Index].String(), got.err)
	}
	if got.status.ExitStatus() != 3 {
		t.Errorf("exit status %d, want 3", got.status.ExitStatus())
	}
	if len(got.points) != 1 || got.points[0] != 7 {
		t.Errorf("synchronisation points %v, want [7]", got.points)
	}
	if strings.TrimSpace(got.stdout) != strings.TrimSpace(plainOutput) {
		t.Errorf("output:\n%s\nwant:\n%s", got.stdout, plainOutput)
	}
}

const plainScript = `
id -u; id -g; id -G; umask; pwd; cat /proc/sys/kernel/hostname
echo $HOME $A; ulimit -n
cat /proc/version /proc/uptime; ls -A /proc/tty /sys/block | grep -v :
grep -E 'CapEff|CapBnd|CapAmb|NoNewPrivs|SigIgn|SigBlk' /proc/self/status
stat -c '%F %t %T %a' /dev/null
cat /proc/sys/net/ipv4/ip_forward
for fd in 0 1 2 3 4 5 6 7 8 9; do if [ -e /proc/$$/fd/$fd ]; then echo fd $fd; fi; done
(echo x >/proc/sys/kernel/hostname) 2>/dev/null || echo readonly
(echo x >/made) 2>/dev/null || echo readonly
exit 3`

const plainOutput = `
10
20
20 5 6
0027
/tmp
plain
/ b
1000

SigBlk:	0000000000000000
SigIgn:	0000000000000000
CapEff:	0000000000000020
CapBnd:	0000000000000020
CapAmb:	0000000000000020
NoNewPrivs:	1
character special file 1 3 666
1
fd 0
fd 1
fd 2
readonly
readonly
`
