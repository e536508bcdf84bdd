package specs

// This file holds the words of the specification: what validation accepts and
// what the features document lists. The look-ups are switch statements because
// those need no initialization when a process starts.

// capabilityNames are the capabilities of Linux by number, see capabilities(7)
// and include/uapi/linux/capability.h. The last one came with Linux 5.9.
var capabilityNames = [...]string{
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// Capabilities returns the names of all known capabilities in the order of
// their numbers: the name at index i has the number i.
func Capabilities() []string {
	return append([]string(nil), capabilityNames[:]...)
}

// CapabilityNumber returns the number of the capability called name, for
// example 21 for "CAP_SYS_ADMIN", and false for a name that is not known. Names
// are upper-case and start with CAP_, as the specification writes them.
func CapabilityNumber(name string) (int, bool) {
	for n, known := range &capabilityNames {
		if known == name {
			return n, true
		}
	}
	return 0, false
}

// Namespaces returns the types of namespaces (config-linux.md#namespaces).
func Namespaces() []LinuxNamespaceType {
	return []LinuxNamespaceType{
		CgroupNamespace, IPCNamespace, MountNamespace, NetworkNamespace,
		PIDNamespace, TimeNamespace, UserNamespace, UTSNamespace,
	}
}

// HookNames returns the names of the kinds of hooks, in the order in which
// they are run (config.md#posix-platform-hooks).
func HookNames() []string {
	return []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
}

// RlimitNumber returns the number of the resource limit called name, for
// example 7 for "RLIMIT_NOFILE", and false for a name that is not known. The
// numbers are those of include/uapi/asm-generic/resource.h, which all
// architectures that minirun is built for use.
func RlimitNumber(name string) (int, bool) {
	switch name {
	case "RLIMIT_CPU":
		return 0, true
	case "RLIMIT_FSIZE":
		return 1, true
	case "RLIMIT_DATA":
		return 2, true
	case "RLIMIT_STACK":
		return 3, true
	case "RLIMIT_CORE":
		return 4, true
	case "RLIMIT_RSS":
		return 5, true
	case "RLIMIT_NPROC":
		return 6, true
	case "RLIMIT_NOFILE":
		return 7, true
	case "RLIMIT_MEMLOCK":
		return 8, true
	case "RLIMIT_AS":
		return 9, true
	case "RLIMIT_LOCKS":
		return 10, true
	case "RLIMIT_SIGPENDING":
		return 11, true
	case "RLIMIT_MSGQUEUE":
		return 12, true
	case "RLIMIT_NICE":
		return 13, true
	case "RLIMIT_RTPRIO":
		return 14, true
	case "RLIMIT_RTTIME":
		return 15, true
	}
	return 0, false
}

func isSchedulerFlag(f LinuxSchedulerFlag) bool {
	switch f {
	case SchedFlagResetOnFork, SchedFlagReclaim, SchedFlagDLOverrun, SchedFlagKeepPolicy,
		SchedFlagKeepParams, SchedFlagUtilClampMin, SchedFlagUtilClampMax:
		return true
	}
	return false
}

// SeccompActions returns the names of the actions (config-linux.md#seccomp).
func SeccompActions() []LinuxSeccompAction {
	return []LinuxSeccompAction{
		ActAllow, ActErrno, ActKill, ActKillProcess, ActKillThread, ActLog, ActNotify, ActTrace, ActTrap,
	}
}

func isSeccompAction(a LinuxSeccompAction) bool {
	switch a {
	case ActAllow, ActErrno, ActKill, ActKillProcess, ActKillThread, ActLog, ActNotify, ActTrace, ActTrap:
		return true
	}
	return false
}

// SeccompOperators returns the names of the comparisons (config-linux.md#seccomp).
func SeccompOperators() []LinuxSeccompOperator {
	return []LinuxSeccompOperator{
		OpEqualTo, OpGreaterEqual, OpGreaterThan, OpLessEqual, OpLessThan, OpMaskedEqual, OpNotEqual,
	}
}

func isSeccompOperator(o LinuxSeccompOperator) bool {
	switch o {
	case OpEqualTo, OpGreaterEqual, OpGreaterThan, OpLessEqual, OpLessThan, OpMaskedEqual, OpNotEqual:
		return true
	}
	return false
}

// SeccompArchs returns the names of the architectures (config-linux.md#seccomp).
func SeccompArchs() []Arch {
	return []Arch{
		ArchAARCH64, ArchARM, ArchLOONGARCH64, ArchM68K, ArchMIPS, ArchMIPS64, ArchMIPS64N32,
		ArchMIPSEL, ArchMIPSEL64, ArchMIPSEL64N32, ArchPARISC, ArchPARISC64, ArchPPC, ArchPPC64,
		ArchPPC64LE, ArchRISCV64, ArchS390, ArchS390X, ArchSH, ArchSHEB, ArchX32, ArchX86, ArchX86_64,
	}
}

func isSeccompArch(a Arch) bool {
	switch a {
	case ArchAARCH64, ArchARM, ArchLOONGARCH64, ArchM68K, ArchMIPS, ArchMIPS64, ArchMIPS64N32,
		ArchMIPSEL, ArchMIPSEL64, ArchMIPSEL64N32, ArchPARISC, ArchPARISC64, ArchPPC, ArchPPC64,
		ArchPPC64LE, ArchRISCV64, ArchS390, ArchS390X, ArchSH, ArchSHEB, ArchX32, ArchX86, ArchX86_64:
		return true
	}
	return false
}

// SeccompFlags returns the names of the filter flags (config-linux.md#seccomp).
func SeccompFlags() []LinuxSeccompFlag {
	return []LinuxSeccompFlag{
		SeccompFlagLog, SeccompFlagSpecAllow, SeccompFlagTSync, SeccompFlagWaitKillableRecv,
	}
}

func isSeccompFlag(f LinuxSeccompFlag) bool {
	switch f {
	case SeccompFlagLog, SeccompFlagSpecAllow, SeccompFlagTSync, SeccompFlagWaitKillableRecv:
		return true
	}
	return false
}

// MemoryPolicyModes returns the names of the NUMA policies
// (config-linux.md#memory-policy).
func MemoryPolicyModes() []MemoryPolicyModeType {
	return []MemoryPolicyModeType{
		MpolBind, MpolDefault, MpolInterleave, MpolLocal, MpolPreferred, MpolPreferredMany, MpolWeightedInterleave,
	}
}

// MemoryPolicyFlags returns the names of the flags of NUMA policies
// (config-linux.md#memory-policy).
func MemoryPolicyFlags() []MemoryPolicyFlagType {
	return []MemoryPolicyFlagType{MpolFNumaBalancing, MpolFRelativeNodes, MpolFStaticNodes}
}
