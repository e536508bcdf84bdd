package cgroups

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCommon(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"/a/b/c", "/a/b/d", "/a/b"},
		{"/a/b", "/a/b/d", "/a/b"},
		{"/a/b/c", "/a/b", "/a/b"},
		{"/a/b", "/a/bc", "/a"},
		{"/a", "/b", "/"},
		{"/", "/b/c", "/"},
		{"", "/b", "/"},
		{"/../x", "/x/y", "/x"},
	} {
		if got := common(tc.a, tc.b); got != tc.want {
			t.Errorf("common(%q, %q) is %q, want %q", tc.a, tc.b, got, tc.want)
		}
	}
}

// TestDenied asks for the right place: the nearest directory that exists, and in version 2 the cgroup.procs of the common ancestor. What
// is missing stands for what may not be written, since root may write everywhere.
func TestDenied(t *testing.T) {
	top := t.TempDir()
	if err := os.MkdirAll(filepath.Join(top, "user/call"), 0o755); err != nil {
		t.Fatal(err)
	}
	touch := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(top, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v1 := Hierarchy{Version: 1, MountPoint: top, Own: "/user/call"}
	v2 := Hierarchy{Version: 2, MountPoint: top, Own: "/user/call"}
	denied := func(h Hierarchy, path string) error { return NewHost(h).Denied(h.dir(path, Pending)) }

	if err := denied(v1, "/user/new/deep"); err != nil {
		t.Errorf("version 1: %v", err)
	}
	if err := denied(v1, "/user"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("version 1, a cgroup without cgroup.procs: %v", err)
	}
	if err := denied(v2, "/user/new"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("version 2 without the ancestor's cgroup.procs: %v", err)
	}
	touch("user/cgroup.procs")
	if err := denied(v2, "/user/new"); err != nil {
		t.Errorf("version 2: %v", err)
	}
	if err := denied(v2, "/other"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("version 2, out of what is delegated: %v", err)
	}
	if err := denied(v2, "/user/cgroup.procs/new"); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("below a file: %v", err)
	}
}
