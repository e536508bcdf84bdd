package metrics

import (
	"maps"
	"math"
	"slices"

	v1 "github.com/containerd/cgroups/v3/cgroup1/stats"

	"github.com/minirun/minirun/cgroups"
)

// V1 makes the message of version 1. What the kernel did not tell is nil or
// zero. Huge pages and the like may also come from the version 2 tree of a hybrid
// host. Block devices have no names.
func V1(s *cgroups.Stats) *v1.Metrics {
	m := &v1.Metrics{CPU: &v1.CPUStat{Usage: &v1.CPUUsage{}, Throttling: &v1.Throttle{}}}
	if c := s.CPU; c != nil {
		m.CPU.Usage = &v1.CPUUsage{Total: c.Usage, Kernel: c.System, User: c.User}
		for _, n := range c.PerCPU {
			m.CPU.Usage.PerCPU = append(m.CPU.Usage.PerCPU, n.Usage)
		}
		if t := c.Throttling; t != nil {
			m.CPU.Throttling = &v1.Throttle{Periods: t.Periods, ThrottledPeriods: t.ThrottledPeriods, ThrottledTime: t.ThrottledTime}
		}
	}
	if p := s.Pids; p != nil {
		m.Pids = &v1.PidsStat{Current: p.Current}
		if p.Limited() {
			m.Pids.Limit = p.Limit
		}
	}
	m.Memory, m.MemoryOomControl = memoryV1(s.Memory), oomControl(s.Memory)
	m.Blkio = blkio(s.IO)
	for _, size := range slices.Sorted(maps.Keys(s.HugePages)) {
		u := s.HugePages[size].Usage
		m.Hugetlb = append(m.Hugetlb, &v1.HugetlbStat{Usage: u.Current, Max: value(u.Peak), Failcnt: value(u.Failures), Pagesize: size})
	}
	if s.RDMA != nil {
		m.Rdma = &v1.RdmaStat{}
		for _, device := range slices.Sorted(maps.Keys(s.RDMA)) {
			r := s.RDMA[device]
			entry := func(handles, objects uint64) *v1.RdmaEntry {
				return &v1.RdmaEntry{Device: device, HcaHandles: narrow(handles), HcaObjects: narrow(objects)}
			}
			m.Rdma.Current = append(m.Rdma.Current, entry(r.Handles.Current, r.Objects.Current))
			m.Rdma.Limit = append(m.Rdma.Limit, entry(r.Handles.Limit, r.Objects.Limit))
		}
	}
	return m
}

// narrow makes what is too large the largest: no limit.
func narrow(n uint64) uint32 { return uint32(min(n, math.MaxUint32)) }

func memoryV1(s *cgroups.MemoryStats) *v1.MemoryStat {
	if s == nil {
		return nil
	}
	n := s.Stat
	return &v1.MemoryStat{
		Usage: entryV1(&s.Usage), Swap: entryV1(s.WithSwap), Kernel: entryV1(s.Kernel), KernelTCP: entryV1(s.KernelTCP),
		Cache: n["cache"], RSS: n["rss"], RSSHuge: n["rss_huge"], MappedFile: n["mapped_file"], Dirty: n["dirty"], Writeback: n["writeback"],
		PgPgIn: n["pgpgin"], PgPgOut: n["pgpgout"], PgFault: n["pgfault"], PgMajFault: n["pgmajfault"],
		InactiveAnon: n["inactive_anon"], ActiveAnon: n["active_anon"], InactiveFile: n["inactive_file"], ActiveFile: n["active_file"],
		Unevictable: n["unevictable"], HierarchicalMemoryLimit: n["hierarchical_memory_limit"], HierarchicalSwapLimit: n["hierarchical_memsw_limit"],
		TotalCache: n["total_cache"], TotalRSS: n["total_rss"], TotalRSSHuge: n["total_rss_huge"], TotalMappedFile: n["total_mapped_file"],
		TotalDirty: n["total_dirty"], TotalWriteback: n["total_writeback"], TotalPgPgIn: n["total_pgpgin"], TotalPgPgOut: n["total_pgpgout"],
		TotalPgFault: n["total_pgfault"], TotalPgMajFault: n["total_pgmajfault"], TotalInactiveAnon: n["total_inactive_anon"],
		TotalActiveAnon: n["total_active_anon"], TotalInactiveFile: n["total_inactive_file"], TotalActiveFile: n["total_active_file"],
		TotalUnevictable: n["total_unevictable"],
	}
}

func entryV1(u *cgroups.Usage) *v1.MemoryEntry {
	if u == nil {
		return &v1.MemoryEntry{}
	}
	return &v1.MemoryEntry{Limit: u.Limit, Usage: u.Current, Max: value(u.Peak), Failcnt: value(u.Failures)}
}

// oomControl is nil where version 1 has no memory controller.
func oomControl(s *cgroups.MemoryStats) *v1.MemoryOomControl {
	if s == nil || s.OOM == nil {
		return nil
	}
	flag := map[bool]uint64{true: 1}
	return &v1.MemoryOomControl{OomKillDisable: flag[s.OOM.Disabled], UnderOom: flag[s.OOM.Under], OomKill: value(s.OOMKills)}
}

func blkio(s *cgroups.IOStats) *v1.BlkIOStat {
	if s == nil {
		return nil
	}
	b := &v1.BlkIOStat{}
	for _, d := range s.Devices {
		add := func(list *[]*v1.BlkIOEntry, op string, n uint64) {
			*list = append(*list, &v1.BlkIOEntry{Op: op, Major: uint64(d.Major), Minor: uint64(d.Minor), Value: n})
		}
		counts := func(list *[]*v1.BlkIOEntry, c *cgroups.IOCount) {
			if c == nil {
				return
			}
			add(list, "Read", c.Read)
			add(list, "Write", c.Write)
			if c.Sync != nil && c.Async != nil {
				add(list, "Sync", *c.Sync)
				add(list, "Async", *c.Async)
			}
			add(list, "Discard", c.Discard)
			add(list, "Total", c.Total)
		}
		counts(&b.IoServiceBytesRecursive, &d.Bytes)
		counts(&b.IoServicedRecursive, &d.Operations)
		l := d.Legacy
		if l == nil {
			continue
		}
		counts(&b.IoQueuedRecursive, l.Queued)
		counts(&b.IoServiceTimeRecursive, l.ServiceTime)
		counts(&b.IoWaitTimeRecursive, l.WaitTime)
		counts(&b.IoMergedRecursive, l.Merged)
		if l.Time != nil {
			add(&b.IoTimeRecursive, "", *l.Time)
		}
		if l.Sectors != nil {
			add(&b.SectorsRecursive, "", *l.Sectors)
		}
	}
	return b
}
