//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// These tests see limits at work, and not only in the kernel's files. What would
// be a matter of time is told by counters, or by what happens first.

// A fork bomb fills its cgroup and no more; the runtime stays in control.
func TestForkBomb(t *testing.T) {
	b := newBox(t)
	const limit = 40
	c := b.sleeper(pids(limit))
	bomb := c.command("exec", "--detach", c.id, "sh", "-c", "f() { f & f & sleep 1000; }; f")
	equal(b, "exit code of exec", b.finish(bomb).code, 0)
	b.until("a refused fork", func() bool {
		if n := atoi(b, c.knob("pids", "pids.current", "pids.current")); n > limit {
			b.Fatalf("%d processes", n)
		}
		return c.knob("pids", "pids.events", "pids.events") != "max 0"
	})
	var all []int
	if err := json.Unmarshal([]byte(c.do("ps", "--format", "json", c.id).ok().stdout), &all); err != nil || len(all) > limit || len(all) < 2 {
		b.Errorf("processes %v: %v", all, err)
	}
	equal(b, "status", c.state().Status, "running")
	equal(b, "limit in the statistics", c.stats().number("pids", "limit"), limit)
	c.do("kill", "--all", c.id, "KILL").ok()
	c.waitStatus("stopped")
	c.delete().ok()
}

// A processor quota shows in the counters of throttling, and only with a quota.
func TestCPUThrottling(t *testing.T) {
	b := newBox(t)
	busy := script("while :; do :; done")
	c := b.container(busy, cpu(specs.LinuxCPU{Quota: ptr(int64(10000)), Period: ptr(uint64(100000))}))
	free := b.container(busy)
	c.runDetached().ok()
	free.runDetached().ok()
	b.until("throttling", func() bool {
		s := c.stats()
		return s.number("cpu", "throttling", "throttledPeriods") > 1 && s.number("cpu", "throttling", "throttledTime") > 0
	})
	if s := c.stats(); s.number("cpu", "throttling", "periods") < s.number("cpu", "throttling", "throttledPeriods") {
		b.Errorf("throttling: %v", s.get("cpu", "throttling"))
	}
	equal(b, "throttled without a quota", free.stats().number("cpu", "throttling", "throttledPeriods"), 0)
}

// What is denied becomes allowed by update, and denied again; a rule for reading
// is not one for reading and writing at once.
func TestDeviceUpdate(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(device("/dev/fuse", "c", 10, 229, 0o666, 0, 0))
	try := func() string {
		return c.exec("sh", "-c", `for how in '<' '>>' '<>'; do eval "true 2>/dev/null $how /dev/fuse" 2>/dev/null && printf '%s ' "$how"; done; true`).ok().stdout
	}
	rules := func(access string) string {
		return `{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":229,"access":"` + access + `"}]}`
	}
	equal(b, "at first", try(), "")
	c.updateWith(rules("r")).ok()
	equal(b, "for reading", try(), "< ")
	c.updateWith(rules("w")).ok()
	equal(b, "for writing", try(), ">> ")
	c.updateWith(rules("rw")).ok()
	equal(b, "for both", try(), "< >> <> ")
	c.exec("sh", "-c", "echo x >/dev/null").ok() // what every container has stays
	c.updateWith(`{"devices":[{"allow":false,"access":"rwm"}]}`).ok()
	equal(b, "in the end", try(), "")
}

