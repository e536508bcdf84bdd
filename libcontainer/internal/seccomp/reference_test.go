//go:build cgo && !noseccomp

package seccomp

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// reference evaluates a profile straight from its text, one architecture at a time, with nothing but the numbers of
// the system calls taken from libseccomp.
type reference struct {
	profile *specs.LinuxSeccomp
	archs   map[specs.Arch]*archReference
	ret     uint32 // of the default action
}

type archReference struct {
	calls map[uint32][]*specs.LinuxSyscall // by number, without those that have the default action
	last  uint32
	bits  int // of an argument
}

// nativeArch is the architecture of the machine that runs the test.
func nativeArch(t testing.TB) specs.Arch {
	t.Helper()
	native, err := libseccomp.GetNativeArch()
	if err != nil {
		t.Fatal(err)
	}
	for i := range architectures {
		if token, err := libraryArch(architectures[i].name); err == nil && token == native {
			return architectures[i].name
		}
	}
	t.Fatalf("no architecture of the specification is libseccomp's native one, %v", native)
	return ""
}

// retOf gives the value of an action.
func retOf(t testing.TB, name specs.LinuxSeccompAction, data *uint) uint32 {
	t.Helper()
	number := uint32(1) // EPERM
	if data != nil {
		number = uint32(*data)
	}
	switch name {
	case specs.ActAllow:
		return 0x7fff0000
	case specs.ActLog:
		return 0x7ffc0000
	case specs.ActTrace:
		return 0x7ff00000 | number
	case specs.ActNotify:
		return 0x7fc00000
	case specs.ActErrno:
		return 0x00050000 | number
	case specs.ActTrap:
		return 0x00030000
	case specs.ActKill, specs.ActKillThread:
		return 0
	case specs.ActKillProcess:
		return 0x80000000
	}
	t.Fatalf("unexpected action %s", name)
	return 0
}

// x86Direct are the numbers that 32-bit x86 got in Linux 4.3 and 5.1 for what socketcall(2) and ipc(2) do (asm/unistd_32.h).
var x86Direct = map[string]uint32{
	"recvmmsg": 337, "sendmmsg": 345, "socket": 359, "socketpair": 360, "bind": 361, "connect": 362, "listen": 363,
	"accept4": 364, "getsockopt": 365, "setsockopt": 366, "getsockname": 367, "getpeername": 368, "sendto": 369, "sendmsg": 370,
	"recvfrom": 371, "recvmsg": 372, "shutdown": 373, "semget": 393, "semctl": 394, "shmget": 395, "shmctl": 396, "shmat": 397,
	"shmdt": 398, "msgget": 399, "msgsnd": 400, "msgrcv": 401, "msgctl": 402,
}

func newReference(t testing.TB, profile *specs.LinuxSeccomp) *reference {
	t.Helper()
	r := &reference{
		profile: profile, archs: map[specs.Arch]*archReference{},
		ret: retOf(t, profile.DefaultAction, profile.DefaultErrnoRet),
	}
	for _, name := range append([]specs.Arch{nativeArch(t)}, profile.Architectures...) {
		a := &archReference{calls: map[uint32][]*specs.LinuxSyscall{}, bits: 64}
		switch name {
		case specs.ArchX86, specs.ArchX32, specs.ArchARM:
			a.bits = 32
		}
		token, err := libraryArch(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range profile.Syscalls {
			call := &profile.Syscalls[i]
			for _, callName := range call.Names {
				nr, err := libseccomp.GetSyscallFromNameByArch(callName, token)
				if err != nil {
					continue
				}
				direct, multiplexed := x86Direct[callName]
				switch {
				case nr < 0 && name == specs.ArchX86 && multiplexed:
					// libseccomp has no number for names that socketcall(2) and ipc(2) also stand for.
					nr = libseccomp.ScmpSyscall(direct)
				case nr < 0:
					continue
				case name != specs.ArchARM || nr < armPrivate:
					a.last = max(a.last, uint32(nr))
				}
				if retOf(t, call.Action, call.ErrnoRet) != r.ret {
					a.calls[uint32(nr)] = append(a.calls[uint32(nr)], call)
				}
			}
		}
		r.archs[name] = a
	}
	return r
}

// archOf returns the architecture of a call, empty for one that the profile does not have.
func (r *reference) archOf(d *callData) specs.Arch {
	var name specs.Arch
	switch {
	case d.arch == unix.AUDIT_ARCH_X86_64 && d.nr == 0xffffffff && r.archs[specs.ArchX32] == nil:
		// -1 is no call of x32 but what a tracer puts there to skip a call.
		name = specs.ArchX86_64
	case d.arch == unix.AUDIT_ARCH_X86_64 && d.nr >= 0x40000000:
		name = specs.ArchX32
	case d.arch == unix.AUDIT_ARCH_X86_64:
		name = specs.ArchX86_64
	case d.arch == unix.AUDIT_ARCH_I386:
		name = specs.ArchX86
	case d.arch == unix.AUDIT_ARCH_AARCH64:
		name = specs.ArchAARCH64
	case d.arch == unix.AUDIT_ARCH_ARM:
		name = specs.ArchARM
	}
	if r.archs[name] == nil {
		return ""
	}
	return name
}

// eval returns the action of a call.
func (r *reference) eval(t testing.TB, d *callData) uint32 {
	t.Helper()
	name := r.archOf(d)
	if name == "" {
		return unix.SECCOMP_RET_KILL_THREAD // seccomp_init(3): the action for a foreign architecture
	}
	a := r.archs[name]
	var matched *specs.LinuxSyscall
	for _, call := range a.calls[d.nr] {
		if len(call.Args) == 0 {
			return retOf(t, call.Action, call.ErrnoRet)
		}
		if matched == nil && a.matches(t, call, d) {
			matched = call
		}
	}
	if matched != nil {
		return retOf(t, matched.Action, matched.ErrnoRet)
	}
	// Numbers that new calls never get.
	private := name == specs.ArchX86_64 && d.nr >= 0x40000000 || name == specs.ArchARM && d.nr >= 0x0f0000
	switch r.ret & 0xffff0000 {
	case unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_TRAP:
		if d.nr > a.last && a.last != 0 && !private {
			return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		}
	}
	return r.ret
}

// matches evaluates the conditions of a rule: all of them, or one of them where an argument is named twice.
func (a *archReference) matches(t testing.TB, call *specs.LinuxSyscall, d *callData) bool {
	t.Helper()
	seen := map[uint]int{}
	held := 0
	for _, c := range call.Args {
		seen[c.Index]++
		if a.holds(t, c, d.args[c.Index]) {
			held++
		}
	}
	if len(seen) < len(call.Args) {
		return held > 0
	}
	return held == len(call.Args)
}

func (a *archReference) holds(t testing.TB, c specs.LinuxSeccompArg, arg uint64) bool {
	t.Helper()
	value, two := c.Value, c.ValueTwo
	if a.bits == 32 {
		arg, value, two = uint64(uint32(arg)), uint64(uint32(value)), uint64(uint32(two))
	}
	switch c.Op {
	case specs.OpEqualTo:
		return arg == value
	case specs.OpNotEqual:
		return arg != value
	case specs.OpLessThan:
		return arg < value
	case specs.OpLessEqual:
		return arg <= value
	case specs.OpGreaterThan:
		return arg > value
	case specs.OpGreaterEqual:
		return arg >= value
	case specs.OpMaskedEqual:
		return arg&value == two
	}
	t.Fatalf("unexpected operator %s", c.Op)
	return false
}
