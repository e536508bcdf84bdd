package specs

import rs "github.com/opencontainers/runtime-spec/specs-go"

// The types of the runtime specification, as Go aliases: values can be passed
// to and from code that uses the upstream package. Their fields are documented
// there and in the section of the specification named at each group.
type (
	// Spec is a whole configuration (config.md).
	Spec = rs.Spec
	// State is the state of a container (runtime.md#state).
	State = rs.State
	// ContainerState is the status in a State.
	ContainerState = rs.ContainerState
	// ContainerProcessState is what a seccomp agent receives
	// (config-linux.md#containerprocessstate).
	ContainerProcessState = rs.ContainerProcessState

	// Root is the root filesystem (config.md#root).
	Root = rs.Root
	// Mount is one additional mount (config.md#mounts).
	Mount = rs.Mount
	// Hooks are the hooks of a container's life (config.md#posix-platform-hooks).
	Hooks = rs.Hooks
	// Hook is one command of Hooks.
	Hook = rs.Hook
)

// The types of a process (config.md#process).
type (
	// Process is the container's process, or one of exec.
	Process = rs.Process
	// Box is the size of a console in characters.
	Box = rs.Box
	// User holds the ids of a process.
	User = rs.User
	// POSIXRlimit is one resource limit, see getrlimit(2).
	POSIXRlimit = rs.POSIXRlimit
	// LinuxCapabilities holds the five sets of capabilities(7).
	LinuxCapabilities = rs.LinuxCapabilities
	// Scheduler is a process's scheduling policy, see sched_setattr(2).
	Scheduler = rs.Scheduler
	// LinuxSchedulerPolicy names a scheduling policy.
	LinuxSchedulerPolicy = rs.LinuxSchedulerPolicy
	// LinuxSchedulerFlag names a flag of sched_setattr(2).
	LinuxSchedulerFlag = rs.LinuxSchedulerFlag
	// LinuxIOPriority is an I/O priority, see ioprio_set(2).
	LinuxIOPriority = rs.LinuxIOPriority
	// IOPriorityClass names an I/O scheduling class.
	IOPriorityClass = rs.IOPriorityClass
	// CPUAffinity lists the CPUs of a process of exec.
	CPUAffinity = rs.CPUAffinity
)

// The types of the Linux section (config-linux.md).
type (
	// Linux is the section itself.
	Linux = rs.Linux
	// LinuxNamespace is one namespace to create or to join.
	LinuxNamespace = rs.LinuxNamespace
	// LinuxNamespaceType names a kind of namespace.
	LinuxNamespaceType = rs.LinuxNamespaceType
	// LinuxIDMapping is one range of a user namespace's mapping.
	LinuxIDMapping = rs.LinuxIDMapping
	// LinuxTimeOffset is the offset of one clock of a time namespace.
	LinuxTimeOffset = rs.LinuxTimeOffset
	// LinuxDevice is a device node to make.
	LinuxDevice = rs.LinuxDevice
	// LinuxNetDevice is a network device to move into the container.
	LinuxNetDevice = rs.LinuxNetDevice
	// LinuxIntelRdt holds the resctrl settings.
	LinuxIntelRdt = rs.LinuxIntelRdt
	// LinuxMemoryPolicy is a NUMA policy, see set_mempolicy(2).
	LinuxMemoryPolicy = rs.LinuxMemoryPolicy
	// MemoryPolicyModeType names a mode of set_mempolicy(2).
	MemoryPolicyModeType = rs.MemoryPolicyModeType
	// MemoryPolicyFlagType names a mode flag of set_mempolicy(2).
	MemoryPolicyFlagType = rs.MemoryPolicyFlagType
	// LinuxPersonality is an execution domain, see personality(2).
	LinuxPersonality = rs.LinuxPersonality
	// LinuxPersonalityDomain names an execution domain.
	LinuxPersonalityDomain = rs.LinuxPersonalityDomain
	// LinuxPersonalityFlag names a flag of it; none is defined.
	LinuxPersonalityFlag = rs.LinuxPersonalityFlag
)

