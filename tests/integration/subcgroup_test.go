//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exec --cgroup runs a program in cgroups below the container's own; neither a missing one nor a way out is accepted.
func TestExecSubCgroup(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	for _, h := range hierarchies() {
		dir := filepath.Join(h.dir, cgroupParent(), c.id)
		b.mkdir(filepath.Join(dir, "jobs"))
		if slices.Contains(h.controllers, "cpuset") && !h.v2 { // empty in a new version 1 directory, which takes no process then
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				b.write(filepath.Join(dir, "jobs", file), b.read(filepath.Join(dir, file)), 0)
			}
		}
	}
	for line := range strings.Lines(c.execWith([]string{"--cgroup", "jobs"}, "cat", "/proc/self/cgroup").ok().stdout) {
		if !strings.HasSuffix(strings.TrimSpace(line), "/jobs") {
			b.Errorf("not in the cgroup that was asked for: %q", line)
		}
	}
	c.execWith([]string{"--cgroup", "missing"}, "true").fails(255, "missing", "no such file or directory")
	c.execWith([]string{"--cgroup", "nope:jobs"}, "true").fails(255, `no hierarchy with the controller "nope"`)
	// The parent has a cgroup of that name too, which must stay out of reach.
	for _, h := range hierarchies() {
		outside := filepath.Join(h.dir, cgroupParent(), c.id+".outside")
		b.mkdir(outside)
		defer os.Remove(outside)
	}
	c.execWith([]string{"--cgroup", "../" + c.id + ".outside"}, "true").fails(255, "it is not below the container's")
}
