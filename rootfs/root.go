package rootfs

import (
	"path"
	"strings"

	"github.com/minirun/minirun/nsenter"
	"golang.org/x/sys/unix"
)

// withoutMountNS accepts only what needs no mount, as mounting in the caller's namespace would change the host: the root is entered by
// chroot(2) and left as it is. A container that shares the host's root needs not even that.
func (c *compiler) withoutMountNS() {
	const text = "needs a mount namespace in linux.namespaces"
	c.out.Console = Console{Ptmx: "/dev/ptmx"}
	switch r := c.spec.Root; {
	case r == nil || r.Path == "":
		c.problem("root.path", "", "is required")
	case r.Readonly:
		c.problem("root.readonly", "", text)
	case path.Clean(r.Path) != "/":
		c.out.Root = c.alloc()
		open := c.rootOpen(r.Path)
		open.Flags = nsenter.FlagRootPlain
		add(&c.out.Prepare, "root.path", open)
		add(&c.out.Pivot, "root.path", &nsenter.RootChroot{Root: c.out.Root, Flags: nsenter.FlagRootPlain})
	}
	for _, n := range []struct {
		field string
		set   bool
	}{
		{"mounts", len(c.spec.Mounts) > 0},
		{"linux.devices", len(c.linux.Devices) > 0},
		{"linux.maskedPaths", len(c.linux.MaskedPaths) > 0},
		{"linux.readonlyPaths", len(c.linux.ReadonlyPaths) > 0},
		{"linux.rootfsPropagation", c.linux.RootfsPropagation != ""},
		{"linux.mountLabel", c.linux.MountLabel != ""},
	} {
		if n.set {
			c.problem(n.field, "", text)
		}
	}
}

// prepare cuts the mounts inherited from the host off from it and opens the root.
//
// All of them become slaves (or private, if the root shall be so), whatever else rootfsPropagation says: what is mounted in here must
// never show up on the host, and pivot_root(2) refuses a shared parent. A root that shall be shared becomes so in Finish, and
// binds that have to stay peers of the host's mounts then come from clones that the host side made (see hostOpens).
func (c *compiler) prepare() {
	flags := uint64(unix.MS_SLAVE | unix.MS_REC)
	because := "linux.rootfsPropagation"
	switch p := c.linux.RootfsPropagation; {
	case p == "":
		because = "default propagation"
	default:
		o := findOption(p)
		if o == nil || o.prop == 0 {
			c.problem(because, p, "unknown, must be one of private, slave, shared, unbindable, or one of them with an r before it")
			break
		}
		c.prop = o.prop
		if o.prop&unix.MS_PRIVATE != 0 {
			flags = unix.MS_PRIVATE | unix.MS_REC
			if c.facts.NoPivot {
				c.problem(because, p, "is not safe without pivot_root")
			}
		}
	}
	add(&c.out.Prepare, because, &nsenter.MountPropagation{Root: nsenter.NoSlot, Path: "/", Flags: flags})
	if c.linux.MountLabel != "" && !c.facts.SELinux {
		c.problem("linux.mountLabel", c.linux.MountLabel, "SELinux is not enabled on this host")
	}
	if c.spec.Root == nil || c.spec.Root.Path == "" {
		c.problem("root.path", "", "is required")
		return
	}
	open := c.rootOpen(c.spec.Root.Path)
	if !c.facts.UserNS || c.facts.Unprivileged || c.facts.NoPivot {
		add(&c.out.Prepare, "root.path", open)
		return
	}
	// The container's root may be no one to the directories above its own: then a clone that the host side made takes its place. Only
	// then, as the flags of the clone's mounts are not locked.
	c.out.Sources = append(c.out.Sources, Source{
		Slot: c.out.Root, Path: open.Path, Base: open.Base, Directory: true, Recursive: true, IDMap: nsenter.NoSlot, Because: "root.path",
	})
	c.out.Prepare = either(c.out.Prepare, "root.path", open, &nsenter.RootAttach{Root: c.out.Root, Propagation: flags})
}

// rootOpen keeps a root that the configuration places in the bundle inside of it: a symbolic link there must not lead out.
func (c *compiler) rootOpen(p string) *nsenter.RootOpen {
	bundle := path.Clean(c.facts.Bundle)
	if !path.IsAbs(p) {
		p = bundle + "/" + p
	}
	if clean := path.Clean(p); bundle != "/" && within(clean, bundle) {
		rel := strings.TrimPrefix(clean[len(bundle):], "/")
		if rel == "" {
			rel = "."
		}
		return &nsenter.RootOpen{Base: bundle, Path: rel, Root: c.out.Root}
	}
	return &nsenter.RootOpen{Path: p, Root: c.out.Root}
}

func (c *compiler) pivot() {
	if c.facts.NoPivot {
		add(&c.out.Pivot, "no-pivot", &nsenter.RootChroot{Root: c.out.Root})
		return
	}
	add(&c.out.Pivot, "root.path", &nsenter.RootPivot{Root: c.out.Root})
}

// finish closes the root. Nothing can be created in it any more afterwards.
func (c *compiler) finish() {
	c.out.Finish = append(c.out.Finish, c.readonly...)
	c.readonlyPaths()
	c.maskedPaths()
	if c.spec.Root != nil && c.spec.Root.Readonly {
		add(&c.out.Finish, "root.readonly", &nsenter.MountAttr{Root: c.out.Root, Path: "/", AttrSet: aRO})
	}
	// Last, as nothing can be bound onto itself in an unbindable root. A slave or private root is so from Prepare on, and has to
	// stay a slave: setting it again could only undo what single mounts asked for. For the same reason rshared reaches the
	// mounts of the configuration one by one (see propagation).
	switch c.prop &^ unix.MS_REC {
	case unix.MS_SHARED:
		add(&c.out.Finish, "linux.rootfsPropagation", &nsenter.MountPropagation{Root: c.out.Root, Path: "/", Flags: unix.MS_SHARED})
	case unix.MS_UNBINDABLE:
		add(&c.out.Finish, "linux.rootfsPropagation", &nsenter.MountPropagation{Root: c.out.Root, Path: "/", Flags: c.prop})
	}
}
