package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// hostDelegateCgroup gives the version 2 cgroup to the user who runs the program, so that it can divide it further.
type hostDelegateCgroup struct{ UID int }

// OpName implements nsenter.Op.
func (hostDelegateCgroup) OpName() string { return "cgroup.delegate" }

// Fields implements nsenter.Op.
func (o hostDelegateCgroup) Fields() []nsenter.Field {
	return []nsenter.Field{{Name: "uid", Value: o.UID}}
}

func (o hostDelegateCgroup) run(_ context.Context, r *runner) error {
	if o.UID == os.Geteuid() {
		return nil // is the owner of what it makes
	}
	err := r.cgroup.Delegate(o.UID)
	if errors.Is(err, unix.EPERM) && os.Geteuid() != 0 {
		// Only root can give away. The specification allows to leave it.
		r.rt.warn(fmt.Sprintf("linux.cgroupsPath: %v", err))
		return nil
	}
	return err
}

// delegateCgroup adds the change of owner where the specification wants it (config-linux.md, "Cgroup ownership"): on cgroup v2, in a
// new cgroup namespace, when the cgroup file system is mounted writable.
func (c *compiler) delegateCgroup() {
	if c.facts.cgroups.Mode() != cgroups.Unified || c.ns.made&unix.CLONE_NEWCGROUP == 0 {
		return
	}
	if !slices.ContainsFunc(c.spec.Mounts, func(m specs.Mount) bool {
		return m.Source == "cgroup" && m.Destination == "/sys/fs/cgroup" && !slices.Contains(m.Options, "ro")
	}) {
		return
	}
	if uid, ok := c.hostUser(); ok {
		c.add("linux.cgroupsPath", hostDelegateCgroup{UID: uid})
	}
}

// hostUser is process.user.uid as the host knows it, and false where the mappings do not say it: those of a joined user namespace.
func (c *compiler) hostUser() (int, bool) {
	uid := c.process.User.UID
	if !c.ns.own(unix.CLONE_NEWUSER) {
		return int(uid), true
	}
	for _, m := range c.linux().UIDMappings {
		if uid >= m.ContainerID && uid-m.ContainerID < m.Size {
			return int(m.HostID + uid - m.ContainerID), true
		}
	}
	return 0, false
}
