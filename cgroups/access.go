package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Denied tells why the caller may not make the cgroup of a directory and put
// a child into it, or returns nil. It is for callers who are not root: they need
// the directory above, and in version 2, where a process is moved by rights over
// both ends, the cgroup.procs of the next common ancestor of the caller's own
// cgroup and the new one (see "Delegation Containment" in the kernel's
// cgroup-v2.rst).
func (h *Host) Denied(d Dir) error {
	p := d.Path
	for {
		err := writable(path.Join(d.MountPoint, p))
		if err == nil {
			break
		}
		if !errors.Is(err, unix.ENOENT) || p == "/" {
			return err
		}
		p = path.Dir(p)
	}
	for _, x := range h.hierarchies {
		if d.Version == 2 && x.Version == 2 {
			return writable(path.Join(d.MountPoint, common(x.Own, d.Path), procs))
		}
	}
	if p != d.Path {
		return nil
	}
	return writable(path.Join(d.Abs(), procs))
}

// writable returns the reason why the caller may not write there.
func writable(name string) error {
	err := again(func() error { return unix.Faccessat(unix.AT_FDCWD, name, unix.W_OK, unix.AT_EACCESS) })
	if err != nil {
		return fmt.Errorf("no right to write to %s: %w", name, err)
	}
	return nil
}

// common returns the longest path that both are in.
func common(a, b string) string {
	up := "/"
	for dir := range strings.SplitSeq(strings.Trim(path.Clean("/"+a), "/"), "/") {
		next := path.Join(up, dir)
		if dir == "" || b != next && !strings.HasPrefix(b, next+"/") {
			break
		}
		up = next
	}
	return up
}
