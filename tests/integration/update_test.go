//go:build integration

package integration

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// limits shows what the kernel has of the limits that the tests change.
func (c *container) limits() string {
	c.Helper()
	var all []string
	for _, f := range []struct{ controller, v1, v2 string }{
		{"memory", "memory.limit_in_bytes", "memory.max"},
		{"memory", "memory.soft_limit_in_bytes", "memory.low"},
		{"memory", "memory.memsw.limit_in_bytes", "memory.swap.max"},
		{"cpu", "cpu.shares", "cpu.weight"},
		{"cpu", "cpu.cfs_quota_us", "cpu.max"},
		{"cpu", "cpu.cfs_period_us", "cpu.max"},
		{"cpuset", "cpuset.cpus", "cpuset.cpus"},
		{"pids", "pids.max", "pids.max"},
	} {
		all = append(all, c.knob(f.controller, f.v1, f.v2))
	}
	return strings.Join(all, " | ")
}

func (c *container) update(args ...string) result {
	c.Helper()
	return c.do(append(append([]string{"update"}, args...), c.id)...)
}

// updateWith runs update with resources on standard input.
func (c *container) updateWith(resources string) result {
	c.Helper()
	cmd := c.command("update", "--resources", "-", c.id)
	cmd.Stdin = strings.NewReader(resources)
	return c.finish(cmd)
}

func limited() mod {
	return func(s *specs.Spec) {
		memory(specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20)), Swap: ptr(int64(96 << 20))})(s)
		cpu(specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0", Mems: "0"})(s)
		pids(100)(s)
	}
}

// byVersion picks what the machine's hierarchies show.
func byVersion(v1, v2 string) string {
	if pureV2() {
		return v2
	}
	return v1
}

// Every limit by its flag, one after the other; what is not named stays.
func TestUpdateFlags(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(limited())
	for _, step := range []struct {
		flags  string
		v1, v2 string
	}{
		{
			"", "67108864 | 33554432 | 100663296 | 512 | 50000 | 100000 | 0 | 100",
			"67108864 | 33554432 | 33554432 | 59 | 50000 100000 | 50000 100000 | 0 | 100",
		},
		{
			"--memory 80m", "83886080 | 33554432 | 100663296 | 512 | 50000 | 100000 | 0 | 100",
			"83886080 | 33554432 | 16777216 | 59 | 50000 100000 | 50000 100000 | 0 | 100",
		},
		{
			"--memory-swap 128MiB --memory-reservation 16m", "83886080 | 16777216 | 134217728 | 512 | 50000 | 100000 | 0 | 100",
			"83886080 | 16777216 | 50331648 | 59 | 50000 100000 | 50000 100000 | 0 | 100",
		},
		{
			"--cpu-quota 20000", "83886080 | 16777216 | 134217728 | 512 | 20000 | 100000 | 0 | 100",
			"83886080 | 16777216 | 50331648 | 59 | 20000 100000 | 20000 100000 | 0 | 100",
		},
		{
			"--cpu-period 50000", "83886080 | 16777216 | 134217728 | 512 | 20000 | 50000 | 0 | 100",
			"83886080 | 16777216 | 50331648 | 59 | 20000 50000 | 20000 50000 | 0 | 100",
		},
		{
			"--cpu-share 1024 --cpuset-cpus 0-1 --pids-limit 0", "83886080 | 16777216 | 134217728 | 1024 | 20000 | 50000 | 0-1 | 0",
			"83886080 | 16777216 | 50331648 | 100 | 20000 50000 | 20000 50000 | 0-1 | 0",
		},
		{
			"--memory -1 --cpu-quota -1 --pids-limit -1", "9223372036854771712 | 16777216 | 9223372036854771712 | 1024 | -1 | 50000 | 0-1 | max",
			"max | 16777216 | max | 100 | max 50000 | max 50000 | 0-1 | max",
		},
		{
			"--memory 16m --memory-swap 16m", "16777216 | 16777216 | 16777216 | 1024 | -1 | 50000 | 0-1 | max",
			"16777216 | 16777216 | 0 | 100 | max 50000 | max 50000 | 0-1 | max",
		},
	} {
		c.update(strings.Fields(step.flags)...).ok()
		equal(b, "after "+step.flags, c.limits(), byVersion(step.v1, step.v2))
	}
	c.exec("true").ok()
	// As with runc, flags may stand behind the id.
	b.do("update", c.id, "--pids-limit", "77").ok()
	equal(b, "pids.max", c.knob("pids", "pids.max", "pids.max"), "77")
}

