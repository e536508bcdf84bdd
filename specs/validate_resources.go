package specs

import "strings"

func (c *checker) resources(at *place, r *LinuxResources) {
	rules := field(at, "devices")
	for i := range r.Devices {
		here := entry(&rules, i)
		c.deviceRule(&here, &r.Devices[i])
	}
	if r.Memory != nil {
		here := field(at, "memory")
		c.memory(&here, r.Memory)
	}
	if r.CPU != nil {
		here := field(at, "cpu")
		c.cpu(&here, r.CPU)
	}
	if r.Pids != nil {
		here := field(at, "pids")
		c.limit(field(&here, "limit"), r.Pids.Limit)
	}
	if r.BlockIO != nil {
		here := field(at, "blockIO")
		c.blockIO(&here, r.BlockIO)
	}
	c.hugepages(at, r.HugepageLimits)
	if r.Network != nil {
		here := field(at, "network")
		c.network(&here, r.Network)
	}
	c.rdma(at, r.Rdma)
	c.unified(at, r.Unified)
}

// limit checks a limit of which -1 stands for "none".
func (c *checker) limit(at place, v *int64) {
	if v != nil && *v < -1 {
		c.fail(at, "%d is out of range, must be -1 (no limit) or greater", *v)
	}
}

func (c *checker) deviceRule(at *place, d *LinuxDeviceCgroup) {
	switch d.Type {
	case "", "a", "b", "c":
	default:
		c.fail(field(at, "type"), "unknown device type %s, must be a, b or c", quote(d.Type))
	}
	// Engines write -1 for "all" too.
	if d.Major != nil && *d.Major != -1 {
		c.number(field(at, "major"), *d.Major, maxMajor)
	}
	if d.Minor != nil && *d.Minor != -1 {
		c.number(field(at, "minor"), *d.Minor, maxMinor)
	}
	// A rule without access would neither allow nor deny anything.
	if d.Access == "" {
		c.fail(field(at, "access"), "must be set, to some of r, w and m")
	}
	if strings.Trim(d.Access, "rwm") != "" {
		c.fail(field(at, "access"), "%s has other characters than r, w and m", quote(d.Access))
	}
}

func (c *checker) memory(at *place, m *LinuxMemory) {
	//lint:ignore SA1019 deprecated, but still part of documents
	kernel := m.Kernel
	c.limit(field(at, "limit"), m.Limit)
	c.limit(field(at, "reservation"), m.Reservation)
	c.limit(field(at, "swap"), m.Swap)
	c.limit(field(at, "kernel"), kernel)
	c.limit(field(at, "kernelTCP"), m.KernelTCP)
	if m.Limit != nil && m.Swap != nil && *m.Swap > 0 && *m.Limit > *m.Swap {
		c.fail(field(at, "swap"), "%d is less than the limit %d, but counts memory and swap together", *m.Swap, *m.Limit)
	}
	if m.Swappiness != nil && *m.Swappiness > 100 {
		c.fail(field(at, "swappiness"), "%d is out of range, must be 0 to 100", *m.Swappiness)
	}
	if kernel != nil {
		c.warn(field(at, "kernel"), "is deprecated and may have no effect")
	}
}

// Bounds of the bandwidth control of the kernel in microseconds
// (max_cfs_quota_period and min_cfs_quota_period in kernel/sched/core.c).
const (
	minPeriod = 1000
	maxPeriod = 1000000
)

func (c *checker) cpu(at *place, p *LinuxCPU) {
	// 0 stands for "not set" in all of them: engines fill in whole structures.
	quota := int64(0)
	if p.Quota != nil {
		quota = *p.Quota
	}
	if quota < -1 || quota > 0 && quota < minPeriod {
		c.fail(field(at, "quota"), "%d is out of range, must be -1 (no limit) or at least %d microseconds", quota, minPeriod)
	}
	if v := p.Period; v != nil && *v != 0 && (*v < minPeriod || *v > maxPeriod) {
		c.fail(field(at, "period"), "%d is out of range, must be %d to %d microseconds", *v, minPeriod, maxPeriod)
	}
	if p.Burst != nil && quota > 0 && *p.Burst > uint64(quota) {
		c.fail(field(at, "burst"), "%d is greater than the quota %d", *p.Burst, quota)
	}
	c.limit(field(at, "realtimeRuntime"), p.RealtimeRuntime)
	if run, period := p.RealtimeRuntime, p.RealtimePeriod; run != nil && period != nil && *run > 0 && *period > 0 && uint64(*run) > *period {
		c.fail(field(at, "realtimeRuntime"), "%d is greater than realtimePeriod %d", *run, *period)
	}
	c.list(field(at, "cpus"), p.Cpus)
	c.list(field(at, "mems"), p.Mems)
	if p.Idle != nil && *p.Idle != 0 && *p.Idle != 1 {
		c.fail(field(at, "idle"), "%d is out of range, must be 0 or 1", *p.Idle)
	}
}

