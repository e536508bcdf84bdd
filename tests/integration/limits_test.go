//go:build integration

package integration

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func resources(change func(*specs.LinuxResources)) mod {
	return func(s *specs.Spec) { change(s.Linux.Resources) }
}

func memory(m specs.LinuxMemory) mod {
	return resources(func(r *specs.LinuxResources) { r.Memory = &m })
}

func cpu(c specs.LinuxCPU) mod { return resources(func(r *specs.LinuxResources) { r.CPU = &c }) }

func pids(limit int64) mod {
	return resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: &limit} })
}

// Every process of the container is in its cgroups, in every hierarchy.
func TestCgroupMembership(t *testing.T) {
	b := newBox(t)
	c := b.sleeper()
	for line := range strings.Lines(b.read(procPath(c.pid(), "cgroup"))) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if parts[1] == "" && !pureV2() {
			continue // v2 of a hybrid layout holds no controller
		}
		equal(b, "cgroup of "+parts[1], parts[2], cgroupParent()+"/"+c.id)
	}
	c.exec("sleep", "0").ok()
}

// Without cgroupsPath the runtime finds a place by itself, and removes it.
func TestCgroupDefaultPath(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), func(s *specs.Spec) { s.Linux.CgroupsPath = "" })
	c.runDetached().ok()
	groups := b.read(procPath(c.pid(), "cgroup"))
	b.contains("cgroup of the process", groups, c.id)
	c.deleteForce()
	for _, h := range hierarchies() {
		for line := range strings.Lines(groups) {
			path := strings.SplitN(strings.TrimSpace(line), ":", 3)[2]
			if strings.Contains(path, c.id) && exists(filepath.Join(h.dir, path)) {
				b.Errorf("cgroup %s is still there", filepath.Join(h.dir, path))
			}
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(memory(specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20))}))
	equal(b, "limit", c.knob("memory", "memory.limit_in_bytes", "memory.max"), strconv.Itoa(64<<20))
	equal(b, "reservation", c.knob("memory", "memory.soft_limit_in_bytes", "memory.low"), strconv.Itoa(32<<20))
}

func TestMemorySwap(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping(), memory(specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Swap: ptr(int64(48 << 20))}))
	file, want := "memory.memsw.limit_in_bytes", 48<<20
	if pureV2() {
		file, want = "memory.swap.max", 16<<20
	}
	c.runDetached().ok()
	path := filepath.Join(c.cgroupDir("memory"), file)
	if !exists(path) {
		t.Skipf("this kernel has no %s", file)
	}
	equal(b, file, strings.TrimSpace(b.read(path)), strconv.Itoa(want))
}

// -1 means no limit.
func TestMemoryUnlimited(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(memory(specs.LinuxMemory{Limit: ptr(int64(-1))}))
	got := c.knob("memory", "memory.limit_in_bytes", "memory.max")
	if n, err := strconv.ParseInt(got, 10, 64); got != "max" && (err != nil || n < 1<<60) {
		b.Errorf("limit is %s", got)
	}
}

// A process that needs more is killed, and the exit code says so.
func TestMemoryKill(t *testing.T) {
	b := newBox(t)
	limit := ptr(int64(16 << 20))
	c := b.container(memory(specs.LinuxMemory{Limit: limit, Swap: limit}),
		args("dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"))
	c.run().exits(137)
}

func TestCPU(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(cpu(specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000))}))
	if pureV2() {
		equal(b, "cpu.max", c.knob("cpu", "", "cpu.max"), "50000 100000")
		if weight := atoi(b, c.knob("cpu", "", "cpu.weight")); weight < 19 || weight > 60 {
			b.Errorf("cpu.weight for 512 shares is %d", weight)
		}
		return
	}
	equal(b, "shares", c.knob("cpu", "cpu.shares", ""), "512")
	equal(b, "quota", c.knob("cpu", "cpu.cfs_quota_us", ""), "50000")
	equal(b, "period", c.knob("cpu", "cpu.cfs_period_us", ""), "100000")
}

