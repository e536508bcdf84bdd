package rootfs

import (
	"slices"
	"strings"

	"github.com/minirun/minirun/nsenter"
	"golang.org/x/sys/unix"
)

// Bounds of the kernel: a key or a value of fsconfig(2), and all options of mount(2) together, without the NUL.
const (
	maxConfigValue = 255
	maxMountData   = 4095
)

// withoutOwners are the filesystems of the kernel's own objects: nothing in them has an owner that could be mapped, and flags of
// storage mean nothing to them.
var withoutOwners = [...]string{"cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue", "proc", "sysfs"}

// apart makes a filesystem first and mounts it then, where mount.fs cannot do both in one: for an id mapping, for values that
// fsconfig(2) refuses for their length, and for what only mount(2) knows. false: mount.fs will do.
func (c *compiler) apart(m *mount, op *nsenter.MountFs) bool {
	if slices.Contains(withoutOwners[:], m.Type) {
		c.noIDMap(m)
		return false
	}
	userns := c.idmap(m)
	legacy := m.opt.ms != 0 || strings.Contains(m.Type, ".") || len(m.Source) > maxConfigValue || slices.ContainsFunc(op.Options, tooLong)
	if userns == nsenter.NoSlot && !legacy {
		return false
	}
	tree := c.alloc()
	var create nsenter.InitOp = &nsenter.MountMake{
		Tree: tree, Fstype: op.Fstype, Source: op.Source, Options: op.Options, Attr: op.Attr, Userns: userns,
	}
	if legacy {
		create = c.legacy(m, op, tree, userns)
	}
	if userns != nsenter.NoSlot && c.facts.UserNS {
		// A container's root may not use another user namespace's mappings: the mount is made while the init is still the caller.
		if _, ok := create.(*nsenter.MountLegacy); ok {
			c.problem(m.field+".options", "", "an id mapping in a container with a user namespace needs fsconfig(2), and these options need mount(2)")
		}
		add(&c.out.Early, m.field, create)
	} else {
		add(&c.out.Mounts, m.field, create)
	}
	add(&c.out.Mounts, m.field, &nsenter.MountBind{
		Root: op.Root, Path: op.Path, From: tree, Userns: nsenter.NoSlot, Propagation: op.Propagation, Flags: op.Flags | nsenter.FlagMountTree,
	})
	return true
}

func (c *compiler) noIDMap(m *mount) {
	const text = "the files of this filesystem have no owners that could be mapped"
	for _, k := range []kind{kindIdmap, kindRidmap} {
		if m.opt.has(k) {
			c.problem(m.option(m.opt.index(k)), m.Options[m.opt.index(k)], text)
		}
	}
	if len(m.UIDMappings)+len(m.GIDMappings) > 0 {
		c.problem(m.field+".uidMappings", "", text)
	}
}

func tooLong(option string) bool {
	key, value, _ := strings.Cut(option, "=")
	return len(key) > maxConfigValue || len(value) > maxConfigValue
}

// superblockFlag returns the MS_* of a flag that fsconfig(2) takes by name, 0 for anything else.
func superblockFlag(option string) uint64 {
	switch option {
	case "dirsync":
		return unix.MS_DIRSYNC
	case "lazytime":
		return unix.MS_LAZYTIME
	case "mand":
		return unix.MS_MANDLOCK
	case "ro":
		return unix.MS_RDONLY
	case "sync":
		return unix.MS_SYNCHRONOUS
	}
	return 0
}

// legacy makes the filesystem with mount(2). When all options together are too long for that, only an overlay is left: newer
// kernels take its layers one by one.
func (c *compiler) legacy(m *mount, op *nsenter.MountFs, tree, userns nsenter.Slot) nsenter.InitOp {
	flags := m.opt.ms
	var data []string
	for _, o := range op.Options {
		if f := superblockFlag(o); f != 0 {
			flags |= f
		} else {
			data = append(data, quoteLabel(o))
		}
	}
	joined := strings.Join(data, ",")
	switch layers, ok := splitLayers(m.Type, op.Options); {
	case len(m.Source) > maxMountData:
		c.problem(m.field+".source", "", "is longer than the "+itoa(maxMountData)+" bytes that mount(2) takes")
	case len(joined) <= maxMountData:
	case ok && m.opt.ms == 0:
		return &nsenter.MountMake{Tree: tree, Fstype: op.Fstype, Source: op.Source, Options: layers, Attr: op.Attr, Userns: userns}
	default:
		c.problem(m.field+".options", "", "the filesystem's options are longer than the "+itoa(maxMountData)+" bytes that mount(2) takes")
	}
	return &nsenter.MountLegacy{Tree: tree, Fstype: op.Fstype, Source: op.Source, Data: joined, Flags: flags, Attr: op.Attr, Userns: userns}
}

// quoteLabel puts quotes around a label with commas, which mount(2) takes for the end of an option elsewhere.
func quoteLabel(option string) string {
	key, value, _ := strings.Cut(option, "=")
	if !strings.Contains(value, ",") || !isContext(option, contextKeys...) {
		return option
	}
	return key + `="` + value + `"`
}

// splitLayers gives every lower layer of an overlay an option of its own. Backslashes and data-only layers (two colons) mean something
// else there: false.
func splitLayers(fstype string, options []string) ([]string, bool) {
	if fstype != "overlay" {
		return nil, false
	}
	var out []string
	for _, o := range options {
		value, ok := strings.CutPrefix(o, "lowerdir=")
		switch {
		case !ok:
			out = append(out, o)
		case strings.Contains(value, `\`) || strings.Contains(value, "::"):
			return nil, false
		default:
			for l := range strings.SplitSeq(value, ":") {
				out = append(out, "lowerdir+="+l)
			}
		}
	}
	return out, !slices.ContainsFunc(out, tooLong)
}