// maxWeight is the greatest weight of cgroup v1, in which the specification
// gives weights; the range of v2 is wider, and they are converted to it.
const maxWeight = 1000

func (c *checker) weight(at place, w *uint16) {
	if w != nil && *w > maxWeight {
		c.fail(at, "%d is out of range, must be 0 to %d", *w, maxWeight)
	}
}

func (c *checker) blockIO(at *place, b *LinuxBlockIO) {
	c.weight(field(at, "weight"), b.Weight)
	c.weight(field(at, "leafWeight"), b.LeafWeight)
	devices := field(at, "weightDevice")
	for i := range b.WeightDevice {
		d := &b.WeightDevice[i]
		here := entry(&devices, i)
		c.number(field(&here, "major"), d.Major, maxMajor)
		c.number(field(&here, "minor"), d.Minor, maxMinor)
		if d.Weight == nil && d.LeafWeight == nil {
			c.fail(here, "must have weight or leafWeight")
		}
		c.weight(field(&here, "weight"), d.Weight)
		c.weight(field(&here, "leafWeight"), d.LeafWeight)
	}
	for _, t := range [...]struct {
		name string
		list []LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		list := field(at, t.name)
		for i := range t.list {
			here := entry(&list, i)
			c.number(field(&here, "major"), t.list[i].Major, maxMajor)
			c.number(field(&here, "minor"), t.list[i].Minor, maxMinor)
		}
	}
}

func (c *checker) hugepages(at *place, limits []LinuxHugepageLimit) {
	list := field(at, "hugepageLimits")
	for i := range limits {
		here := entry(&list, i)
		size := field(&here, "pageSize")
		if !isPageSize(limits[i].Pagesize) {
			c.fail(size, "%s is not a size like \"2MB\"", quote(limits[i].Pagesize))
			continue
		}
		for j := range limits[:i] {
			if limits[j].Pagesize == limits[i].Pagesize {
				c.fail(size, "%s is given in entry %d already", quote(limits[i].Pagesize), j)
				break
			}
		}
	}
}

// isPageSize reports whether s has the form that the names of the control files
// of hugetlb have: a number without leading zeros and KB, MB or GB.
func isPageSize(s string) bool {
	n := len(s) - 2
	if n < 1 || s[0] == '0' || s[n+1] != 'B' || strings.IndexByte("KMG", s[n]) < 0 {
		return false
	}
	for _, c := range []byte(s[:n]) {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

func (c *checker) network(at *place, n *LinuxNetwork) {
	list := field(at, "priorities")
	for i := range n.Priorities {
		here := entry(&list, i)
		if problem := interfaceProblem(n.Priorities[i].Name, false); problem != "" {
			c.fail(field(&here, "name"), "%s %s", quote(n.Priorities[i].Name), problem)
		}
	}
}

func (c *checker) rdma(at *place, limits map[string]LinuxRdma) {
	list := field(at, "rdma")
	for _, device := range sortedKeys(limits) {
		here := field(&list, device)
		if device == "" || strings.ContainsAny(device, " \t\n\x00") {
			c.fail(here, "is not the name of a device")
		}
		if l := limits[device]; l.HcaHandles == nil && l.HcaObjects == nil {
			c.fail(here, "must have hcaHandles or hcaObjects")
		}
	}
}

func (c *checker) unified(at *place, files map[string]string) {
	list := field(at, "unified")
	for _, name := range sortedKeys(files) {
		here := field(&list, name)
		if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\n\x00") {
			c.fail(here, "is not the name of a file in a cgroup")
		}
		c.text(here, files[name])
	}
}
