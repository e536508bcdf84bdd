package cgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files that are not there are left out; other errors name file and user.
func TestDelegateFiles(t *testing.T) {
	d := Dir{Version: 2, MountPoint: t.TempDir(), Path: "/a"}
	if err := os.Mkdir(d.Abs(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Abs(), "cgroup.procs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := openDir(d.Abs())
	if err != nil {
		t.Fatal(err)
	}
	c := &Cgroup{record: Record{Dirs: []Dir{d}}, fds: []int{fd}}
	defer c.Close()
	if err := d.chown(fd, os.Getuid(), append([]string{"."}, delegated...)); err != nil {
		t.Error(err)
	}
	err = d.chown(fd, os.Getuid(), []string{"cgroup.procs/x"})
	if err == nil || !strings.Contains(err.Error(), "change the owner of cgroup.procs/x to ") {
		t.Errorf("error: %v", err)
	}
	if err := Open(Record{Dirs: []Dir{{Version: 1, MountPoint: "/nowhere", Path: "/a"}}}).Delegate(1); err != nil {
		t.Errorf("version 1: %v", err)
	}
}
