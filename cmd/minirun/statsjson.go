package main

import (
	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer"
)

// statsJSON and the types below are the form in which runc prints statistics, which tools read: names, nesting and what is left out when zero
// are part of it. cgroups.Stats says what the values mean.
type statsJSON struct {
	CPU       cpuJSON             `json:"cpu"`
	CPUSet    cpusetJSON          `json:"cpuset"`
	Memory    memoryJSON          `json:"memory"`
	Pids      pidsJSON            `json:"pids"`
	Blkio     blkioJSON           `json:"blkio"`
	Hugetlb   map[string]hugeJSON `json:"hugetlb"`
	IntelRdt  rdtJSON             `json:"intel_rdt"`
	Interface []struct{}          `json:"network_interfaces"` // runc has never filled it for a bundle
}

type stallJSON struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"` // microseconds
}

type pressureJSON struct {
	Some stallJSON `json:"some"`
	Full stallJSON `json:"full"`
}

type cpuJSON struct {
	Usage struct {
		Total        uint64   `json:"total,omitempty"`
		PerCPU       []uint64 `json:"percpu,omitempty"`
		PerCPUKernel []uint64 `json:"percpu_kernel,omitempty"`
		PerCPUUser   []uint64 `json:"percpu_user,omitempty"`
		Kernel       uint64   `json:"kernel"`
		User         uint64   `json:"user"`
	} `json:"usage"`
	Throttling struct {
		Periods          uint64 `json:"periods,omitempty"`
		ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
		ThrottledTime    uint64 `json:"throttledTime,omitempty"`
	} `json:"throttling"`
	PSI *pressureJSON `json:"psi,omitempty"`
}

type cpusetJSON struct {
	CPUs                  []int  `json:"cpus,omitempty"`
	CPUExclusive          uint64 `json:"cpu_exclusive"`
	Mems                  []int  `json:"mems,omitempty"`
	MemHardwall           uint64 `json:"mem_hardwall"`
	MemExclusive          uint64 `json:"mem_exclusive"`
	MemoryMigrate         uint64 `json:"memory_migrate"`
	MemorySpreadPage      uint64 `json:"memory_spread_page"`
	MemorySpreadSlab      uint64 `json:"memory_spread_slab"`
	MemoryPressure        uint64 `json:"memory_pressure"`
	SchedLoadBalance      uint64 `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64  `json:"sched_relax_domain_level"`
}

type usageJSON struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

type memoryEventsJSON struct {
	Low          uint64 `json:"low"`
	High         uint64 `json:"high"`
	Max          uint64 `json:"max"`
	OOM          uint64 `json:"oom"`
	OOMKill      uint64 `json:"oom_kill"`
	OOMGroupKill uint64 `json:"oom_group_kill"`
}

type memoryJSON struct {
	Cache      uint64            `json:"cache,omitempty"`
	Usage      usageJSON         `json:"usage"`
	Swap       usageJSON         `json:"swap"`
	Kernel     usageJSON         `json:"kernel"`
	KernelTCP  usageJSON         `json:"kernelTCP"`
	Raw        map[string]uint64 `json:"raw,omitempty"`
	PSI        *pressureJSON     `json:"psi,omitempty"`
	EventCount *memoryEventsJSON `json:"event_count,omitempty"`
}

type pidsJSON struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

type blkioEntryJSON struct {
	Major uint32 `json:"major,omitempty"`
	Minor uint32 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

type blkioJSON struct {
	ServiceBytes []blkioEntryJSON `json:"ioServiceBytesRecursive,omitempty"`
	Serviced     []blkioEntryJSON `json:"ioServicedRecursive,omitempty"`
	Queued       []blkioEntryJSON `json:"ioQueueRecursive,omitempty"`
	ServiceTime  []blkioEntryJSON `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime     []blkioEntryJSON `json:"ioWaitTimeRecursive,omitempty"`
	Merged       []blkioEntryJSON `json:"ioMergedRecursive,omitempty"`
	Time         []blkioEntryJSON `json:"ioTimeRecursive,omitempty"`
	Sectors      []blkioEntryJSON `json:"sectorsRecursive,omitempty"`
	PSI          *pressureJSON    `json:"psi,omitempty"`
}

type hugeJSON struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

func newStatsJSON(s *libcontainer.Stats) *statsJSON {
	j := &statsJSON{
		CPU: newCPUJSON(s.CPU), CPUSet: newCPUSetJSON(s.CPUSet), Memory: newMemoryJSON(s.Memory), Blkio: newBlkioJSON(s.IO),
		Hugetlb: map[string]hugeJSON{}, IntelRdt: newRdtJSON(s.IntelRdt),
	}
	if s.Pids != nil {
		j.Pids.Current = s.Pids.Current
		if s.Pids.Limited() {
			j.Pids.Limit = s.Pids.Limit
		}
	}
	for size, h := range s.HugePages {
		u := h.Usage
		if h.Reserved != nil {
			u = *h.Reserved
		}
		j.Hugetlb[size] = hugeJSON{Usage: u.Current, Max: value(u.Peak), Failcnt: value(u.Failures)}
	}
	return j
}