// The kernel refuses the last of several values: the first ones are in force again, the error says which, and no later command sees what was
// asked for.
func TestUpdateAllOrNothing(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(limited())
	before := c.limits()
	for _, bad := range []struct{ resources, field, value string }{
		{`{"memory":{"limit":33554432},"cpu":{"shares":2048,"cpus":"0,4000"},"pids":{"limit":5}}`, "linux.resources.cpu.cpus", "write 0,4000 to cpuset.cpus"},
		{`{"pids":{"limit":5},"cpu":{"quota":20000,"period":200000},"memory":{"limit":134217728}}`, "linux.resources.memory.swap", "100663296 is less than the limit 134217728"},
		{`{"pids":{"limit":5},"hugepageLimits":[{"pageSize":"3MB","limit":1}]}`, "linux.resources.hugepageLimits[0]", "hugetlb.3MB."},
	} {
		r := c.updateWith(bad.resources).fails(1, bad.field, bad.value)
		if strings.Contains(bad.value, "write") {
			b.contains("error", r.stderr, "/"+c.id, "of "+cgroupParent())
		}
		equal(b, "after "+bad.resources, c.limits(), before)
	}
	c.update("--memory", "lots").fails(1, "-memory", "lots")
	c.update("--cpu-period", "5").fails(1, "linux.resources.cpu.period", "5 is out of range")
	c.update("--cpu-quota", "20000").ok() // beside the period of the beginning
	equal(b, "period", c.knob("cpu", "cpu.cfs_period_us", "cpu.max"), byVersion("100000", "20000 100000"))
	for _, name := range []string{"resources.json", ".resources.json"} {
		if path := filepath.Join(b.state, c.id, name); exists(path) {
			b.contains(name, b.read(path), `"quota":20000`)
		}
	}
}

// The file form, as engines use it; what it changes is there for the next call.
func TestUpdateResources(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(limited())
	c.updateWith(`{"memory":{"limit":50331648,"swap":0,"kernel":0},"cpu":{"shares":0,"quota":30000,"period":0},"blockIO":{"weight":0},"unknown":1}`).ok()
	equal(b, "limits", c.limits(), byVersion(
		"50331648 | 33554432 | 100663296 | 512 | 30000 | 100000 | 0 | 100",
		"50331648 | 33554432 | 50331648 | 59 | 30000 100000 | 30000 100000 | 0 | 100"))
	file := b.path("resources.json")
	b.write(file, `{"pids":{"limit":9}}`, 0o644)
	c.update("--resources="+file, "--memory", "1g").ok() // the file only
	equal(b, "limits", c.limits(), byVersion(
		"50331648 | 33554432 | 100663296 | 512 | 30000 | 100000 | 0 | 9",
		"50331648 | 33554432 | 50331648 | 59 | 30000 100000 | 30000 100000 | 0 | 9"))
	c.update("-r", b.path("none")).fails(1, "none: open: no such file or directory")
	c.updateWith(`{"pids":{"limit":"9"}}`).fails(1, "linux.resources.pids.limit")
	r := c.updateWith(`{"memory":{"kernel":1048576}}`).ok()
	b.contains("warning", r.stderr, "linux.resources.memory.kernel", "ignored")
}

// A limit below what is used is refused by version 1, and by version 2 where the caller asks for the check.
func TestUpdateBelowUsage(t *testing.T) {
	b := newBox(t)
	c := b.container(limited(), script("dd if=/dev/zero of=/dev/shm/fill bs=1M count=24 2>&-; echo full; exec sleep 1000"),
		noMount("/dev/shm"), mount("/dev/shm", "tmpfs", "shm", "size=65536k"))
	c.runDetached().ok()
	b.until("full memory", func() bool { return strings.Contains(c.output(), "full") })
	before := c.limits()
	c.updateWith(`{"pids":{"limit":50},"memory":{"limit":4194304,"swap":4194304,"checkBeforeUpdate":true}}`).fails(1, "linux.resources.memory.", "4194304", "usage is ")
	equal(b, "limits", c.limits(), before)
	equal(b, "status", c.state().Status, "running")
}

