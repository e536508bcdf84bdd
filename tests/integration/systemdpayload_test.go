//go:build integration

package integration

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// systemd is process 1 of a container that has a cgroup of its own to divide:
// it boots, starts services, and stops by the signal that it means.
func TestSystemdPayload(t *testing.T) {
	needSystemdRoot(t)
	b := newSerialBox(t)
	c := b.systemdPayload(cgroupParent() + "/" + b.name + ".payload")
	c.bootAndStop(filepath.Join(cgroupParent(), b.name+".payload"))
}

// The same in a scope of the systemd outside.
func TestSystemdPayloadInScope(t *testing.T) {
	needSystemdRoot(t)
	if !exists("/run/systemd/system") {
		t.Skip("systemd is not process 1 here; in a virtual machine it is: tests/vm/integration --systemd -- -run TestSystemd")
	}
	b := newSerialBox(t)
	b.globals = []string{"--systemd-cgroup"}
	c := b.systemdPayload(b.name + ".slice:mr:payload")
	c.bootAndStop("/" + b.name + ".slice/mr-payload.scope")
	b.noUnits()
}

func needSystemdRoot(t *testing.T) {
	t.Helper()
	if !pureV2() || !inVM() {
		t.Skip("needs pure cgroup v2 and a root with systemd: the virtual machine's (tests/vm/integration -- -run TestSystemdPayload)")
	}
}

// systemdPayload is a container whose root is the machine's own, with what it
// writes kept in memory, and whose config is Podman's, changed as Podman does
// for a container that runs systemd.
func (b *box) systemdPayload(cgroupsPath string) *container {
	b.Helper()
	c := b.containerIn(b.path("bundle"))
	b.overlayOfRoot(c.rootfs())
	text, err := bundleFiles.ReadFile("testdata/bundles/podman-default.json")
	if err != nil {
		b.Fatal(err)
	}
	e := &engineRun{container: c, spec: &specs.Spec{}}
	if err := json.Unmarshal(text, e.spec); err != nil {
		b.Fatal(err)
	}
	s := e.spec
	e.adaptLimits()
	s.Root.Path, s.Linux.CgroupsPath = c.rootfs(), cgroupsPath
	s.Process.Args = []string{"/lib/systemd/systemd", "--show-status=no", "--log-target=console"}
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "bind" || m.Destination == "/sys/fs/cgroup" })
	namespace(specs.NetworkNamespace, "")(s)
	namespace(specs.CgroupNamespace, "")(s)
	mount("/sys/fs/cgroup", "cgroup", "cgroup", "rprivate", "nosuid", "noexec", "nodev", "relatime", "rw")(s)
	for _, dir := range []string{"/dev/shm", "/run", "/run/lock", "/tmp", "/var/log/journal"} {
		mount(dir, "tmpfs", "tmpfs", "rw", "rprivate", "nosuid", "nodev", "mode=1777")(s)
	}
	e.writeConfig(s)
	return c
}

// overlayOfRoot mounts the machine's root on dir, writable, without changing it.
func (b *box) overlayOfRoot(dir string) {
	b.Helper()
	written := b.path("written")
	b.mkdir(written)
	b.mkdir(dir)
	mountIt := func(source, target, kind, data string) {
		if err := unix.Mount(source, target, kind, 0, data); err != nil {
			b.Fatalf("mount %s on %s: %v", kind, target, err)
		}
		b.Cleanup(func() {
			if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
				b.Errorf("unmount %s: %v", target, err)
			}
		})
	}
	mountIt("tmpfs", written, "tmpfs", "size=200m")
	b.mkdir(filepath.Join(written, "upper/etc"))
	b.mkdir(filepath.Join(written, "work"))
	b.write(filepath.Join(written, "upper/etc/machine-id"), strings.Repeat("ab", 16)+"\n", 0o444)
	mountIt("overlay", dir, "overlay", "lowerdir=/,upperdir="+written+"/upper,workdir="+written+"/work")
}

// bootAndStop starts the container, waits until its systemd has started all,
// looks at it from inside and from outside, and stops it.
func (c *container) bootAndStop(cgroup string) {
	c.Helper()
	c.runDetached().ok()
	pid := c.pid()
	state := ""
	c.until("the end of the boot", func() bool {
		if c.state().Status == "stopped" {
			c.Fatalf("systemd has ended:\n%s", c.output())
		}
		state = strings.TrimSpace(c.exec("systemctl", "is-system-running").stdout)
		return state == "running" || state == "degraded"
	})
	c.Logf("systemd is %s; failed: %q", state, c.exec("systemctl", "--failed", "--plain", "--no-legend").stdout)
	equal(c.box, "process 1", c.exec("cat", "/proc/1/comm").ok().stdout, "systemd\n")
	equal(c.box, "cgroup of process 1", c.exec("cat", "/proc/1/cgroup").ok().stdout, "0::/init.scope\n")
	equal(c.box, "cgroup seen from outside", strings.TrimSpace(c.read(procPath(pid, "cgroup"))), "0::"+cgroup+"/init.scope")

	// A service has its own cgroup, with the limits that it asks for.
	c.exec("systemd-run", "--quiet", "--unit=limited", "-p", "MemoryMax=48M", "-p", "TasksMax=9", "sleep", "1000").ok()
	equal(c.box, "state of a service", c.exec("systemctl", "is-active", "limited").ok().stdout, "active\n")
	dir := filepath.Join(hierarchies()[0].dir, cgroup, "system.slice/limited.service")
	equal(c.box, "memory limit of a service", strings.TrimSpace(c.read(filepath.Join(dir, "memory.max"))), strconv.Itoa(48<<20))
	equal(c.box, "pids limit of a service", strings.TrimSpace(c.read(filepath.Join(dir, "pids.max"))), "9")
	c.contains("ps", c.do("ps", c.id).ok().stdout, "sleep 1000", "systemd")

	c.kill("SIGRTMIN+3").ok()
	// Without CAP_SYS_BOOT systemd ends by itself.
	equal(c.box, "exit code", c.wait(pid), 0)
	c.waitStatus("stopped")
	c.delete().ok()
	if exists(filepath.Join(hierarchies()[0].dir, cgroup)) {
		c.Errorf("the cgroup %s is left", cgroup)
	}
}
