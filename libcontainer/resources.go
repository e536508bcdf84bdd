package libcontainer

import (
	"maps"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/specs"
)

// withDefaultDevices adds the rules that every container has to those of the configuration, where there are any.
func withDefaultDevices(res *specs.LinuxResources) *specs.LinuxResources {
	if res == nil || len(res.Devices) == 0 {
		return res
	}
	with := *res
	with.Devices = append(append(with.Devices[:0:0], res.Devices...), cgroups.DefaultDeviceRules()...)
	return &with
}

// mergeResources returns the resources that are in force after change was put over old: what change does not set stays. Numbers that mean
// "not set" by convention (0 in limits of memory, in shares, quotas, periods and weights) count as not set. Lists of limits for single
// devices, page sizes and files are merged entry by entry; a list of device rules replaces the old one, since its order is its meaning.
func mergeResources(old, change *specs.LinuxResources) *specs.LinuxResources {
	r := &specs.LinuxResources{}
	if old != nil {
		*r = *old
	}
	if change == nil {
		return r
	}
	if len(change.Devices) > 0 {
		r.Devices = change.Devices
	}
	mergePart(&r.Memory, change.Memory, mergeMemory)
	mergePart(&r.CPU, change.CPU, mergeCPU)
	mergePart(&r.Pids, change.Pids, func(p *specs.LinuxPids, by specs.LinuxPids) { set(&p.Limit, by.Limit) })
	mergePart(&r.BlockIO, change.BlockIO, mergeBlockIO)
	mergePart(&r.Network, change.Network, func(n *specs.LinuxNetwork, by specs.LinuxNetwork) {
		set(&n.ClassID, by.ClassID)
		n.Priorities = mergeList(n.Priorities, by.Priorities, func(p specs.LinuxInterfacePriority) string { return p.Name }, replace)
	})
	r.HugepageLimits = mergeList(r.HugepageLimits, change.HugepageLimits, func(h specs.LinuxHugepageLimit) string { return h.Pagesize }, replace)
	r.Rdma = mergeMap(r.Rdma, change.Rdma, func(d *specs.LinuxRdma, by specs.LinuxRdma) {
		set(&d.HcaHandles, by.HcaHandles)
		set(&d.HcaObjects, by.HcaObjects)
	})
	r.Unified = mergeMap(r.Unified, change.Unified, replace)
	return r
}

func mergeMemory(m *specs.LinuxMemory, by specs.LinuxMemory) {
	setNonZero(&m.Limit, by.Limit)
	setNonZero(&m.Reservation, by.Reservation)
	setNonZero(&m.Swap, by.Swap)
	//lint:ignore SA1019 configurations still have it
	setNonZero(&m.Kernel, by.Kernel)
	setNonZero(&m.KernelTCP, by.KernelTCP)
	set(&m.Swappiness, by.Swappiness)
	set(&m.DisableOOMKiller, by.DisableOOMKiller)
	set(&m.UseHierarchy, by.UseHierarchy)
	set(&m.CheckBeforeUpdate, by.CheckBeforeUpdate)
	if isSet(by.Limit) && *by.Limit == -1 && !isSet(by.Swap) && m.Swap != nil {
		// Without a limit for memory there is none for memory and swap together.
		swap := int64(-1)
		m.Swap = &swap
	}
}

func mergeCPU(p *specs.LinuxCPU, by specs.LinuxCPU) {
	setNonZero(&p.Shares, by.Shares)
	setNonZero(&p.Quota, by.Quota)
	setNonZero(&p.Period, by.Period)
	set(&p.Burst, by.Burst)
	setNonZero(&p.RealtimeRuntime, by.RealtimeRuntime)
	setNonZero(&p.RealtimePeriod, by.RealtimePeriod)
	set(&p.Idle, by.Idle)
	if by.Cpus != "" {
		p.Cpus = by.Cpus
	}
	if by.Mems != "" {
		p.Mems = by.Mems
	}
}

func mergeBlockIO(b *specs.LinuxBlockIO, by specs.LinuxBlockIO) {
	setNonZero(&b.Weight, by.Weight)
	setNonZero(&b.LeafWeight, by.LeafWeight)
	b.WeightDevice = mergeList(b.WeightDevice, by.WeightDevice,
		func(d specs.LinuxWeightDevice) [2]int64 { return [2]int64{d.Major, d.Minor} },
		func(d *specs.LinuxWeightDevice, by specs.LinuxWeightDevice) {
			setNonZero(&d.Weight, by.Weight)
			setNonZero(&d.LeafWeight, by.LeafWeight)
		})
	for _, t := range []struct{ list, by *[]specs.LinuxThrottleDevice }{
		{&b.ThrottleReadBpsDevice, &by.ThrottleReadBpsDevice},
		{&b.ThrottleWriteBpsDevice, &by.ThrottleWriteBpsDevice},
		{&b.ThrottleReadIOPSDevice, &by.ThrottleReadIOPSDevice},
		{&b.ThrottleWriteIOPSDevice, &by.ThrottleWriteIOPSDevice},
	} {
		*t.list = mergeList(*t.list, *t.by, func(d specs.LinuxThrottleDevice) [2]int64 { return [2]int64{d.Major, d.Minor} }, replace)
	}
}

// changeOf returns what of the merged resources has to be written for a change: the change, without what is not set in it, and with the
// partners of its values, those that the kernel or the conversion needs beside them.
func changeOf(change, merged *specs.LinuxResources) *specs.LinuxResources {
	r := mergeResources(nil, change)
	if m := r.Memory; m != nil && (isSet(m.Limit) || isSet(m.Swap)) {
		m.Limit, m.Swap = merged.Memory.Limit, merged.Memory.Swap
		set(&m.CheckBeforeUpdate, merged.Memory.CheckBeforeUpdate)
	}
	if p := r.CPU; p != nil && (isSet(p.Quota) || isSet(p.Period)) {
		p.Quota, p.Period = merged.CPU.Quota, merged.CPU.Period
	}
	return r
}

// mergePart merges one object; a missing one counts as empty. The old one is not changed.
func mergePart[T any](part **T, by *T, merge func(*T, T)) {
	if by == nil {
		return
	}
	var merged T
	if *part != nil {
		merged = **part
	}
	merge(&merged, *by)
	*part = &merged
}

// mergeList puts the entries of by over those of list with the same key, or behind them.
func mergeList[T any, K comparable](list, by []T, key func(T) K, merge func(*T, T)) []T {
	if len(by) == 0 {
		return list
	}
	merged := append(list[:0:0], list...)
next:
	for _, b := range by {
		for i := range merged {
			if key(merged[i]) == key(b) {
				merge(&merged[i], b)
				continue next
			}
		}
		merged = append(merged, b)
	}
	return merged
}

func mergeMap[T any](m, by map[string]T, merge func(*T, T)) map[string]T {
	if len(by) == 0 {
		return m
	}
	merged := maps.Clone(m)
	if merged == nil {
		merged = map[string]T{}
	}
	for k, b := range by {
		v := merged[k]
		merge(&v, b)
		merged[k] = v
	}
	return merged
}

func replace[T any](v *T, by T) { *v = by }

func set[T any](v **T, by *T) {
	if by != nil {
		*v = by
	}
}

func setNonZero[T comparable](v **T, by *T) {
	if isSet(by) {
		*v = by
	}
}

// isSet tells whether a number is there and not 0.
func isSet[T comparable](v *T) bool {
	var zero T
	return v != nil && *v != zero
}
