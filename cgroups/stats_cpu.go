package cgroups

import (
	"fmt"
	"strings"
)

// CPUStats is the use of processors. Times are in nanoseconds.
type CPUStats struct {
	// Usage is the processor time of all processes.
	Usage uint64
	// User and System are its parts in user mode and in the kernel. They are
	// sampled: their sum is not exactly Usage, and version 1 counts them in
	// hundredths of a second.
	User, System uint64
	// PerCPU is the time on each possible processor by its number; version 1
	// only.
	PerCPU []CPUTime
	// Throttling is nil without the controller.
	Throttling *Throttling
	Pressure   *Pressure
}

// CPUTime is the time on one processor in nanoseconds.
type CPUTime struct{ Usage, User, System uint64 }

// Throttling tells what a quota (linux.resources.cpu.quota) has done.
type Throttling struct {
	// Periods is how many periods passed in which there was work to do, and
	// ThrottledPeriods in how many of them the quota was used up.
	Periods, ThrottledPeriods uint64
	// ThrottledTime is how long processes were kept from running, the sum over
	// all processors, in nanoseconds.
	ThrottledTime uint64
	// BurstPeriods is in how many periods more than the quota was used, and
	// BurstTime how much more, in nanoseconds. Zero before Linux 5.15.
	BurstPeriods, BurstTime uint64
}

// ticks of 1/100 s is what the kernel shows to programs (USER_HZ), whatever it
// uses inside.
const tickNanoseconds = 10_000_000

// cpu reads cpu.stat, which in version 2 is there without the controller too but
// then has no throttling, and in version 1 the files of cpuacct.
func (r *statReader) cpu() *CPUStats {
	dir := r.of("cpu")
	stat := dir.pairs("cpu.stat")
	s := &CPUStats{Throttling: throttling(stat, dir.v1())}
	acct := r.of("cpuacct")
	switch {
	case acct.v1():
		usage := acct.number("cpuacct.usage")
		if usage == nil && s.Throttling == nil {
			return nil
		}
		s.Usage = deref(usage)
		parts := acct.pairs("cpuacct.stat")
		s.User, s.System = parts["user"]*tickNanoseconds, parts["system"]*tickNanoseconds
		s.PerCPU = acct.perCPU()
	case stat == nil:
		return nil
	default:
		// With cpu in version 1 but no cpuacct there, the times are in the version
		// 2 tree.
		if dir.v1() {
			stat = acct.pairs("cpu.stat")
		}
		s.Usage, s.User, s.System = 1000*stat["usage_usec"], 1000*stat["user_usec"], 1000*stat["system_usec"]
	}
	s.Pressure = r.pressure("cpu.pressure")
	return s
}

// throttling takes the counters from cpu.stat, whose times are in nanoseconds in
// version 1 and in microseconds in version 2.
func throttling(stat map[string]uint64, v1 bool) *Throttling {
	if _, ok := stat["nr_periods"]; !ok {
		return nil
	}
	t := &Throttling{
		Periods: stat["nr_periods"], ThrottledPeriods: stat["nr_throttled"], BurstPeriods: stat["nr_bursts"],
		ThrottledTime: 1000 * stat["throttled_usec"], BurstTime: 1000 * stat["burst_usec"],
	}
	if v1 {
		t.ThrottledTime, t.BurstTime = stat["throttled_time"], stat["burst_time"]
	}
	return t
}

// perCPU reads cpuacct.usage_percpu and, since Linux 4.8, cpuacct.usage_all.
func (s *statDir) perCPU() []CPUTime {
	usage, _ := parsed(s, "cpuacct.usage_percpu", parseNumbers)
	all := make([]CPUTime, len(usage))
	for i, n := range usage {
		all[i].Usage = n
	}
	parts, ok := parsed(s, "cpuacct.usage_all", parseUsageAll)
	for i := range all {
		if ok && i < len(parts) {
			all[i].User, all[i].System = parts[i].User, parts[i].System
		}
	}
	return all
}

// parseUsageAll parses lines "cpu user system" below a line of titles.
func parseUsageAll(text string) ([]CPUTime, error) {
	_, rows, _ := strings.Cut(text, "\n")
	var all []CPUTime
	for line := range strings.Lines(rows) {
		n, err := parseNumbers(line)
		if err != nil {
			return nil, err
		}
		if len(n) != 3 || n[0] != uint64(len(all)) {
			return nil, fmt.Errorf("unexpected line %q", line)
		}
		all = append(all, CPUTime{User: n[1], System: n[2]})
	}
	return all, nil
}

// CPUSetStats is the processors and memory nodes that processes may use.
type CPUSetStats struct {
	// CPUs and Nodes are what is asked for; empty in version 2 means what the
	// cgroup above has.
	CPUs, Nodes []int
	// EffectiveCPUs and EffectiveNodes are what may really be used, ascending.
	EffectiveCPUs, EffectiveNodes []int
	// Legacy is nil in version 2.
	Legacy *CPUSetLegacy
}

// CPUSetLegacy is what only version 1 has, see cpuset(7).
type CPUSetLegacy struct {
	CPUExclusive, MemExclusive, MemHardwall           bool
	MemoryMigrate, MemorySpreadPage, MemorySpreadSlab bool
	SchedLoadBalance                                  bool
	// MemoryPressure is the recent rate of direct reclaims, in thousandths of
	// one a second.
	MemoryPressure uint64
	// SchedRelaxDomainLevel is -1 for the kernel's default.
	SchedRelaxDomainLevel int64
}

func (r *statReader) cpuset() *CPUSetStats {
	dir := r.of("cpuset")
	cpus, ok := parsed(dir, "cpuset.cpus", parseList)
	if !ok {
		return nil
	}
	s := &CPUSetStats{CPUs: cpus}
	s.Nodes, _ = parsed(dir, "cpuset.mems", parseList)
	if !dir.v1() {
		s.EffectiveCPUs, _ = parsed(dir, "cpuset.cpus.effective", parseList)
		s.EffectiveNodes, _ = parsed(dir, "cpuset.mems.effective", parseList)
		return s
	}
	s.EffectiveCPUs, _ = parsed(dir, "cpuset.effective_cpus", parseList)
	s.EffectiveNodes, _ = parsed(dir, "cpuset.effective_mems", parseList)
	flag := func(name string) bool { return dir.value(name) != 0 }
	s.Legacy = &CPUSetLegacy{
		CPUExclusive: flag("cpuset.cpu_exclusive"), MemExclusive: flag("cpuset.mem_exclusive"),
		MemHardwall: flag("cpuset.mem_hardwall"), MemoryMigrate: flag("cpuset.memory_migrate"),
		MemorySpreadPage: flag("cpuset.memory_spread_page"), MemorySpreadSlab: flag("cpuset.memory_spread_slab"),
		SchedLoadBalance: flag("cpuset.sched_load_balance"), MemoryPressure: dir.value("cpuset.memory_pressure"),
	}
	s.Legacy.SchedRelaxDomainLevel, _ = parsed(dir, "cpuset.sched_relax_domain_level", parseSigned)
	return s
}
