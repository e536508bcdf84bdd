//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// withUserManager returns a box of an ordinary user who has a systemd of his own, as after a login. It makes the user.
func withUserManager(t *testing.T) *box {
	t.Helper()
	switch {
	case !exists("/run/systemd/system"):
		t.Skip("systemd is not process 1 here; in a virtual machine it is: tests/vm/integration --systemd -- -run TestSystemd")
	case !inVM():
		t.Skip("the test makes a user, which is for virtual machines only")
	case !pureV2():
		t.Skip("the systemd of a user has no rights in cgroup v1")
	}
	b := newUserBox(t)
	uid := strconv.Itoa(b.as.uid)
	b.hostCommand("useradd", "--uid", uid, "--create-home", "mrtest")
	b.Cleanup(func() {
		exec.Command("systemctl", "stop", "user@"+uid+".service", "user-runtime-dir@"+uid+".service").Run()
		b.hostCommand("userdel", "--remove", "mrtest")
	})
	b.hostCommand("systemctl", "start", "user@"+uid+".service")
	b.as.dir = filepath.Join("/run/user", uid)
	b.state = filepath.Join(b.as.dir, "runc")
	b.globals = []string{"--systemd-cgroup"}
	return b
}

// The user's own systemd makes the cgroup. The caller is in a cgroup of root, out of
// which the user can move nothing by the file system: the two systemd do it, for exec too.
func TestSystemdUser(t *testing.T) {
	b := withUserManager(t)
	c := b.userContainer(sleeping(), func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{
			Memory: &specs.LinuxMemory{Limit: ptr[int64](64 << 20)}, Pids: &specs.LinuxPids{Limit: ptr[int64](50)},
			Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
		}
	})
	c.runDetached().ok()
	b.globals = nil
	uid := strconv.Itoa(b.as.uid)
	path := "/user.slice/user-" + uid + ".slice/user@" + uid + ".service/user.slice/minirun-" + c.id + ".scope"
	equal(b, "cgroup", everywhere(b, c.pid())[""], path)
	dir := filepath.Join(hierarchies()[0].dir, path)
	equal(b, "memory limit", strings.TrimSpace(b.read(filepath.Join(dir, "memory.max"))), strconv.Itoa(64<<20))

	c.execWith([]string{"--detach", "--pid-file", filepath.Join(b.as.dir, "exec.pid")}, "sleep", "1000").ok()
	pid, err := strconv.Atoi(b.read(filepath.Join(b.as.dir, "exec.pid")))
	if err != nil {
		b.Fatal(err)
	}
	equal(b, "cgroup of an exec", everywhere(b, pid)[""], path)
	equal(b, "processes", len(strings.Fields(b.read(filepath.Join(dir, "cgroup.procs")))), 2)

	b.do("update", "--memory", "48m", c.id).ok()
	equal(b, "memory limit", strings.TrimSpace(b.read(filepath.Join(dir, "memory.max"))), strconv.Itoa(48<<20))
	c.do("pause", c.id).ok()
	equal(b, "status", c.state().Status, "paused")
	c.do("resume", c.id).ok()
	c.deleteForce()
	if exists(dir) {
		b.Errorf("%s is still there", dir)
	}
}

// Without any systemd, --systemd-cgroup says what was tried, and nothing is made.
func TestNoSystemd(t *testing.T) {
	if exists("/run/systemd/system") {
		t.Skip("systemd is process 1 here")
	}
	b := newBox(t)
	b.globals = []string{"--systemd-cgroup"}
	c := b.container(sleeping(), func(s *specs.Spec) { s.Linux.CgroupsPath = "system.slice:mr:x" })
	for _, verb := range []string{"create", "run", "plan"} {
		b.do("--log-format", "text", verb, "--bundle", c.bundle, c.id).fails(1, "systemd cgroup: no systemd can be reached: tried ",
			"unix:path=/run/systemd/private: no such file or directory", "unix:path=/run/dbus/system_bus_socket: ")
	}
	if _, err := os.Stat(filepath.Join(b.state, c.id)); err == nil {
		b.Error("a state directory is left")
	}
	// The others find the driver in the state, so that the flag means nothing to them.
	b.do("state", c.id).fails(1, "does not exist")
}
