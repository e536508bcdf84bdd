package seccomp

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// action is an action of the specification.
type action struct {
	name specs.LinuxSeccompAction
	ret  uint32 // SECCOMP_RET_*
	// data is the greatest number that may go with the action, 0 for none. The kernel cuts errnos at MAX_ERRNO, 4095, which
	// libseccomp does not take itself; and the data of an action has 16 bits (seccomp(2)).
	data uint
}

var actions = []action{
	{specs.ActAllow, unix.SECCOMP_RET_ALLOW, 0},
	{specs.ActErrno, unix.SECCOMP_RET_ERRNO, 4094},
	{specs.ActKill, unix.SECCOMP_RET_KILL_THREAD, 0},
	{specs.ActKillProcess, unix.SECCOMP_RET_KILL_PROCESS, 0},
	{specs.ActKillThread, unix.SECCOMP_RET_KILL_THREAD, 0},
	{specs.ActLog, unix.SECCOMP_RET_LOG, 0},
	{specs.ActNotify, unix.SECCOMP_RET_USER_NOTIF, 0},
	{specs.ActTrace, unix.SECCOMP_RET_TRACE, 1<<16 - 1},
	{specs.ActTrap, unix.SECCOMP_RET_TRAP, 0},
}

var operators = []specs.LinuxSeccompOperator{
	specs.OpEqualTo,
	specs.OpGreaterEqual,
	specs.OpGreaterThan,
	specs.OpLessEqual,
	specs.OpLessThan,
	specs.OpMaskedEqual,
	specs.OpNotEqual,
}

// flagTSync has no constant in the Go types, though the specification has the flag.
const flagTSync specs.LinuxSeccompFlag = "SECCOMP_FILTER_FLAG_TSYNC"

// flag is a flag of the specification.
type flag struct {
	name specs.LinuxSeccompFlag
	bit  uint64
}

var flags = []flag{
	{specs.LinuxSeccompFlagLog, unix.SECCOMP_FILTER_FLAG_LOG},
	{specs.LinuxSeccompFlagSpecAllow, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
	{flagTSync, unix.SECCOMP_FILTER_FLAG_TSYNC},
	{specs.LinuxSeccompFlagWaitKillableRecv, unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
}

// architecture is an architecture of the specification.
type architecture struct {
	name specs.Arch
	// audit is the value of seccomp_data.arch, AUDIT_ARCH_*. x32 has the one of amd64; its system calls are told apart by a bit of the number.
	audit uint32
	// first is the lowest and end the number after the highest that the kernel gives to new system calls (0: no limit). MIPS
	// starts each ABI at its own base; 32-bit ARM has private calls far above, which say nothing about the age of a profile.
	first, end uint32
	// narrow says that arguments have 32 bits.
	narrow bool
}

// x32Bit is set in the numbers of x32's system calls (__X32_SYSCALL_BIT).
const x32Bit = 0x40000000

// armPrivate is where the private system calls of 32-bit ARM begin (__ARM_NR_BASE).
const armPrivate = 0x0f0000

var architectures = []architecture{
	{name: specs.ArchAARCH64, audit: unix.AUDIT_ARCH_AARCH64},
	{name: specs.ArchARM, audit: unix.AUDIT_ARCH_ARM, end: armPrivate, narrow: true},
	{name: specs.ArchLOONGARCH64, audit: unix.AUDIT_ARCH_LOONGARCH64},
	{name: specs.ArchM68K, audit: unix.AUDIT_ARCH_M68K, narrow: true},
	{name: specs.ArchMIPS, audit: unix.AUDIT_ARCH_MIPS, first: 4000, narrow: true},
	{name: specs.ArchMIPS64, audit: unix.AUDIT_ARCH_MIPS64, first: 5000},
	{name: specs.ArchMIPS64N32, audit: unix.AUDIT_ARCH_MIPS64N32, first: 6000, narrow: true},
	{name: specs.ArchMIPSEL, audit: unix.AUDIT_ARCH_MIPSEL, first: 4000, narrow: true},
	{name: specs.ArchMIPSEL64, audit: unix.AUDIT_ARCH_MIPSEL64, first: 5000},
	{name: specs.ArchMIPSEL64N32, audit: unix.AUDIT_ARCH_MIPSEL64N32, first: 6000, narrow: true},
	{name: specs.ArchPARISC, audit: unix.AUDIT_ARCH_PARISC, narrow: true},
	{name: specs.ArchPARISC64, audit: unix.AUDIT_ARCH_PARISC64},
	{name: specs.ArchPPC, audit: unix.AUDIT_ARCH_PPC, narrow: true},
	{name: specs.ArchPPC64, audit: unix.AUDIT_ARCH_PPC64},
	{name: specs.ArchPPC64LE, audit: unix.AUDIT_ARCH_PPC64LE},
	{name: specs.ArchRISCV64, audit: unix.AUDIT_ARCH_RISCV64},
	{name: specs.ArchS390, audit: unix.AUDIT_ARCH_S390, narrow: true},
	{name: specs.ArchS390X, audit: unix.AUDIT_ARCH_S390X},
	{name: specs.ArchSH, audit: unix.AUDIT_ARCH_SHEL, narrow: true},
	{name: specs.ArchSHEB, audit: unix.AUDIT_ARCH_SH, narrow: true},
	{name: specs.ArchX32, audit: unix.AUDIT_ARCH_X86_64, first: x32Bit, narrow: true},
	{name: specs.ArchX86, audit: unix.AUDIT_ARCH_I386, narrow: true},
	{name: specs.ArchX86_64, audit: unix.AUDIT_ARCH_X86_64, end: x32Bit},
}

// findArch returns the architecture of that name, nil for none.
func findArch(name specs.Arch) *architecture {
	for i := range architectures {
		if architectures[i].name == name {
			return &architectures[i]
		}
	}
	return nil
}
