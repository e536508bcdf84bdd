package cgroups

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// delegateFile lists the files that a cgroup's owner has to own, since Linux 4.15.
const delegateFile = "/sys/kernel/cgroup/delegate"

// delegated are those files where the kernel does not say it, by the runtime
// specification, section "Cgroup ownership".
var delegated = []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}

// Delegate makes the user with the id, in the caller's user namespace, the owner
// of the version 2 cgroup: of the directory, and of those of its files that the
// kernel names for this, but not of those with the limits. The user can then
// divide the cgroup, and not raise its limits. A version 1 cgroup cannot safely
// be given away, so without a version 2 hierarchy it does nothing.
//
// See the section "Cgroup ownership" in config-linux.md of the runtime
// specification, and "Delegation" in the kernel's cgroup-v2.rst.
func (c *Cgroup) Delegate(uid int) error {
	i := c.record.unified()
	if i < 0 {
		return nil
	}
	d := c.record.Dirs[i]
	dir, err := c.dir(i)
	if err != nil {
		return fmt.Errorf("delegate cgroup %s: %w", d.Abs(), err)
	}
	names := delegated
	text, err := readProc(delegateFile)
	switch {
	case err == nil:
		names = strings.Fields(text)
	case !gone(err):
		return fmt.Errorf("delegate cgroup %s: read %s: %w", d.Abs(), delegateFile, err)
	}
	return d.chown(dir, uid, append([]string{"."}, names...))
}

// chown changes the owner of files of the directory, as far as they exist.
func (d Dir) chown(dir, uid int, names []string) error {
	for _, name := range names {
		err := again(func() error { return unix.Fchownat(dir, name, uid, -1, unix.AT_SYMLINK_NOFOLLOW) })
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("delegate cgroup %s: change the owner of %s to %d: %w", d.Abs(), name, uid, err)
		}
	}
	return nil
}
