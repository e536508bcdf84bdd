package libcontainer

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// namespaceFlags has one row for each kind of namespace of config-linux.md.
var namespaceFlags = []struct {
	kind specs.LinuxNamespaceType
	flag uint64
}{
	{specs.UserNamespace, unix.CLONE_NEWUSER},
	{specs.MountNamespace, unix.CLONE_NEWNS},
	{specs.PIDNamespace, unix.CLONE_NEWPID},
	{specs.NetworkNamespace, unix.CLONE_NEWNET},
	{specs.IPCNamespace, unix.CLONE_NEWIPC},
	{specs.UTSNamespace, unix.CLONE_NEWUTS},
	{specs.CgroupNamespace, unix.CLONE_NEWCGROUP},
	{specs.TimeNamespace, unix.CLONE_NEWTIME},
}

func namespaceFlag(kind specs.LinuxNamespaceType) uint64 {
	for _, n := range namespaceFlags {
		if n.kind == kind {
			return n.flag
		}
	}
	return 0
}

// namespaces is what of linux.namespaces is made and what is joined.
type namespaces struct {
	made   uint64            // CLONE_NEW* of new ones
	joined []joinedNamespace // by path; a user namespace last
	fork   bool              // the final process is a child of the spawned one
}

type joinedNamespace struct {
	flag  uint64
	kind  specs.LinuxNamespaceType
	path  string
	field string
	slot  nsenter.Slot
}

// own tells whether the container has a namespace of this kind that is not the caller's.
func (n *namespaces) own(flag uint64) bool { return n.made&flag != 0 || n.joins(flag) }

func (n *namespaces) joins(flag uint64) bool {
	for _, j := range n.joined {
		if j.flag == flag {
			return true
		}
	}
	return false
}

// all returns the kinds that differ from the caller's.
func (n *namespaces) all() uint64 {
	flags := n.made
	for _, j := range n.joined {
		flags |= j.flag
	}
	return flags
}

func (c *compiler) compileNamespaces() {
	var user []joinedNamespace
	for i, ns := range c.linux().Namespaces {
		flag := namespaceFlag(ns.Type)
		if ns.Path == "" {
			c.ns.made |= flag
			continue
		}
		j := joinedNamespace{flag, ns.Type, ns.Path, fmt.Sprintf("linux.namespaces[%d].path", i), c.slot()}
		if flag == unix.CLONE_NEWUSER {
			user = append(user, j)
			continue
		}
		c.ns.joined = append(c.ns.joined, j)
	}
	if c.may(unix.CAP_SYS_ADMIN) {
		// The caller's root may join any namespace, a container's root not those of the host: so the user namespace comes last.
		c.ns.joined = append(c.ns.joined, user...)
	} else {
		// An ordinary user may join only a user namespace of their own, and has all rights in there.
		c.ns.joined = append(user, c.ns.joined...)
	}
	c.compileUser()
	if len(c.linux().NetDevices) > 0 && !c.may(unix.CAP_NET_ADMIN) {
		c.fail("linux.netDevices", "the caller needs CAP_NET_ADMIN to move a network device of the host")
	}
	// A joined pid namespace and a new time namespace take effect in a child. A new user namespace must stand before the pid namespace
	// is made in it.
	c.ns.fork = c.ns.joins(unix.CLONE_NEWPID) || c.ns.made&unix.CLONE_NEWTIME != 0 ||
		c.ns.own(unix.CLONE_NEWUSER) && c.ns.made&unix.CLONE_NEWPID != 0
	if !c.ns.own(unix.CLONE_NEWNS) {
		c.fail("linux.namespaces", "a mount namespace is needed: without one, mounts would be made on the host")
	}
}

// spawnFlags are the namespaces that the first clone makes: only the pid namespace, which is for children. The caller waits for the clone, so the
// others, a network namespace above all, are made by the init while the host side goes on with the cgroup.
func (c *compiler) spawnFlags() uint64 {
	if c.exec != nil || c.ns.own(unix.CLONE_NEWUSER) || c.ns.fork {
		return 0
	}
	return c.ns.made & unix.CLONE_NEWPID
}

func (c *compiler) openNamespaces() {
	for _, j := range c.ns.joined {
		c.add(j.field, hostOpenNamespace{Path: j.path, Kind: j.kind, Flag: j.flag, Slot: j.slot})
	}
}

func (c *compiler) spawn() {
	c.add("linux.namespaces", hostSpawn{
		Namespaces: c.spawnFlags(), Cgroup: c.cgroup.born() && c.unified == nsenter.NoSlot, CPUs: c.initialCPUs(),
	})
	if c.ordinaryUser() {
		c.adjustAsUser()
	} else if !c.ns.fork {
		c.items(c.adjust())
	}
}

