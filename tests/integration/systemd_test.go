//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// withSystemd returns a box whose runtime is called with --systemd-cgroup, on a
// machine where systemd is process 1.
func withSystemd(t *testing.T) *box {
	t.Helper()
	if !exists("/run/systemd/system") {
		t.Skip("systemd is not process 1 here; in a virtual machine it is: tests/vm/integration --systemd -- -run TestSystemd")
	}
	b := newBox(t)
	b.globals = []string{"--systemd-cgroup"}
	return b
}

// inUnit is a container whose cgroupsPath names a unit in a slice of the box.
func (b *box) inUnit(mods ...mod) *container {
	b.Helper()
	c := b.container()
	c.configure(append([]mod{func(s *specs.Spec) { s.Linux.CgroupsPath = b.name + ".slice:mr:" + c.id }}, mods...)...)
	b.Cleanup(func() { b.noUnits() })
	return c
}

// unit is the name of the container's unit, and the path of its cgroup.
func (c *container) unit() (name, path string) {
	name = "mr-" + c.id + ".scope"
	return name, "/" + c.box.name + ".slice/" + name
}

// property asks systemd for a property of the container's unit.
func (c *container) property(name string) string {
	c.Helper()
	unit, _ := c.unit()
	return strings.TrimSpace(c.hostCommand("systemctl", "show", "--value", "-p", name, unit))
}

// properties compares properties of the container's unit.
func (c *container) properties(want map[string]string) {
	c.Helper()
	for name, value := range want {
		equal(c.box, "property "+name, c.property(name), value)
	}
}

// noUnits fails the test if a unit of the box is left, and stops its slice, which systemd keeps.
func (b *box) noUnits() {
	b.Helper()
	if left := b.hostCommand("systemctl", "list-units", "--all", "--plain", "--no-legend", "*"+b.name+"*.scope"); left != "" {
		b.Errorf("units left: %s", left)
	}
	for _, h := range hierarchies() {
		if left, _ := filepath.Glob(filepath.Join(h.dir, b.name+".slice", "*.scope")); len(left) > 0 {
			b.Errorf("cgroups left: %v", left)
		}
	}
	exec.Command("systemctl", "stop", b.name+".slice").Run() // fails when it is gone by itself
}

// everywhere tells where the process is in each hierarchy that has controllers or
// that systemd uses for itself.
func everywhere(b *box, pid int) map[string]string {
	b.Helper()
	at := map[string]string{}
	for line := range strings.Lines(b.read(procPath(pid, "cgroup"))) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		at[f[1]] = f[2]
	}
	return at
}

func unitLimits(s *specs.Spec) {
	r := s.Linux.Resources
	r.Memory = &specs.LinuxMemory{Limit: ptr[int64](64 << 20)}
	r.Pids = &specs.LinuxPids{Limit: ptr[int64](50)}
	r.CPU = &specs.LinuxCPU{Shares: ptr[uint64](512), Quota: ptr[int64](33_333), Period: ptr[uint64](100_000)}
}

// file reads a file of the unit's cgroup.
func (c *container) file(controller, v1, v2 string) string {
	c.Helper()
	_, path := c.unit()
	name := v1
	if pureV2() {
		name = v2
	}
	for _, h := range hierarchies() {
		if slices.Contains(h.controllers, controller) {
			return strings.TrimSpace(c.read(filepath.Join(h.dir, path, name)))
		}
	}
	c.Fatalf("no hierarchy with %s", controller)
	return ""
}

// memoryProperty is the name of the limit in systemd, by the version.
func memoryProperty() string {
	if pureV2() {
		return "MemoryMax"
	}
	return "MemoryLimit"
}

