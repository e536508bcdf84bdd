package cgroups

import (
	"fmt"
	"os"
	"strings"
)

// MemoryStats is the use of memory, in bytes.
type MemoryStats struct {
	// Usage is memory without swap.
	Usage Usage
	// WithSwap is memory and swap together: what version 1 limits. In version
	// 2 it is the sum, without a peak.
	WithSwap *Usage
	// Swap is swap alone: what version 2 limits.
	Swap *Usage
	// Kernel is the part of Usage that the kernel needs for the cgroup. Version 2
	// tells it since Linux 5.18, without limit and peak.
	Kernel *Usage
	// KernelTCP is memory of TCP buffers; version 1 only.
	KernelTCP *Usage
	// Cache is the part of Usage that holds content of files.
	Cache uint64
	// Min, Low and High are the other marks of version 2: what is never
	// reclaimed, what is reclaimed last, and where throttling begins.
	Min, Low, High *uint64
	// SoftLimit is memory.soft_limit_in_bytes of version 1.
	SoftLimit *uint64
	// Stat is memory.stat under the kernel's names; it differs between version
	// 1 and 2. Most values are bytes, those that begin with pg, thp_ or
	// workingset_ are events.
	Stat map[string]uint64
	// NUMA is memory.numa_stat in bytes: by the kernel's name of the kind of
	// memory, then by node.
	NUMA map[string]map[int]uint64
	// Events is memory.events, version 2 only.
	Events *MemoryEvents
	// OOMKills is how many processes were killed for want of memory; nil before
	// Linux 4.13.
	OOMKills *uint64
	// OOM is what version 1 says in memory.oom_control.
	OOM      *OOMControl
	Pressure *Pressure
}

// MemoryEvents counts how often something happened, see memory.events in the
// kernel's cgroup-v2.rst.
type MemoryEvents struct {
	Low          uint64 // reclaimed although below memory.low
	High         uint64 // throttled for being above memory.high
	Max          uint64 // about to go above memory.max
	OOM          uint64 // memory.max reached and nothing could be reclaimed
	OOMKill      uint64 // processes killed
	OOMGroupKill uint64 // times that all processes were killed, since Linux 5.17
}

// OOMControl is the state of version 1's OOM killer.
type OOMControl struct {
	// Disabled: processes wait for memory instead of being killed.
	Disabled bool
	// Under: processes wait for memory right now.
	Under bool
}

func (r *statReader) memory() *MemoryStats {
	dir := r.of("memory")
	if dir.v1() {
		return r.memoryV1(dir)
	}
	usage := dir.usage("memory.", "current", "max", "peak")
	if usage == nil {
		return nil
	}
	s := &MemoryStats{
		Usage: *usage, Swap: dir.usage("memory.swap.", "current", "max", "peak"),
		Min: dir.number("memory.min"), Low: dir.number("memory.low"), High: dir.number("memory.high"),
		Stat: dir.pairs("memory.stat"),
	}
	if e := dir.pairs("memory.events"); e != nil {
		s.Events = &MemoryEvents{e["low"], e["high"], e["max"], e["oom"], e["oom_kill"], e["oom_group_kill"]}
		kills := e["oom_kill"]
		s.OOMKills, s.Usage.Failures = &kills, &s.Events.Max
	}
	if s.Swap != nil {
		if e := dir.pairs("memory.swap.events"); e != nil {
			fails := e["max"]
			s.Swap.Failures = &fails
		}
		s.WithSwap = &Usage{Current: usage.Current + s.Swap.Current, Limit: sumLimits(usage.Limit, s.Swap.Limit)}
	}
	s.Cache = s.Stat["file"]
	if kernel, ok := s.Stat["kernel"]; ok {
		s.Kernel = &Usage{Current: kernel, Limit: Unlimited}
	}
	s.NUMA, _ = parsed(dir, "memory.numa_stat", parseNUMA)
	s.Pressure = r.pressure("memory.pressure")
	return s
}

func (r *statReader) memoryV1(dir *statDir) *MemoryStats {
	usage := dir.usageV1("memory.")
	if usage == nil {
		return nil
	}
	s := &MemoryStats{
		Usage: *usage, WithSwap: dir.usageV1("memory.memsw."), Kernel: dir.usageV1("memory.kmem."),
		KernelTCP: dir.usageV1("memory.kmem.tcp."), SoftLimit: dir.number("memory.soft_limit_in_bytes"),
		Stat: dir.pairs("memory.stat"),
	}
	if s.WithSwap != nil {
		s.Swap = &Usage{Current: s.Stat["total_swap"], Limit: Unlimited}
		if s.WithSwap.Limited() && s.WithSwap.Limit >= usage.Limit {
			s.Swap.Limit = s.WithSwap.Limit - usage.Limit
		}
	}
	s.Cache = s.Stat["total_cache"]
	if o := dir.pairs("memory.oom_control"); o != nil {
		s.OOM = &OOMControl{Disabled: o["oom_kill_disable"] != 0, Under: o["under_oom"] != 0}
		if kills, ok := o["oom_kill"]; ok {
			s.OOMKills = &kills
		}
	}
	s.NUMA, _ = parsed(dir, "memory.numa_stat", parseNUMA)
	s.Pressure = r.pressure("memory.pressure")
	return s
}

// usage reads the files of a version 2 consumption; nil if there is no first one.
func (s *statDir) usage(prefix, current, limit, peak string) *Usage {
	n := s.number(prefix + current)
	if n == nil {
		return nil
	}
	u := &Usage{Current: *n, Limit: Unlimited, Peak: s.number(prefix + peak)}
	if l := s.number(prefix + limit); l != nil {
		u.Limit = *l
	}
	return u
}

// usageV1 reads the files of a version 1 consumption; nil if there is no first
// one.
func (s *statDir) usageV1(prefix string) *Usage {
	u := s.usage(prefix, "usage_in_bytes", "limit_in_bytes", "max_usage_in_bytes")
	if u != nil {
		u.Failures = s.number(prefix + "failcnt")
	}
	return u
}

func sumLimits(a, b uint64) uint64 {
	if a == Unlimited || b == Unlimited || a+b < a {
		return Unlimited
	}
	return a + b
}

// parseNUMA parses memory.numa_stat: "anon N0=bytes N1=bytes" in version 2,
// "anon=pages N0=pages N1=pages" in version 1.
func parseNUMA(text string) (map[string]map[int]uint64, error) {
	all := map[string]map[int]uint64{}
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		unit := uint64(1)
		if name, _, v1 := strings.Cut(kind, "="); v1 {
			kind, unit = name, uint64(os.Getpagesize())
		}
		nodes := map[int]uint64{}
		for f := range strings.FieldsSeq(rest) {
			var node int
			var n uint64
			if _, err := fmt.Sscanf(f, "N%d=%d", &node, &n); err != nil {
				return nil, fmt.Errorf("unexpected word %q", f)
			}
			nodes[node] = n * unit
		}
		all[kind] = nodes
	}
	return all, nil
}