func newCPUJSON(s *cgroups.CPUStats) (j cpuJSON) {
	if s == nil {
		return j
	}
	j.Usage.Total, j.Usage.Kernel, j.Usage.User = s.Usage, s.System, s.User
	for _, c := range s.PerCPU {
		j.Usage.PerCPU = append(j.Usage.PerCPU, c.Usage)
		j.Usage.PerCPUKernel = append(j.Usage.PerCPUKernel, c.System)
		j.Usage.PerCPUUser = append(j.Usage.PerCPUUser, c.User)
	}
	if t := s.Throttling; t != nil {
		j.Throttling.Periods, j.Throttling.ThrottledPeriods, j.Throttling.ThrottledTime = t.Periods, t.ThrottledPeriods, t.ThrottledTime
	}
	j.PSI = newPressureJSON(s.Pressure)
	return j
}

func newCPUSetJSON(s *cgroups.CPUSetStats) (j cpusetJSON) {
	if s == nil {
		return j
	}
	j.CPUs, j.Mems = s.EffectiveCPUs, s.EffectiveNodes
	if l := s.Legacy; l != nil {
		j = cpusetJSON{
			CPUs: s.CPUs, CPUExclusive: flag01(l.CPUExclusive), Mems: s.Nodes, MemHardwall: flag01(l.MemHardwall), MemExclusive: flag01(l.MemExclusive),
			MemoryMigrate: flag01(l.MemoryMigrate), MemorySpreadPage: flag01(l.MemorySpreadPage), MemorySpreadSlab: flag01(l.MemorySpreadSlab),
			MemoryPressure: l.MemoryPressure, SchedLoadBalance: flag01(l.SchedLoadBalance), SchedRelaxDomainLevel: l.SchedRelaxDomainLevel,
		}
	}
	return j
}

func flag01(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func newMemoryJSON(s *cgroups.MemoryStats) (j memoryJSON) {
	if s == nil {
		return j
	}
	j.Usage, j.Swap, j.Kernel, j.KernelTCP = newUsageJSON(&s.Usage), newUsageJSON(s.WithSwap), newUsageJSON(s.Kernel), newUsageJSON(s.KernelTCP)
	j.Raw, j.PSI = s.Stat, newPressureJSON(s.Pressure)
	j.Cache = s.Stat["file"]
	if cache, v1 := s.Stat["cache"]; v1 {
		j.Cache = cache
	}
	if e := s.Events; e != nil {
		j.EventCount = &memoryEventsJSON{e.Low, e.High, e.Max, e.OOM, e.OOMKill, e.OOMGroupKill}
	}
	return j
}

func newUsageJSON(u *cgroups.Usage) usageJSON {
	if u == nil {
		return usageJSON{}
	}
	return usageJSON{Limit: u.Limit, Usage: u.Current, Max: value(u.Peak), Failcnt: value(u.Failures)}
}

func value(p *uint64) uint64 {
	if p == nil {
		return 0
	}
	return *p
}

func newPressureJSON(p *cgroups.Pressure) *pressureJSON {
	if p == nil {
		return nil
	}
	stall := func(s cgroups.Stall) stallJSON { return stallJSON{s.Avg10, s.Avg60, s.Avg300, s.Total / 1000} }
	j := &pressureJSON{Some: stall(p.Some)}
	if p.Full != nil {
		j.Full = stall(*p.Full)
	}
	return j
}

func newBlkioJSON(s *cgroups.IOStats) (j blkioJSON) {
	if s == nil {
		return j
	}
	j.PSI = newPressureJSON(s.Pressure)
	for _, d := range s.Devices {
		add := func(list *[]blkioEntryJSON, op string, n uint64) {
			*list = append(*list, blkioEntryJSON{d.Major, d.Minor, op, n})
		}
		counts := func(list *[]blkioEntryJSON, c *cgroups.IOCount) {
			if c == nil {
				return
			}
			add(list, "Read", c.Read)
			add(list, "Write", c.Write)
			if c.Sync == nil || c.Async == nil {
				return // version 2
			}
			add(list, "Sync", *c.Sync)
			add(list, "Async", *c.Async)
			add(list, "Discard", c.Discard)
			add(list, "Total", c.Total)
		}
		counts(&j.ServiceBytes, &d.Bytes)
		counts(&j.Serviced, &d.Operations)
		l := d.Legacy
		if l == nil {
			continue
		}
		counts(&j.Queued, l.Queued)
		counts(&j.ServiceTime, l.ServiceTime)
		counts(&j.WaitTime, l.WaitTime)
		counts(&j.Merged, l.Merged)
		if l.Time != nil {
			add(&j.Time, "", *l.Time)
		}
		if l.Sectors != nil {
			add(&j.Sectors, "", *l.Sectors)
		}
	}
	return j
}
