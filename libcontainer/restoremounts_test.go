package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/criu"
	"github.com/minirun/minirun/specs"
)

// A checkpoint names what is below the source of a bind mount, where others may have put links.
func TestRestoreSourceBelowBind(t *testing.T) {
	volume, secret := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(volume, "dir"), 0o700), os.Symlink(secret, filepath.Join(volume, "link")),
		os.Mkdir(filepath.Join(secret, "dir"), 0o700)); err != nil {
		t.Fatal(err)
	}
	m := &restorer{
		runner: runner{rec: &record{Rootfs: t.TempDir()}},
		p: &prepared{spec: &specs.Spec{Mounts: []specs.Mount{
			{Destination: "/data", Type: "bind", Source: volume, Options: []string{"rbind"}},
		}}},
	}
	for _, c := range []struct {
		name, source string
		err          error
	}{
		{"mounts.0", volume, nil},
		{"mounts.0/dir", filepath.Join(volume, "dir"), nil},
		{"mounts.0/../dir", filepath.Join(volume, "dir"), nil},
		{"mounts.0/link", "", unix.ELOOP},
		{"mounts.0/link/dir", "", unix.ELOOP},
		{"mounts.0/none", "", unix.ENOENT},
	} {
		t.Run(c.name, func(t *testing.T) {
			// a mount between hides the place in the volume that the name is of
			m.saved = &savedContainer{Mounts: []savedMount{
				{Path: "/data", Name: "mounts.0", Destination: "/data"}, {Path: "/data/dir"}, {Path: "/data/dir/x", Name: c.name, Destination: "/data"},
			}}
			var opts criu.Options
			err := m.externals(&opts)
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err == nil && opts.ExternalMounts[1] != (criu.ExternalMount{Key: c.name, Value: c.source}) {
				t.Errorf("got %v, want the source %s", opts.ExternalMounts[1], c.source)
			}
		})
	}
}

// A restore that fails in the middle leaves neither the process nor a zombie, in a program that goes on.
func TestRestoreFailsAfterBirth(t *testing.T) {
	p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, &os.ProcAttr{})
	if err != nil {
		t.Fatal(err)
	}
	pid := p.Pid
	m := &restorer{p: &prepared{spec: &specs.Spec{}}, criu: criu.Prepare("criu"), runner: runner{c: &compiler{spec: &specs.Spec{}}}}
	if err := m.notified(t.Context(), criu.Notification{Script: criu.SetupNamespaces, Pid: pid}); err != nil {
		t.Fatal(err)
	}
	if err := m.kill(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
		_ = p.Kill()
		t.Errorf("process %d is still there: %v", pid, err)
	}
}
