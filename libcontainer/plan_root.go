package libcontainer

import (
	"errors"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/rootfs"
)

// compileRoot has package rootfs compile the file system.
func (c *compiler) compileRoot() {
	l := c.linux()
	root, err := rootfs.Compile(c.spec, rootfs.Facts{
		Bundle:      c.opts.bundle,
		MountNS:     c.ns.own(unix.CLONE_NEWNS),
		UserNS:      c.ns.own(unix.CLONE_NEWUSER),
		HostNet:     c.ns.made&unix.CLONE_NEWNET == 0,
		HostPID:     c.ns.made&unix.CLONE_NEWPID == 0,
		HostIPC:     c.ns.made&unix.CLONE_NEWIPC == 0,
		CgroupNS:    c.ns.own(unix.CLONE_NEWCGROUP),
		Cgroups:     c.hierarchies(),
		NoPivot:     c.opts.noPivot,
		SELinux:     c.facts.selinux,
		Kcore:       true,
		UIDMappings: l.UIDMappings,
		GIDMappings: l.GIDMappings,
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
	for i, h := range c.facts.cgroups.Hierarchies() {
		x := rootfs.CgroupHierarchy{Version: h.Version, MountPoint: h.MountPoint, Links: h.Links(), Path: c.cgroupPath(i)}
		if h.Version == 1 {
			x.Controllers = strings.Split(h.MountOptions(), ",")
		}
		list = append(list, x)
	}
	return list
}

func (c *compiler) cgroupPath(i int) string {
	if i < len(c.cgroup.record.Dirs) {
		return c.cgroup.record.Dirs[i].Path
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

func (c *compiler) prepareRoot() { c.items(c.root.Prepare) }

func (c *compiler) mounts() {
	n := c.root.FirstCgroup
	if n < 0 {
		n = len(c.root.Mounts)
	}
	c.items(c.root.Mounts[:n])
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
	record  cgroups.Record
	writes  []cgroups.Write
	unified bool // version 2 only: the process is born in it
}

func (c *compiler) compileCgroup() {
	l := c.linux()
	rec, err := cgroups.Place(c.facts.cgroups, l.CgroupsPath, c.opts.id)
	if err != nil {
		c.errs = append(c.errs, err)
		return
	}
	res := l.Resources
	if res != nil && len(res.Devices) > 0 {
		with := *res
		with.Devices = append(append(with.Devices[:0:0], res.Devices...), cgroups.DefaultDeviceRules()...)
		res = &with
	}
	writes, warnings, err := cgroups.Compile(res, c.facts.cgroups)
	if err != nil {
		c.errs = append(c.errs, err)
	}
	for _, w := range warnings {
		c.warn(w.String())
	}
	c.cgroup = cgroupPlan{record: rec, writes: writes, unified: c.facts.cgroups.Mode() == cgroups.Unified}
}

func (c *compiler) makeCgroupBefore() {
	if c.cgroup.unified {
		c.add("linux.cgroupsPath", hostMakeCgroup{Record: c.cgroup.record, Writes: c.cgroup.writes})
	}
}

// makeCgroupBeside works while the init is busy with its first steps; whatever needs the process inside has a synchronisation point.
func (c *compiler) makeCgroupBeside() {
	if !c.cgroup.unified && c.exec == nil {
		c.add("linux.cgroupsPath", hostMakeCgroup{Record: c.cgroup.record, Writes: c.cgroup.writes})
	}
	if !c.ns.fork {
		c.items(c.attachSteps())
	}
}

// attachSteps are what the host does to the final process as soon as there is one.
func (c *compiler) attachSteps() []nsenter.Item {
	var steps []nsenter.Item
	if !c.cgroup.unified {
		steps = append(steps, step("linux.cgroupsPath", hostAttachCgroup{}))
	}
	if adj := c.process.OOMScoreAdj; adj != nil {
		steps = append(steps, step("process.oomScoreAdj", hostOOMScore{Value: *adj}))
	}
	return steps
}
