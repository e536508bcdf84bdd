package libcontainer

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/systemd"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/rootfs"
)

// compileRoot has package rootfs compile the file system.
func (c *compiler) compileRoot() {
	root, err := rootfs.Compile(c.spec, rootfs.Facts{
		Bundle:       c.opts.bundle,
		MountNS:      c.ns.own(unix.CLONE_NEWNS),
		UserNS:       c.ns.own(unix.CLONE_NEWUSER),
		Nested:       c.facts.caller.nested,
		Unprivileged: c.facts.caller.noMounts,
		HostNet:      c.ns.made&unix.CLONE_NEWNET == 0,
		HostPID:      c.ns.made&unix.CLONE_NEWPID == 0,
		HostIPC:      c.ns.made&unix.CLONE_NEWIPC == 0,
		CgroupNS:     c.ns.own(unix.CLONE_NEWCGROUP),
		Cgroups:      c.hierarchies(),
		NoPivot:      c.opts.noPivot,
		SELinux:      c.facts.selinux,
		Kcore:        true,
		UIDMappings:  c.ids.uids,
		GIDMappings:  c.ids.gids,
	}, c.slot)
	if err != nil {
		c.errs = append(c.errs, splitProblems(err)...)
		return
	}
	for _, w := range root.Warnings {
		c.warn(w.Error())
	}
	c.root = root
}

func splitProblems(err error) []error {
	var p rootfs.Problems
	if errors.As(err, &p) {
		return p.Unwrap()
	}
	return []error{err}
}

// hierarchies is the host's cgroup tree and the container's place in it, as rootfs wants it.
func (c *compiler) hierarchies() []rootfs.CgroupHierarchy {
	var list []rootfs.CgroupHierarchy
	for _, h := range c.facts.cgroups.Hierarchies() {
		x := rootfs.CgroupHierarchy{Version: h.Version, MountPoint: h.MountPoint, Links: h.Links(), Path: c.cgroupPath(h.MountPoint)}
		if h.Version == 1 {
			x.Controllers = strings.Split(h.MountOptions(), ",")
		}
		list = append(list, x)
	}
	return list
}

// cgroupPath is the container's cgroup in the hierarchy that is mounted there; "" where it has none.
func (c *compiler) cgroupPath(mountPoint string) string {
	for i := range c.cgroup.record.Dirs {
		if d := &c.cgroup.record.Dirs[i]; d.MountPoint == mountPoint {
			return d.Path
		}
	}
	return ""
}

func (c *compiler) openSources() {
	for _, m := range c.root.IDMaps {
		c.add(m.Because, hostMakeUserns{Slot: m.Slot, UID: m.UID, GID: m.GID})
	}
	for _, s := range c.root.Sources {
		c.add(s.Because, hostOpenSource{s})
	}
}

func (c *compiler) items(items []nsenter.Item) { c.plan.Append(items...) }

func (c *compiler) earlyMounts() { c.items(c.root.Early) }

func (c *compiler) prepareRoot() { c.items(c.root.Prepare) }

func (c *compiler) mounts() {
	n := c.root.FirstCgroup
	if n < 0 {
		n = len(c.root.Mounts)
	}
	c.items(c.root.Mounts[:n])
	c.joinCgroup()
	c.cgroupNamespace()
	c.items(c.root.Mounts[n:])
}

func (c *compiler) devices() { c.items(c.root.Devices) }

// changeRoot ends with the container's directory made, while its parent may still be writable.
func (c *compiler) changeRoot() {
	c.items(c.root.Pivot)
	c.openConsole(c.root.Root, c.root.Console.Ptmx, c.root.Console.Target)
	if cwd := c.process.Cwd; cwd != "/" {
		c.try("process.cwd", nsenter.FsMkdir{Root: c.root.Root, Path: path.Clean(cwd), Mode: 0o755})
	}
}

func (c *compiler) finishRoot() { c.items(c.root.Finish) }

// cgroupPlan is where the container's cgroup is and what is written there.
type cgroupPlan struct {
	record cgroups.Record
	writes []cgroups.Write
	// properties are those of the record's unit.
	properties []systemd.Property
	// entered tells that the plan has the init in its cgroup already.
	entered bool
	// attach is the unit of a user's manager that an exec is moved into.
	attach *cgroups.Unit
}

// born tells whether there is a version 2 directory: the process is cloned into it.
func (p *cgroupPlan) born() bool {
	_, ok := p.record.Unified()
	return ok && p.record.Unit == nil && p.attach == nil
}

// joined is the number of version 1 directories. The process moves itself into them: a write to cgroup.procs from outside waits for a grace period
// of the kernel's RCU, some milliseconds, a task that moves itself does not.
func (p *cgroupPlan) joined() int {
	n := 0
	for _, d := range p.record.Dirs {
		if d.Version == 1 {
			n++
		}
	}
	return n
}

