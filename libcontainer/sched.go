package libcontainer

import (
	"encoding/binary"

	"github.com/minirun/minirun/specs"
)

// schedPolicies are the policies of sched_setattr(2).
var schedPolicies = map[specs.LinuxSchedulerPolicy]uint32{
	specs.SchedOther: 0, specs.SchedFIFO: 1, specs.SchedRR: 2, specs.SchedBatch: 3, specs.SchedISO: 4, specs.SchedIdle: 5,
	specs.SchedDeadline: 6,
}

// schedFlags are the flags of sched_setattr(2).
var schedFlags = map[specs.LinuxSchedulerFlag]uint64{
	specs.SchedFlagResetOnFork: 0x01, specs.SchedFlagReclaim: 0x02, specs.SchedFlagDLOverrun: 0x04,
	specs.SchedFlagKeepPolicy: 0x08, specs.SchedFlagKeepParams: 0x10,
	specs.SchedFlagUtilClampMin: 0x20, specs.SchedFlagUtilClampMax: 0x40,
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
		flags |= schedFlags[f]
	}
	size := uint32(schedAttrSize)
	if flags&schedUtilClamp != 0 {
		size = schedAttrUtilClamp
	}
	b := binary.NativeEndian.AppendUint32(make([]byte, 0, size), size)
	b = binary.NativeEndian.AppendUint32(b, schedPolicies[s.Policy])
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
