package specs

// defaultCapabilities are what the process of Default keeps.
func defaultCapabilities() []string {
	return []string{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
}

// Default returns a configuration to start from, as "spec" writes it: an
// interactive shell as root of the container with few capabilities, on the
// read-only root filesystem "rootfs" beside the configuration, in namespaces of
// its own, with no device but the default ones. The caller owns the result.
//
// No capability is inheritable: with inheritable ones an executable file with
// file capabilities would give them to any user in the container.
func Default() *Spec {
	return &Spec{
		Version: Version,
		Process: &Process{
			Terminal: true,
			Args:     []string{"sh"},
			Env: []string{
				"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				"TERM=xterm",
			},
			Cwd: "/",
			Capabilities: &LinuxCapabilities{
				Bounding:  defaultCapabilities(),
				Effective: defaultCapabilities(),
				Permitted: defaultCapabilities(),
			},
			Rlimits:         []POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1024, Soft: 1024}},
			NoNewPrivileges: true,
		},
		Root:     &Root{Path: "rootfs", Readonly: true},
		Hostname: "minirun",
		Mounts:   defaultMounts(),
		Linux: &Linux{
			Resources: &LinuxResources{
				Devices: []LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
			},
			Namespaces: []LinuxNamespace{
				{Type: PIDNamespace},
				{Type: NetworkNamespace},
				{Type: IPCNamespace},
				{Type: UTSNamespace},
				{Type: MountNamespace},
				{Type: CgroupNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi",
				"/proc/asound",
				"/proc/kcore",
				"/proc/keys",
				"/proc/latency_stats",
				"/proc/timer_list",
				"/proc/timer_stats",
				"/proc/sched_debug",
				"/proc/scsi",
				"/sys/firmware",
				"/sys/devices/virtual/powercap",
			},
			ReadonlyPaths: []string{
				"/proc/bus",
				"/proc/fs",
				"/proc/irq",
				"/proc/sys",
				"/proc/sysrq-trigger",
			},
		},
	}
}

// defaultMounts are the filesystems of config-linux.md#default-filesystems and
// those that engines add to them.
func defaultMounts() []Mount {
	return []Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{
			Destination: "/dev", Type: "tmpfs", Source: "tmpfs",
			Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"},
		},
		{
			Destination: "/dev/pts", Type: "devpts", Source: "devpts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
		},
		{
			Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"},
		},
		{
			Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue",
			Options: []string{"nosuid", "noexec", "nodev"},
		},
		{
			Destination: "/sys", Type: "sysfs", Source: "sysfs",
			Options: []string{"nosuid", "noexec", "nodev", "ro"},
		},
		{
			Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
			Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"},
		},
	}
}

// DefaultRootless returns Default changed so that the user with the ids uid and
// gid on the host can run it without privileges: root of the container is that
// user, who is the only one there is. What such a user cannot have is left out:
// a network namespace with a sysfs of its own (the host's is bound instead, and
// with it comes no mount of cgroups), a group for terminals, resource limits.
func DefaultRootless(uid, gid uint32) *Spec {
	s := Default()
	s.Linux.Resources = nil
	s.Linux.UIDMappings = []LinuxIDMapping{{ContainerID: 0, HostID: uid, Size: 1}}
	s.Linux.GIDMappings = []LinuxIDMapping{{ContainerID: 0, HostID: gid, Size: 1}}
	for i, ns := range s.Linux.Namespaces {
		if ns.Type == NetworkNamespace {
			s.Linux.Namespaces[i].Type = UserNamespace
		}
	}
	mounts := s.Mounts[:0]
	for _, m := range s.Mounts {
		switch m.Destination {
		case "/dev/pts":
			m.Options = m.Options[:len(m.Options)-1] // gid=5, which is not mapped
		case "/sys":
			m.Type, m.Source = "none", "/sys"
			// All of it read-only: below are cgroups, which may belong to the user.
			m.Options = []string{"rbind", "nosuid", "noexec", "nodev", "rro"}
		case "/sys/fs/cgroup":
			continue
		}
		mounts = append(mounts, m)
	}
	s.Mounts = mounts
	return s
}