// loop makes a block device of a file and returns its number.
func (b *box) loop(size int64) (minor int64) {
	b.Helper()
	file := b.path("disk")
	b.write(file, "", 0o600)
	if err := os.Truncate(file, size); err != nil {
		b.Fatal(err)
	}
	if !exists("/dev/loop-control") {
		_, _ = output(exec.Command("modprobe", "loop")) // if that is no help, losetup says so
	}
	name, err := output(exec.Command("losetup", "--find", "--show", file))
	if err != nil {
		b.Skipf("no loop device to be had: %v: %s", err, name)
	}
	name = strings.TrimSpace(name)
	b.Cleanup(func() {
		if out, err := output(exec.Command("losetup", "--detach", name)); err != nil {
			b.Errorf("detach %s: %v: %s", name, err, out)
		}
	})
	minor, err = strconv.ParseInt(strings.TrimPrefix(name, "/dev/loop"), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return minor
}

// A writer that is held up to a rate goes on when update lifts it. Until then it
// would take a quarter of an hour, while reading is not held up.
func TestBlockIOThrottle(t *testing.T) {
	b := newBox(t)
	minor := b.loop(4 << 20)
	throttle := func(rate uint64) []specs.LinuxThrottleDevice {
		d := specs.LinuxThrottleDevice{Rate: rate}
		d.Major, d.Minor = 7, minor
		return []specs.LinuxThrottleDevice{d}
	}
	c := b.sleeper(device("/dev/disk", "b", 7, minor, 0o600, 0, 0), allowDevice(true, "b", 7, minor, "rw"),
		resources(func(r *specs.LinuxResources) {
			r.BlockIO = &specs.LinuxBlockIO{ThrottleWriteBpsDevice: throttle(1024), ThrottleReadIOPSDevice: throttle(100000)}
		}))
	controller := "blkio"
	if pureV2() {
		controller = "io"
		equal(b, "io.max", c.knob(controller, "", "io.max"), fmt.Sprintf("7:%d rbps=max wbps=1024 riops=100000 wiops=max", minor))
	} else {
		equal(b, "bytes", c.knob(controller, "blkio.throttle.write_bps_device", ""), fmt.Sprintf("7:%d 1024", minor))
		equal(b, "requests", c.knob(controller, "blkio.throttle.read_iops_device", ""), fmt.Sprintf("7:%d 100000", minor))
	}
	writer := c.command("exec", c.id, "dd", "if=/dev/zero", "of=/dev/disk", "bs=64k", "count=16", "oflag=direct")
	said, err := b.tempFile()
	if err != nil {
		b.Fatal(err)
	}
	defer said.Close()
	writer.Stderr = said
	b.start(writer)
	b.until("the writer", func() bool { return c.knob("pids", "pids.current", "pids.current") == "2" || readBack(said) != "" })
	c.exec("dd", "if=/dev/disk", "of=/dev/null", "bs=64k", "count=16", "iflag=direct").ok()
	b.until("what was read is counted", func() bool { return c.blkio(minor, "Read") == 1<<20 })
	if text := readBack(said); text != "" {
		b.Errorf("the writer has finished: %s", text)
	}
	more, err := json.Marshal(map[string]any{"blockIO": specs.LinuxBlockIO{ThrottleWriteBpsDevice: throttle(1 << 40)}})
	if err != nil {
		b.Fatal(err)
	}
	c.updateWith(string(more)).ok()
	equal(b, "exit code of the writer", b.waitCommand(writer), 0)
	b.contains("words of the writer", readBack(said), "16+0 records out")
	equal(b, "bytes written", c.blkio(minor, "Write"), 1<<20)
}

// blkio is how many bytes were moved, as `events` tells it.
func (c *container) blkio(minor int64, op string) float64 {
	c.Helper()
	list, _ := c.stats().get("blkio", "ioServiceBytesRecursive").([]any)
	for _, entry := range list {
		e := eventLine{Data: entry.(map[string]any)}
		if e.number("major") == 7 && e.number("minor") == float64(minor) && e.get("op") == op {
			return e.number("value")
		}
	}
	return 0
}

// hugePages makes sure that the machine has free pages of 2 MiB.
func (b *box) hugePages(n int) {
	b.Helper()
	const dir = "/sys/kernel/mm/hugepages/hugepages-2048kB"
	if !exists(dir) {
		b.Skip("this machine has no huge pages of 2 MiB")
	}
	number := func(name string) int { return atoi(b, strings.TrimSpace(b.read(filepath.Join(dir, name)))) }
	before := number("nr_hugepages")
	set := func(n int) {
		if err := os.WriteFile(filepath.Join(dir, "nr_hugepages"), []byte(strconv.Itoa(n)), 0); err != nil {
			b.Errorf("huge pages: %v", err)
		}
	}
	b.Cleanup(func() { set(before) })
	set(before + n)
	if free := number("free_hugepages") - number("resv_hugepages"); free < n {
		b.Skipf("the kernel finds memory for %d of %d huge pages only", free, n)
	}
}

// One page is allowed, the second is refused although it is there.
func TestHugePages(t *testing.T) {
	b := newSerialBox(t)
	has := false
	for _, h := range hierarchies() {
		for _, c := range h.controllers {
			has = has || c == "hugetlb"
		}
	}
	if !has {
		t.Skip("no cgroup hierarchy of this machine has the controller hugetlb")
	}
	b.hugePages(2)
	limited := func(pages uint64) mod {
		return resources(func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: pages << 21}}
		})
	}
	use := []mod{
		mount("/huge", "hugetlbfs", "none", "pagesize=2M"),
		script("for i in 1 2; do fallocate -l 2M /huge/$i 2>/dev/null && echo $i; done; true"),
	}
	b.container(append(use, limited(2))...).run().ok().prints("1\n2\n")
	b.container(append(use, limited(1))...).run().ok().prints("1\n")
}

