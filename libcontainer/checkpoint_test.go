package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// CRIU opens its log and statistics for writing in a directory that may have come from elsewhere.
func TestCheckpointDirLeadsNowhere(t *testing.T) {
	for _, name := range []string{restoreLog, "stats-restore", "stats-dump"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			victim := filepath.Join(t.TempDir(), "victim")
			if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			d, err := (&CRIUOptions{ImagePath: dir}).open(false, restoreLog)
			if err != nil {
				t.Fatal(err)
			}
			defer d.close()
			// as CRIU does
			fd, err := unix.Openat(int(d.work.Fd()), name, unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
			if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
				t.Errorf("the file that a link in the checkpoint leads to holds %q, %v", text, err)
			}
		})
	}
}

func TestReadSavedTakesPlainFilesOnly(t *testing.T) {
	for name, put := range map[string]func(string) error{
		"fifo":    func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link":    func(path string) error { return os.Symlink("/dev/zero", path) },
		"endless": func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, checkpointFile)
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			if _, err := readSaved(dir); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names %s", err, path)
			}
		})
	}
}
