package main

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

func updateCommand() command {
	return command{
		name: "update", args: "ID", short: "change the resources of a container that runs",
		long: `What is not given stays as it is: a quota keeps the period, a limit of memory that of memory and swap together. 0 means not given, but for --pids-limit,
--cpu-burst and --cpu-idle. All values change or none: when one is refused, the old ones are in force again, and the error names the field, the file and the value.
What has changed is kept in the state, so that the next update starts from it.

With --resources the limits are those of the document, which is the linux.resources of a configuration. Device rules in it replace the container's.`,
		example: "minirun update --memory 512m --pids-limit 100 web\nminirun update --resources - web < resources.json",
		setup: func(f *flags) action {
			u := &updateFlags{}
			u.register(f)
			return func(ctx context.Context, a *app, args []string) (int, error) { return 0, u.update(ctx, a, args) }
		},
	}
}

// updateFlags collect the resources that single flags ask for.
type updateFlags struct {
	file string
	rdt  specs.LinuxIntelRdt
	specs.LinuxResources
}

func (u *updateFlags) register(f *flags) {
	f.StringVar(&u.file, "resources", "", `file with linux.resources as JSON, "-" for standard input; other limits are then ignored`)
	f.alias("r", "resources")
	u.Memory, u.CPU, u.Pids, u.BlockIO = &specs.LinuxMemory{}, &specs.LinuxCPU{}, &specs.LinuxPids{}, &specs.LinuxBlockIO{}
	f.Func("blkio-weight", "relative weight of block I/O, 10 to 1000", number(&u.BlockIO.Weight, 16))
	f.Func("cpu-period", "period of the processor quota in microseconds", number(&u.CPU.Period, 64))
	f.Func("cpu-quota", "processor time in each period in microseconds, -1 for no limit", signed(&u.CPU.Quota))
	f.Func("cpu-burst", "quota that may be saved up for later periods, in microseconds", number(&u.CPU.Burst, 64))
	f.Func("cpu-share", "relative weight of processor time", number(&u.CPU.Shares, 64))
	f.Func("cpu-rt-period", "period of real-time scheduling in microseconds", number(&u.CPU.RealtimePeriod, 64))
	f.Func("cpu-rt-runtime", "real-time running time in each period in microseconds", signed(&u.CPU.RealtimeRuntime))
	f.Func("cpu-idle", "1 to run only where nothing else does, 0 not to", signed(&u.CPU.Idle))
	f.StringVar(&u.CPU.Cpus, "cpuset-cpus", "", "processors to run on, such as 0-3,7")
	f.StringVar(&u.CPU.Mems, "cpuset-mems", "", "memory nodes to use, such as 0,1")
	f.Func("memory", "limit of memory: a size in bytes or with a unit (b, k, m, g, t), -1 for no limit", size(&u.Memory.Limit))
	f.Func("memory-reservation", "memory that is kept under pressure: a size, -1 for no limit", size(&u.Memory.Reservation))
	f.Func("memory-swap", "limit of memory and swap together: a size, -1 for no limit", size(&u.Memory.Swap))
	f.Func("pids-limit", "greatest number of processes and threads, -1 for no limit", signed(&u.Pids.Limit))
	f.StringVar(&u.rdt.L3CacheSchema, "l3-cache-schema", "", "masks of the L3 caches, such as L3:0=7f0;1=1f")
	f.StringVar(&u.rdt.MemBwSchema, "mem-bw-schema", "", "memory bandwidth, such as MB:0=20;1=70")
	//lint:ignore SA1019 callers still pass it
	f.Func("kernel-memory", "ignored", size(&u.Memory.Kernel))
	f.hide("kernel-memory")
	f.Func("kernel-memory-tcp", "ignored", size(&u.Memory.KernelTCP))
	f.hide("kernel-memory-tcp")
}

func (u *updateFlags) update(ctx context.Context, a *app, args []string) error {
	id, err := oneID("update", args)
	if err != nil {
		return err
	}
	o := libcontainer.UpdateOptions{Resources: &u.LinuxResources}
	if u.file != "" {
		if o.Resources, err = u.load(a); err != nil {
			return err
		}
	}
	if u.rdt.L3CacheSchema != "" || u.rdt.MemBwSchema != "" {
		o.IntelRdt = &u.rdt
	}
	c, err := a.load(ctx, "update", []string{id})
	if err != nil {
		return err
	}
	return c.Update(ctx, o)
}

func (u *updateFlags) load(a *app) (*specs.LinuxResources, error) {
	if u.file == "-" {
		r, _, err := specs.ReadResources(a.stdin, "standard input")
		return r, err
	}
	r, _, err := specs.LoadResources(u.file)
	return r, err
}

// number parses an unsigned number of so many bits. As with other runtimes, nothing counts as not given.
func number[T uint16 | uint64](to **T, bits int) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		n, err := strconv.ParseUint(s, 10, bits)
		if err != nil {
			return errors.Unwrap(err)
		}
		v := T(n)
		*to = &v
		return nil
	}
}

func signed(to **int64) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return errors.Unwrap(err)
		}
		*to = &n
		return nil
	}
}

func size(to **int64) func(string) error {
	return func(s string) error {
		if s == "" {
			return nil
		}
		n, err := parseSize(s)
		if err != nil {
			return err
		}
		*to = &n
		return nil
	}
}

var errSize = errors.New("it must be a size such as 1048576, 512m or 1.5GiB, or -1")

// parseSize takes what users of container tools write: -1, or a number, which may have a fraction, and a unit, of which each is 1024 of the one
// before.
func parseSize(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	end := strings.LastIndexAny(s, "0123456789.") + 1
	digits, unit := s[:end], strings.ToLower(strings.TrimPrefix(s[end:], " "))
	factor := int64(1)
	for _, u := range []string{"", "k", "m", "g", "t", "p"} {
		if unit == u || unit == u+"b" || u != "" && (unit == u+"i" || unit == u+"ib") {
			return scale(digits, factor)
		}
		factor *= 1024
	}
	return 0, errSize
}

func scale(digits string, factor int64) (int64, error) {
	if digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return 0, errSize
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		if n > math.MaxInt64/factor {
			return 0, strconv.ErrRange
		}
		return n * factor, nil
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, errSize
	}
	if n *= float64(factor); n >= math.MaxInt64 {
		return 0, strconv.ErrRange
	}
	return int64(n), nil
}
