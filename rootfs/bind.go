package rootfs

import (
	"path"
	"strings"

	"github.com/minirun/minirun/nsenter"
	"golang.org/x/sys/unix"
)

// bind makes a bind mount. The options decide that it is one, the type says nothing (config.md, "Mounts").
func (c *compiler) bind(m *mount) {
	for _, d := range m.opt.data {
		c.problem(m.option(d.at), d.text, "unknown option: a bind mount cannot have options of a filesystem")
	}
	if m.opt.has(kindCopyUp) {
		c.problem(m.option(m.opt.index(kindCopyUp)), "tmpcopyup", "only a tmpfs can have it")
	}
	src := m.Source
	switch {
	case src == "":
		c.problem(m.field+".source", "", "is required for a bind mount")
		return
	case !path.IsAbs(src):
		src = strings.TrimSuffix(c.facts.Bundle, "/") + "/" + src
	}
	op := &nsenter.MountBind{
		Root: c.out.Root, Path: m.path, Source: src, From: nsenter.NoSlot, Userns: nsenter.NoSlot,
		AttrSet: m.opt.top.set, AttrClr: m.opt.top.clr, RecSet: m.opt.tree.set, RecClr: m.opt.tree.clr,
		Flags: m.flags | nsenter.FlagMountMkauto,
	}
	if m.opt.has(kindRbind) {
		op.Flags |= nsenter.FlagMountRecursive
	}
	if m.opt.has(kindSrcNoFollow) {
		op.Flags |= nsenter.FlagMountSrcnofollow
	}
	if m.opt.has(kindCopyLink) {
		op.Flags |= nsenter.FlagMountCopylink
	}
	idmap := c.idmap(m)
	clone := c.hostOpens(src) || idmap != nsenter.NoSlot
	var own *nsenter.MountBind
	if clone {
		if idmap == nsenter.NoSlot && !c.mustClone(src) {
			own = c.ownBind(m, *op)
		}
		op.Source, op.From = "", c.alloc()
		op.Flags |= nsenter.FlagMountTree
		c.out.Sources = append(c.out.Sources, Source{
			Slot: op.From, Path: src, Target: m.path, Recursive: m.opt.has(kindRbind), NoFollow: m.opt.has(kindSrcNoFollow | kindCopyLink),
			IDMap: idmap, IDMapRecursive: m.opt.has(kindRidmap), Because: m.field,
		})
	}
	props := c.propagation(m, clone)
	if len(props) > 0 {
		op.Propagation, props = props[0], props[1:]
	}
	if own == nil {
		add(&c.out.Mounts, m.field, op)
	} else {
		c.out.Mounts = either(c.out.Mounts, m.field, own, op)
	}
	c.morePropagation(m, props)
}

// ownBind is the bind op as the init makes it by itself. In a user namespace that comes first: what the init finds has the flags of the
// host's mount, locked, so that no one in the container can take them away; what the host side has cloned has them unlocked. But not
// every source can be reached, and what the configuration takes away by name is locked as well.
func (c *compiler) ownBind(m *mount, op nsenter.MountBind) *nsenter.MountBind {
	if props := c.propagation(m, false); len(props) > 0 {
		op.Propagation = props[0]
	}
	return &op
}

// hostOpens tells whether the host side has to open a bind source: root of the container's user namespace may be no one to the
// source's directory; in a shared root the bind must be a peer of the host's mount, which the init's slaves cannot give; and what
// /proc/self is differs between the host side and the init.
func (c *compiler) hostOpens(src string) bool {
	if c.facts.Unprivileged {
		return false
	}
	return c.facts.UserNS || c.mustClone(src)
}

// mustClone tells whether nothing but a clone of the host side's will do.
func (c *compiler) mustClone(src string) bool {
	return c.prop&unix.MS_SHARED != 0 || strings.HasPrefix(src, "/proc/self/") || strings.HasPrefix(src, "/proc/thread-self/")
}