// memory.high and memory.min have no field of their own in the configuration.
func TestMemoryHigh(t *testing.T) {
	b := newBox(t)
	marks := resources(func(r *specs.LinuxResources) {
		r.Unified = map[string]string{"memory.high": "4194304", "memory.min": "1048576"}
	})
	c := b.container(sleeping(), marks)
	if !pureV2() {
		c.run().fails(1, "linux.resources.unified")
		return
	}
	c.runDetached().ok()
	equal(b, "memory.high", c.knob("memory", "", "memory.high"), "4194304")
	equal(b, "memory.min", c.knob("memory", "", "memory.min"), "1048576")
	equal(b, "times above at first", c.stats().number("memory", "event_count", "high"), 0)
	c.exec("dd", "if=/dev/zero", "of=/dev/null", "bs=6M", "count=1").ok()
	if n := c.stats().number("memory", "event_count", "high"); n < 1 {
		b.Errorf("times above: %v", n)
	}
	equal(b, "processes killed", c.stats().number("memory", "event_count", "oom_kill"), 0)
}

// The processors of the statistics are those of the configuration.
func TestCpusetInStatistics(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(cpu(specs.LinuxCPU{Cpus: "0", Mems: "0"}))
	for _, key := range []string{"cpus", "mems"} {
		list, _ := c.stats().get("cpuset", key).([]any)
		if len(list) != 1 || list[0] != 0.0 {
			b.Errorf("%s: %v", key, list)
		}
	}
}

// With the OOM killer off, processes wait for memory, which is an event too, and
// go on when update gives them some. Version 2 has no such thing.
func TestOOMKillerOff(t *testing.T) {
	b := newBox(t)
	limit := ptr(int64(16 << 20))
	c := b.container(sleeping(), memory(specs.LinuxMemory{Limit: limit, Swap: limit, DisableOOMKiller: ptr(true)}))
	if pureV2() {
		c.run().fails(1, "linux.resources.memory.disableOOMKiller")
		return
	}
	c.runDetached().ok()
	l := c.listen("50ms")
	b.until("statistics", func() bool { return l.has("stats") })
	// Its own instructions touch the memory: a system call that does (dd's read of /dev/zero) fails instead of waiting.
	waiting := c.command("exec", c.id, "awk", `BEGIN { s = "x"; while (length(s) < 32 * 1024 * 1024) s = s s }`)
	b.start(waiting)
	b.until("the event", func() bool { return l.has("oom") })
	b.until("the wait", func() bool { return strings.Contains(c.knob("memory", "memory.oom_control", ""), "under_oom 1") })
	c.update("--memory", "128m", "--memory-swap", "128m").ok()
	equal(b, "exit code", b.waitCommand(waiting), 0)
	c.kill("KILL").ok()
	l.end()
}
