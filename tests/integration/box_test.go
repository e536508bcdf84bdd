//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A box is the private world of one test: a directory with the state
// directory and the bundles in it, and a name that marks its containers,
// cgroups and processes.
type box struct {
	*testing.T
	dir   string // below baseDir
	name  string // unique; every container id and cgroup of the test starts with it
	state string // the --root of the test
	born  time.Time
	as    *ordinary // who calls the runtime; nil: root
	// globals are flags before the command.
	globals []string

	mu         sync.Mutex
	containers []*container
	next       int
}

// newBox returns a box for a test that runs in parallel with others.
func newBox(t *testing.T) *box {
	t.Helper()
	t.Parallel()
	return newSerialBox(t)
}

// newSerialBox returns a box for a test that runs alone. When the test ends,
// containers still there are deleted and anything left behind fails the test.
func newSerialBox(t *testing.T) *box {
	t.Helper()
	dir, err := os.MkdirTemp(baseDir(), "t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b := &box{T: t, dir: dir, name: filepath.Base(dir), state: filepath.Join(dir, "state"), born: time.Now()}
	t.Cleanup(b.close)
	return b
}

func (b *box) close() {
	b.mu.Lock()
	containers := b.containers
	b.mu.Unlock()
	for _, c := range containers {
		if c.exists {
			c.deleteForce()
		}
	}
	b.checkLeaks()
	if err := os.RemoveAll(b.dir); err != nil {
		b.Errorf("remove the test's directory: %v", err)
	}
}

// path returns a path in the test's directory.
func (b *box) path(elem ...string) string {
	return filepath.Join(append([]string{b.dir}, elem...)...)
}

// write makes a file, and the directories above it.
func (b *box) write(path, text string, mode os.FileMode) {
	b.Helper()
	b.mkdir(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		b.Fatal(err)
	}
}

func (b *box) mkdir(path string) {
	b.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		b.Fatal(err)
	}
}

func (b *box) symlink(target, path string) {
	b.Helper()
	b.mkdir(filepath.Dir(path))
	if err := os.Symlink(target, path); err != nil {
		b.Fatal(err)
	}
}

// read returns the text of a file.
func (b *box) read(path string) string {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// exists tells whether a path is there, without following a last symlink.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// contains fails the test unless every part is found in text.
func (b *box) contains(what, text string, parts ...string) {
	b.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			b.Errorf("%s: %q not found in:\n%s", what, part, text)
		}
	}
}

// equal fails the test unless got is want.
func equal[V comparable](b *box, what string, got, want V) {
	b.Helper()
	if got != want {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (b *box) chown(path string, uid, gid int, mode os.FileMode) {
	b.Helper()
	if err := os.Chown(path, uid, gid); err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		b.Fatal(err)
	}
}

func (b *box) remove(path string) {
	b.Helper()
	if err := os.RemoveAll(path); err != nil {
		b.Fatal(err)
	}
}
