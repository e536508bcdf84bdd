//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A hierarchy is one mounted cgroup hierarchy.
type hierarchy struct {
	dir         string
	v2          bool
	controllers []string // v1: the mount's; v2: those of the root
}

// hierarchies reads the mounted cgroup hierarchies of the host.
var hierarchies = sync.OnceValue(func() []hierarchy {
	var found []hierarchy
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 {
			continue
		}
		switch right[0] {
		case "cgroup":
			found = append(found, hierarchy{dir: left[4], controllers: strings.Split(right[2], ",")})
		case "cgroup2":
			list, _ := os.ReadFile(filepath.Join(left[4], "cgroup.controllers"))
			found = append(found, hierarchy{dir: left[4], v2: true, controllers: strings.Fields(string(list))})
		}
	}
	return found
})

// pureV2 tells whether cgroup v2 is the only hierarchy.
func pureV2() bool {
	all := hierarchies()
	return len(all) == 1 && all[0].v2
}

// cgroupDir returns the container's cgroup directory, on the host, in the
// hierarchy of a controller.
func (c *container) cgroupDir(controller string) string {
	c.Helper()
	for _, h := range hierarchies() {
		if slices.Contains(h.controllers, controller) {
			return filepath.Join(h.dir, cgroupParent(), c.id)
		}
	}
	c.Fatalf("no cgroup hierarchy of this machine has the controller %s", controller)
	return ""
}

// knob reads a cgroup file of the container from the host: its v1 or its v2
// name, whichever this machine has.
func (c *container) knob(controller, v1, v2 string) string {
	c.Helper()
	name := v1
	if pureV2() {
		name = v2
	}
	return strings.TrimSpace(c.read(filepath.Join(c.cgroupDir(controller), name)))
}
