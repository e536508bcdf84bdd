package libcontainer

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// containerRoot are the host's ids of the root of a container's own user namespace. CRIU reads images as that user, once it has made the namespace.
// False: there is no such namespace, or nothing to tell of the user.
func containerRoot(spec *specs.Spec) (uid, gid uint32, ok bool) {
	uid, hasUID := hostID(linuxOf(spec).UIDMappings)
	gid, hasGID := hostID(linuxOf(spec).GIDMappings)
	return uid, gid, hasUID && hasGID
}

// hostID is what id 0 of a container is here.
func hostID(mappings []specs.LinuxIDMapping) (uint32, bool) {
	for _, m := range mappings {
		if m.ContainerID == 0 && m.Size > 0 {
			return m.HostID, true
		}
	}
	return 0, false
}

// letIn lets the container's root search a directory of images that was made for its checkpoint, and change nothing in it.
func (d *checkpointDirs) letIn(spec *specs.Spec) error {
	_, gid, ok := containerRoot(spec)
	if !ok {
		return nil
	}
	fd := int(d.images.Fd())
	if err := unix.Fchown(fd, -1, int(gid)); err != nil {
		return fmt.Errorf("image path: chown %s: %w", d.images.Name(), err)
	}
	if err := unix.Fchmod(fd, 0o710); err != nil {
		return fmt.Errorf("image path: chmod %s: %w", d.images.Name(), err)
	}
	return nil
}

// isLetIn checks that the container's root can search the directory of images.
func (d *checkpointDirs) isLetIn(spec *specs.Spec) error {
	uid, gid, ok := containerRoot(spec)
	if !ok {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(d.images.Fd()), &st); err != nil {
		return fmt.Errorf("image path: stat %s: %w", d.images.Name(), err)
	}
	bit := uint32(unix.S_IXOTH)
	switch {
	case st.Uid == uid:
		bit = unix.S_IXUSR
	case st.Gid == gid:
		bit = unix.S_IXGRP
	}
	if st.Mode&bit == 0 {
		return fmt.Errorf("image path: %s: root of the container's user namespace, %d:%d here, cannot search it: %w", d.images.Name(), uid, gid, unix.EACCES)
	}
	return nil
}
