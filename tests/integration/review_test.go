//go:build integration

package integration

import (
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Descriptors that the runtime opened itself, such as those of the host's cgroup that the Go runtime keeps, are not handed over for
// want of those that the caller should have opened.
func TestPreserveFdsOfTheRuntime(t *testing.T) {
	b := newBox(t)
	c := b.container(script(showFds))
	c.run("--preserve-fds", "1").fails(1, "descriptor 3 is not open")
	b.do(append([]string{"--log", b.path("log")}, c.verb("run", "--preserve-fds", "1")...)...).fails(1, "descriptor 3 is not open")
}

// A container that is refused for its cgroup does not take the one that is there with it.
func TestCgroupOfAnother(t *testing.T) {
	b := newBox(t)
	first := b.container(sleeping())
	first.runDetached().ok()
	var path string
	first.configure(sleeping(), func(s *specs.Spec) { path = s.Linux.CgroupsPath })
	for _, p := range []string{path, filepath.Dir(path)} {
		second := b.container(func(s *specs.Spec) { s.Linux.CgroupsPath = p })
		second.run().fails(1, "linux.cgroupsPath", "the cgroup is in use")
		b.do("delete", "--force", second.id).ok()
		first.waitStatus("running")
	}
}

// Hooks inside the container count: when one fails, the poststop hooks follow.
func TestHookFailsInsidePoststop(t *testing.T) {
	for _, kind := range []string{"createContainer", "startContainer"} {
		t.Run(kind, func(t *testing.T) {
			b := newBox(t)
			failing := []specs.Hook{{Path: "/bin/false"}}
			c := b.container(func(s *specs.Spec) {
				s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >" + b.path("stopped")}}}}
				if kind == "createContainer" {
					s.Hooks.CreateContainer = failing
				} else {
					s.Hooks.StartContainer = failing
				}
			})
			c.run().fails(1, "hooks."+kind+"[0]")
			b.contains("state of the poststop hook", b.read(b.path("stopped")), `"stopped"`, c.id)
		})
	}
}
