package resctrl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// ErrNotMounted is wrapped by the error of Find on a host without resctrl.
var ErrNotMounted = errors.New("no resctrl file system is mounted")

// FS is a mounted resctrl file system.
type FS struct {
	// Dir is the absolute path of its mount point.
	Dir string
	// Mkdir and Rmdir make and remove a group's directory; nil is the system call.
	// In resctrl a directory is born with its files and dies with them, which
	// tests in other file systems have to bring about.
	Mkdir, Rmdir func(path string) error

	// put writes into a file; nil is write(2).
	put func(path, text string) error
}

// Find looks for the file system in the mount table of the calling process. All
// paths are taken below root, which is "/" but in tests.
func Find(root string) (*FS, error) {
	text, err := os.ReadFile(filepath.Join(root, "/proc/self/mountinfo"))
	if err != nil {
		return nil, fmt.Errorf("find resctrl: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		left, right, _ := strings.Cut(line, " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if len(fields) >= 5 && len(kind) > 0 && kind[0] == "resctrl" && fields[3] == "/" {
			return &FS{Dir: filepath.Join(root, unescape(fields[4]))}, nil
		}
	}
	return nil, ErrNotMounted
}

// unescape undoes the octal escapes of mount points, see proc_pid_mountinfo(5).
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

func (f *FS) mkdir(dir string) error {
	if f.Mkdir != nil {
		return f.Mkdir(dir)
	}
	return unix.Mkdir(dir, 0o755)
}

func (f *FS) rmdir(dir string) error {
	remove := f.Rmdir
	if remove == nil {
		remove = unix.Rmdir
	}
	if err := remove(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the resctrl group %s: %w", dir, err)
	}
	return nil
}

// write writes one line into a file of a group. The error has the kernel's own
// explanation, where it gives one.
func (f *FS) write(field, group, file, line string) error {
	put := f.put
	if put == nil {
		put = writeFile
	}
	if err := put(filepath.Join(f.Dir, group, file), line+"\n"); err != nil {
		return &cgroups.FieldError{Field: field, Err: &cgroups.WriteError{
			Value: line, File: file, Path: filepath.Join(f.Dir, group), Hint: f.status(), Err: err,
		}}
	}
	return nil
}

// writeFile writes into a file that is there, in one write(2).
func writeFile(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err = unix.Write(fd, []byte(text)); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// status is what the kernel has to say of the last failure.
func (f *FS) status() string {
	text, err := os.ReadFile(filepath.Join(f.Dir, "info", "last_cmd_status"))
	if s := strings.TrimSpace(string(text)); err == nil && s != "ok" {
		return s
	}
	return ""
}

// exists tells whether there is a group.
func (f *FS) exists(group string) (bool, error) {
	_, err := os.Lstat(filepath.Join(f.Dir, group))
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// empty tells whether no task is in a group. One that does not exist has none.
func (f *FS) empty(group string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(f.Dir, group, "tasks"))
	if errors.Is(err, unix.ENOENT) {
		return true, nil
	}
	return err == nil && len(strings.TrimSpace(string(text))) == 0, err
}
