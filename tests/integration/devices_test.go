//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestDefaultDevices(t *testing.T) {
	b := newBox(t)
	c := b.container(script(`cd /dev
		stat -c '%n %F %a %u:%g %t:%T' null zero full random urandom tty
		for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done
		echo x >null; head -c 3 zero | wc -c; echo x 2>/dev/null >full || echo full; head -c 5 urandom | wc -c; ls core 2>/dev/null; ls -l /dev | wc -l`))
	out := c.run().ok().stdout
	const device = " character special file 666 0:0 "
	b.contains("/dev", out,
		"null"+device+"1:3\n", "zero"+device+"1:5\n", "full"+device+"1:7\n", "random"+device+"1:8\n", "urandom"+device+"1:9\n", "tty"+device+"5:0\n",
		"fd /proc/self/fd\n", "stdin /proc/self/fd/0\n", "stdout /proc/self/fd/1\n", "stderr /proc/self/fd/2\n", "ptmx pts/ptmx\n",
		"\n3\nfull\n5\n")
}

// Devices are made also where the bundle brings no mount on /dev.
func TestDefaultDevicesWithoutDevMount(t *testing.T) {
	b := newBox(t)
	c := b.container(noMount("/dev"), noMount("/dev/pts"), noMount("/dev/shm"), noMount("/dev/mqueue"),
		script("stat -c '%F %t:%T' /dev/null; readlink /dev/stdout"))
	c.run().ok().prints("character special file 1:3\n/proc/self/fd/1\n")
}

func device(path, kind string, major, minor int64, mode os.FileMode, uid, gid uint32) mod {
	return func(s *specs.Spec) {
		s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{
			Path: path, Type: kind, Major: major, Minor: minor, FileMode: &mode, UID: &uid, GID: &gid,
		})
	}
}

// allowDevice adds a device rule.
func allowDevice(allow bool, kind string, major, minor int64, access string) mod {
	return func(s *specs.Spec) {
		s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
			Allow: allow, Type: kind, Major: &major, Minor: &minor, Access: access,
		})
	}
}

func TestDevices(t *testing.T) {
	b := newBox(t)
	c := b.container(
		device("/dev/fuse", "c", 10, 229, 0o660, 11, 12),
		device("/dev/deep/er/loop", "b", 7, 0, 0o640, 0, 6),
		device("/dev/pipe", "p", 0, 0, 0o622, 3, 4),
		device("/dev/unbuffered", "u", 1, 3, 0o600, 0, 0),
		device("/opt/null", "c", 1, 3, 0o666, 0, 0),
		script("stat -c '%n %F %a %u:%g %t:%T' /dev/fuse /dev/deep/er/loop /dev/pipe /dev/unbuffered /opt/null"))
	c.run().ok().prints(`/dev/fuse character special file 660 11:12 a:e5
/dev/deep/er/loop block special file 640 0:6 7:0
/dev/pipe fifo 622 3:4 0:0
/dev/unbuffered character special file 600 0:0 1:3
/opt/null character special file 666 0:0 1:3
`)
}

// A device of the config that replaces a default one wins.
func TestDeviceReplacesDefault(t *testing.T) {
	b := newBox(t)
	b.container(device("/dev/null", "c", 1, 3, 0o640, 5, 6), script("stat -c '%a %u:%g' /dev/null")).run().ok().prints("640 5:6\n")
}

// A file of another kind where a device should be is an error.
func TestDeviceMismatch(t *testing.T) {
	b := newBox(t)
	c := b.container(device("/opt/dev", "c", 1, 3, 0o666, 0, 0))
	b.write(filepath.Join(c.rootfs(), "opt/dev"), "a file", 0o644)
	c.run().fails(1, "linux.devices[0]", "/opt/dev")
	equal(b, "the file", b.read(filepath.Join(c.rootfs(), "opt/dev")), "a file")
}

// What the container may open is up to the rules, not to the node's mode.
func TestDeviceRules(t *testing.T) {
	open := script("for d in /dev/fuse /dev/full; do head -c 0 $d 2>/dev/null && echo read $d; true 2>/dev/null >>$d && echo write $d; done; true")
	nodes := func(s *specs.Spec) { device("/dev/fuse", "c", 10, 229, 0o666, 0, 0)(s) }
	for _, tc := range []struct {
		name string
		mods []mod
		want string
	}{
		{"default", nil, "read /dev/full\nwrite /dev/full\n"},
		{"allow", []mod{allowDevice(true, "c", 10, 229, "rwm")}, "read /dev/fuse\nwrite /dev/fuse\nread /dev/full\nwrite /dev/full\n"},
		{"allow read", []mod{allowDevice(true, "c", 10, 229, "r")}, "read /dev/fuse\nread /dev/full\nwrite /dev/full\n"},
		{"allow write", []mod{allowDevice(true, "c", 10, 229, "w")}, "write /dev/fuse\nread /dev/full\nwrite /dev/full\n"},
		{"wildcard minor", []mod{allowDevice(true, "c", 10, -1, "rw")}, "read /dev/fuse\nwrite /dev/fuse\nread /dev/full\nwrite /dev/full\n"},
		{"allow then deny", []mod{allowDevice(true, "c", 10, 229, "rwm"), allowDevice(false, "c", 10, 229, "w")}, "read /dev/fuse\nread /dev/full\nwrite /dev/full\n"},
		{"other type", []mod{allowDevice(true, "b", 10, 229, "rwm")}, "read /dev/full\nwrite /dev/full\n"},
		{"all", []mod{func(s *specs.Spec) {
			s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		}}, "read /dev/fuse\nwrite /dev/fuse\nread /dev/full\nwrite /dev/full\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBox(t)
			b.container(append([]mod{open, nodes}, tc.mods...)...).run().ok().prints(tc.want)
		})
	}
}

// A process can make any node, and open it only as the rules say.
func TestDeviceMknod(t *testing.T) {
	b := newBox(t)
	b.container(script("mknod /tmp/fuse c 10 229 && echo made; head -c 0 /tmp/fuse 2>/dev/null || echo refused")).
		run().ok().prints("made\nrefused\n")
}

// Without CAP_MKNOD and with a root that forbids devices they still appear on
// the container's own /dev.
func TestDevicesInUserNamespace(t *testing.T) {
	b := newBox(t)
	c := b.container()
	c.configure(c.userNamespace(100000, 65536), namespace(specs.NetworkNamespace, ""), device("/dev/kmsg", "c", 1, 11, 0o644, 0, 0), allowDevice(true, "c", 1, 11, "rwm"),
		script("stat -c '%F %t:%T' /dev/null /dev/kmsg; echo x >/dev/null && echo written"))
	out := c.run().ok().stdout
	equal(b, "devices", out, "character special file 1:3\ncharacter special file 1:b\nwritten\n")
	if strings.Contains(b.read("/proc/self/mountinfo"), c.rootfs()) {
		b.Error("a mount of the container is seen on the host")
	}
}
