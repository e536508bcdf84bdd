//go:build integration

package integration

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// killedCgroup makes the version 2 cgroup of a container before the container, and kills all in it. Linux from 6.14 on then kills whatever is
// cloned into it.
func (c *container) killedCgroup() string {
	c.Helper()
	for _, h := range hierarchies() {
		if !h.v2 {
			continue
		}
		dir := filepath.Join(h.dir, cgroupParent(), c.id)
		c.mkdir(dir)
		c.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				c.Errorf("the cgroup was there before the container, and has to stay: %v", err)
			}
		})
		err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			c.Skip("this kernel has no cgroup.kill")
		}
		if err != nil {
			c.Fatal(err)
		}
		return dir
	}
	c.Skip("no cgroup version 2 is mounted")
	return ""
}

// A cgroup that was killed once can be used again, by a container and by what is executed in it.
func TestCgroupKilledBefore(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), namespace(specs.CgroupNamespace, ""))
	dir := c.killedCgroup()
	c.runDetached().ok().prints("")
	if text := b.read(filepath.Join(dir, "cgroup.procs")); text != strconv.Itoa(c.pid())+"\n" {
		b.Errorf("the cgroup has processes %q, want %d alone", text, c.pid())
	}
	// The namespace was made in there: its root is the container's cgroup.
	for line := range strings.Lines(c.exec("cat", "/proc/self/cgroup").ok().stdout) {
		if !strings.HasSuffix(strings.TrimSpace(line), ":/") {
			b.Errorf("the program is not in the container's cgroup: %q", line)
		}
	}
	c.deleteForce()
}

// The plan is another one then, and what fails after the start is still told by its name.
func TestCgroupKilledBeforeStart(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), hook("startContainer", specs.Hook{Path: "/bin/false", Args: []string{"false"}}))
	c.killedCgroup()
	c.create().ok()
	c.start().fails(1, "hooks.startContainer[0]")
	c.deleteForce()
}
