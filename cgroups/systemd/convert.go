package systemd

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/minirun/minirun/cgroups"
)

// Facts are what the conversion depends on beside the limits: plain data, asked of
// a manager once.
type Facts struct {
	// Version is systemd's major version, for instance 252.
	Version int
	// ControlGroup is the cgroup of which the manager's slices are children, "/"
	// on most hosts and .../user@1000.service for a user's manager.
	ControlGroup string
}

// The first versions of systemd that have what is named here (NEWS of systemd).
const (
	sinceCollectMode = 236
	sinceDeviceMajor = 240 // char-136, and /dev/char/1:3 without such a file
	sinceQuotaPeriod = 242
	sinceCPUSet      = 244
	sinceCPUIdle     = 252 // CPUWeight=idle, which is 0 on the bus
	sinceOOMPolicy   = 253 // for scopes
	sinceZSwap       = 253
)

// Convert returns the properties that bring the writes about, in order, and the
// writes to be done after that: all of them, since files are more exact, but with
// what systemd would not keep changed to what it keeps (no process at all, which
// TasksMax cannot say, becomes one).
func Convert(writes []cgroups.Write, f Facts) ([]Property, []cgroups.Write) {
	c := converter{facts: f}
	rest := make([]cgroups.Write, 0, len(writes))
	for _, w := range writes {
		if w.File == "pids.max" && w.Value == "0" {
			w.Value = "1"
		}
		c.write(w)
		rest = append(rest, w)
	}
	c.cpuTime()
	return c.props, rest
}

// converter collects the result of one Convert.
type converter struct {
	facts         Facts
	props         []Property
	quota, period string
}

func (c *converter) put(name string, value any) {
	c.props = put(c.props, Property{name, value})
}

// sizes are the files with one number, or max or -1, by the property that has the
// same.
var sizes = map[string]struct {
	property string
	since    int
}{
	"memory.max":            {"MemoryMax", 0},
	"memory.high":           {"MemoryHigh", 0},
	"memory.low":            {"MemoryLow", 0},
	"memory.min":            {"MemoryMin", 0},
	"memory.swap.max":       {"MemorySwapMax", 0},
	"memory.zswap.max":      {"MemoryZSwapMax", sinceZSwap},
	"pids.max":              {"TasksMax", 0},
	"memory.limit_in_bytes": {"MemoryLimit", 0},
	"cpu.shares":            {"CPUShares", 0},
	"blkio.weight":          {"BlockIOWeight", 0},
	"io.weight":             {"IOWeight", 0},
}

// write converts one write. What has no property is left to the file.
func (c *converter) write(w cgroups.Write) {
	if len(w.Devices) > 0 {
		c.devices(w.Devices)
	}
	if s, ok := sizes[w.File]; ok {
		if n, ok := number(w.Value); ok && c.facts.Version >= s.since {
			c.put(s.property, n)
		}
		return
	}
	switch w.File {
	case "cpu.weight":
		c.weight(w.Value)
	case "cpu.idle":
		c.idle(w.Value)
	case "cpu.max":
		c.cpuMax(w)
	case "cpu.cfs_quota_us":
		c.quota = w.Value
	case "cpu.cfs_period_us":
		c.period = w.Value
	case "memory.oom.group":
		c.oomGroup(w.Value)
	case "cpuset.cpus":
		c.set("AllowedCPUs", w)
	case "cpuset.mems":
		c.set("AllowedMemoryNodes", w)
	case "io.bfq.weight", "blkio.bfq.weight":
		// The file for all schedulers stands behind this, in the unit that the
		// property has.
		if w.Else != nil {
			c.write(*w.Else)
		}
	}
}

// number reads a number, or no limit.
func number(s string) (uint64, bool) {
	s = strings.TrimSpace(s)
	if s == "max" || s == "-1" {
		return infinity, true
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, "default "), 10, 64)
	return n, err == nil
}

// weight sets CPUWeight, unless that says that the cgroup is idle.
func (c *converter) weight(value string) {
	n, ok := number(value)
	for _, p := range c.props {
		ok = ok && (p.Name != "CPUWeight" || p.Value != uint64(0))
	}
	if ok {
		c.put("CPUWeight", n)
	}
}

// idle sets the weight that means idle. There is no value for "not idle but with
// the weight that it had": that is what any other weight is.
func (c *converter) idle(value string) {
	if strings.TrimSpace(value) == "1" && c.facts.Version >= sinceCPUIdle {
		c.put("CPUWeight", uint64(0))
	}
}

// oomGroup has systemd and the kernel do the same when one process has ended for
// want of memory.
func (c *converter) oomGroup(value string) {
	if strings.TrimSpace(value) == "1" && c.facts.Version >= sinceOOMPolicy {
		c.put("OOMPolicy", "kill")
	}
}

// cpuMax takes cpu.max of version 2 apart.
func (c *converter) cpuMax(w cgroups.Write) {
	f := strings.Fields(w.Value)
	if len(f) == 0 || len(f) > 2 {
		return
	}
	if !w.Keep {
		c.quota = f[0]
	}
	if len(f) == 2 {
		c.period = f[1]
	}
}

// cpuTime sets quota and period, which are one value in the properties: the
// quota is in microseconds of processor time for each second. systemd stores it
// in percent, so it is rounded up to the next one: a reload must not take away
// from what was asked for.
func (c *converter) cpuTime() {
	period, ok := uint64(100_000), true // the kernel's
	if c.period != "" {
		period, ok = number(c.period)
		if ok && period != 0 && c.facts.Version >= sinceQuotaPeriod {
			c.put("CPUQuotaPeriodUSec", period)
		}
	}
	quota, isQuota := number(c.quota)
	switch {
	case !ok || !isQuota || period == 0:
	case quota == infinity || strings.HasPrefix(c.quota, "-"):
		c.put("CPUQuotaPerSecUSec", uint64(infinity))
	default:
		// percent = ceil(100 * quota / period), which may not fit 64 bits on the way
		n := new(big.Int).Mul(new(big.Int).SetUint64(quota), big.NewInt(100))
		n.Add(n, new(big.Int).SetUint64(period-1)).Div(n, new(big.Int).SetUint64(period))
		n.Mul(n, big.NewInt(10_000))
		if n.IsUint64() {
			c.put("CPUQuotaPerSecUSec", n.Uint64())
		}
	}
}

// set sets the processors or memory nodes, which systemd brings about in version 2
// and only remembers in version 1.
func (c *converter) set(property string, w cgroups.Write) {
	if c.facts.Version < sinceCPUSet {
		return
	}
	if bits, ok := bitmap(w.Value); ok {
		c.put(property, bits)
	}
}

// bitmap turns a list such as 0-2,8 into the bits of bytes, lowest first.
func bitmap(list string) ([]byte, bool) {
	const most = 1 << 16
	var bits []byte
	for r := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, isRange := strings.Cut(r, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 0 || b < a || b >= most {
			return nil, false
		}
		for len(bits) <= b/8 {
			bits = append(bits, 0)
		}
		for n := a; n <= b; n++ {
			bits[n/8] |= 1 << (n % 8)
		}
	}
	return bits, true
}