// A device is denied, then allowed, then denied for writing; the container's others work on.
func TestUpdateDevices(t *testing.T) {
	b := newBox(t)
	rule := func(access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: access}
	}
	c := b.sleeper(func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kmsg", Type: "c", Major: 1, Minor: 11}}
		caps := append(defaultCapabilities(), "CAP_SYSLOG") // to read it
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	})
	try := func() string {
		return c.exec("sh", "-c", "(: < /dev/kmsg) 2>&- && echo r; (: > /dev/kmsg) 2>&- && echo w; (: > /dev/null) && echo null").ok().stdout
	}
	equal(b, "at first", try(), "null\n")
	for access, want := range map[string]string{"rw": "r\nw\nnull\n", "r": "r\nnull\n", "w": "w\nnull\n", "m": "null\n"} {
		rules, err := json.Marshal(specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}, rule(access)}})
		if err != nil {
			b.Fatal(err)
		}
		c.updateWith(string(rules)).ok()
		equal(b, "with "+access, try(), want)
		c.update("--pids-limit", "50").ok()
		equal(b, "still with "+access, try(), want)
	}
	c.updateWith(`{"devices":[{"allow":false,"type":"x","access":"rwm"}]}`).fails(1, "linux.resources.devices[0].type")
}

// Created and paused containers can be updated and stay what they are; one that has ended cannot.
func TestUpdateStates(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), limited())
	c.update("--pids-limit", "5").fails(1, "does not exist")
	c.create().ok()
	c.update("--pids-limit", "50").ok()
	equal(b, "status", c.state().Status, "created")
	c.start().ok()
	b.do("pause", c.id).ok()
	c.update("--memory", "48m", "--cpuset-cpus", "0-1").ok()
	equal(b, "status", c.state().Status, "paused")
	c.update("--cpuset-cpus", "4000").fails(1, "linux.resources.cpu.cpus")
	equal(b, "status", c.state().Status, "paused")
	b.do("resume", c.id).ok()
	equal(b, "limits", c.limits(), byVersion(
		"50331648 | 33554432 | 100663296 | 512 | 50000 | 100000 | 0-1 | 50",
		"50331648 | 33554432 | 50331648 | 59 | 50000 100000 | 50000 100000 | 0-1 | 50"))
	c.kill("KILL").ok()
	c.waitStatus("stopped")
	c.update("--pids-limit", "5").fails(1, "container not running")
}

// Many updates at once: each is whole, and the last one written is the one in force.
func TestUpdateAtOnce(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(limited())
	const calls = 6
	done := make(chan int, calls)
	for i := range calls {
		go func() {
			n := strconv.Itoa(20 + i)
			done <- c.update("--pids-limit", n, "--cpu-share", n).code
		}()
	}
	for range calls {
		equal(b, "exit code", <-done, 0)
	}
	kept := c.resourcesInForce()
	equal(b, "pids.max", c.knob("pids", "pids.max", "pids.max"), strconv.FormatInt(*kept.Pids.Limit, 10))
	if !pureV2() {
		equal(b, "cpu.shares", c.knob("cpu", "cpu.shares", ""), strconv.FormatUint(*kept.CPU.Shares, 10))
	}
}

