package libcontainer

import (
	"context"
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
	at, path := unix.AT_FDCWD, o.Path
	if o.Directory {
		dir, err := openDirectory(o.Base, o.Path)
		if err != nil {
			return err
		}
		defer dir.Close()
		at, path = int(dir.Fd()), ""
		flags |= unix.AT_EMPTY_PATH
	}
	fd, err := unix.OpenTree(at, path, flags)
	if err != nil {
		return fmt.Errorf("%s on %s: open_tree: %w", o.Path, o.Target, err)
	}
	r.slots[o.Slot] = os.NewFile(uintptr(fd), o.Path)
	if o.IDMap == nsenter.NoSlot {
		return nil
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(r.slots[o.IDMap].Fd())}
	flags = unix.AT_EMPTY_PATH
	if o.IDMapRecursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", flags, &attr); err == unix.EINVAL {
		return fmt.Errorf("%s on %s: map the ids: mount_setattr (this kernel has no id mappings for a filesystem in it, or it has some already): %w", o.Path, o.Target, err)
	} else if err != nil {
		return fmt.Errorf("%s on %s: map the ids: mount_setattr: %w", o.Path, o.Target, err)
	}
	return nil
}

// openDirectory opens a directory by path, which with a base must not lead out of that.
func openDirectory(base, path string) (*os.File, error) {
	at, how := unix.AT_FDCWD, unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC}
	if base != "" {
		fd, err := unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", base, err)
		}
		defer unix.Close(fd)
		at, how.Resolve = fd, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_MAGICLINKS
	}
	fd, err := unix.Openat2(at, path, &how)
	if err == unix.EXDEV && base != "" {
		return nil, fmt.Errorf("%s leads out of the bundle %s: %w", path, base, err)
	}
	if err != nil {
		return nil, fmt.Errorf("openat2 %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// run uses an init that makes a user namespace and waits: the namespace lives on in the descriptor alone.
func (o hostMakeUserns) run(ctx context.Context, r *runner) error {
	plan := &nsenter.Plan{}
	plan.Add("id mapping", nsenter.NsUnshare{Flags: unix.CLONE_NEWUSER}, nsenter.SyncWait{Point: pointIDMap, Into: nsenter.NoSlot})
	err := r.rt.aside(ctx, plan, nil, func(pid int) error {
		if err := writeGIDMap(ctx, pid, o.GID, r.c.facts); err != nil {
			return err
		}
		if err := writeUIDMap(ctx, pid, o.UID, r.c.facts); err != nil {
			return err
		}
		path := fmt.Sprintf("/proc/%d/ns/user", pid)
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		r.slots[o.Slot] = os.NewFile(uintptr(fd), path)
		return nil
	})
	if err != nil {
		return fmt.Errorf("user namespace of the mount: %w", err)
	}
	return nil
}
