//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// An init system in a container moves itself into a cgroup of its own and gives that one's siblings controllers. Version 2 then lets no process
// into the container's cgroup itself: exec goes where the init is.
func TestExecBesideInitOfVersion2(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(resources(func(r *specs.LinuxResources) {
		r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 1 << 30}}
	}))
	dir := c.cgroupDir("hugetlb")
	leaf := filepath.Join(dir, "init.scope")
	b.mkdir(leaf)
	put := func(file, value string) {
		if err := os.WriteFile(file, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(leaf, "cgroup.procs"), strconv.Itoa(c.pid()))
	put(filepath.Join(dir, "cgroup.subtree_control"), "+hugetlb")
	r := c.exec("sh", "-c", "grep 0:: /proc/self/cgroup").ok()
	if !strings.HasSuffix(strings.TrimSpace(r.stdout), "/init.scope") {
		b.Errorf("the program runs in %q, want the init's cgroup", r.stdout)
	}
}
