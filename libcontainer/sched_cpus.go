package libcontainer

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// cpuMask is the length in bytes of a mask of more processors than any kernel has.
const cpuMask = 1024

// allCPUs is a mask of all of them; the kernel takes those that the cpuset allows.
func allCPUs() []byte { return bytes.Repeat([]byte{0xff}, cpuMask) }

// affinity binds the program of an exec to processors, where the configuration says so. Otherwise the processors that the caller bound itself to
// are no business of the container's.
func (c *compiler) affinity() {
	a := c.process.ExecCPUAffinity
	switch {
	case a == nil || c.exec == nil: // config.md: it does not apply to the container's first process
		c.try("process", nsenter.ProcExecaffinity{Mask: allCPUs()})
	case a.Final != "":
		c.add("process.execCPUAffinity.final", nsenter.ProcExecaffinity{Mask: numberMask(a.Final)})
	}
}

// initialCPUs is where an exec begins, before it is in the container's cgroup; empty: where the caller is.
func (c *compiler) initialCPUs() string {
	if c.exec == nil || c.process.ExecCPUAffinity == nil {
		return ""
	}
	return c.process.ExecCPUAffinity.Initial
}

// numberMask is a list such as "0-3,7", which validation has accepted, as the kernel's masks are: bits in words of 64. It is as long as its
// greatest number asks for, so that there is no limit on the number of processors.
func numberMask(list string) []byte {
	var words []uint64
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		n := listedNumber(first)
		end := n
		if isRange {
			end = listedNumber(last)
		}
		for ; n <= end; n++ {
			for len(words) <= n/64 {
				words = append(words, 0)
			}
			words[n/64] |= 1 << (n % 64)
		}
	}
	mask := make([]byte, 0, 8*len(words))
	for _, w := range words {
		mask = binary.NativeEndian.AppendUint64(mask, w)
	}
	return mask
}

func listedNumber(s string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(s)) // validation has seen to it
	return n
}

// memoryMode is the number of a mode in set_mempolicy(2).
func memoryMode(m specs.MemoryPolicyModeType) uint64 {
	switch m {
	case specs.MpolPreferred:
		return unix.MPOL_PREFERRED
	case specs.MpolBind:
		return unix.MPOL_BIND
	case specs.MpolInterleave:
		return unix.MPOL_INTERLEAVE
	case specs.MpolLocal:
		return unix.MPOL_LOCAL
	case specs.MpolPreferredMany:
		return unix.MPOL_PREFERRED_MANY
	case specs.MpolWeightedInterleave:
		return unix.MPOL_WEIGHTED_INTERLEAVE
	}
	return unix.MPOL_DEFAULT
}

// memoryFlag is the bit of a mode flag in set_mempolicy(2).
func memoryFlag(f specs.MemoryPolicyFlagType) uint64 {
	switch f {
	case specs.MpolFStaticNodes:
		return unix.MPOL_F_STATIC_NODES
	case specs.MpolFRelativeNodes:
		return unix.MPOL_F_RELATIVE_NODES
	case specs.MpolFNumaBalancing:
		return unix.MPOL_F_NUMA_BALANCING
	}
	return 0
}

// memoryPolicy comes after the cgroup, whose cpuset.mems the kernel checks the nodes against.
func memoryPolicy(p *specs.LinuxMemoryPolicy) nsenter.ProcMempolicy {
	op := nsenter.ProcMempolicy{Mode: memoryMode(p.Mode)}
	for _, f := range p.Flags {
		op.Mode |= memoryFlag(f)
	}
	if p.Nodes != "" {
		op.Nodes = numberMask(p.Nodes)
	}
	return op
}
