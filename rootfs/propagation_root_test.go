//go:build integration

package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mountsBelow lists the test's own view of the mounts below dir.
func mountsBelow(t *testing.T, dir string) []string {
	t.Helper()
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, line := range strings.Split(string(info), "\n") {
		if f := strings.Fields(line); len(f) > 4 && within(f[4], dir) {
			list = append(list, f[4])
		}
	}
	return list
}

// TestPropagationOnTheKernel puts bundle and source on shared mounts of the host's. A mount that the container makes below the bind must
// show there only when the configuration says so, and nothing that makes the root ever may.
func TestPropagationOnTheKernel(t *testing.T) {
	for _, tc := range []struct {
		value, options string
		root           string // the root's optional fields in mountinfo
		reaches        bool   // a mount made in the container reaches the host
		sees           bool   // the bind is a slave or peer of the host's
	}{
		{"", "rbind", "master:", false, true},
		{"", "rbind rprivate", "master:", false, false},
		{"", "rbind rshared", "master:", false, true},
		{"slave", "rbind", "master:", false, true},
		{"rslave", "rbind rslave", "master:", false, true},
		{"private", "rbind", "-", false, false},
		{"rprivate", "rbind rshared", "-", false, false},
		{"shared", "rbind rshared", "shared:", true, true},
		{"shared", "rbind rprivate", "shared:", false, false},
		{"shared", "rbind rslave", "shared:", false, true},
		{"rshared", "rbind", "shared:", true, true},
		{"unbindable", "rbind", "unbindable", false, true},
		{"runbindable", "rbind rprivate", "unbindable", false, false},
	} {
		t.Run(tc.value+" "+tc.options, func(t *testing.T) {
			dir := t.TempDir()
			if err := unix.Mount("test", dir, "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
				t.Fatal(err)
			}
			bundle := busyboxIn(t, filepath.Join(dir, "bundle"))
			src := filepath.Join(dir, "src")
			if err := os.MkdirAll(filepath.Join(src, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := spec(mnt("/proc", "proc", "proc", ""), mnt("/dev", "tmpfs", "tmpfs", ""), mnt("/b", "bind", src, tc.options))
			s.Linux.RootfsPropagation = tc.value
			s.Linux.ReadonlyPaths, s.Linux.MaskedPaths = []string{"/proc/sys", "/bin"}, []string{"/proc/kcore", "/proc/bus"}
			f := plain()
			f.Bundle = bundle
			before := len(mountsBelow(t, dir))
			out := inside(t, s, f, "$b mount -t tmpfs x /b/sub; $b cat /proc/self/mountinfo")
			if after := mountsBelow(t, dir); (len(after) > before) != tc.reaches {
				t.Errorf("the host has %v", after)
			}
			for _, line := range strings.Split(out, "\n") {
				fields := strings.Fields(line)
				switch {
				case len(fields) < 7:
				case fields[4] == "/" && !strings.HasPrefix(fields[6], tc.root):
					t.Errorf("the root is %s, want %s", fields[6], tc.root)
				case fields[4] == "/b" && (strings.Contains(line, "master:") || strings.Contains(line, "shared:") && tc.reaches) != tc.sees:
					t.Errorf("the bind is %s", line)
				}
			}
			if !strings.Contains(out, " /b/sub ") || !strings.Contains(out, " /proc/bus ") || !strings.Contains(out, " /bin ro") {
				t.Errorf("mounts are missing:\n%s", out)
			}
		})
	}
}
