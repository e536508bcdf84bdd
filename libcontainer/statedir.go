package libcontainer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// stateDir is the directory of one container, <root>/<id>. An exclusive flock(2) on it is held over everything that changes
// the container, so that two such calls never interleave; it ends with the process that holds it.
type stateDir struct {
	dir string
	fd  *os.File // open and locked, nil otherwise
}

func (d *stateDir) path(name string) string { return filepath.Join(d.dir, name) }

// makeStateDir makes the directory of a new container and locks it. ErrExist is returned when there is one.
func makeStateDir(root, id string) (*stateDir, error) {
	d := &stateDir{dir: filepath.Join(root, id)}
	err := unix.Mkdir(d.dir, 0o711)
	if errors.Is(err, unix.ENOENT) {
		if err = os.MkdirAll(root, 0o711); err == nil {
			err = unix.Mkdir(d.dir, 0o711)
		}
	}
	if errors.Is(err, unix.EEXIST) {
		return nil, ErrExist
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: mkdir %s: %w", d.dir, err)
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, os.Remove(d.dir))
	}
	locked, err := d.tryLock()
	if locked {
		locked, err = d.current()
	}
	if !locked { // a concurrent "delete --force" was faster
		d.unlock()
		return nil, errors.Join(ErrExist, err)
	}
	return d, nil
}

func (d *stateDir) open() error {
	fd, err := unix.Open(d.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return ErrNotExist
	}
	if err != nil {
		return fmt.Errorf("state directory: open %s: %w", d.dir, err)
	}
	d.fd = os.NewFile(uintptr(fd), d.dir)
	return nil
}

func (d *stateDir) tryLock() (bool, error) {
	err := unix.Flock(int(d.fd.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// lock waits for the lock of an existing container's directory. A directory that was removed meanwhile is ErrNotExist.
func (d *stateDir) lock(ctx context.Context) error {
	if err := d.open(); err != nil {
		return err
	}
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 20*time.Millisecond) {
		locked, err := d.tryLock()
		if err != nil {
			d.unlock()
			return fmt.Errorf("state directory: flock %s: %w", d.dir, err)
		}
		if locked {
			break
		}
		select {
		case <-ctx.Done():
			d.unlock()
			return fmt.Errorf("wait for another operation on the container: %w", context.Cause(ctx))
		case <-time.After(wait):
		}
	}
	if current, err := d.current(); !current {
		d.unlock()
		return errors.Join(err, ErrNotExist)
	}
	return nil
}

// current tells whether the path still leads to the directory that is locked.
func (d *stateDir) current() (bool, error) {
	var held, now unix.Stat_t
	if err := unix.Fstat(int(d.fd.Fd()), &held); err != nil {
		return false, fmt.Errorf("state directory: fstat: %w", err)
	}
	err := unix.Lstat(d.dir, &now)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil && held.Ino == now.Ino && held.Dev == now.Dev, err
}

// busy tells whether another process holds the lock, without waiting.
func (d *stateDir) busy() bool {
	probe := &stateDir{dir: d.dir}
	if probe.open() != nil {
		return false
	}
	defer probe.unlock()
	locked, err := probe.tryLock()
	return err == nil && !locked
}

func (d *stateDir) unlock() {
	if d.fd != nil {
		d.fd.Close()
		d.fd = nil
	}
}

// touch makes an empty file.
func (d *stateDir) touch(name string) error {
	fd, err := unix.Open(d.path(name), unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: open %s: %w", d.path(name), err)
	}
	return unix.Close(fd)
}

// has tells whether there is a file.
func (d *stateDir) has(name string) bool {
	var st unix.Stat_t
	return unix.Lstat(d.path(name), &st) == nil
}

// writeFile replaces a file as a whole. Who holds the lock is the only writer, so the temporary file has one name, and what a killed process
// left of it is overwritten. The directory is on a tmpfs, or what is in it does not outlive a boot: no fsync.
func (d *stateDir) writeFile(name string, content []byte) error {
	if err := d.stageFile(name, content); err != nil {
		return err
	}
	return d.commitFile(name)
}

// staged is where a file's next content is.
func (d *stateDir) staged(name string) string { return d.path("." + name) }

// stageFile is the part of writeFile that may fail for want of space: nothing is replaced yet.
func (d *stateDir) stageFile(name string, content []byte) error {
	temp := d.staged(name)
	fd, err := unix.Open(temp, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("state directory: open %s: %w", temp, err)
	}
	err = writeAll(fd, content)
	if cerr := unix.Close(fd); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(fmt.Errorf("state directory: write %s: %w", temp, err), d.dropStaged(name))
	}
	return nil
}

// commitFile puts the staged file in the place of the old one.
func (d *stateDir) commitFile(name string) error {
	temp := d.staged(name)
	if err := unix.Rename(temp, d.path(name)); err != nil {
		return fmt.Errorf("state directory: rename %s: %w", temp, err)
	}
	return nil
}

// dropStaged removes a staged file.
func (d *stateDir) dropStaged(name string) error {
	if err := unix.Unlink(d.staged(name)); err != nil {
		return fmt.Errorf("state directory: remove %s: %w", d.staged(name), err)
	}
	return nil
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// remove deletes the directory, the state file last, so that a half-removed container can still be found.
func (d *stateDir) remove() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() == stateFile {
			continue
		}
		if err := os.RemoveAll(d.path(e.Name())); err != nil {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	for _, remove := range []func() error{
		func() error { return unix.Unlink(d.path(stateFile)) },
		func() error { return unix.Rmdir(d.dir) },
	} {
		if err := remove(); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("state directory: remove %s: %w", d.dir, err)
		}
	}
	return nil
}

// removeUnwritten removes the directory of a runtime that was killed before it wrote its state: there is nothing else. One with other files
// is another runtime's, and no container of this one.
func (d *stateDir) removeUnwritten() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "."+stateFile {
			return ErrNotExist
		}
	}
	return d.remove()
}

// replaceFile writes a file and renames it over path. The name of the temporary file is new each time, so one that a killed
// process left behind is no obstacle.
func replaceFile(path string, content []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
