package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// checkMountPoints looks at every place where CRIU is going to mount: it goes by the path that was saved, and follows whatever links there are
// by now. So there may be none, neither in the root filesystem nor in a volume that others write to. Mount points that the root filesystem
// lacks are made, as they were when the container was created.
func (m *restorer) checkMountPoints() error {
	for _, s := range m.saved.Mounts {
		if s.Path != path.Clean(s.Path) || !strings.HasPrefix(s.Path, "/") || s.Path == "/" {
			return fmt.Errorf("checkpoint: mount point %q: not a clean absolute path", s.Path)
		}
		parent, ok := m.parentOf(s.Path)
		base, inner := m.rec.Rootfs, s.Path
		if ok {
			if parent.Name == "" {
				continue // in a filesystem that CRIU fills from the images
			}
			source, err := m.source(parent)
			if err != nil {
				return err
			}
			base, inner = source, strings.TrimPrefix(s.Path, parent.Path)
		}
		file, err := m.isFile(s)
		if err == nil {
			err = mountPoint(base, strings.Trim(inner, "/"), file, !ok)
		}
		if err != nil {
			return fmt.Errorf("checkpoint: mount point %s: %w", s.Path, err)
		}
	}
	return nil
}

// source is where the content of a saved mount comes from. What is below the source of a bind mount is named by the checkpoint, in a directory that
// others may write to, so no link may be on the way.
func (m *restorer) source(s savedMount) (string, error) {
	if s.Name == notifyName {
		return m.dir.path(notifyDir), nil
	}
	source, inner, err := mountSource(s, m.p.spec, m.rec.Bundle, m.rec.Cgroup)
	if err != nil || inner == "" {
		return source, err
	}
	if err := mountPoint(source, inner, false, false); err != nil {
		return "", fmt.Errorf("checkpoint: source of the mount %s: %w", s.Path, err)
	}
	return filepath.Join(source, inner), nil
}

// parentOf finds the mount that a mount point is in. False: the root.
func (m *restorer) parentOf(at string) (savedMount, bool) {
	var best savedMount
	for _, s := range m.saved.Mounts {
		if strings.HasPrefix(at, s.Path+"/") && len(s.Path) > len(best.Path) {
			best = s
		}
	}
	return best, best.Path != ""
}

// isFile tells whether a mount needs a file to be mounted on. Mounts that CRIU makes are directories, or on what was there before.
func (m *restorer) isFile(s savedMount) (bool, error) {
	if s.Name == "" {
		return false, nil
	}
	source, err := m.source(s)
	if err != nil {
		return false, err
	}
	st, err := os.Stat(source)
	if err != nil {
		return false, err
	}
	return !st.IsDir(), nil
}

// mountPoint walks to a place below base without following links, and makes what is missing.
func mountPoint(base, inner string, file, create bool) error {
	at, err := unix.Open(base, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", base, err)
	}
	defer func() { unix.Close(at) }()
	parts := strings.Split(inner, "/")
	for i, part := range parts {
		next, err := stepInto(at, part)
		if errors.Is(err, unix.ENOENT) && create {
			if file && i == len(parts)-1 {
				err = unix.Mknodat(at, part, unix.S_IFREG|0o644, 0)
			} else {
				err = unix.Mkdirat(at, part, 0o755)
			}
			if err == nil || errors.Is(err, unix.EEXIST) {
				next, err = stepInto(at, part)
			}
		}
		if errors.Is(err, unix.ELOOP) {
			return fmt.Errorf("%s is a symbolic link below %s: %w", strings.Join(parts[:i+1], "/"), base, err)
		}
		if err != nil {
			return fmt.Errorf("%s below %s: %w", strings.Join(parts[:i+1], "/"), base, err)
		}
		unix.Close(at)
		at = next
	}
	return nil
}

func stepInto(dir int, name string) (int, error) {
	return unix.Openat2(dir, name, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	})
}