// The types of linux.resources (config-linux.md#control-groups).
type (
	// LinuxResources holds the limits of all controllers.
	LinuxResources = rs.LinuxResources
	// LinuxDeviceCgroup is one rule of the list of allowed devices.
	LinuxDeviceCgroup = rs.LinuxDeviceCgroup
	// LinuxMemory holds the limits of memory, in bytes.
	LinuxMemory = rs.LinuxMemory
	// LinuxCPU holds the limits of CPU time and the sets of CPUs.
	LinuxCPU = rs.LinuxCPU
	// LinuxPids is the limit of the number of tasks.
	LinuxPids = rs.LinuxPids
	// LinuxBlockIO holds the limits of block I/O.
	LinuxBlockIO = rs.LinuxBlockIO
	// LinuxBlockIODevice is a device number.
	LinuxBlockIODevice = rs.LinuxBlockIODevice
	// LinuxWeightDevice is the weight of one device.
	LinuxWeightDevice = rs.LinuxWeightDevice
	// LinuxThrottleDevice is the rate limit of one device.
	LinuxThrottleDevice = rs.LinuxThrottleDevice
	// LinuxHugepageLimit is the limit of pages of one size.
	LinuxHugepageLimit = rs.LinuxHugepageLimit
	// LinuxNetwork holds the settings of net_cls and net_prio.
	LinuxNetwork = rs.LinuxNetwork
	// LinuxInterfacePriority is the priority of one interface.
	LinuxInterfacePriority = rs.LinuxInterfacePriority
	// LinuxRdma holds the limits of one RDMA device.
	LinuxRdma = rs.LinuxRdma
)

// The types of linux.seccomp (config-linux.md#seccomp).
type (
	// LinuxSeccomp is a whole profile.
	LinuxSeccomp = rs.LinuxSeccomp
	// LinuxSyscall is one rule of it.
	LinuxSyscall = rs.LinuxSyscall
	// LinuxSeccompArg is one condition on an argument.
	LinuxSeccompArg = rs.LinuxSeccompArg
	// LinuxSeccompAction names what happens to a system call.
	LinuxSeccompAction = rs.LinuxSeccompAction
	// LinuxSeccompOperator names a comparison.
	LinuxSeccompOperator = rs.LinuxSeccompOperator
	// LinuxSeccompFlag names a flag of seccomp(2).
	LinuxSeccompFlag = rs.LinuxSeccompFlag
	// Arch names an architecture of a profile.
	Arch = rs.Arch
)

// Status values of State.Status (runtime.md#state). Paused is an additional
// value, which the specification allows and callers of runtimes expect.
const (
	StateCreating                = rs.StateCreating
	StateCreated                 = rs.StateCreated
	StateRunning                 = rs.StateRunning
	StateStopped                 = rs.StateStopped
	StatePaused   ContainerState = "paused"
)

// Namespace types (config-linux.md#namespaces).
const (
	PIDNamespace     = rs.PIDNamespace
	NetworkNamespace = rs.NetworkNamespace
	MountNamespace   = rs.MountNamespace
	IPCNamespace     = rs.IPCNamespace
	UTSNamespace     = rs.UTSNamespace
	UserNamespace    = rs.UserNamespace
	CgroupNamespace  = rs.CgroupNamespace
	TimeNamespace    = rs.TimeNamespace
)

// Scheduling policies and flags (config.md#linux-process).
const (
	SchedOther    = rs.SchedOther
	SchedFIFO     = rs.SchedFIFO
	SchedRR       = rs.SchedRR
	SchedBatch    = rs.SchedBatch
	SchedISO      = rs.SchedISO
	SchedIdle     = rs.SchedIdle
	SchedDeadline = rs.SchedDeadline

	SchedFlagResetOnFork  = rs.SchedFlagResetOnFork
	SchedFlagReclaim      = rs.SchedFlagReclaim
	SchedFlagDLOverrun    = rs.SchedFlagDLOverrun
	SchedFlagKeepPolicy   = rs.SchedFlagKeepPolicy
	SchedFlagKeepParams   = rs.SchedFlagKeepParams
	SchedFlagUtilClampMin = rs.SchedFlagUtilClampMin
	SchedFlagUtilClampMax = rs.SchedFlagUtilClampMax
)