// A container in a scope has its limits as properties and, to the letter, in the
// files. Whatever is done to it later needs no flag.
func TestSystemdScope(t *testing.T) {
	b := withSystemd(t)
	c := b.inUnit(sleeping(), unitLimits, namespace(specs.CgroupNamespace, ""))
	c.runDetached().ok()
	b.globals = nil
	equal(b, "status", c.state().Status, "running")

	_, path := c.unit()
	pid := c.pid()
	for controllers, at := range everywhere(b, pid) {
		if at != path {
			b.Errorf("%q: the process is in %s, not in %s", controllers, at, path)
		}
	}
	c.properties(map[string]string{
		"ActiveState": "active", "Slice": b.name + ".slice", "ControlGroup": path, "Delegate": "yes",
		memoryProperty(): strconv.Itoa(64 << 20), "TasksMax": "50", "CPUQuotaPerSecUSec": "340ms", "DevicePolicy": "strict",
		"CollectMode": "inactive-or-failed", "Description": "minirun container " + filepath.Join(b.state, c.id),
	})
	equal(b, "memory limit", c.file("memory", "memory.limit_in_bytes", "memory.max"), strconv.Itoa(64<<20))
	equal(b, "pids limit", c.file("pids", "pids.max", "pids.max"), "50")
	quota := "33333"
	if pureV2() {
		quota = "33333 100000"
	}
	equal(b, "quota", c.file("cpu", "cpu.cfs_quota_us", "cpu.max"), quota)

	inside := c.exec("cat", "/proc/self/cgroup").ok().stdout
	for line := range strings.Lines(inside) {
		if !strings.HasSuffix(strings.TrimSpace(line), ":/") {
			b.Errorf("an exec sees itself in %s", line)
		}
	}
	b.contains("ps", c.do("ps", "--format", "json", c.id).ok().stdout, strconv.Itoa(pid))

	c.do("pause", c.id).ok()
	equal(b, "status", c.state().Status, "paused")
	c.do("resume", c.id).ok()
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()
	b.noUnits()
}

// Without a path the unit is in system.slice and is called after the container.
func TestSystemdDefaultSlice(t *testing.T) {
	b := withSystemd(t)
	c := b.container(sleeping(), func(s *specs.Spec) { s.Linux.CgroupsPath = "" })
	c.create().ok()
	want := "/system.slice/minirun-" + c.id + ".scope"
	for controllers, at := range everywhere(b, c.pid()) {
		if at != want {
			b.Errorf("%q: the process is in %s, not in %s", controllers, at, want)
		}
	}
	unit := filepath.Base(want)
	equal(b, "TasksMax", strings.TrimSpace(b.hostCommand("systemctl", "show", "--value", "-p", "TasksMax", unit)), "infinity")
	c.start().ok()
	c.deleteForce()
	b.noUnits()
}

// An update changes properties and files. What it does not name keeps its exact value, although systemd
// writes all files again, rounded.
func TestSystemdUpdate(t *testing.T) {
	b := withSystemd(t)
	c := b.inUnit(sleeping(), unitLimits)
	c.runDetached().ok()
	b.globals = nil
	b.do("update", "--memory", "48m", "--pids-limit", "0", c.id).ok()
	c.properties(map[string]string{memoryProperty(): strconv.Itoa(48 << 20), "TasksMax": "1", "CPUQuotaPerSecUSec": "340ms"})
	equal(b, "memory limit", c.file("memory", "memory.limit_in_bytes", "memory.max"), strconv.Itoa(48<<20))
	equal(b, "pids limit", c.file("pids", "pids.max", "pids.max"), "1")
	quota := "33333"
	if pureV2() {
		quota = "33333 100000"
	}
	equal(b, "quota after another's update", c.file("cpu", "cpu.cfs_quota_us", "cpu.max"), quota)

	// A value that the kernel refuses changes nothing. (It allows no list of processors that are not there.)
	r := b.do("update", "--memory", "40m", "--cpuset-cpus", "4000", c.id)
	r.fails(1, "linux.resources.cpu.cpus")
	equal(b, "memory limit", c.file("memory", "memory.limit_in_bytes", "memory.max"), strconv.Itoa(48<<20))
	c.properties(map[string]string{memoryProperty(): strconv.Itoa(48 << 20)})
	c.deleteForce()
}

// Properties that the configuration asks for by annotations.
func TestSystemdAnnotations(t *testing.T) {
	b := withSystemd(t)
	c := b.inUnit(sleeping(), func(s *specs.Spec) {
		s.Annotations = map[string]string{
			"org.systemd.property.TimeoutStopSec": "uint64 7",
			"org.systemd.property.Description":    "'hello'",
			"org.systemd.property.CollectMode":    "'inactive'",
		}
	})
	c.create().ok()
	c.properties(map[string]string{"TimeoutStopUSec": "7s", "Description": "hello (minirun container " + filepath.Join(b.state, c.id) + ")", "CollectMode": "inactive"})
	c.deleteForce()

	for value, want := range map[string]string{
		"what":  "no value in GVariant's text format",
		"'xyz'": "start mr-", // systemd's own refusal
	} {
		c := b.inUnit(func(s *specs.Spec) { s.Annotations = map[string]string{"org.systemd.property.CollectMode": value} })
		c.create().fails(1, want)
		b.noUnits()
	}
}

