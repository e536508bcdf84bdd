package rootfs

import (
	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Facts is what Compile must know of the host and of the container's namespaces. The caller fills it in; the zero value describes
// a container with no namespace of its own.
type Facts struct {
	// Bundle is the absolute path of the bundle; relative root.path and bind sources are below it.
	Bundle string
	// MountNS: the container has its own mount namespace, new or joined.
	MountNS bool
	// UserNS: the mount namespace belongs to another user namespace than the caller's. Device nodes cannot be made there, and
	// the sources of binds are opened by the host side (Rootfs.Sources) unless Unprivileged is set.
	UserNS bool
	// Unprivileged: the caller may not clone mounts (no CAP_SYS_ADMIN over its mount namespace). All sources are then opened by
	// the init.
	Unprivileged bool
	// Nested: the caller itself is in a user namespace other than the host's first one. Device nodes cannot be made there either, and
	// what it may mount depends on what its namespaces own.
	Nested bool
	// HostNet, HostPID, HostIPC: the container shares the namespace with the caller or joins one that its user namespace need
	// not own. With UserNS or Nested the kernel may then refuse a new sysfs, proc or mqueue, and the host's is bound instead.
	HostNet, HostPID, HostIPC bool
	// CgroupNS: the container has its own cgroup namespace.
	CgroupNS bool
	// Cgroups are the host's cgroup hierarchies, in the order in which they shall appear.
	Cgroups []CgroupHierarchy
	// NoPivot: change the root with MS_MOVE and chroot(2), for a root on a ramfs.
	NoPivot bool
	// SELinux is enabled: linux.mountLabel can be applied.
	SELinux bool
	// Kcore: /proc/kcore exists, so /dev/core is linked to it.
	Kcore bool
	// UIDMappings and GIDMappings are those of the user namespace that the container is in: from the configuration or, when it is
	// joined or the caller's own, read from it. Empty when all ids exist.
	UIDMappings, GIDMappings []specs.LinuxIDMapping
}

// CgroupHierarchy is one mounted cgroup hierarchy of the host and the container's place in it.
type CgroupHierarchy struct {
	// Version is 1 or 2.
	Version int
	// MountPoint is where the host has it, absolute: /sys/fs/cgroup/cpu,cpuacct. Its last component names the directory in the
	// container on v1.
	MountPoint string
	// Controllers are the v1 hierarchy's controllers, or name=NAME for a named one: the options that mount it.
	Controllers []string
	// Links are further names of a v1 hierarchy of several controllers (cpu, cpuacct), made as symbolic links to the directory.
	Links []string
	// Path is the container's cgroup, absolute below MountPoint; empty: it has none there, or it is not known.
	Path string
}

// Source is a bind source that the host side opens before the launch, because the container's user namespace might not reach it,
// because it gets an id mapping, or because it has to stay a peer of the host's mount (rootfsPropagation shared). The host side
// clones it (open_tree(2) with OPEN_TREE_CLONE and, if Recursive, AT_RECURSIVE), applies IDMap if there is one, and puts the
// descriptor into Slot.
type Source struct {
	Slot      nsenter.Slot
	Path      string // absolute, but for Base
	Target    string // where it goes, for messages; empty for the root
	Base      string // not empty: a directory that Path, relative to it, must not lead out of
	Directory bool   // it must be a directory
	Recursive bool
	NoFollow  bool // the last component is not followed when it is a symbolic link
	// IDMap is the slot of the IDMap to set with MOUNT_ATTR_IDMAP, NoSlot for none; IDMapRecursive: on the whole tree.
	IDMap          nsenter.Slot
	IDMapRecursive bool
	Because        string // mounts[3]
}

// IDMap is a user namespace that the host side makes only for its mappings, for id-mapped mounts.
type IDMap struct {
	Slot     nsenter.Slot
	UID, GID []specs.LinuxIDMapping
	Because  string // mounts[3]
}

// Console is where the container's terminal is made: arguments for nsenter.ConsoleOpen.
type Console struct {
	Ptmx   string
	Target string
}

// Rootfs is a compiled root file system: lists of operations, to be carried out in the order of the fields.
type Rootfs struct {
	// Root is the slot of the root's descriptor. It is filled by Prepare and is good to the end, also after Pivot. NoSlot: the
	// container has the host's root and no mount namespace.
	Root nsenter.Slot
	// Sources and IDMaps are for the host side, before the launch.
	Sources []Source
	IDMaps  []IDMap
	// Early makes mounts that only the caller's own user namespace may make. Before any namespace is entered; they are attached
	// nowhere yet.
	Early []nsenter.Item
	// Prepare sets the propagation of the inherited mounts and opens the root. Right after entering the mount namespace.
	Prepare []nsenter.Item
	// Mounts are the mounts of the configuration in its order.
	Mounts []nsenter.Item
	// FirstCgroup is the index in Mounts of the first item that needs the container's cgroup, -1 when there is none: the cgroup
	// must exist by then, and with CgroupNS the process must be in it and the namespace unshared.
	FirstCgroup int
	// Devices makes device nodes and links in /dev. Hooks that run before pivot_root come after it.
	Devices []nsenter.Item
	// Pivot makes the root the process's root.
	Pivot []nsenter.Item
	// Console is for process.terminal: its operation belongs between Pivot and Finish, as /dev may become read-only.
	Console Console
	// Finish makes read-only what had to be writable until now, then covers the read-only and the masked paths, then sets
	// root.readonly and rootfsPropagation. Whatever still creates something in the root (process.cwd) comes before.
	Finish []nsenter.Item
	// Warnings are no errors, but worth a log record.
	Warnings Problems
}
