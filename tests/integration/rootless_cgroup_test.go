//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// delegated gives the box's user a version 2 cgroup, as a service manager does,
// with a cgroup below it that every call of the runtime begins in. It returns
// its path in the hierarchy, and its directory.
func (b *box) delegated(controllers ...string) (path, dir string) {
	b.Helper()
	var top string
	for _, h := range hierarchies() {
		if h.v2 {
			top = h.dir
		}
	}
	if top == "" {
		b.Fatal("no version 2 hierarchy is mounted")
	}
	above := cgroupParent() + "/" + b.name + ".above" // gives no more than these controllers, whatever is given to it
	b.mkdir(top + above)
	b.Cleanup(func() { removeCgroup(top + above) })
	for _, c := range controllers {
		for _, at := range []string{"", cgroupParent(), above} {
			b.write(filepath.Join(top, at, "cgroup.subtree_control"), "+"+c, 0o644)
		}
	}
	path = above + "/user"
	dir = top + path
	b.mkdir(dir + "/call")
	for _, at := range []string{dir, dir + "/call"} {
		b.chown(at, b.as.uid, b.as.uid, 0o755)
		for _, file := range []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
			b.chown(filepath.Join(at, file), b.as.uid, b.as.uid, 0o644)
		}
	}
	call, err := os.Open(dir + "/call")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { call.Close() })
	b.as.cgroup = call
	return path, dir
}

// unifiedCgroup returns the version 2 cgroup of a process.
func (b *box) unifiedCgroup(pid int) string {
	b.Helper()
	for line := range strings.Lines(b.read(procPath(pid, "cgroup"))) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path
		}
	}
	b.Fatalf("process %d is in no version 2 cgroup", pid)
	return ""
}

// In a delegated cgroup a container has its own beside the caller's, exec goes
// there, and delete removes it.
func TestRootlessDelegatedCgroup(t *testing.T) {
	b := newUserBox(t)
	path, dir := b.delegated()
	c := b.userContainer(sleeping())
	c.create().ok()
	equal(b, "cgroup", b.unifiedCgroup(c.pid()), path+"/"+c.id)
	c.start().ok()
	c.exec("true").ok()
	b.contains("ps", c.do("ps", "--format", "json", c.id).ok().stdout, itoa(c.pid()))
	c.do("kill", "--all", c.id, "KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()
	if exists(filepath.Join(dir, c.id)) {
		b.Errorf("the cgroup is still there")
	}
}

// What is delegated can be limited; a path in there can be named, another not.
func TestRootlessDelegatedLimits(t *testing.T) {
	if !pureV2() {
		t.Skip("a hybrid host has its controllers in version 1, which nobody delegates")
	}
	b := newUserBox(t)
	path, dir := b.delegated("pids")
	c := b.userContainer(sleeping(), pids(11), func(s *specs.Spec) { s.Linux.CgroupsPath = path + "/deep/" + b.name })
	c.runDetached().ok()
	own := filepath.Join(dir, "deep", b.name)
	equal(b, "pids.max", strings.TrimSpace(b.read(own+"/pids.max")), "11")
	equal(b, "process", strings.TrimSpace(b.read(own+"/cgroup.procs")), itoa(c.pid()))
	c.deleteForce()
	if exists(own) {
		b.Errorf("the cgroup is still there")
	}

	c.configure(b.rootless, pids(12))
	c.run().ok()
	c.configure(b.rootless, memory(specs.LinuxMemory{Limit: ptr(int64(64 << 20))}))
	c.run().fails(1, "linux.resources.memory.limit: ")
	c.configure(b.rootless, func(s *specs.Spec) { s.Linux.CgroupsPath = cgroupParent() + "/" + c.id })
	c.run().fails(1, "linux.cgroupsPath: ", "permission denied")
	equal(b, "left in the cgroup", len(subdirectories(b, dir)), 1) // the caller's
}

func subdirectories(b *box, dir string) []string {
	b.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, e.Name())
		}
	}
	return list
}