func (c *compiler) compileCgroup() {
	l := c.linux()
	if c.facts.rootless && c.facts.systemd == nil && c.facts.cgroups.Mode() == cgroups.None {
		c.withoutHierarchies()
		return
	}
	rec, err := c.placeCgroup()
	if err != nil {
		c.errs = append(c.errs, fieldError("linux.cgroupsPath", err))
		return
	}
	writes, warnings, err := cgroups.Compile(withDefaultDevices(l.Resources), c.facts.cgroups)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	for _, w := range warnings {
		c.warn(w.String())
	}
	c.cgroup = cgroupPlan{record: rec, writes: writes}
	c.compileUnit()
	if c.facts.rootless && c.cgroup.record.Unit == nil {
		c.permittedCgroup()
	}
}

// makeCgroup makes what the process is born in. Without version 1 that is all, and the limits are there before the process.
func (c *compiler) makeCgroup() {
	if c.cgroup.record.Unit != nil || len(c.cgroup.record.Dirs) == 0 {
		return
	}
	c.add("linux.cgroupsPath", hostMakeCgroup{c.cgroup.record})
	if c.cgroup.joined() == 0 {
		c.add("linux.resources", hostLimitCgroup{c.cgroup.writes})
		c.delegateCgroup()
	}
	if c.cgroup.born() && c.opts.moved {
		c.openUnified("linux.cgroupsPath")
	}
}

// openUnified opens the file by which the init moves itself into its version 2 cgroup, instead of being born there.
func (c *compiler) openUnified(because string) {
	c.unified = c.slot()
	c.add(because, hostOpenUnified{c.unified})
}

func (c *compiler) enterUnified() {
	if c.unified != nsenter.NoSlot {
		c.joinTasks(c.unified, 1)
	}
}

// limitCgroup makes the version 1 directories and writes the limits while the init is busy with its first mounts, which do not count much. A unit
// needs a process to begin with, so with systemd it makes everything.
func (c *compiler) limitCgroup() {
	if !c.mayAnswerAhead() {
		c.keepConfig()
	}
	if c.cgroup.record.Unit != nil {
		c.add("linux.cgroupsPath", hostStartUnit{c.cgroup.record, c.cgroup.properties})
		c.add("linux.resources", hostLimitCgroup{c.cgroup.writes})
		c.delegateCgroup()
		return
	}
	if c.cgroup.joined() > 0 {
		c.add("linux.resources", hostLimitCgroup{c.cgroup.writes})
	}
}

func (c *compiler) keepConfig() { c.add("config.json", hostKeepConfig{}) }

// openTasks hands the init the files by which it moves itself.
func (c *compiler) openTasks() nsenter.Item {
	return step("linux.cgroupsPath", hostOpenCgroup{First: nsenter.NoSlot, Count: c.cgroup.joined()})
}

// joinCgroup is where the init enters the version 1 directories, once they have their limits. With systemd it waits to be moved.
func (c *compiler) joinCgroup() {
	n := c.cgroup.joined()
	if c.cgroup.entered || n == 0 && c.cgroup.record.Unit == nil {
		return
	}
	c.cgroup.entered = true
	if n == 0 {
		c.sync("linux.cgroupsPath", pointCgroup, nsenter.NoSlot)
		return
	}
	first := c.slotRange(n)
	if c.ahead {
		c.answered("linux.cgroupsPath", pointCgroup, first)
	} else {
		c.sync("linux.cgroupsPath", pointCgroup, first, c.openTasks())
	}
	c.joinTasks(first, n)
}

func (c *compiler) joinTasks(first nsenter.Slot, n int) {
	for i := range n {
		c.add("linux.cgroupsPath", nsenter.CgroupJoin{Tasks: first + nsenter.Slot(i)})
	}
}

// openCgroup opens the directories of a container that an exec goes into.
func (c *compiler) openCgroup() {
	if c.cgroup.attach != nil {
		return
	}
	if n := c.cgroup.joined(); n > 0 {
		c.tasks = c.slotRange(n)
		c.add("linux.cgroupsPath", hostOpenCgroup{First: c.tasks, Count: n})
	}
	switch {
	case !c.cgroup.born():
	case c.initialCPUs() != "": // on the processors where it is to begin, the cgroup may not let it be
		c.openUnified("process.execCPUAffinity.initial")
	case c.opts.moved:
		c.openUnified("linux.cgroupsPath")
	}
}

// enterCgroup is joinCgroup of an exec: nothing has to be waited for, but by users' managers.
func (c *compiler) enterCgroup() {
	if u := c.cgroup.attach; u != nil {
		c.sync("linux.cgroupsPath", pointCgroup, nsenter.NoSlot, step("linux.cgroupsPath", hostAttachUnit{*u}))
		return
	}
	c.joinTasks(c.tasks, c.cgroup.joined())
	c.enterUnified()
}

// adjust is what the host does to the process from outside as soon as there is one.
func (c *compiler) adjust() []nsenter.Item {
	adj := c.process.OOMScoreAdj
	if adj == nil {
		return nil
	}
	return []nsenter.Item{step("process.oomScoreAdj", hostOOMScore{Value: *adj})}
}
