package libcontainer

import (
	"encoding/binary"

	"github.com/minirun/minirun/specs"
)

// schedPolicy is the number of a policy in sched_setattr(2).
func schedPolicy(p specs.LinuxSchedulerPolicy) uint32 {
	switch p {
	case specs.SchedFIFO:
		return 1
	case specs.SchedRR:
		return 2
	case specs.SchedBatch:
		return 3
	case specs.SchedISO:
		return 4
	case specs.SchedIdle:
		return 5
	case specs.SchedDeadline:
		return 6
	}
	return 0
}

// schedFlag is the bit of a flag in sched_setattr(2).
func schedFlag(f specs.LinuxSchedulerFlag) uint64 {
	switch f {
	case specs.SchedFlagResetOnFork:
		return 0x01
	case specs.SchedFlagReclaim:
		return 0x02
	case specs.SchedFlagDLOverrun:
		return 0x04
	case specs.SchedFlagKeepPolicy:
		return 0x08
	case specs.SchedFlagKeepParams:
		return 0x10
	case specs.SchedFlagUtilClampMin:
		return 0x20
	case specs.SchedFlagUtilClampMax:
		return 0x40
	}
	return 0
}

// Sizes of struct sched_attr: the first one, and the one with the limits of utilisation (Linux 5.3), which are both 0 as the specification has no
// values for them.
const (
	schedAttrSize      = 48
	schedAttrUtilClamp = 56
	schedUtilClamp     = 0x60 // the two flags that need the longer one
)

// schedAttr is struct sched_attr, as short as the flags allow.
func schedAttr(s *specs.Scheduler) []byte {
	var flags uint64
	for _, f := range s.Flags {
		flags |= schedFlag(f)
	}
	size := uint32(schedAttrSize)
	if flags&schedUtilClamp != 0 {
		size = schedAttrUtilClamp
	}
	b := binary.NativeEndian.AppendUint32(make([]byte, 0, size), size)
	b = binary.NativeEndian.AppendUint32(b, schedPolicy(s.Policy))
	b = binary.NativeEndian.AppendUint64(b, flags)
	b = binary.NativeEndian.AppendUint32(b, uint32(s.Nice))
	b = binary.NativeEndian.AppendUint32(b, uint32(s.Priority))
	b = binary.NativeEndian.AppendUint64(b, s.Runtime)
	b = binary.NativeEndian.AppendUint64(b, s.Deadline)
	b = binary.NativeEndian.AppendUint64(b, s.Period)
	return append(b, make([]byte, int(size)-len(b))...)
}

// ioPriority is the value of ioprio_set(2): the class above bit 13.
func ioPriority(p *specs.LinuxIOPriority) uint32 {
	class := map[specs.IOPriorityClass]uint32{specs.IOPrioClassRT: 1, specs.IOPrioClassBE: 2, specs.IOPrioClassIdle: 3}[p.Class]
	return class<<13 | uint32(p.Priority)
}
