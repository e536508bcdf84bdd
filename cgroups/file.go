package cgroups

import (
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// again calls f until it is not interrupted by a signal. Some files (memory
// limits, cgroup.procs) give EINTR when they meet Go's own preemption signal,
// whatever SA_RESTART says.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// openAt opens a file relative to a directory descriptor; it never creates one.
// dir may be unix.AT_FDCWD for an absolute name.
func openAt(dir int, name string, flags int) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

// openDir opens a cgroup's directory.
func openDir(abs string) (int, error) {
	return openAt(unix.AT_FDCWD, abs, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
}

// readAt returns the content of a cgroup's file without surrounding white
// space.
func readAt(dir int, name string) (string, error) {
	fd, err := openAt(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	// The lines of these files are short, so a read that leaves half a page was
	// the last one: that saves a system call.
	return readFD(fd, 4096, 2048)
}

// readFD reads up to the end of a file, which a read of less than enough bytes
// shows.
func readFD(fd, size, enough int) (string, error) {
	var b []byte
	buf := make([]byte, size)
	for {
		n := 0
		err := again(func() (err error) {
			n, err = unix.Read(fd, buf)
			return err
		})
		if err != nil {
			return "", err
		}
		b = append(b, buf[:n]...)
		if n < enough {
			return strings.TrimSpace(string(b)), nil
		}
	}
}

// readProc returns the content of a file of procfs that consists of many
// records, each of which may end a read.
func readProc(name string) (string, error) { return readWhole(name, 1) }

// readRecord returns the content of a file of procfs that is one record, which
// the kernel gives as a whole where there is room (seq_file's single_open).
func readRecord(name string) (string, error) { return readWhole(name, procBuffer) }

// procBuffer is enough for what is read of procfs, nearly always.
const procBuffer = 32768

func readWhole(name string, enough int) (string, error) {
	fd, err := openAt(unix.AT_FDCWD, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readFD(fd, procBuffer, enough)
}

// writeFD writes a value in one write(2), as the files of cgroups need it.
func writeFD(fd int, value string) error {
	return again(func() error {
		n, err := unix.Write(fd, []byte(value))
		if err == nil && n != len(value) {
			return io.ErrShortWrite
		}
		return err
	})
}

// writeAt opens a file, writes the value and closes it.
func writeAt(dir int, name, value string) error {
	fd, err := openAt(dir, name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return writeFD(fd, value)
}

// gone tells whether err means that a cgroup or a file of it does not exist:
// ENOENT before an open, ENODEV for a file that was open when it was removed.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// fileName returns a file's name in the directory's hierarchy.
func (d Dir) fileName(name string) string {
	if !d.NoPrefix || strings.HasPrefix(name, "cgroup.") {
		return name
	}
	_, rest, _ := strings.Cut(name, ".")
	return rest
}

// children returns the names of the cgroups directly below an open directory.
func children(dir int) ([]string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return nil, err
	}
	if st.Nlink == 2 {
		return nil, nil // kernfs counts the subdirectories (kernfs_refresh_inode)
	}
	fd, err := openAt(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// parsePids parses the text of cgroup.procs. Processes outside the caller's pid
// namespace, which the kernel shows as 0, are left out.
func parsePids(text string) []int {
	var pids []int
	for f := range strings.FieldsSeq(text) {
		if n, err := strconv.Atoi(f); err == nil && n > 0 {
			pids = append(pids, n)
		}
	}
	return pids
}

// withDeadline gives the context a deadline if it has none.
func withDeadline(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// pause waits for the time or the end of the context, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// backoff is a waiting time that doubles up to a maximum.
type backoff struct{ next, most time.Duration }

func (b *backoff) wait(ctx context.Context) error {
	d := b.next
	b.next = min(2*b.next, b.most)
	return pause(ctx, d)
}

// parents returns the absolute paths from the mount point down to the parent of
// the directory.
func (d Dir) parents() []string {
	var up []string
	for p := path.Dir(d.Path); ; p = path.Dir(p) {
		up = append([]string{path.Join(d.MountPoint, p)}, up...)
		if p == "/" {
			return up
		}
	}
}
