//go:build integration

package integration

import (
	"testing"

	"github.com/minirun/minirun/specs"
)

// A filter that denies everything, even to end, ends the process all the same, and
// the caller does not wait for ever.
func TestSeccompDeniesEverything(t *testing.T) {
	b := newBox(t)
	for action, want := range map[specs.LinuxSeccompAction]int{specs.ActErrno: 128 + 4, specs.ActKillProcess: 128 + 31} {
		c := b.container(func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: action} })
		c.run().exits(want)
		c.runDetached()
		c.waitStatus("stopped")
		c.delete().ok()
	}
}