// A quota without a period keeps the kernel's period.
func TestCPUQuotaAlone(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(cpu(specs.LinuxCPU{Quota: ptr(int64(30000))}))
	if pureV2() {
		equal(b, "cpu.max", c.knob("cpu", "", "cpu.max"), "30000 100000")
		return
	}
	equal(b, "quota", c.knob("cpu", "cpu.cfs_quota_us", ""), "30000")
}

// Zero shares mean that nothing was asked for; Docker writes it always.
func TestCPUZeroShares(t *testing.T) {
	newBox(t).container(cpu(specs.LinuxCPU{Shares: ptr(uint64(0))})).run().ok()
}

func TestCpuset(t *testing.T) {
	b := newBox(t)
	c := b.container(cpu(specs.LinuxCPU{Cpus: "0", Mems: "0"}), script("grep Cpus_allowed_list /proc/self/status; exec sleep 1000"))
	c.runDetached().ok()
	equal(b, "cpus", c.knob("cpuset", "cpuset.cpus", "cpuset.cpus"), "0")
	equal(b, "mems", c.knob("cpuset", "cpuset.mems", "cpuset.mems"), "0")
	b.until("output", func() bool { return strings.HasSuffix(c.output(), "\n") })
	equal(b, "allowed", c.output(), "Cpus_allowed_list:\t0\n")
}

func TestPidsLimit(t *testing.T) {
	b := newBox(t)
	c := b.container(pids(6), script("for i in 1 2 3 4 5; do sleep 1000 & done; wait"))
	c.runDetached().ok()
	equal(b, "pids.max", c.knob("pids", "pids.max", "pids.max"), "6")
	b.until("full cgroup", func() bool { return c.knob("pids", "pids.current", "pids.current") == "6" })
	more := b.container(pids(6), script("for i in 1 2 3 4 5 6; do sleep 1000 & done; echo not reached"))
	more.run().fails(2, "fork").prints("")
}

// No limit, and -1.
func TestPidsUnlimited(t *testing.T) {
	b := newBox(t)
	equal(b, "without", b.sleeper().knob("pids", "pids.max", "pids.max"), "max")
	equal(b, "-1", b.sleeper(pids(-1)).knob("pids", "pids.max", "pids.max"), "max")
}

// Zero is a limit: no process may be added, the first one runs.
func TestPidsZero(t *testing.T) {
	b := newBox(t)
	c := b.container(pids(0), script("sleep 0 2>/dev/null || true; (true) 2>/dev/null && echo forked"))
	if out := c.run().stdout; strings.Contains(out, "forked") {
		b.Errorf("a process was made: %q", out)
	}
}

// A process that exec adds counts.
func TestPidsLimitExec(t *testing.T) {
	b := newBox(t)
	c := b.sleeper(pids(20))
	c.exec("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do sleep 5 & done").fails(2, "fork")
}

// The container's cgroup namespace shows its own cgroup as the root.
func TestCgroupNamespace(t *testing.T) {
	b := newBox(t)
	v := b.container(script(inspection), namespace(specs.CgroupNamespace, "")).inspect()
	for _, line := range v.lines("cgroup") {
		if !strings.HasSuffix(line, ":/") {
			b.Errorf("cgroup as seen inside: %s", line)
		}
	}
}

// cgroupsPath that climbs out stays below the mount point, or is refused.
func TestCgroupsPathDots(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	c.configure(sleeping(), func(s *specs.Spec) {
		s.Linux.CgroupsPath = cgroupParent() + "/../../../.." + cgroupParent() + "/" + c.id
	})
	if r := c.runDetached(); r.code != 0 {
		r.fails(1, "cgroupsPath")
		return
	}
	equal(b, "process in the expected cgroup", strings.TrimSpace(b.read(filepath.Join(c.cgroupDir("pids"), "cgroup.procs"))), itoa(c.pid()))
}
