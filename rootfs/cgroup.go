package rootfs

import (
	"path"
	"slices"
	"strings"

	"github.com/minirun/minirun/nsenter"
)

// cgroupAttr is what the mounts of a v1 layout have in any case.
const cgroupAttr = aNosuid | aNodev | aNoexec

// cgroup mounts the container's view of the cgroup hierarchies. In a cgroup namespace of its own it gets new mounts, which show its own
// cgroup as their root; otherwise its own cgroup is bound, never the whole hierarchy.
func (c *compiler) cgroup(m *mount) {
	if m.path == "/" {
		return
	}
	hierarchies := c.facts.Cgroups
	v1 := slices.ContainsFunc(hierarchies, func(h CgroupHierarchy) bool { return h.Version == 1 })
	switch {
	case len(hierarchies) == 0:
		c.problem(m.field+".type", m.Type, "the host has no cgroup hierarchy mounted")
	case v1:
		for _, d := range m.opt.data {
			c.warn(m.option(d.at), d.text, "unknown option, without effect on cgroup v1")
		}
		c.cgroupV1(m)
	default:
		c.cgroupV2(m, &hierarchies[0], m.path, m.opt.fsAttr(), true)
	}
}

// cgroupV1 lays out a tmpfs with a directory for each hierarchy (the unified one of a hybrid host among them) and links for those of
// several controllers. The tmpfs becomes read-only when all is in it.
func (c *compiler) cgroupV1(m *mount) {
	attr := m.opt.fsAttr() | cgroupAttr
	props := c.propagation(m, false)
	tmpfs := &nsenter.MountFs{
		Root: c.out.Root, Path: m.path, Fstype: "tmpfs", Source: "tmpfs", Options: []string{"mode=755"},
		Attr: attr &^ aRO, Flags: m.flags | nsenter.FlagMountMkdir,
	}
	if len(props) > 0 {
		tmpfs.Propagation, props = props[0], props[1:]
	}
	add(&c.out.Mounts, m.field, tmpfs)
	c.morePropagation(m, props)
	for i := range c.facts.Cgroups {
		h := &c.facts.Cgroups[i]
		dir := m.path + "/" + path.Base(h.MountPoint)
		switch {
		case h.Version == 2:
			c.cgroupV2(m, h, dir, attr, false)
		case c.facts.CgroupNS:
			c.firstCgroup()
			add(&c.out.Mounts, m.field, &nsenter.MountFs{
				Root: c.out.Root, Path: dir, Fstype: "cgroup", Source: "cgroup", Options: slices.Clone(h.Controllers),
				Attr: attr, Flags: nsenter.FlagMountMkdir,
			})
		case h.Path != "":
			c.firstCgroup()
			add(&c.out.Mounts, m.field, c.cgroupBind(h, dir, attr))
		default:
			c.emptyHierarchy(m, dir)
		}
		for _, l := range h.Links {
			add(&c.out.Mounts, m.field, &nsenter.FsSymlink{
				Root: c.out.Root, Path: m.path + "/" + l, Target: path.Base(h.MountPoint), Flags: nsenter.FlagFsExistok,
			})
		}
	}
	if attr&aRO != 0 {
		add(&c.out.Mounts, m.field, &nsenter.MountAttr{Root: c.out.Root, Path: m.path, AttrSet: aRO})
	}
}

// cgroupV2 mounts the unified hierarchy on dir. Where the container's cgroup is not known there is nothing that it may see, and what an
// rbind of /sys shows must be hidden: another user's hierarchy would be writable (CVE-2023-25809).
func (c *compiler) cgroupV2(m *mount, h *CgroupHierarchy, dir string, attr uint64, top bool) {
	var props []uint64
	var first uint64
	if top {
		if props = c.propagation(m, false); len(props) > 0 {
			first, props = props[0], props[1:]
		}
	}
	var own nsenter.InitOp
	switch {
	case h.Path != "":
		bind := c.cgroupBind(h, dir, attr)
		bind.Propagation = first
		own = bind
	case top:
		null, empty := c.maskSlots()
		own, props = &nsenter.MountMask{Root: c.out.Root, Path: dir, Null: null, Empty: empty}, nil
	}
	switch {
	case c.facts.CgroupNS:
		c.firstCgroup()
		fresh := &nsenter.MountFs{
			Root: c.out.Root, Path: dir, Fstype: "cgroup2", Source: "cgroup", Attr: attr, Propagation: first,
			Flags: m.flags | nsenter.FlagMountMkdir,
		}
		if top {
			// The superblock is the hierarchy's: its flags are not the container's to change.
			fresh.Options = c.fsOptions(m)[len(m.opt.sb):]
		}
		c.out.Mounts = either(c.out.Mounts, m.field, fresh, own)
	case own != nil:
		c.firstCgroup()
		add(&c.out.Mounts, m.field, own)
	default:
		c.emptyHierarchy(m, dir)
	}
	c.morePropagation(m, props)
}

// emptyHierarchy makes the directory of a hierarchy in which the container's cgroup is not known: Podman mounts the host's on it, for
// systemd in a container of an ordinary user.
func (c *compiler) emptyHierarchy(m *mount, dir string) {
	add(&c.out.Mounts, m.field, &nsenter.FsMkdir{Root: c.out.Root, Path: dir, Mode: 0o755})
}

// either adds an operation to list and, if there is one, what to do when it fails.
func either(list []nsenter.Item, because string, op, other nsenter.InitOp) []nsenter.Item {
	if other == nil {
		return append(list, nsenter.Item{Op: op, Because: because})
	}
	return append(list,
		nsenter.Item{Op: op, Flags: nsenter.FlagOpTry, Because: because},
		nsenter.Item{Op: other, Flags: nsenter.FlagOpElse, Because: because})
}

func (c *compiler) cgroupBind(h *CgroupHierarchy, dir string, attr uint64) *nsenter.MountBind {
	bind := &nsenter.MountBind{
		Root: c.out.Root, Path: dir, Source: h.MountPoint + strings.TrimSuffix(h.Path, "/"),
		From: nsenter.NoSlot, Userns: nsenter.NoSlot, AttrSet: attr, Flags: nsenter.FlagMountMkdir,
	}
	if attr&aAtime != 0 {
		bind.AttrClr = aAtime
	}
	return bind
}

// firstCgroup notes that the next item needs the container's cgroup.
func (c *compiler) firstCgroup() {
	if c.out.FirstCgroup < 0 {
		c.out.FirstCgroup = len(c.out.Mounts)
	}
}
