package libcontainer

import (
	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/libcontainer/internal/seccomp"
	"github.com/minirun/minirun/rootfs"
	"github.com/minirun/minirun/specs"
)

// Features returns the features document (features.md of the specification): what this build can do, on any host. The annotations
// have the version of libseccomp; callers add their own.
func Features() *specs.Features {
	info := seccomp.Info()
	s := &specs.Support{
		MountOptions: rootfs.MountOptions(),
		CgroupV1:     true, CgroupV2: true, CgroupSystemd: true, CgroupSystemdUser: true, CgroupRdma: true,
		Seccomp:  info.Enabled,
		Apparmor: true, Selinux: true,
		IntelRdt: true, IntelRdtSchemata: true, IntelRdtMonitoring: true,
		IDMap: true, MemoryPolicy: true, NetDevices: true,
		UnsafeAnnotations: []string{criuConfigAnnotation, systemd.AnnotationPrefix},
	}
	for _, f := range info.SupportedFlags {
		s.SeccompFlags = append(s.SeccompFlags, specs.LinuxSeccompFlag(f))
	}
	if info.LibraryVersion != "" {
		s.Annotations = map[string]string{"io.github.seccomp.libseccomp.version": info.LibraryVersion}
	}
	for _, a := range info.Archs {
		s.SeccompArchs = append(s.SeccompArchs, specs.Arch(a))
	}
	return specs.NewFeatures(s)
}
