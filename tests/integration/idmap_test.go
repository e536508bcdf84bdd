//go:build integration

package integration

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func mappings(uids, gids []specs.LinuxIDMapping) mod {
	return func(s *specs.Spec) {
		namespace(specs.UserNamespace, "")(s)
		s.Linux.UIDMappings, s.Linux.GIDMappings = uids, gids
	}
}

// Ranges of an ordinary user are mapped by newuidmap and newgidmap, and then
// groups can be set.
func TestRootlessRanges(t *testing.T) {
	b := newUserBox(t)
	b.withRanges(200000, 65536)
	own := specs.LinuxIDMapping{ContainerID: 0, HostID: uint32(b.as.uid), Size: 1}
	granted := specs.LinuxIDMapping{ContainerID: 1, HostID: 200000, Size: 65536}
	two := []specs.LinuxIDMapping{own, granted}
	all := capabilityNames()
	rights := capabilities(specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all})
	c := b.userContainer(mappings(two, two), rights,
		func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{5, 7} },
		script("id -u; id -G; cat /proc/self/setgroups; touch /tmp/f && chown 5:6 /tmp/f"))
	c.run().ok().prints("0\n0 5 7\nallow\n")
	uid, gid := owner(b, filepath.Join(c.rootfs(), "tmp/f"))
	equal(b, "owner on the host", uid, 200004)
	equal(b, "group on the host", gid, 200005)

	// As a user of the range, and through every step of a life.
	c.configure(b.rootless, mappings(two, two), sleeping(), func(s *specs.Spec) { s.Process.User = specs.User{UID: 1000, GID: 1000} })
	c.create().ok()
	c.exec("id", "-u").ok().prints("1000\n")
	c.start().ok()
	c.exec("id", "-u").ok().prints("1000\n")
	equal(b, "uid on the host", b.statusField(c.pid(), "Uid"), "200999")
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()

	// One of the two by the helper, the other by the caller itself.
	c.configure(b.rootless, mappings(two, []specs.LinuxIDMapping{own}), script("id -u; cat /proc/self/setgroups"))
	c.run().ok().prints("0\ndeny\n")

	other := granted
	other.HostID = 900000
	c.configure(b.rootless, mappings([]specs.LinuxIDMapping{own, other}, two))
	c.run().fails(1, "linux.uidMappings: newuidmap: ", "not allowed")
	c.configure(b.rootless, mappings(two, []specs.LinuxIDMapping{own, other}))
	c.run().fails(1, "linux.gidMappings: newgidmap: ", "not allowed")
}

// Without the helpers the error says what is missing.
func TestRootlessRangesWithoutHelper(t *testing.T) {
	b := newUserBox(t)
	two := []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(b.as.uid), Size: 1}, {ContainerID: 1, HostID: 200000, Size: 10}}
	c := b.userContainer(mappings(two, two))
	cmd := c.command(c.verb("run")...)
	cmd.Env = []string{"PATH=/nowhere", "XDG_RUNTIME_DIR=" + b.as.dir, b.marker()}
	b.finish(cmd).fails(1, "linux.gidMappings: newgidmap is needed to map more than the caller's own id")
}

// A user namespace with every id mapped to itself is still not the host's: no
// device can be made in it, and the host's are bound.
func TestIdentityMap(t *testing.T) {
	b := newBox(t)
	every := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1<<32 - 1}}
	c := b.container(mappings(every, every), script("cat /proc/self/uid_map; id -G; echo x >/dev/null && echo writable"),
		func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{5} })
	r := c.run().ok()
	equal(b, "map and groups", strings.Join(strings.Fields(r.stdout), " "), "0 0 4294967295 0 5 writable")
	c.configure(mappings(every, every), func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/of-mine", Type: "c", Major: 1, Minor: 5}}
	})
	c.run().fails(1, "linux.devices[0] /dev/of-mine: open_tree: no such file", "the host has")
}

// held starts a process of the box's user that holds namespaces, as
// unshare(1) makes them, and returns its pid.
func (b *box) held(flags ...string) int {
	b.Helper()
	cmd := exec.Command("unshare", append(flags, "sleep", "1000")...)
	cmd.Env = []string{b.marker()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(b.as.uid), Gid: uint32(b.as.uid)}}
	b.start(cmd)
	b.until("the namespaces are made", func() bool {
		return strings.TrimSpace(b.read(procPath(cmd.Process.Pid, "comm"))) == "sleep"
	})
	return cmd.Process.Pid
}

// Joining a user namespace: by its owner, who must do it before the others, and
// by root; by the name of a process and by a bind mount.
func TestUserNamespaceJoined(t *testing.T) {
	b := newUserBox(t)
	pid := b.held("-Ur", "-n", "-u")
	ns := procPath(pid, "ns")
	own := []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(b.as.uid), Size: 1}}
	joined := func(maps []specs.LinuxIDMapping) mod {
		return func(s *specs.Spec) {
			namespace(specs.NetworkNamespace, ns+"/net")(s)
			namespace(specs.UserNamespace, ns+"/user")(s)
			namespace(specs.UTSNamespace, ns+"/uts")(s)
			s.Hostname = ""
			s.Linux.UIDMappings, s.Linux.GIDMappings = maps, maps
		}
	}
	show := script("id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net")
	want := "0\n" + namespaceOf(b, itoa(pid), "user") + "\n" + namespaceOf(b, itoa(pid), "net") + "\n"

	c := b.userContainer(joined(nil), show)
	c.run().ok().prints(want)
	c.configure(b.rootless, joined(own), show)
	c.run().ok().prints(want)
	c.configure(b.rootless, joined([]specs.LinuxIDMapping{{ContainerID: 0, HostID: 7, Size: 1}}), show)
	c.run().fails(1, "linux.uidMappings: the user namespace that is joined has another map: 0-0 is "+strconv.Itoa(b.as.uid))
	c.configure(b.rootless, joined(nil), func(s *specs.Spec) { s.Process.User.AdditionalGids = []uint32{0} })
	c.run().fails(1, "process.user.additionalGids: groups cannot be set")
	c.configure(b.rootless, joined(nil), func(s *specs.Spec) { s.Process.User.UID = 5 })
	c.run().fails(1, "process.user.uid: 5 is not mapped in the user namespace that is joined")
	c.configure(b.rootless, joined(nil), sleeping())
	c.runDetached().ok()
	c.exec("id", "-u").ok().prints("0\n")
	c.deleteForce()

	root := newSerialBox(t)
	d := root.container(joined(nil), show)
	d.run().ok().prints(want)
	file := root.path("userns")
	root.write(file, "", 0o600)
	root.hostCommand("mount", "--bind", ns+"/user", file)
	root.Cleanup(func() { root.hostCommand("umount", file) })
	byFile := func(s *specs.Spec) {
		joined(s.Linux.UIDMappings)(s)
		namespace(specs.UserNamespace, file)(s)
	}
	d.configure(byFile, show)
	d.run().ok().prints(want)
	d.configure(mappings([]specs.LinuxIDMapping{{ContainerID: 0, HostID: 7, Size: 1}}, own), byFile, show)
	d.run().fails(1, "linux.uidMappings: the user namespace that is joined has another map")
	d.configure(joined(nil), namespace(specs.UserNamespace, "/proc/self/ns/user"))
	d.run().fails(1, "is the user namespace of the caller")
}
