package specs

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go/features"
)

// The types of the features document (runtime-spec, features.md and
// features-linux.md), as Go aliases.
type (
	// Features is the whole document.
	Features = features.Features
	// FeaturesLinux is its section about Linux.
	FeaturesLinux = features.Linux
	// FeaturesCgroup says which kinds of cgroups are supported.
	FeaturesCgroup = features.Cgroup
	// FeaturesSeccomp says what seccomp profiles can contain.
	FeaturesSeccomp = features.Seccomp
	// FeaturesApparmor says whether AppArmor is supported.
	FeaturesApparmor = features.Apparmor
	// FeaturesSelinux says whether SELinux is supported.
	FeaturesSelinux = features.Selinux
	// FeaturesIntelRdt says what of resctrl is supported.
	FeaturesIntelRdt = features.IntelRdt
	// FeaturesMemoryPolicy says which NUMA policies are supported.
	FeaturesMemoryPolicy = features.MemoryPolicy
	// FeaturesMountExtensions says which extensions of mounts are supported.
	FeaturesMountExtensions = features.MountExtensions
	// FeaturesIDMap says whether mappings of mounts are supported.
	FeaturesIDMap = features.IDMap
	// FeaturesNetDevices says whether network devices can be moved.
	FeaturesNetDevices = features.NetDevices
)

// Support says what a runtime can do, as far as that is decided outside of the
// specification: by other packages, by the way the program was built. The zero
// value is a runtime that can do nothing of it. It describes the program, not
// the machine it runs on.
type Support struct {
	// MountOptions are the mount options that the runtime handles itself, in
	// any order; those of single file systems do not count.
	MountOptions []string
	// Namespaces are the types of namespaces; nil for all known ones.
	Namespaces []LinuxNamespaceType

	// CgroupV1, CgroupV2, CgroupSystemd, CgroupSystemdUser and CgroupRdma say
	// which kinds and drivers of cgroups, and whether RDMA limits, work.
	CgroupV1, CgroupV2, CgroupSystemd, CgroupSystemdUser, CgroupRdma bool

	// Seccomp says that filters can be loaded, SeccompFlags with which flags,
	// SeccompArchs for which architectures; nil for all known ones.
	Seccomp      bool
	SeccompFlags []LinuxSeccompFlag
	SeccompArchs []Arch

	// Apparmor and Selinux say that the labels are set.
	Apparmor, Selinux bool
	// IntelRdt, IntelRdtSchemata and IntelRdtMonitoring say what of
	// linux.intelRdt is applied.
	IntelRdt, IntelRdtSchemata, IntelRdtMonitoring bool
	// MemoryPolicy says that linux.memoryPolicy is applied.
	MemoryPolicy bool
	// IDMap says that mounts can have id mappings.
	IDMap bool
	// NetDevices says that linux.netDevices are moved.
	NetDevices bool

	// Annotations are free information about the runtime; values must not end
	// with a line break, which some readers do not bear.
	Annotations map[string]string
	// UnsafeAnnotations are annotations of a configuration that change what
	// the runtime does on the host; one that ends with "." is a prefix.
	UnsafeAnnotations []string
}

// NewFeatures returns the features document of a runtime. What the
// specification itself lists (capabilities, seccomp actions and so on) is filled
// in whole, because this package accepts all of it. Lists that are no order are
// sorted. What is not supported is said to be false: in this document a missing
// value means "unknown".
func NewFeatures(s *Support) *Features {
	ns := s.Namespaces
	if ns == nil {
		ns = Namespaces()
	}
	f := &Features{
		OCIVersionMin: VersionMin,
		OCIVersionMax: Version,
		Hooks:         HookNames(),
		MountOptions:  sorted(s.MountOptions),
		Linux: &FeaturesLinux{
			Namespaces:   sorted(ns),
			Capabilities: Capabilities(),
			Cgroup: &FeaturesCgroup{
				V1: &s.CgroupV1, V2: &s.CgroupV2,
				Systemd: &s.CgroupSystemd, SystemdUser: &s.CgroupSystemdUser,
				Rdma: &s.CgroupRdma,
			},
			Seccomp:         seccompFeatures(s),
			Apparmor:        &FeaturesApparmor{Enabled: &s.Apparmor},
			Selinux:         &FeaturesSelinux{Enabled: &s.Selinux},
			IntelRdt:        &FeaturesIntelRdt{Enabled: &s.IntelRdt, Schemata: &s.IntelRdtSchemata, Monitoring: &s.IntelRdtMonitoring},
			MountExtensions: &FeaturesMountExtensions{IDMap: &FeaturesIDMap{Enabled: &s.IDMap}},
			NetDevices:      &FeaturesNetDevices{Enabled: &s.NetDevices},
		},
		Annotations:                        s.Annotations,
		PotentiallyUnsafeConfigAnnotations: sorted(s.UnsafeAnnotations),
	}
	if s.MemoryPolicy {
		f.Linux.MemoryPolicy = &FeaturesMemoryPolicy{
			Modes: sorted(MemoryPolicyModes()),
			Flags: sorted(MemoryPolicyFlags()),
		}
	}
	return f
}

func seccompFeatures(s *Support) *FeaturesSeccomp {
	f := &FeaturesSeccomp{Enabled: &s.Seccomp}
	if s.Seccomp {
		f.Actions = sorted(SeccompActions())
		f.Operators = sorted(SeccompOperators())
		f.Archs = sorted(s.SeccompArchs)
		if s.SeccompArchs == nil {
			f.Archs = sorted(SeccompArchs())
		}
		f.KnownFlags = sorted(SeccompFlags())
		f.SupportedFlags = sorted(s.SeccompFlags)
	}
	return f
}

// sorted returns the elements of list as strings, in order.
func sorted[T ~string](list []T) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, string(s))
	}
	slices.Sort(out)
	return out
}