func (c *compiler) joinNamespaces() {
	for _, j := range c.ns.joined {
		c.add(j.field, nsenter.NsSetns{Ns: j.slot, Flags: j.flag})
	}
}

func (c *compiler) userNamespace() {
	l := c.linux()
	if c.ns.made&unix.CLONE_NEWUSER != 0 {
		c.add("linux.namespaces", nsenter.NsUnshare{Flags: unix.CLONE_NEWUSER})
		c.syncAsUser("linux.uidMappings", pointIDMap, hostIDMap{UID: l.UIDMappings, GID: l.GIDMappings})
	}
	if !c.ns.own(unix.CLONE_NEWUSER) {
		return
	}
	// In the new namespace the process is nobody until it takes an id that is mapped. Supplementary groups of the host go, where
	// that is possible.
	c.setupIdentity()
}

// setupIdentity is who set-up runs as in a user namespace.
func (c *compiler) setupIdentity() {
	c.try("linux.gidMappings", nsenter.CredGroups{})
	c.add("linux.uidMappings", nsenter.CredUser{
		Uid: firstID(c.ids.uids), Gid: firstID(c.ids.gids), Flags: nsenter.FlagCredKeepcaps,
	})
}

// firstID is the id inside the namespace that set-up runs as: 0 where it is mapped.
func firstID(m []specs.LinuxIDMapping) uint32 {
	if len(m) == 0 || mapped(m, 0) {
		return 0
	}
	return m[0].ContainerID
}

func mapped(m []specs.LinuxIDMapping, id uint32) bool {
	for _, e := range m {
		if id >= e.ContainerID && uint64(id) < uint64(e.ContainerID)+uint64(e.Size) {
			return true
		}
	}
	return false
}

func (c *compiler) unshareNamespaces() {
	flags := c.ns.made &^ (c.spawnFlags() | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWCGROUP)
	if c.netAside {
		flags &^= unix.CLONE_NEWNET
	}
	if flags != 0 {
		c.add("linux.namespaces", nsenter.NsUnshare{Flags: flags})
	}
	if c.netAside {
		c.enterNetwork()
	} else if c.ns.made&unix.CLONE_NEWNET != 0 {
		// Programs expect 127.0.0.1 wherever there is a network namespace at all.
		c.add("linux.namespaces", nsenter.NetLoopback{})
	}
	if o := timeOffsets(c.linux().TimeOffsets); o != "" {
		c.add("linux.timeOffsets", nsenter.NsTimens{Offsets: o})
	}
}

func timeOffsets(m map[string]specs.LinuxTimeOffset) string {
	var b strings.Builder
	for _, clock := range []string{"monotonic", "boottime"} {
		if o, ok := m[clock]; ok {
			b.WriteString(clock + " " + strconv.FormatInt(o.Secs, 10) + " " + strconv.FormatUint(uint64(o.Nanosecs), 10) + "\n")
		}
	}
	return b.String()
}

// forkInto makes the final process. Its id is known only now, and so what is done to it from outside.
func (c *compiler) forkInto() {
	if !c.ns.fork {
		return
	}
	if c.cgroup.record.Unit != nil {
		c.joinCgroup() // systemd moves one process, not its children
	}
	var flags uint64
	if c.exec == nil {
		flags = c.ns.made & unix.CLONE_NEWPID
	}
	c.add("linux.namespaces", nsenter.ProcFork{Flags: flags})
	if steps := c.adjust(); len(steps) > 0 && !c.ordinaryUser() {
		c.sync("linux.namespaces", pointForked, nsenter.NoSlot, steps...)
	}
}

// cgroupNamespace makes the namespace whose root is where the process is now: in the container's cgroup.
func (c *compiler) cgroupNamespace() {
	if c.ns.made&unix.CLONE_NEWCGROUP != 0 {
		c.add("linux.namespaces", nsenter.NsUnshare{Flags: unix.CLONE_NEWCGROUP})
	}
}

// compileJoin takes the namespaces of a running container.
func (c *compiler) compileJoin() {
	c.ns.made = c.exec.namespaces
	c.ids = c.exec.ids
	c.checkIDs("the container's user namespace")
	c.checkGroups()
	c.ns.fork = c.ns.made&unix.CLONE_NEWPID != 0
}

// joinContainer enters all namespaces of a running container at once, by its pidfd.
func (c *compiler) joinContainer() {
	c.add("container", nsenter.NsSetns{Ns: c.containerFD, Flags: c.ns.made})
	if c.ns.made&unix.CLONE_NEWUSER != 0 {
		c.setupIdentity()
	}
}
