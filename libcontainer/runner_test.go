package libcontainer

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// The limit is blamed only where there is one, and where the init's end looks like it.
func TestBlameMemory(t *testing.T) {
	const blame = "linux.resources.memory.limit: too little memory for the container to start: "
	limit := int64(1)
	limited := testSpec(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	})
	died := &nsenter.DeathError{Status: unix.WaitStatus(statusNoExec << 8)}
	for _, c := range []struct {
		spec *specs.Spec
		err  error
		want string
	}{
		{limited, died, blame + died.Error()},
		{testSpec(nil), died, died.Error()},
		{limited, &nsenter.DeathError{Status: unix.WaitStatus(1 << 8)}, "init exited with status 1 before it was done"},
		{limited, &nsenter.DeathError{Status: unix.WaitStatus(unix.SIGKILL)}, "init was killed by SIGKILL"}, // no memory killer was seen
		{limited, unix.ENOMEM, blame + unix.ENOMEM.Error()},
		{limited, errors.New("other"), "other"},
	} {
		r := &runner{c: &compiler{spec: c.spec}, cgroup: cgroups.Open(cgroups.Record{})}
		if got := r.blameMemory(c.err); got.Error() != c.want {
			t.Errorf("%v, want %s", got, c.want)
		}
	}
}