// systemd knows the device rules, and what it does not understand of them is in
// force all the same, also after it has written all of its own again.
func TestSystemdDevices(t *testing.T) {
	b := withSystemd(t)
	c := b.inUnit(sleeping(), func(s *specs.Spec) {
		s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, specs.LinuxDeviceCgroup{
			Allow: true, Type: "c", Minor: ptr[int64](11), Access: "r", // of any major number: systemd has no word for it
		})
		s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_SYSLOG")
		s.Process.Capabilities.Effective = s.Process.Capabilities.Bounding
		s.Process.Capabilities.Permitted = s.Process.Capabilities.Bounding
	})
	c.runDetached().ok()
	check := func(when string) {
		b.Helper()
		r := c.exec("sh", "-c", `mknod /dev/kmsg2 c 1 11; mknod /dev/mem2 c 1 1
			(: </dev/kmsg2) && echo kmsg; (: </dev/mem2) && echo mem; (: </dev/zero) && echo zero; rm -f /dev/*2`)
		if got := strings.Fields(r.stdout); !slices.Equal(got, []string{"kmsg", "zero"}) {
			b.Errorf("%s: could open %v, want kmsg and zero\n%s", when, got, r.stderr)
		}
	}
	check("at first")
	b.contains("DeviceAllow", c.property("DeviceAllow"), "/dev/char/1:5 rwm", "char-136 rwm")
	b.do("update", "--memory", "100m", c.id).ok()
	check("after an update")
	c.deleteForce()
}

// A unit of this name that belongs to somebody is left alone; one that has failed makes room.
func TestSystemdUnitExists(t *testing.T) {
	b := withSystemd(t)
	first := b.inUnit(sleeping())
	first.runDetached().ok()
	second := b.container(sleeping(), func(s *specs.Spec) { s.Linux.CgroupsPath = b.name + ".slice:mr:" + first.id })
	second.create().fails(1, "linux.cgroupsPath", "the cgroup is in use")
	equal(b, "status", first.state().Status, "running")
	first.deleteForce()

	name, _ := first.unit()
	b.hostCommand("systemd-run", "--scope", "--collect", "--unit", name, "-p", "CollectMode=inactive", "true")
	second.create().ok()
	second.deleteForce()
	b.noUnits()
}

// A container that is killed, by a signal or for want of memory, leaves no failed unit.
func TestSystemdNoFailedUnit(t *testing.T) {
	b := withSystemd(t)
	c := b.inUnit(script("cat /dev/zero | tail -c 100m"), func(s *specs.Spec) {
		s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: ptr[int64](20 << 20)}
	})
	c.run()
	c = b.inUnit(sleeping())
	c.runDetached().ok()
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()
	b.noUnits()
	if failed := b.hostCommand("systemctl", "--failed", "--plain", "--no-legend"); strings.Contains(failed, b.name) {
		b.Errorf("failed units: %s", failed)
	}
}

// The runtime killed at any moment of create: delete --force finds the unit.
func TestSystemdRuntimeKilled(t *testing.T) {
	b := withSystemd(t)
	c := b.inUnit(sleeping())
	steps := strings.Count(c.do("plan", "--bundle", c.bundle, c.id).ok().stdout, "\n")
	killed := 0
	for n := 2; n < steps; n += 1 + steps/rounds(20, 6) {
		c := b.inUnit(sleeping())
		killed += killAtStep(c, n)
		b.do("delete", "--force", c.id).ok()
		b.noUnits()
		b.checkLeaks()
	}
	if killed == 0 {
		b.Error("the runtime was never killed")
	}
}

// killAtStep runs a create and kills the runtime when its log has told of so many steps. It returns 1 if it was killed in time.
func killAtStep(c *container, n int) int {
	c.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		c.Fatal(err)
	}
	defer r.Close()
	cmd := c.command(append([]string{"--debug"}, c.verb("create")...)...)
	cmd.Stderr, cmd.Stdout = w, nil
	c.box.start(cmd)
	w.Close()
	buf := make([]byte, 4096)
	for seen := 0; seen < n; {
		k, err := r.Read(buf)
		if err != nil {
			break
		}
		seen += strings.Count(string(buf[:k]), "\n")
	}
	cmd.Process.Kill()
	if c.waitCommand(cmd) == 137 {
		return 1
	}
	return 0
}

// The features document says that there is a driver, whether there is a systemd or not.
func TestSystemdFeatures(t *testing.T) {
	b := newBox(t)
	b.contains("features", b.do("features").ok().stdout, `"systemd": true`, `"systemdUser": true`)
}
