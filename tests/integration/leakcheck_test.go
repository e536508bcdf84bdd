//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The check for leaks finds one of each kind, and removes it.
func TestLeakChecker(t *testing.T) {
	b := newSerialBox(t)
	cmd := b.command()
	cmd.Path, cmd.Args = "/bin/sleep", []string{"sleep", "1000"}
	b.start(cmd)
	t.Cleanup(func() { cmd.Process.Kill() })
	// Between the parts of an execve the environment reads as empty.
	b.until("the process is found", func() bool { return len(b.leakedProcesses(false)) > 0 })
	b.mkdir(b.path("mount"))
	if err := unix.Mount("tmpfs", b.path("mount"), "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	cgroup := filepath.Join(hierarchies()[0].dir, cgroupParent(), b.name+".x")
	b.mkdir(cgroup)
	b.mkdir(filepath.Join(b.state, "container"))
	found := strings.Join(b.leaks(true), "\n")
	b.contains("leaks", found, "process "+itoa(cmd.Process.Pid), "mount ", "cgroup "+cgroup, "state ")
	if err := os.Remove(filepath.Join(b.state, "container")); err != nil {
		t.Fatal(err)
	}
	b.waitCommand(cmd)
	equal(b, "leaks after removal", strings.Join(b.leaks(false), "\n"), "")
}
