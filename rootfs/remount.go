package rootfs

import (
	"slices"

	"github.com/minirun/minirun/nsenter"
)

// remount changes a mount that is there. With bind or rbind among the options it changes the attributes of the mount only, else also
// what the filesystem itself is told. But "ro" is only ever an attribute: a superblock may be the host's as well.
func (c *compiler) remount(m *mount) {
	before := len(c.out.Mounts)
	for _, k := range []kind{kindIdmap, kindRidmap, kindCopyUp, kindSrcNoFollow, kindDstNoFollow, kindCopyLink} {
		if m.opt.has(k) {
			i := m.opt.index(k)
			c.problem(m.option(i), m.Options[i], "is for a mount that is being made, and cannot go with remount")
		}
	}
	if len(m.UIDMappings)+len(m.GIDMappings) > 0 {
		c.problem(m.field+".uidMappings", "", "are for a mount that is being made, and cannot go with remount")
	}
	if m.opt.bind() {
		for _, d := range m.opt.data {
			c.problem(m.option(d.at), d.text, "unknown option: a bind mount cannot have options of a filesystem")
		}
	} else if options := c.newOptions(m); len(options) > 0 {
		add(&c.out.Mounts, m.field, &nsenter.MountReconfigure{Root: c.out.Root, Path: m.path, Options: options})
	}
	top, tree := m.opt.top, m.opt.tree
	if m.opt.has(kindRbind) {
		top, tree = attrs{}, attrs{set: tree.set | top.set&^tree.clr, clr: tree.clr | top.clr&^tree.set}
	}
	op := nsenter.MountAttr{Root: c.out.Root, Path: m.path}
	if tree != (attrs{}) {
		rec := op
		rec.AttrSet, rec.AttrClr, rec.Flags = tree.set, tree.clr, nsenter.FlagMountRecursive
		add(&c.out.Mounts, m.field, &rec)
	}
	if top != (attrs{}) {
		op.AttrSet, op.AttrClr = top.set, top.clr
		add(&c.out.Mounts, m.field, &op)
	}
	c.morePropagation(m, m.opt.prop)
	if len(c.out.Mounts) == before {
		c.warn(m.field+".options", "", "a remount that changes nothing")
	}
}

// newOptions returns what a remount tells the filesystem: the superblock's flags that the list of options sets or takes away, the last
// word on each, and the filesystem's own options.
func (c *compiler) newOptions(m *mount) []string {
	var out []string
	forget := func(names ...string) {
		out = slices.DeleteFunc(out, func(s string) bool { return slices.Contains(names, s) })
	}
	for _, name := range m.Options {
		o := findOption(name)
		switch {
		case o == nil || o.sb == "" && o.unsb == "":
		case o.sb == "ro":
			forget("rw")
		case o.sb != "":
			forget(o.sb, opposite(o.sb))
			out = append(out, o.sb)
		default:
			forget(o.unsb, o.name)
			out = append(out, o.name)
		}
	}
	for _, d := range m.opt.data {
		out = append(out, splitData(d.text)...)
	}
	return out
}

// opposite returns the option that takes the flag sb of the superblock away.
func opposite(sb string) string {
	i := slices.IndexFunc(options[:], func(o option) bool { return o.unsb == sb })
	if i < 0 {
		return ""
	}
	return options[i].name
}
