package libcontainer

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// diedAtBirth tells whether an init that was cloned into its cgroup was killed before it did anything.
//
// Since Linux 6.14 (commit b69bb476dee9, "cgroup: fix race between fork and cgroup.kill", also in stable series) a fork compares how often its
// cgroup was killed before and after. With CLONE_INTO_CGROUP the count before is that of the caller's cgroup, the one after that of the child's:
// where cgroup.kill was ever written in a cgroup that is used again, or in the caller's own, every such child is killed. No file shows the
// count, so it has to be tried. Then all is done once more, with an init that moves into the cgroup by itself.
func (r *runner) diedAtBirth(err error) bool {
	var death *nsenter.DeathError
	return r.c.cgroup.born() && r.c.unified == nsenter.NoSlot && !r.heard &&
		errors.As(err, &death) && death.Status.Signal() == unix.SIGKILL
}

// ownMemory tells whether the cgroup that memory is limited in is a new one: what it counts is of this init.
func (r *runner) ownMemory() bool {
	d, ok := r.cgroup.Record().Dir("memory")
	return ok && d.Made > 0
}
