package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
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
	filtered := testSpec(func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActErrno} })
	const filter = "linux.seccomp: the filter may deny what is needed to start a program: "
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
		{filtered, &nsenter.DeathError{Status: unix.WaitStatus(unix.SIGSYS)}, filter + "init was killed by SIGSYS"},
		{filtered, &nsenter.DeathError{Status: unix.WaitStatus(unix.SIGILL)}, filter + "init was killed by SIGILL"},
		{filtered, &nsenter.DeathError{Status: unix.WaitStatus(1 << 8)}, filter + "init exited with status 1 before it was done"},
		{filtered, &nsenter.DeathError{Status: unix.WaitStatus(unix.SIGKILL)}, "init was killed by SIGKILL"},
		{testSpec(func(s *specs.Spec) { s.Linux.Seccomp = nil }), &nsenter.DeathError{Status: unix.WaitStatus(unix.SIGSYS)}, "init was killed by SIGSYS"},
	} {
		r := &runner{c: &compiler{spec: c.spec}, cgroup: cgroups.Open(cgroups.Record{})}
		if got := r.failed(c.err); got.Error() != c.want {
			t.Errorf("%v, want %s", got, c.want)
		}
	}
}

// Only an init that was cloned into its cgroup and killed before its first report is made once more.
func TestStillborn(t *testing.T) {
	killed := &nsenter.DeathError{Status: unix.WaitStatus(unix.SIGKILL)}
	v2 := cgroups.Record{Dirs: []cgroups.Dir{{Version: 2, MountPoint: "/sys/fs/cgroup", Path: "/a"}}}
	v1 := cgroups.Record{Dirs: []cgroups.Dir{{Version: 1, MountPoint: "/sys/fs/cgroup/pids", Path: "/a"}}}
	for _, c := range []struct {
		name    string
		at      cgroups.Record
		unified nsenter.Slot
		heard   bool
		err     error
		want    bool
	}{
		{"killed at birth", v2, nsenter.NoSlot, false, killed, true},
		{"killed later", v2, nsenter.NoSlot, true, killed, false},
		{"not cloned into a cgroup", v1, nsenter.NoSlot, false, killed, false},
		{"moved itself", v2, 3, false, killed, false},
		{"ended by itself", v2, nsenter.NoSlot, false, &nsenter.DeathError{Status: unix.WaitStatus(1 << 8)}, false},
		{"something else", v2, nsenter.NoSlot, false, errors.New("other"), false},
	} {
		r := &runner{c: &compiler{spec: testSpec(nil), cgroup: cgroupPlan{record: c.at}, unified: c.unified}, heard: c.heard}
		if err := r.failed(c.err); r.stillborn != c.want || err.Error() != c.err.Error() {
			t.Errorf("%s: %t, want %t; error %q", c.name, r.stillborn, c.want, err)
		}
	}
}

// A cgroup that is used again may have counted kills of the memory killer before; those are not what has ended the init.
func TestStillbornAfterOOM(t *testing.T) {
	limit := int64(1 << 20)
	spec := testSpec(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory.events"), []byte("oom 3\noom_kill 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for made, want := range []bool{true, false} {
		at := cgroups.Record{Dirs: []cgroups.Dir{{Version: 2, Controllers: []string{"memory"}, MountPoint: dir, Path: "/", Made: made}}}
		r := &runner{c: &compiler{spec: spec, cgroup: cgroupPlan{record: at}, unified: nsenter.NoSlot}, cgroup: cgroups.Open(at)}
		err := r.failed(&nsenter.DeathError{Status: unix.WaitStatus(unix.SIGKILL)})
		if r.stillborn != want {
			t.Errorf("%d directories made: %t, %v", made, r.stillborn, err)
		}
		r.cgroup.Close()
	}
}
