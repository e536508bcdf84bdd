package libcontainer

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/criu"
	"github.com/minirun/minirun/specs"
)

// What a restore joins by path is looked at as what a create joins: a FIFO is not waited at, and another kind of namespace is refused.
func TestRestoreLooksAtNamespaces(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo:                "linux.namespaces[0].path: " + fifo + " is not a network namespace",
		"/proc/self/ns/uts": "linux.namespaces[0].path: /proc/self/ns/uts is a uts namespace, not a network namespace",
	} {
		s := &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: path}}}}
		m := &restorer{criu: criu.Prepare("criu"), p: &prepared{spec: s}, runner: runner{c: &compiler{spec: s}}}
		done := make(chan error, 1)
		go func() {
			files, err := m.namespaces(&criu.Options{})
			closeFiles(files)
			done <- err
		}()
		select {
		case err := <-done:
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: still waiting", path)
		}
	}
}
