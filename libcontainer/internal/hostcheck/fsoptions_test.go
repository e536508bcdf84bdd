package hostcheck

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

// TestOptions: what the kernel's own filesystems do not take is told, and nothing else.
func TestOptions(t *testing.T) {
	fd, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		t.Skipf("fsopen: %v: only who may mount can ask", err)
	}
	unix.Close(fd)
	for _, c := range []struct{ fstype, option, want string }{
		{"tmpfs", "mode=1777", ""},
		{"tmpfs", "size=10%", ""},
		{"tmpfs", "nosuid", ""},
		{"tmpfs", "idmap=uids=0-1-1", ""},
		{"tmpfs", "size=bogus,mode=1", ""},
		{"tmpfs", "context=x", ""},
		{"tmpfs", "nope", `mounts[0].options[1] ("nope"): tmpfs does not take it`},
		{"tmpfs", "huge=sometimes", `mounts[0].options[1] ("huge=sometimes"): tmpfs does not take it`},
		{"devpts", "ptmxmode=0666", ""},
		{"devpts", "mode=abc", `mounts[0].options[1] ("mode=abc"): devpts does not take it`},
		{"proc", "hidepid=2", ""},
		{"proc", "hidepid=9", `mounts[0].options[1] ("hidepid=9"): proc does not take it`},
		{"mqueue", "foo", `mounts[0].options[1] ("foo"): mqueue does not take it`},
	} {
		in := &Input{Host: machine(t), Bundle: bundle(t), Capabilities: allCapabilities, Spec: &specs.Spec{
			Root: &specs.Root{Path: "rootfs"}, Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
			Mounts: []specs.Mount{{Destination: "/x", Type: c.fstype, Source: c.fstype, Options: []string{"noexec", c.option}}},
		}}
		if got := check(t, in); got != c.want {
			t.Errorf("%s, %s: got %q, want %q", c.fstype, c.option, got, c.want)
		}
	}
}
