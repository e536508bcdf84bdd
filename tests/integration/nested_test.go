//go:build integration

package integration

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// nest puts the runtime and the bundle of another container into this one, with
// every capability.
func (c *container) nest(inner *container) mod {
	c.Helper()
	binary, err := binaryCopy()
	if err != nil {
		c.Fatal(err)
	}
	all := capabilityNames()
	return func(s *specs.Spec) {
		capabilities(specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all})(s)
		mount("/bin/minirun", "bind", binary, "bind", "ro")(s)
		mount("/bundle", "bind", inner.bundle, "bind", "ro")(s)
		mount("/run", "tmpfs", "tmpfs", "mode=755")(s)
	}
}

// inside is a container's config for one that runs in another container.
func (c *container) inside(mods ...mod) *container {
	c.Helper()
	c.configure(append([]mod{func(s *specs.Spec) { s.Linux.CgroupsPath, s.Linux.Resources = "", nil }}, mods...)...)
	return c
}

const nestedRun = "minirun run --bundle /bundle in; echo code $?; minirun list -q"

// A container in a container: as root of a user namespace that an ordinary user
// made, without and with one more user namespace.
func TestNestedRootless(t *testing.T) {
	b := newUserBox(t)
	inner := b.container().inside(script("id -u; ls /dev/null /proc/1/comm"))
	c := b.userContainer(noMasks())
	c.configure(b.rootless, noMasks(), c.nest(inner), script(nestedRun))
	c.run().ok().prints("0\n/dev/null\n/proc/1/comm\ncode 0\n")
	same := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}}
	inner.inside(mappings(same, same), script("cat /proc/self/uid_map; echo x >/dev/null"))
	r := c.run().ok()
	equal(b, "output", strings.Join(strings.Fields(r.stdout), " "), "0 0 1 code 0")
}

// The whole life of a container in a container, by exec.
func TestNestedLife(t *testing.T) {
	b := newUserBox(t)
	inner := b.container().inside(sleeping())
	c := b.userContainer()
	c.configure(b.rootless, noMasks(), c.nest(inner), sleeping())
	c.runDetached().ok()
	m := func(args ...string) result { return c.exec(append([]string{"minirun"}, args...)...) }
	m("create", "--bundle", "/bundle", "in").ok()
	m("exec", "in", "id", "-u").ok().prints("0\n")
	m("start", "in").ok()
	m("exec", "in", "cat", "/proc/1/comm").ok().prints("sleep\n")
	b.contains("state", m("state", "in").ok().stdout, `"status": "running"`)
	b.contains("ps", m("ps", "in").ok().stdout, "sleep 1000")
	m("delete", "in").fails(1, "not stopped")
	m("delete", "--force", "in").ok()
	m("list", "-q").ok().prints("")
}

// In a container whose /proc is partly masked the kernel gives a further user
// namespace no new proc. The error says why.
func TestNestedTooRevealing(t *testing.T) {
	b := newBox(t)
	same := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}}
	inner := b.container().inside(mappings(same, same))
	c := b.container()
	c.configure(c.nest(inner), script("minirun --rootless=true run --bundle /bundle in 2>&1; echo code $?"))
	out := c.run().ok().stdout
	b.contains("output", out, "mounts[0] /proc: ", "operation not permitted", "a part of the one outside is covered", "code 1")
}

// Root of a user namespace that unshare(1) made, with and without a mount
// namespace of its own, runs a config without a user namespace.
func TestRunInUnshare(t *testing.T) {
	for _, flags := range []string{"-Ur", "-Urm", "-Urmn", "-Urpf --mount-proc"} {
		t.Run(flags, func(t *testing.T) {
			b := newUserBox(t)
			b.as.before = nil
			c := b.container(script("id -u; cat /proc/self/uid_map; ls -d /sys/fs; echo x >/dev/null && echo devices"), func(s *specs.Spec) {
				s.Linux.CgroupsPath = ""
			}).owned()
			cmd := c.command(c.verb("run")...)
			unshared(cmd, flags)
			r := b.finish(cmd).ok()
			equal(b, "output", strings.Join(strings.Fields(r.stdout), " "), "0 0 "+strconv.Itoa(b.as.uid)+" 1 /sys/fs devices")
			if !exists(b.state) {
				b.Errorf("the state was not in the user's runtime directory")
			}
			c.configure(func(s *specs.Spec) { s.Linux.CgroupsPath = ""; s.Process.User.AdditionalGids = []uint32{0} })
			cmd = c.command(c.verb("run")...)
			unshared(cmd, flags)
			b.finish(cmd).fails(1, "process.user.additionalGids: groups cannot be set")
		})
	}
}

