//go:build integration

package differential

import (
	"cmp"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runtime-spec/specs-go"

	_ "github.com/opencontainers/cgroups/devices" // makes the managers able to set device rules
)

// oracleResources turns linux.resources into what the other library wants, in
// which 0 mostly stands for "not set".
func oracleResources(r *specs.LinuxResources) *cgroups.Resources {
	o := &cgroups.Resources{Unified: r.Unified, SkipDevices: len(r.Devices) == 0}
	for _, d := range r.Devices {
		o.Devices = append(o.Devices, &devices.Rule{
			Type:  devices.Type([]rune(cmp.Or(d.Type, "a"))[0]),
			Major: or(d.Major, devices.Wildcard), Minor: or(d.Minor, devices.Wildcard),
			Permissions: devices.Permissions(d.Access), Allow: d.Allow,
		})
	}
	if m := r.Memory; m != nil {
		o.Memory, o.MemoryReservation, o.MemorySwap = or(m.Limit, 0), or(m.Reservation, 0), or(m.Swap, 0)
		o.MemorySwappiness, o.OomKillDisable = m.Swappiness, or(m.DisableOOMKiller, false)
		o.MemoryCheckBeforeUpdate = or(m.CheckBeforeUpdate, false)
	}
	if c := r.CPU; c != nil {
		o.CpuShares, o.CpuQuota, o.CpuPeriod, o.CpuBurst = or(c.Shares, 0), or(c.Quota, 0), or(c.Period, 0), c.Burst
		o.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(o.CpuShares)
		o.CpuRtRuntime, o.CpuRtPeriod = or(c.RealtimeRuntime, 0), or(c.RealtimePeriod, 0)
		o.CpusetCpus, o.CpusetMems, o.CPUIdle = c.Cpus, c.Mems, c.Idle
	}
	if r.Pids != nil {
		o.PidsLimit = r.Pids.Limit
	}
	for _, l := range r.HugepageLimits {
		o.HugetlbLimit = append(o.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: l.Pagesize, Limit: l.Limit})
	}
	if n := r.Network; n != nil {
		o.NetClsClassid = or(n.ClassID, 0)
		for _, p := range n.Priorities {
			o.NetPrioIfpriomap = append(o.NetPrioIfpriomap, &cgroups.IfPrioMap{Interface: p.Name, Priority: int64(p.Priority)})
		}
	}
	for name, d := range r.Rdma {
		if o.Rdma == nil {
			o.Rdma = map[string]cgroups.LinuxRdma{}
		}
		o.Rdma[name] = cgroups.LinuxRdma{HcaHandles: d.HcaHandles, HcaObjects: d.HcaObjects}
	}
	if r.BlockIO != nil {
		oracleBlockIO(o, r.BlockIO)
	}
	return o
}

func oracleBlockIO(o *cgroups.Resources, b *specs.LinuxBlockIO) {
	o.BlkioWeight, o.BlkioLeafWeight = or(b.Weight, 0), or(b.LeafWeight, 0)
	for _, d := range b.WeightDevice {
		o.BlkioWeightDevice = append(o.BlkioWeightDevice, cgroups.NewWeightDevice(d.Major, d.Minor, or(d.Weight, 0), or(d.LeafWeight, 0)))
	}
	throttle := func(list []specs.LinuxThrottleDevice) (out []*cgroups.ThrottleDevice) {
		for _, d := range list {
			out = append(out, cgroups.NewThrottleDevice(d.Major, d.Minor, d.Rate))
		}
		return out
	}
	o.BlkioThrottleReadBpsDevice = throttle(b.ThrottleReadBpsDevice)
	o.BlkioThrottleWriteBpsDevice = throttle(b.ThrottleWriteBpsDevice)
	o.BlkioThrottleReadIOPSDevice = throttle(b.ThrottleReadIOPSDevice)
	o.BlkioThrottleWriteIOPSDevice = throttle(b.ThrottleWriteIOPSDevice)
}

// or is what p points to, or the default.
func or[T any](p *T, or T) T {
	if p == nil {
		return or
	}
	return *p
}
