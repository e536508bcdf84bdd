package cgroups

import (
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The kernel's limits of cpu.shares, and those of cpu.weight that correspond.
const (
	minShares, maxShares = 2, 262144
	minWeight, maxWeight = 1, 10000
)

func formatUint(n uint64) string { return strconv.FormatUint(n, 10) }

// cpu compiles the part of linux.resources.cpu that is the cpu controller.
func (c *compiler) cpu(r *specs.LinuxCPU) {
	c.shares(r)
	c.idle(r)
	c.bandwidth(r)
	c.realtime(r)
}

// shares compiles cpu.shares; 0 is unset.
func (c *compiler) shares(r *specs.LinuxCPU) {
	if r.Shares == nil || *r.Shares == 0 {
		return
	}
	if r.Idle != nil && *r.Idle == 1 {
		// The kernel refuses shares of an idle cgroup, and forgets them when one becomes idle.
		c.warn("cpu.shares", "%d has no effect while linux.resources.cpu.idle is 1", *r.Shares)
		return
	}
	shares := min(max(*r.Shares, minShares), maxShares)
	if shares != *r.Shares {
		c.warn("cpu.shares", "%d is out of the kernel's range, %d is used", *r.Shares, shares)
	}
	// While a cgroup is idle its shares cannot be changed, so one of the two
	// orders fails when both change.
	c.put("cpu.shares", perVersion{
		"cpu",
		Write{File: "cpu.shares", Value: formatUint(shares), Retry: true},
		Write{File: "cpu.weight", Value: formatUint(weightOfShares(shares)), Retry: true},
	})
}

// weightOfShares maps version 1's shares to version 2's weight so that the
// smallest, the default and the largest value (2, 1024, 262144) become those of
// weight (1, 100, 10000): the parabola through these three points on
// logarithmic scales. runc and crun use the same curve since 2025.
func weightOfShares(shares uint64) uint64 {
	switch {
	case shares <= minShares:
		return minWeight
	case shares >= maxShares:
		return maxWeight
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}

// idle compiles cpu.idle.
func (c *compiler) idle(r *specs.LinuxCPU) {
	if r.Idle == nil {
		return
	}
	missing := Fail
	switch *r.Idle {
	case 0:
		missing = Skip // kernels before 5.15 have no such cgroups
	case 1:
	default:
		c.fail("cpu.idle", "%d is neither 0 nor 1", *r.Idle)
		return
	}
	if _, ok := c.lookup("cpu"); !ok && *r.Idle == 0 {
		return
	}
	w := Write{File: "cpu.idle", Value: strconv.FormatInt(*r.Idle, 10), OnMissing: missing}
	c.put("cpu.idle", perVersion{"cpu", w, w})
}

// bandwidth compiles cpu.quota, cpu.period and cpu.burst. In quota and period 0
// is unset; a negative quota is none.
func (c *compiler) bandwidth(r *specs.LinuxCPU) {
	var quota int64
	var period uint64
	if r.Quota != nil {
		quota = *r.Quota
	}
	if r.Period != nil {
		period = *r.Period
	}
	if period != 0 {
		c.putPeriod(quota, period)
	}
	if quota != 0 {
		v1, v2 := strconv.FormatInt(quota, 10), strconv.FormatInt(quota, 10)
		if quota < 0 {
			v1, v2 = "-1", "max"
		}
		if period != 0 {
			v2 += " " + formatUint(period)
		}
		c.put("cpu.quota", perVersion{
			"cpu",
			Write{File: "cpu.cfs_quota_us", Value: v1, Retry: true},
			Write{File: "cpu.max", Value: v2, Retry: true},
		})
	}
	if r.Burst != nil {
		if quota > 0 && *r.Burst > uint64(quota) {
			c.fail("cpu.burst", "%d is more than linux.resources.cpu.quota (%d)", *r.Burst, quota)
			return
		}
		missing := Fail
		if *r.Burst == 0 {
			missing = Skip // kernels before 5.14 cannot burst
		}
		b := formatUint(*r.Burst)
		c.put("cpu.burst", perVersion{
			"cpu",
			Write{File: "cpu.cfs_burst_us", Value: b, OnMissing: missing, Retry: true},
			Write{File: "cpu.max.burst", Value: b, OnMissing: missing, Retry: true},
		})
	}
}

// putPeriod adds cpu.period by itself. In version 2 it goes together with the
// quota if there is one; if not, the quota that is in force stays.
func (c *compiler) putPeriod(quota int64, period uint64) {
	p := formatUint(period)
	v2 := Write{File: "cpu.max", Value: "max " + p, Keep: true, Retry: true}
	if version, ok := c.lookup("cpu"); ok && version == 2 && quota != 0 {
		return
	}
	c.put("cpu.period", perVersion{"cpu", Write{File: "cpu.cfs_period_us", Value: p, Retry: true}, v2})
}

// realtime compiles cpu.realtimePeriod and cpu.realtimeRuntime, which version 2
// does not have; 0 is unset.
func (c *compiler) realtime(r *specs.LinuxCPU) {
	if r.RealtimePeriod != nil && *r.RealtimePeriod != 0 {
		c.put("cpu.realtimePeriod", perVersion{
			controller: "cpu",
			v1:         Write{File: "cpu.rt_period_us", Value: formatUint(*r.RealtimePeriod), Retry: true},
		})
	}
	if r.RealtimeRuntime != nil && *r.RealtimeRuntime != 0 {
		c.put("cpu.realtimeRuntime", perVersion{
			controller: "cpu",
			v1:         Write{File: "cpu.rt_runtime_us", Value: strconv.FormatInt(*r.RealtimeRuntime, 10), Retry: true},
		})
	}
}

// cpuset compiles cpu.cpus and cpu.mems.
func (c *compiler) cpuset(r *specs.LinuxCPU) {
	for _, s := range []struct{ field, file, list string }{
		{"cpu.cpus", "cpuset.cpus", r.Cpus},
		{"cpu.mems", "cpuset.mems", r.Mems},
	} {
		if s.list == "" {
			continue
		}
		if strings.Trim(s.list, "0123456789-,") != "" {
			c.fail(s.field, "%q is not a list of numbers and ranges such as 0-3,7", s.list)
			continue
		}
		w := Write{File: s.file, Value: s.list}
		c.put(s.field, perVersion{"cpuset", w, w})
	}
}

// pids compiles pids.limit. 0 is a limit like others, see the spec.
func (c *compiler) pids(r *specs.LinuxPids) {
	if r.Limit == nil {
		return
	}
	_, v, ok := c.limit("pids.limit", *r.Limit)
	if !ok {
		return
	}
	if _, ok := c.lookup("pids"); !ok && v == "max" {
		return
	}
	w := Write{File: "pids.max", Value: v}
	c.put("pids.limit", perVersion{"pids", w, w})
}
