package metrics

import (
	"maps"
	"slices"

	v2 "github.com/containerd/cgroups/v3/cgroup2/stats"

	"github.com/minirun/minirun/cgroups"
)

// V2 makes the message of version 2. What the kernel did not tell is nil or
// zero. Times are in microseconds there; no limit is the largest number.
func V2(s *cgroups.Stats) *v2.Metrics {
	m := &v2.Metrics{CPU: cpuV2(s.CPU), Memory: memoryV2(s.Memory), MemoryEvents: memoryEvents(s.Memory)}
	if p := s.Pids; p != nil {
		m.Pids = &v2.PidsStat{Current: p.Current, Limit: p.Limit}
	}
	if s.IO != nil {
		m.Io = &v2.IOStat{PSI: pressure(s.IO.Pressure)}
		for _, d := range s.IO.Devices {
			m.Io.Usage = append(m.Io.Usage, &v2.IOEntry{
				Major: uint64(d.Major), Minor: uint64(d.Minor), Rbytes: d.Bytes.Read, Wbytes: d.Bytes.Write,
				Rios: d.Operations.Read, Wios: d.Operations.Write,
			})
		}
	}
	for _, size := range slices.Sorted(maps.Keys(s.HugePages)) {
		u := s.HugePages[size].Usage
		m.Hugetlb = append(m.Hugetlb, &v2.HugeTlbStat{Current: u.Current, Max: u.Limit, Failcnt: value(u.Failures), Pagesize: size})
	}
	if s.RDMA != nil {
		m.Rdma = &v2.RdmaStat{}
		for _, device := range slices.Sorted(maps.Keys(s.RDMA)) {
			r := s.RDMA[device]
			entry := func(handles, objects uint64) *v2.RdmaEntry {
				return &v2.RdmaEntry{Device: device, HcaHandles: narrow(handles), HcaObjects: narrow(objects)}
			}
			m.Rdma.Current = append(m.Rdma.Current, entry(r.Handles.Current, r.Objects.Current))
			m.Rdma.Limit = append(m.Rdma.Limit, entry(r.Handles.Limit, r.Objects.Limit))
		}
	}
	return m
}

func cpuV2(s *cgroups.CPUStats) *v2.CPUStat {
	if s == nil {
		return nil
	}
	m := &v2.CPUStat{UsageUsec: s.Usage / 1000, UserUsec: s.User / 1000, SystemUsec: s.System / 1000, PSI: pressure(s.Pressure)}
	if t := s.Throttling; t != nil {
		m.NrPeriods, m.NrThrottled, m.ThrottledUsec = t.Periods, t.ThrottledPeriods, t.ThrottledTime/1000
		m.NrBursts, m.BurstUsec = t.BurstPeriods, t.BurstTime/1000
	}
	return m
}

func pressure(p *cgroups.Pressure) *v2.PSIStats {
	if p == nil {
		return nil
	}
	data := func(s cgroups.Stall) *v2.PSIData {
		return &v2.PSIData{Avg10: s.Avg10, Avg60: s.Avg60, Avg300: s.Avg300, Total: s.Total / 1000}
	}
	m := &v2.PSIStats{Some: data(p.Some)}
	if p.Full != nil {
		m.Full = data(*p.Full)
	}
	return m
}

func memoryV2(s *cgroups.MemoryStats) *v2.MemoryStat {
	if s == nil {
		return nil
	}
	n := s.Stat
	m := &v2.MemoryStat{
		Usage: s.Usage.Current, UsageLimit: s.Usage.Limit, MaxUsage: value(s.Usage.Peak), PSI: pressure(s.Pressure),
		Anon: n["anon"], File: n["file"], KernelStack: n["kernel_stack"], Slab: n["slab"], Sock: n["sock"], Shmem: n["shmem"],
		FileMapped: n["file_mapped"], FileDirty: n["file_dirty"], FileWriteback: n["file_writeback"], AnonThp: n["anon_thp"],
		InactiveAnon: n["inactive_anon"], ActiveAnon: n["active_anon"], InactiveFile: n["inactive_file"], ActiveFile: n["active_file"],
		Unevictable: n["unevictable"], SlabReclaimable: n["slab_reclaimable"], SlabUnreclaimable: n["slab_unreclaimable"],
		Pgfault: n["pgfault"], Pgmajfault: n["pgmajfault"], WorkingsetNodereclaim: n["workingset_nodereclaim"],
		// Linux 5.9 divided these into _anon and _file.
		WorkingsetRefault:  n["workingset_refault"] + n["workingset_refault_anon"] + n["workingset_refault_file"],
		WorkingsetActivate: n["workingset_activate"] + n["workingset_activate_anon"] + n["workingset_activate_file"],
		Pgrefill:           n["pgrefill"], Pgscan: n["pgscan"], Pgsteal: n["pgsteal"], Pgactivate: n["pgactivate"], Pgdeactivate: n["pgdeactivate"],
		Pglazyfree: n["pglazyfree"], Pglazyfreed: n["pglazyfreed"], ThpFaultAlloc: n["thp_fault_alloc"], ThpCollapseAlloc: n["thp_collapse_alloc"],
	}
	if s.Swap != nil {
		m.SwapUsage, m.SwapLimit, m.SwapMaxUsage = s.Swap.Current, s.Swap.Limit, value(s.Swap.Peak)
	}
	return m
}

// memoryEvents is nil where version 2 has no memory controller.
func memoryEvents(s *cgroups.MemoryStats) *v2.MemoryEvents {
	if s == nil || s.Events == nil {
		return nil
	}
	e := s.Events
	return &v2.MemoryEvents{Low: e.Low, High: e.High, Max: e.Max, Oom: e.OOM, OomKill: e.OOMKill, OomGroupKill: e.OOMGroupKill}
}
