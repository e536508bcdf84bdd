package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
)

// The user's runtime directory is for all but root of the host.
func TestDefaultRoot(t *testing.T) {
	ordinary := os.Geteuid() != 0
	for _, tc := range []struct{ xdg, user, want string }{
		{"", "root", hostRoot},
		{"/run/user/7", "root", map[bool]string{true: "/run/user/7/runc", false: hostRoot}[ordinary]},
		{"/run/user/7", "joe", map[bool]string{true: "/run/user/7/runc", false: hostRoot}[ordinary || inUserNamespace()]},
	} {
		t.Setenv("XDG_RUNTIME_DIR", tc.xdg)
		t.Setenv("USER", tc.user)
		if got := DefaultRoot(); got != tc.want {
			t.Errorf("XDG_RUNTIME_DIR=%s USER=%s: %s, want %s", tc.xdg, tc.user, got, tc.want)
		}
	}
}

// A root directory in the user's runtime directory gets the sticky bit, one made before without it too.
func TestMakeRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "run", "runc")
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, userRoot := range []bool{false, true} {
		if err := (&Runtime{root: root, userRoot: userRoot}).makeRoot(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(root)
		if err != nil {
			t.Fatal(err)
		}
		want := os.ModeDir | 0o755
		if userRoot {
			want = os.ModeDir | os.ModeSticky | 0o700
		}
		if info.Mode() != want {
			t.Errorf("user's %v: %v, want %v", userRoot, info.Mode(), want)
		}
	}
}

func TestHintRoot(t *testing.T) {
	denied := fmt.Errorf("mkdir: %w", unix.EACCES)
	for _, tc := range []struct {
		root string
		err  error
		hint bool
	}{{hostRoot, denied, true}, {"/elsewhere", denied, false}, {hostRoot, unix.EEXIST, false}} {
		got := (&Runtime{root: tc.root}).hintRoot(tc.err)
		if !errors.Is(got, tc.err) || (got.Error() != tc.err.Error()) != tc.hint {
			t.Errorf("%s: %v became %v", tc.root, tc.err, got)
		}
	}
}

// A recorded container has a cgroup exactly where its record says.
func TestRecordNoCgroup(t *testing.T) {
	at := cgroups.Dir{MountPoint: "/sys/fs/cgroup/unified"}
	with := &record{Cgroup: &cgroups.Record{Dirs: []cgroups.Dir{at}}}
	if err := with.noCgroup(at); err != nil {
		t.Error(err)
	}
	if with.noCgroup(cgroups.Dir{MountPoint: "/sys/fs/cgroup/pids"}) == nil || (&record{}).noCgroup(at) == nil {
		t.Error("a cgroup that the record does not have")
	}
}
