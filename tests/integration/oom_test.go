//go:build integration

package integration

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A limit that leaves not even the init alive is named, since "killed" alone leaves people guessing.
func TestMemoryTooLittleToStart(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) { s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr(int64(4096))} })
	c.run().fails(1, "linux.resources.memory.limit: too little memory for the container to start: ")
}