// A runtime killed in the middle of an update leaves a container that the next update finds as it is, and that can be deleted. Whatever the next
// one is of, kernel and state agree after it.
func TestRuntimeKilledDuringUpdate(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(limited())
	for i := range rounds(30, 4) {
		n := strconv.Itoa(20 + i)
		cmd := c.command("update", "--pids-limit", n, "--memory", n+"m", "--memory-swap", n+"m", "--cpu-share", n, c.id)
		b.start(cmd)
		time.Sleep(time.Duration(rand.IntN(int(scaled(6 * time.Millisecond)))))
		cmd.Process.Kill()
		b.waitCommand(cmd)
		equal(b, "status", c.state().Status, "running")
		c.update("--cpu-period", "100000").ok()
		kept := c.resourcesInForce()
		equal(b, "pids.max in force, kept", c.knob("pids", "pids.max", "pids.max"), strconv.FormatInt(*kept.Pids.Limit, 10))
		equal(b, "memory in force, kept", c.knob("memory", "memory.limit_in_bytes", "memory.max"), strconv.FormatInt(*kept.Memory.Limit, 10))
		if b.Failed() {
			b.Fatalf("after %d updates", i+1)
		}
	}
	c.update("--pids-limit", "100", "--memory", "64m", "--memory-swap", "96m", "--cpu-share", "512").ok()
	equal(b, "limits", c.limits(), byVersion(
		"67108864 | 33554432 | 100663296 | 512 | 50000 | 100000 | 0 | 100",
		"67108864 | 33554432 | 33554432 | 59 | 50000 100000 | 50000 100000 | 0 | 100"))
}

// An update that was killed between its changes and the state is finished by the next one. The files of the state directory are put as it
// leaves them: the state is that of the update before, the new one is staged.
func TestUpdateInterrupted(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(limited())
	kept := filepath.Join(b.state, c.id, "resources.json")
	staged := filepath.Join(b.state, c.id, ".resources.json")
	c.update("--pids-limit", "50").ok()
	before := b.read(kept)
	c.update("--pids-limit", "60", "--memory", "48m").ok()
	after := b.read(kept)
	b.write(kept, before, 0o600)
	b.write(staged, after, 0o600)

	c.update("--cpu-share", "600").ok().prints("")
	want := byVersion(
		"50331648 | 33554432 | 100663296 | 600 | 50000 | 100000 | 0 | 60",
		"50331648 | 33554432 | 50331648 | 66 | 50000 100000 | 50000 100000 | 0 | 60")
	equal(b, "limits", c.limits(), want)
	now := c.resourcesInForce()
	equal(b, "kept pids", *now.Pids.Limit, 60)
	equal(b, "kept memory", *now.Memory.Limit, 48<<20)
	equal(b, "kept shares", *now.CPU.Shares, 600)
	equal(b, "staged file is left", exists(staged), false)

	// Killed while it wrote the file: nothing has changed.
	b.write(staged, after[:len(after)/2], 0o600)
	c.update("--pids-limit", "61").ok()
	equal(b, "kept pids", *c.resourcesInForce().Pids.Limit, 61)

	// What was refused, or would have been, is no obstacle.
	b.write(staged, strings.Replace(after, `"change":{"resources":{`, `"change":{"resources":{"unified":{"nope.max":"1"},`, 1), 0o600)
	r := c.update("--pids-limit", "62").ok()
	b.contains("warning", r.stderr, "an earlier one was interrupted and cannot be finished", "nope.max")
	equal(b, "kept pids", *c.resourcesInForce().Pids.Limit, 62)
	equal(b, "pids.max", c.knob("pids", "pids.max", "pids.max"), "62")
}

// resourcesInForce reads what the state keeps of updates.
func (c *container) resourcesInForce() *specs.LinuxResources {
	c.Helper()
	var kept struct {
		Resources specs.LinuxResources `json:"resources"`
	}
	if err := json.Unmarshal([]byte(c.read(filepath.Join(c.box.state, c.id, "resources.json"))), &kept); err != nil {
		c.Fatal(err)
	}
	return &kept.Resources
}

// A limit of a controller that nothing has asked for so far.
func TestUpdateNewController(t *testing.T) {
	b := newBox(t)
	found, err := filepath.Glob("/sys/kernel/mm/hugepages/hugepages-2048kB")
	if err != nil || len(found) == 0 {
		t.Skip("this machine has no huge pages of 2 MB")
	}
	c := b.sleeper()
	c.updateWith(`{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}`).ok()
	files, err := filepath.Glob(filepath.Join(c.cgroupDir("hugetlb"), "hugetlb.2MB.[lm]*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, ".max") || strings.HasSuffix(f, ".limit_in_bytes") {
			equal(b, f, strings.TrimSpace(b.read(f)), "4194304")
			return
		}
	}
	b.Errorf("no limit among %v", files)
}
