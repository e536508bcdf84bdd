package cgroups

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// memory compiles linux.resources.memory. In limit, reservation and swap the
// value 0 counts as unset, as in every other runtime.
func (c *compiler) memory(m *specs.LinuxMemory) {
	c.memoryLimit(m)
	c.memorySwap(m)
	if v, ok := c.nonZero("memory.reservation", m.Reservation); ok {
		if v1, v2, ok := c.limit("memory.reservation", v); ok {
			c.put("memory.reservation", perVersion{
				"memory",
				Write{File: "memory.soft_limit_in_bytes", Value: v1},
				Write{File: "memory.low", Value: v2},
			})
		}
	}
	//lint:ignore SA1019 configurations still have it
	if m.Kernel != nil {
		c.warn("memory.kernel", "ignored: the kernel has no separate limit for kernel memory any more")
	}
	if m.KernelTCP != nil {
		c.warn("memory.kernelTCP", "ignored: limits for kernel memory are not recommended by the runtime spec")
	}
	c.memorySwitches(m)
}

// nonZero returns the number if it is there and not 0; a 0 is a warning.
func (c *compiler) nonZero(field string, n *int64) (int64, bool) {
	if n == nil {
		return 0, false
	}
	if *n == 0 {
		c.warn(field, "0 is taken as not set")
		return 0, false
	}
	return *n, true
}

// memoryLimit compiles memory.limit.
func (c *compiler) memoryLimit(m *specs.LinuxMemory) {
	const field = "memory.limit"
	limit, ok := c.nonZero(field, m.Limit)
	if !ok {
		return
	}
	v1, v2, ok := c.limit(field, limit)
	if !ok {
		return
	}
	usage := ""
	if m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate && limit > 0 {
		usage = "memory.current"
	}
	if limit == -1 && (m.Swap == nil || *m.Swap == 0) {
		// No memory limit means no limit of the sum either. In version 1 the sum
		// goes first because it may never be the smaller one.
		c.put(field, perVersion{
			"memory",
			Write{File: "memory.memsw.limit_in_bytes", Value: "-1", OnMissing: Skip},
			Write{File: "memory.swap.max", Value: "max", OnMissing: Skip},
		})
	}
	c.put(field, perVersion{
		"memory",
		Write{File: "memory.limit_in_bytes", Value: v1, Retry: true},
		Write{File: "memory.max", Value: v2, Usage: usage},
	})
}

// memorySwap compiles memory.swap, which is memory plus swap. Version 2 limits
// swap by itself, so the difference is written there.
func (c *compiler) memorySwap(m *specs.LinuxMemory) {
	const field = "memory.swap"
	swap, ok := c.nonZero(field, m.Swap)
	if !ok {
		return
	}
	v1, v2, ok := c.limit(field, swap)
	if !ok {
		return
	}
	var limit int64
	if m.Limit != nil {
		limit = *m.Limit
	}
	version, ok := c.lookup("memory")
	switch {
	case swap > 0 && limit == -1:
		c.fail(field, "%d: memory and swap together cannot be limited while linux.resources.memory.limit is -1", swap)
		return
	case swap > 0 && limit > swap:
		c.fail(field, "%d is less than linux.resources.memory.limit (%d), which it includes", swap, limit)
		return
	case swap > 0 && limit <= 0 && ok && version == 2:
		c.fail(field, "%d: cgroup v2 needs linux.resources.memory.limit beside it", swap)
		return
	}
	if swap > 0 {
		_, v2, _ = c.limit(field, swap-limit)
	}
	missing := Fail
	if v2 == "max" || v2 == "0" {
		// Without swap accounting in the kernel there is no swap to limit.
		missing = Skip
	}
	missing1 := Fail
	if swap == -1 {
		missing1 = Skip
	}
	c.put(field, perVersion{
		"memory",
		Write{File: "memory.memsw.limit_in_bytes", Value: v1, Retry: true, OnMissing: missing1},
		Write{File: "memory.swap.max", Value: v2, OnMissing: missing},
	})
}

// memorySwitches compiles the members of memory that are no limits.
func (c *compiler) memorySwitches(m *specs.LinuxMemory) {
	if m.Swappiness != nil {
		if s := *m.Swappiness; s > 100 {
			c.fail("memory.swappiness", "%d is not between 0 and 100", s)
		} else {
			c.put("memory.swappiness", perVersion{
				controller: "memory",
				v1:         Write{File: "memory.swappiness", Value: formatUint(s)},
			})
		}
	}
	if m.DisableOOMKiller != nil {
		version, ok := c.lookup("memory")
		switch {
		case *m.DisableOOMKiller:
			c.put("memory.disableOOMKiller", perVersion{
				controller: "memory",
				v1:         Write{File: "memory.oom_control", Value: "1"},
			})
		case ok && version == 1:
			// A new cgroup inherits the switch from its parent.
			c.put("memory.disableOOMKiller", perVersion{
				controller: "memory",
				v1:         Write{File: "memory.oom_control", Value: "0"},
			})
		}
	}
	// Since Linux 5.11 (bef8620cd8e0) version 1 is always hierarchical, as
	// version 2 always was.
	if m.UseHierarchy != nil && !*m.UseHierarchy {
		c.fail("memory.useHierarchy", "false: the kernel always accounts hierarchically")
	}
}
