package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
)

// run clones the source while the caller's rights still apply to its path. The clone is attached nowhere until the init moves it.
func (o hostOpenSource) run(_ context.Context, r *runner) error {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if o.Recursive {
		flags |= unix.AT_RECURSIVE
	}
	if o.NoFollow {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, o.Path, flags)
	if err != nil {
		return fmt.Errorf("open %s: %w", o.Path, err)
	}
	r.slots[o.Slot] = os.NewFile(uintptr(fd), o.Path)
	if o.IDMap == nsenter.NoSlot {
		return nil
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(r.slots[o.IDMap].Fd())}
	at := uint(unix.AT_EMPTY_PATH)
	if o.IDMapRecursive {
		at |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", at, &attr); err != nil {
		return fmt.Errorf("map the ids of %s: mount_setattr: %w", o.Path, err)
	}
	return nil
}

// run uses an init that makes a user namespace and waits: the namespace lives on in the descriptor alone.
func (o hostMakeUserns) run(ctx context.Context, r *runner) error {
	exe, err := r.rt.executable()
	if err != nil {
		return err
	}
	plan := &nsenter.Plan{}
	plan.Add("id mapping", nsenter.NsUnshare{Flags: unix.CLONE_NEWUSER}, nsenter.SyncWait{Point: pointIDMap, Into: nsenter.NoSlot})
	l := nsenter.Launch{Plan: plan, Executable: exe}
	if l.Stdio, err = r.standardStreams(); err != nil {
		return err
	}
	child, err := l.Start()
	if err != nil {
		return err
	}
	defer child.Release()
	defer child.Kill()
	var ie *nsenter.InitError
	if _, err := child.Next(ctx); errors.As(err, &ie) {
		return fmt.Errorf("user namespace of the mount: %s: %w", ie.Step, ie.Errno) // its index is of this plan, not of the container's
	} else if err != nil {
		return err
	}
	if err := writeIDMaps(ctx, child.Pid(), o.UID, o.GID); err != nil {
		return err
	}
	path := fmt.Sprintf("/proc/%d/ns/user", child.Pid())
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	r.slots[o.Slot] = os.NewFile(uintptr(fd), path)
	return nil
}
