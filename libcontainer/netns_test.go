package libcontainer

import (
	"os"
	"testing"

	"github.com/minirun/minirun/specs"
)

// TestWantsNetwork compares the guess with the plan: a namespace that is begun and then not wanted costs time, one that is begun late too.
func TestWantsNetwork(t *testing.T) {
	if os.Geteuid() != 0 {
		if wantsNetwork(specs.Default(), CreateOptions{}) {
			t.Error("an ordinary user may not make a network namespace")
		}
		return
	}
	version1 := !pureV2()
	with := func(list ...specs.LinuxNamespace) *specs.Spec {
		return &specs.Spec{Linux: &specs.Linux{Namespaces: list}}
	}
	own := specs.LinuxNamespace{Type: specs.NetworkNamespace}
	for _, c := range []struct {
		name string
		spec *specs.Spec
		o    CreateOptions
		want bool
	}{
		{"an own one", with(own), CreateOptions{}, version1},
		{"the host's", with(specs.LinuxNamespace{Type: specs.PIDNamespace}), CreateOptions{}, false},
		{"somebody's", with(specs.LinuxNamespace{Type: specs.NetworkNamespace, Path: "/proc/1/ns/net"}), CreateOptions{}, false},
		{"in an own user namespace", with(own, specs.LinuxNamespace{Type: specs.UserNamespace}), CreateOptions{}, false},
		{"in somebody's user namespace", with(own, specs.LinuxNamespace{Type: specs.UserNamespace, Path: "/proc/1/ns/user"}), CreateOptions{}, false},
		{"no cgroup", with(own), CreateOptions{NoCgroup: true}, false},
		{"systemd's cgroup", with(own), CreateOptions{SystemdCgroup: true}, false},
		{"nothing of Linux", &specs.Spec{}, CreateOptions{}, false},
	} {
		if got := wantsNetwork(c.spec, c.o); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func pureV2() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil
}
