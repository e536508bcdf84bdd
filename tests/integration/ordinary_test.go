//go:build integration

package integration

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// An ordinary user, and not root, calls the runtime. The ids need no
// entry in /etc/passwd.
type ordinary struct {
	uid    int
	dir    string   // XDG_RUNTIME_DIR
	before []string // a command that the call is put behind, run as root
	cgroup *os.File // version 2 cgroup that the call is born in; nil: that of the test
}

// ordinaryUID is a user that no machine has.
const ordinaryUID = 61437

// binaryCopy is the runtime where every user reaches it.
var binaryCopy = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(underTest())
	if err != nil {
		return "", err
	}
	path := filepath.Join(baseDir(), "minirun")
	return path, os.WriteFile(path, text, 0o755)
})

// newUserBox is newBox for an ordinary user, who keeps the state where it is
// by default.
func newUserBox(t *testing.T) *box {
	t.Helper()
	b := newBox(t)
	if _, err := binaryCopy(); err != nil {
		b.Fatal(err)
	}
	b.as = &ordinary{uid: ordinaryUID, dir: b.path("xdg")}
	b.state = b.path("xdg", "runc")
	b.mkdir(b.as.dir)
	b.chown(b.as.dir, b.as.uid, b.as.uid, 0o700)
	return b
}

// call makes the command one of the user's, without --root.
func (u *ordinary) call(cmd *exec.Cmd) {
	path, _ := binaryCopy()
	cmd.Path, cmd.Args = path, append([]string{path}, cmd.Args[3:]...)
	cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+u.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if u.cgroup != nil {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(u.cgroup.Fd())
	}
	id := strconv.Itoa(u.uid)
	switch {
	case len(u.before) > 0:
		drop := []string{"setpriv", "--reuid", id, "--regid", id, "--clear-groups"}
		cmd.Args = append(append(append([]string{}, u.before...), drop...), cmd.Args...)
		cmd.Path, cmd.Err = exec.LookPath(cmd.Args[0])
	default:
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.uid)}
	}
}

// owned gives the whole bundle to the user of the box.
func (c *container) owned() *container {
	c.Helper()
	err := filepath.WalkDir(c.bundle, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "/bin/busybox") { // a hard link, of all tests
			return err
		}
		return os.Lchown(path, c.as.uid, c.as.uid)
	})
	if err != nil {
		c.Fatal(err)
	}
	return c
}

// userContainer names a container of the box's user: root in it is that user,
// who is the only one there is, and nothing asks for a cgroup.
func (b *box) userContainer(mods ...mod) *container {
	b.Helper()
	return b.container(append([]mod{b.rootless}, mods...)...).owned()
}

func (b *box) rootless(s *specs.Spec) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(b.as.uid), Size: 1}}
	s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
	namespace(specs.UserNamespace, "")(s)
	s.Linux.CgroupsPath, s.Linux.Resources = "", &specs.LinuxResources{}
	for i, m := range s.Mounts {
		if m.Destination == "/dev/pts" {
			s.Mounts[i].Options = m.Options[:len(m.Options)-1] // gid=5
		}
	}
}

// withRanges lets newuidmap and newgidmap give the box's user the ids from
// first on, in a mount namespace where the files that say so are others.
func (b *box) withRanges(first, size uint32) {
	b.Helper()
	id := strconv.Itoa(b.as.uid)
	line := fmt.Sprintf("tester:%d:%d\n", first, size)
	var script strings.Builder
	for name, text := range map[string]string{
		"passwd": b.read("/etc/passwd") + "tester:x:" + id + ":" + id + "::/:/bin/sh\n", "subuid": line, "subgid": line,
	} {
		b.write(b.path(name), text, 0o644)
		fmt.Fprintf(&script, "mount --bind %s /etc/%s || exit; ", b.path(name), name)
	}
	b.as.before = []string{"unshare", "-m", "sh", "-c", script.String() + `exec "$@"`, "sh"}
}

// unshared puts a call of the user's behind unshare(1).
func unshared(cmd *exec.Cmd, flags string) {
	cmd.Args = append(append([]string{"unshare"}, strings.Fields(flags)...), cmd.Args...)
	cmd.Path, cmd.Err = exec.LookPath("unshare")
}
