package cgroups

import "encoding/binary"

// The parts of the eBPF instruction set that a device program needs, from
// linux/bpf.h and Documentation/bpf/standardization/instruction-set.rst.
const (
	insnSize = 8

	opLoad32 = 0x61 // dst = *(u32 *)(src + off)
	opMov    = 0xb7 // dst = imm
	opMovReg = 0xbf // dst = src
	opAnd32  = 0x54 // (u32)dst &= imm
	opShr32  = 0x74 // (u32)dst >>= imm
	opJump   = 0x05 // pc += off
	opJne32  = 0x56 // if (u32)dst != imm: pc += off
	opJset32 = 0x46 // if (u32)dst & imm: pc += off
	opExit   = 0x95 // return r0

	// The registers: the result, the context (struct bpf_cgroup_dev_ctx), and
	// what the program keeps of it.
	regResult = 0
	regCtx    = 1
	regType   = 2
	regAccess = 3
	regMajor  = 4
	regMinor  = 5

	// The low half of the context's access_type (BPF_DEVCG_DEV_*).
	bpfBlock = 1
	bpfChar  = 2
)

// insn is one instruction.
type insn struct {
	op       uint8
	dst, src uint8
	off      int16
	imm      int32
}

// encode returns the instructions as bpf(2) takes them.
func encode(prog []insn) []byte {
	b := make([]byte, 0, len(prog)*insnSize)
	for _, i := range prog {
		// struct bpf_insn has dst_reg before src_reg in a byte of bit fields,
		// whose order is that of the machine's bytes.
		regs := i.src<<4 | i.dst
		if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
			regs = i.dst<<4 | i.src
		}
		b = append(b, i.op, regs)
		b = binary.NativeEndian.AppendUint16(b, uint16(i.off))
		b = binary.NativeEndian.AppendUint32(b, uint32(i.imm))
	}
	return b
}

// program returns the cgroup device program of the policy. It goes through the
// rules from the last to the first and keeps the kinds of access that are still
// undecided in a register: a matching allow rule removes its kinds, and when
// none is left the access is allowed; a matching deny rule that names one of
// them denies. What no rule decides falls to the default. So a rule with "r" does
// not let a process open a device for reading and writing.
func (p policy) program() []byte {
	prog := []insn{
		{op: opLoad32, dst: regType, src: regCtx, off: 0},
		{op: opMovReg, dst: regAccess, src: regType},
		{op: opAnd32, dst: regType, imm: 0xffff},
		{op: opShr32, dst: regAccess, imm: 16},
		{op: opLoad32, dst: regMajor, src: regCtx, off: 4},
		{op: opLoad32, dst: regMinor, src: regCtx, off: 8},
	}
	for i := len(p.rules) - 1; i >= 0; i-- {
		prog = append(prog, p.rules[i].instructions()...)
	}
	return encode(append(prog, result(p.allow)...))
}

// result returns the instructions that end the program.
func result(allow bool) []insn {
	var n int32
	if allow {
		n = 1
	}
	return []insn{{op: opMov, dst: regResult, imm: n}, {op: opExit}}
}

// instructions returns the part of the program for one rule. A device that the
// rule does not name jumps to its end.
func (r rule) instructions() []insn {
	action := result(r.allow)
	switch {
	case r.access == accAll:
	case r.allow:
		action = append([]insn{
			{op: opAnd32, dst: regAccess, imm: int32(accAll &^ r.access)},
			{op: opJne32, dst: regAccess, imm: 0, off: int16(len(action))},
		}, action...)
	default:
		action = append([]insn{
			{op: opJset32, dst: regAccess, imm: int32(r.access), off: 1},
			{op: opJump, off: int16(len(action))},
		}, action...)
	}
	var match []insn
	if r.typ != wildcard {
		t := int32(bpfChar)
		if r.typ == 'b' {
			t = bpfBlock
		}
		match = append(match, insn{op: opJne32, dst: regType, imm: t})
	}
	if r.major != wildcard {
		match = append(match, insn{op: opJne32, dst: regMajor, imm: int32(uint32(r.major))})
	}
	if r.minor != wildcard {
		match = append(match, insn{op: opJne32, dst: regMinor, imm: int32(uint32(r.minor))})
	}
	for i := range match {
		match[i].off = int16(len(match) - 1 - i + len(action))
	}
	return append(match, action...)
}
