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

// allCPUs is a mask of more processors than any kernel has; it takes those of them that the cpuset allows.
var allCPUs = bytes.Repeat([]byte{0xff}, 1024)

// affinity binds the program of an exec to processors, where the configuration says so. Otherwise the processors that the caller bound itself to
// are no business of the container's.
func (c *compiler) affinity() {
	a := c.process.ExecCPUAffinity
	switch {
	case a == nil || c.exec == nil: // config.md: it does not apply to the container's first process
		c.try("process", nsenter.ProcExecaffinity{Mask: allCPUs})
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

// memoryModes and memoryFlags are the numbers of set_mempolicy(2).
var (
	memoryModes = map[specs.MemoryPolicyModeType]uint64{
		specs.MpolDefault: unix.MPOL_DEFAULT, specs.MpolPreferred: unix.MPOL_PREFERRED, specs.MpolBind: unix.MPOL_BIND,
		specs.MpolInterleave: unix.MPOL_INTERLEAVE, specs.MpolLocal: unix.MPOL_LOCAL, specs.MpolPreferredMany: unix.MPOL_PREFERRED_MANY,
		specs.MpolWeightedInterleave: unix.MPOL_WEIGHTED_INTERLEAVE,
	}
	memoryFlags = map[specs.MemoryPolicyFlagType]uint64{
		specs.MpolFStaticNodes: unix.MPOL_F_STATIC_NODES, specs.MpolFRelativeNodes: unix.MPOL_F_RELATIVE_NODES,
		specs.MpolFNumaBalancing: unix.MPOL_F_NUMA_BALANCING,
	}
)

// memoryPolicy comes after the cgroup, whose cpuset.mems the kernel checks the nodes against.
func memoryPolicy(p *specs.LinuxMemoryPolicy) nsenter.ProcMempolicy {
	op := nsenter.ProcMempolicy{Mode: memoryModes[p.Mode]}
	for _, f := range p.Flags {
		op.Mode |= memoryFlags[f]
	}
	if p.Nodes != "" {
		op.Nodes = numberMask(p.Nodes)
	}
	return op
}