// I/O priority classes (config.md#linux-process).
const (
	IOPrioClassRT   = rs.IOPRIO_CLASS_RT
	IOPrioClassBE   = rs.IOPRIO_CLASS_BE
	IOPrioClassIdle = rs.IOPRIO_CLASS_IDLE
)

// NUMA policy modes and flags (config-linux.md#memory-policy).
const (
	MpolDefault            = rs.MpolDefault
	MpolBind               = rs.MpolBind
	MpolInterleave         = rs.MpolInterleave
	MpolWeightedInterleave = rs.MpolWeightedInterleave
	MpolPreferred          = rs.MpolPreferred
	MpolPreferredMany      = rs.MpolPreferredMany
	MpolLocal              = rs.MpolLocal

	MpolFNumaBalancing = rs.MpolFNumaBalancing
	MpolFRelativeNodes = rs.MpolFRelativeNodes
	MpolFStaticNodes   = rs.MpolFStaticNodes
)

// Execution domains (config-linux.md#personality).
const (
	PerLinux   = rs.PerLinux
	PerLinux32 = rs.PerLinux32
)

// Seccomp actions, operators and flags (config-linux.md#seccomp).
const (
	ActKill        = rs.ActKill
	ActKillProcess = rs.ActKillProcess
	ActKillThread  = rs.ActKillThread
	ActTrap        = rs.ActTrap
	ActErrno       = rs.ActErrno
	ActTrace       = rs.ActTrace
	ActAllow       = rs.ActAllow
	ActLog         = rs.ActLog
	ActNotify      = rs.ActNotify

	OpNotEqual     = rs.OpNotEqual
	OpLessThan     = rs.OpLessThan
	OpLessEqual    = rs.OpLessEqual
	OpEqualTo      = rs.OpEqualTo
	OpGreaterEqual = rs.OpGreaterEqual
	OpGreaterThan  = rs.OpGreaterThan
	OpMaskedEqual  = rs.OpMaskedEqual

	SeccompFlagTSync            LinuxSeccompFlag = "SECCOMP_FILTER_FLAG_TSYNC"
	SeccompFlagLog                               = rs.LinuxSeccompFlagLog
	SeccompFlagSpecAllow                         = rs.LinuxSeccompFlagSpecAllow
	SeccompFlagWaitKillableRecv                  = rs.LinuxSeccompFlagWaitKillableRecv

	// SeccompFdName is the name of the listener in ContainerProcessState.Fds.
	SeccompFdName = rs.SeccompFdName
)

// Seccomp architectures (config-linux.md#seccomp).
const (
	ArchX86         = rs.ArchX86
	ArchX86_64      = rs.ArchX86_64
	ArchX32         = rs.ArchX32
	ArchARM         = rs.ArchARM
	ArchAARCH64     = rs.ArchAARCH64
	ArchMIPS        = rs.ArchMIPS
	ArchMIPS64      = rs.ArchMIPS64
	ArchMIPS64N32   = rs.ArchMIPS64N32
	ArchMIPSEL      = rs.ArchMIPSEL
	ArchMIPSEL64    = rs.ArchMIPSEL64
	ArchMIPSEL64N32 = rs.ArchMIPSEL64N32
	ArchPPC         = rs.ArchPPC
	ArchPPC64       = rs.ArchPPC64
	ArchPPC64LE     = rs.ArchPPC64LE
	ArchS390        = rs.ArchS390
	ArchS390X       = rs.ArchS390X
	ArchPARISC      = rs.ArchPARISC
	ArchPARISC64    = rs.ArchPARISC64
	ArchRISCV64     = rs.ArchRISCV64
	ArchLOONGARCH64 = rs.ArchLOONGARCH64
	ArchM68K        = rs.ArchM68K
	ArchSH          = rs.ArchSH
	ArchSHEB        = rs.ArchSHEB
)