// Without a right to cgroups, limits and a path are refused and named; that no
// device rules can be given, and that there is no cgroup, is nothing to talk
// about. --rootless decides who is served so.
func TestRootlessWithoutCgroup(t *testing.T) {
	b := newUserBox(t)
	c := b.userContainer(func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}
	})
	r := c.run().ok()
	equal(b, "stderr", r.stderr, "")
	c.do(append([]string{"--rootless=false"}, c.verb("run")...)...).fails(1, "create cgroup", "permission denied")
	c.do(append([]string{"--rootless=true"}, c.verb("run")...)...).ok()

	c.configure(b.rootless, pids(10), memory(specs.LinuxMemory{Limit: ptr(int64(64 << 20))}))
	c.run().fails(1, "linux.resources.pids.limit: cannot be set without a cgroup: ", "linux.resources.memory.limit: cannot be set",
		"permission denied")
	c.configure(b.rootless, func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + c.id })
	c.run().fails(1, "linux.cgroupsPath: no right to write to ", "permission denied")
	if exists(filepath.Join(b.state, c.id)) {
		b.Errorf("state is left")
	}
}

// Root of a host whose cgroups are read-only is served only when it says so.
func TestRootlessFlagOfRoot(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) { s.Linux.CgroupsPath, s.Linux.Resources = "", nil })
	readOnly := func(flag string) result {
		cmd := c.command(append([]string{flag}, c.verb("run")...)...)
		script := `mount --make-rprivate / || exit 70
			while read -r a b c d point e; do
				case $e in *" - cgroup "*|*" - cgroup2 "*) mount -o remount,bind,ro "$point" || exit 71;; esac
			done </proc/self/mountinfo
			exec "$@"`
		cmd.Args = append([]string{"unshare", "-m", "sh", "-c", script, "sh"}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
		cmd.Path, cmd.Err = lookPath("unshare")
		return b.finish(cmd)
	}
	readOnly("--rootless=auto").fails(1, "create cgroup", unix.EROFS.Error())
	readOnly("--rootless=true").ok()
}

// In a delegated cgroup a container can be paused and, with what is delegated, updated; without a cgroup both say so.
func TestRootlessPauseAndUpdate(t *testing.T) {
	b := newUserBox(t)
	lone := b.userContainer(sleeping())
	lone.runDetached().ok()
	lone.do("pause", lone.id).fails(1, "without a cgroup")
	equal(b, "status", lone.state().Status, "running")
	lone.update("--pids-limit", "5").fails(1, "linux.resources.pids.limit: the container has no cgroup")
	lone.updateWith(`{"devices":[{"allow":false,"access":"rwm"}]}`).ok() // left out as at create
	lone.deleteForce()

	b.delegated()
	c := b.userContainer(sleeping())
	c.runDetached().ok()
	c.do("pause", c.id).ok()
	equal(b, "status", c.state().Status, "paused")
	c.updateWith(`{"devices":[{"allow":false,"access":"rwm"}]}`).ok()
	c.do("resume", c.id).ok()
	equal(b, "status", c.state().Status, "running")
	c.do("pause", c.id).ok()
	c.deleteForce()
}

// A limit of a delegated controller can be changed, all or nothing.
func TestUpdateRootlessDelegated(t *testing.T) {
	if !pureV2() {
		t.Skip("a hybrid host has its controllers in version 1, which nobody delegates")
	}
	b := newUserBox(t)
	_, dir := b.delegated("pids")
	c := b.userContainer(sleeping(), pids(11))
	c.runDetached().ok()
	file := filepath.Join(dir, c.id, "pids.max")
	c.update("--pids-limit", "12").ok()
	equal(b, "pids.max", strings.TrimSpace(b.read(file)), "12")
	c.updateWith(`{"pids":{"limit":13},"unified":{"pids.max":"many"}}`).fails(1, "linux.resources.unified", "write many to pids.max of ")
	equal(b, "pids.max", strings.TrimSpace(b.read(file)), "12")
	c.deleteForce()
}

// Without a cgroup of its own the container sees nothing of a hierarchy. The place is there all the same: Podman mounts the host's on it.
func TestRootlessMountOnEmptyHierarchy(t *testing.T) {
	if pureV2() {
		t.Skip("the host has no hierarchy of version 1")
	}
	b := newUserBox(t)
	dir := b.path("shown")
	b.mkdir(dir)
	b.write(dir+"/file", "of the host\n", 0o644)
	for _, h := range hierarchies() {
		if h.v2 {
			continue
		}
		at := "/sys/fs/cgroup/" + filepath.Base(h.dir)
		c := b.userContainer(mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro"), script("ls -A "+at))
		c.run().ok().prints("")
		c.configure(b.rootless, mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro"), mount(at, "bind", dir, "bind"), script("cat "+at+"/file"))
		c.run().ok().prints("of the host\n")
	}
}
