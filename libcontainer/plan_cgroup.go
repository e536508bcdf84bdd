package libcontainer

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// permittedCgroup leaves out what the caller may not make, for a caller of whom nobody expects that it may. That is silent where the
// configuration asks for nothing: every engine of an ordinary user calls like this. A path that it names, and limits, are never left out.
func (c *compiler) permittedCgroup() {
	plan := &c.cgroup
	plan.writes = c.facts.permittedWrites(plan.writes)
	var dirs []cgroups.Dir
	for _, d := range plan.record.Dirs {
		switch err := c.facts.noCgroup(d); {
		case err == nil:
			dirs = append(dirs, d)
		case c.linux().CgroupsPath != "":
			c.errs = append(c.errs, fieldError("linux.cgroupsPath", err))
			return
		default:
			c.refuseWrites(d, err)
		}
	}
	plan.record.Dirs = dirs
}

// errDisabled is why a container has no cgroup although one could be made.
var errDisabled = errors.New("cgroups are disabled")

// withoutCgroup is for a caller that wants no cgroup, and what needs one refused.
func (f *hostFacts) withoutCgroup() {
	f.rootless, f.disabled = true, true
	f.noCgroup = func(cgroups.Dir) error { return errDisabled }
}

// permittedWrites leaves the rules for devices out where they cannot be given at all: both versions want CAP_SYS_ADMIN over the host. Without
// them the container still cannot make a device node, and uses others by the rights of its user.
func (f *hostFacts) permittedWrites(writes []cgroups.Write) []cgroups.Write {
	if !f.disabled && !f.caller.nested && f.caps&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return writes
	}
	return slices.DeleteFunc(writes, func(w cgroups.Write) bool { return w.Controller == "devices" })
}

// refuseWrites makes errors of the fields that would be written in a directory that cannot be made.
func (c *compiler) refuseWrites(d cgroups.Dir, reason error) {
	field := ""
	for _, w := range c.cgroup.writes {
		at, ok := c.cgroup.record.Dir(w.Controller)
		if !ok || at.MountPoint != d.MountPoint || w.Field == field {
			continue
		}
		field = w.Field
		c.errs = append(c.errs, fieldError(field, fmt.Errorf("cannot be set without a cgroup: %w", reason)))
	}
}

// withoutHierarchies is for a host that has none, where only what asks for none can run.
func (c *compiler) withoutHierarchies() {
	l := c.linux()
	if l.CgroupsPath != "" {
		c.fail("linux.cgroupsPath", "no cgroup hierarchy is mounted")
	}
	if l.Resources == nil {
		return
	}
	limits := *l.Resources
	limits.Devices = nil
	if _, _, err := cgroups.Compile(&limits, c.facts.cgroups); err != nil {
		c.errs = append(c.errs, err)
	}
}

// noCgroup tells for a recorded container, as facts.noCgroup did when it was made, where it has no cgroup.
func (r *record) noCgroup(d cgroups.Dir) error {
	if r.Cgroup != nil {
		for _, have := range r.Cgroup.Dirs {
			if have.MountPoint == d.MountPoint {
				return nil
			}
		}
	}
	return unix.EACCES
}
