//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// cgroupMount mounts the container's cgroup, writable unless options say
// otherwise, in a cgroup namespace of its own.
func cgroupMount(options ...string) mod {
	return func(s *specs.Spec) {
		namespace(specs.CgroupNamespace, "")(s)
		mount("/sys/fs/cgroup", "cgroup", "cgroup", options...)(s)
	}
}

// owners returns those of the files of a v2 cgroup that belong to the uid; the
// directory is ".".
func owners(b *box, dir string, uid int) []string {
	b.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	var owned []string
	for _, name := range append([]string{"."}, names(entries)...) {
		if u, _ := owner(b, filepath.Join(dir, name)); u == uid {
			owned = append(owned, name)
		}
	}
	return owned
}

func names(entries []os.DirEntry) []string {
	var list []string
	for _, e := range entries {
		if !e.IsDir() {
			list = append(list, e.Name())
		}
	}
	return list
}

// A writable cgroup in a cgroup namespace belongs to the user of the program, on
// v2 only: the files that the kernel names, and not those with the limits.
func TestCgroupDelegation(t *testing.T) {
	b := newBox(t)
	const first, user = 100000, 1000
	c := b.container()
	for _, tc := range []struct {
		name      string
		delegated bool
		mods      []mod
	}{
		{"writable", pureV2(), []mod{cgroupMount()}},
		{"read-only", false, []mod{cgroupMount("ro")}},
		{"no mount", false, []mod{namespace(specs.CgroupNamespace, "")}},
		{"no namespace", false, []mod{mount("/sys/fs/cgroup", "cgroup", "cgroup")}},
	} {
		c := b.containerIn(c.bundle)
		c.configure(append(tc.mods, sleeping(), pids(50), c.userNamespace(first, 65536), func(s *specs.Spec) { s.Process.User.UID = user })...)
		c.runDetached().ok()
		var want []string
		if tc.delegated {
			want = []string{".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"}
		}
		for _, h := range hierarchies() {
			dir := filepath.Join(h.dir, cgroupParent(), c.id)
			if !exists(dir) {
				continue
			}
			owned := owners(b, dir, first+user)
			for _, name := range want {
				b.contains(tc.name+": owned files", " "+strings.Join(owned, " ")+" ", " "+name+" ")
			}
			for _, name := range owned {
				if !tc.delegated || name == "pids.max" || name == "memory.max" {
					b.Errorf("%s: %s of %s belongs to the container's user", tc.name, name, dir)
				}
			}
		}
		c.deleteForce()
	}
}

// The user of a delegated cgroup can divide it, and not raise its limits.
func TestCgroupDelegationUse(t *testing.T) {
	if !pureV2() {
		t.Skip("only cgroup v2 is delegated")
	}
	b := newBox(t)
	c := b.container()
	c.configure(cgroupMount(), pids(50), c.userNamespace(100000, 65536), script(`cd /sys/fs/cgroup
		mkdir sub && echo 0 > sub/cgroup.procs && echo +pids > cgroup.subtree_control && echo 7 > sub/pids.max
		cat sub/pids.max pids.max
		(echo 60 > pids.max) 2>/dev/null || echo kept
		cat /proc/self/cgroup`))
	c.run().ok().prints("7\n50\nkept\n0::/sub\n")
}

// A runtime in a container can make containers in the cgroup that is mounted
// there, and limit them.
func TestCgroupNested(t *testing.T) {
	b := newBox(t)
	c := b.container()
	bundle := filepath.Join(c.rootfs(), "bundle")
	makeBusyboxRoot(b, filepath.Join(bundle, "rootfs"))
	inner := b.containerIn(bundle)
	inner.configure(sleeping(), pids(9), env(b.marker()), func(s *specs.Spec) { s.Linux.CgroupsPath = "/inner" })
	b.write(filepath.Join(c.rootfs(), "bin/minirun"), b.read(underTest()), 0o755)
	all := capabilityNames()
	c.configure(cgroupMount(), noMasks(), pids(50), mount("/run", "tmpfs", "tmpfs"),
		capabilities(specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}),
		// In v2 a cgroup that has processes cannot give controllers to its children.
		script(`if [ -e /sys/fs/cgroup/cgroup.procs ]; then
				mkdir /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs || exit
			fi
			minirun --root /run/m run --detach --bundle /bundle inner && sleep 1000`))
	c.runDetached().ok()
	limit := filepath.Join(c.cgroupDir("pids"), "inner/pids.max")
	b.until("the inner container", func() bool {
		if c.state().Status == "stopped" {
			b.Fatal(c.output())
		}
		return exists(limit) && strings.TrimSpace(b.read(limit)) == "9"
	})
	b.until("its process", func() bool {
		return strings.TrimSpace(b.read(filepath.Join(filepath.Dir(limit), "cgroup.procs"))) != ""
	})
	c.exec("minirun", "--root", "/run/m", "delete", "--force", "inner").ok()
	for _, h := range hierarchies() {
		if dir := filepath.Join(h.dir, cgroupParent(), c.id, "inner"); exists(dir) {
			b.Errorf("%s is left", dir)
		}
	}
}