// The flags that the mounts of the host have stay on binds of an ordinary user.
// To take one away is an error, and not silently without effect.
func TestRootlessLockedFlags(t *testing.T) {
	b := newUserBox(t)
	source := b.path("locked")
	b.mkdir(filepath.Join(source, "sub"))
	b.hostCommand("mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec,ro,noatime", "tmpfs", source)
	b.Cleanup(func() { b.hostCommand("umount", source) })
	show := script("grep ' /tmp/m ' /proc/self/mountinfo | cut -d' ' -f6")
	c := b.userContainer(mount("/tmp/m", "bind", source, "bind"), show)
	c.run().ok().prints("ro,nosuid,nodev,noexec,noatime\n")
	c.configure(b.rootless, mount("/tmp/m", "bind", source, "rbind", "rprivate", "nosuid", "nodev"), show)
	c.run().ok().prints("ro,nosuid,nodev,noexec,noatime\n")
	for _, option := range []string{"rw", "suid", "dev", "exec", "atime", "rrw"} {
		c.configure(b.rootless, mount("/tmp/m", "bind", source, "rbind", option))
		c.run().fails(1, "mounts[6] ", "mount_setattr: operation not permitted", "cannot be taken away")
	}
	c.configure(b.rootless, mount("/tmp/m", "bind", source, "bind", "idmap"))
	c.run().fails(1, `mounts[6].options[1] ("idmap"): `, "privileges")
}

// Every propagation of the root and of a bind of what lies on the host's mounts,
// all of which are locked for an ordinary user.
func TestRootlessPropagation(t *testing.T) {
	b := newUserBox(t)
	c := b.userContainer()
	show := script("grep ' /tmp/m ' /proc/self/mountinfo | grep -o ' shared:\\| unbindable' | cut -c2-; echo done")
	for mode, want := range map[string]string{
		"private": "", "rprivate": "", "slave": "", "rslave": "", "shared": "", "rshared": "shared:\n", "unbindable": "", "runbindable": "unbindable\n",
	} {
		c.configure(b.rootless, mount("/tmp/m", "bind", "/usr", "rbind", "ro"), show, func(s *specs.Spec) { s.Linux.RootfsPropagation = mode })
		c.run().ok().prints(want + "done\n")
		c.configure(b.rootless, mount("/tmp/m", "bind", "/usr", "rbind", "ro", mode), show)
		if mode == "shared" || mode == "unbindable" { // of the mount itself, this time
			want = map[string]string{"shared": "shared:\n", "unbindable": "unbindable\n"}[mode]
		}
		c.run().ok().prints(want + "done\n")
	}
}

// What the caller's rights do not give is refused by name.
func TestRootlessRefusals(t *testing.T) {
	b := newUserBox(t)
	c := b.userContainer()
	least, high := -1000, 400
	for name, tc := range map[string]struct {
		change mod
		want   []string
	}{
		"no user namespace": {
			func(s *specs.Spec) {
				noNamespace(specs.UserNamespace)(s)
				s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil
			},
			[]string{"linux.namespaces: a user namespace is needed", "CAP_SYS_ADMIN"},
		},
		"groups": {
			func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{0} },
			[]string{"process.user.additionalGids: groups cannot be set"},
		},
		"oom score below that of the caller": {
			func(s *specs.Spec) { s.Process.OOMScoreAdj = &least },
			[]string{"process.oomScoreAdj: write ", "permission denied", "only CAP_SYS_RESOURCE lowers it"},
		},
		"rlimit above that of the caller": {
			func(s *specs.Spec) {
				s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 1 << 30, Soft: 10}}
			},
			[]string{"process.rlimits[0]", "prlimit: operation not permitted", "raises a hard limit"},
		},
		"network namespace of the host": {
			namespace(specs.NetworkNamespace, "/proc/self/ns/net"),
			[]string{".path: setns: operation not permitted", "belongs to a user namespace"},
		},
		"device that the host lacks": {
			func(s *specs.Spec) {
				s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/of-mine", Type: "c", Major: 1, Minor: 5}}
			},
			[]string{"linux.devices[0] /dev/of-mine: ", "the host has"},
		},
		"sysctl of the host's network": {
			func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"} },
			[]string{"linux.sysctl"},
		},
	} {
		c.configure(b.rootless, tc.change)
		r := c.run().fails(1, tc.want...)
		if t.Failed() {
			t.Fatalf("%s: %s", name, r.stderr)
		}
	}
	// And what they do give works.
	c.configure(b.rootless, script("cat /proc/self/oom_score_adj; ulimit -n"), func(s *specs.Spec) {
		s.Process.OOMScoreAdj = &high
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Hard: 60, Soft: 50}}
	})
	c.run().ok().prints("400\n50\n")
}
