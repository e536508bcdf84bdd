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
	for action, want := range map[specs.LinuxSeccompAction]string{specs.ActErrno: "SIGILL", specs.ActKillProcess: "SIGSYS"} {
		for _, early := range []bool{true, false} { // before or after the capabilities go, that is, before or after the last report
			c := b.container(func(s *specs.Spec) {
				s.Process.NoNewPrivileges = !early
				s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: action}
			})
			if r := c.run(); early {
				r.fails(1, "linux.seccomp: the filter may deny", want)
			} else if r.code != 128+4 && r.code != 128+31 {
				b.Errorf("%s: exit code %d", action, r.code)
			}
		}
	}
}
