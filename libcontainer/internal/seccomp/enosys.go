package seccomp

import "golang.org/x/sys/unix"

// lastCall is the system call with the highest number that a profile names for an architecture.
type lastCall struct {
	arch  *architecture
	nr    uint32
	known bool // there is one
}

// saw notes the number of a system call of the profile.
func (l *lastCall) saw(nr uint32) {
	if nr < l.arch.first || l.arch.end != 0 && nr >= l.arch.end {
		return
	}
	if !l.known || nr > l.nr {
		l.nr, l.known = nr, true
	}
}

// retENOSYS refuses a system call as one that does not exist.
const retENOSYS = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)

// refuseUnknown returns prog with the errno ENOSYS in place of the default action for system calls newer than the profile.
//
// Wherever prog returns the default action it jumps behind its end instead, where the number is looked at:
//
//	      A = arch
//	      if A != arch1 goto next
//	      A = number
//	      if A > last1 goto enosys
//	      return the default action
//	next: ... (other architectures)
//	      return the default action
//	enosys: ...
//
// So a system call that a rule lets pass costs nothing more, unlike with a check in front of the filter. No rule is overruled, because rules
// with the default action are never added to a filter, and every other action is left as it is.
func refuseUnknown(prog []insn, defaultRet uint32, last []lastCall) []insn {
	if defaultRet == retENOSYS {
		return prog
	}
	tail := unknownTail(defaultRet, last)
	if tail == nil {
		return prog
	}
	end := len(prog)
	for i := range prog {
		if prog[i].code == opRet && prog[i].k == defaultRet {
			prog[i] = insn{code: opJump, k: uint32(end - i - 1)}
		}
	}
	return append(prog, tail...)
}

// unknownTail returns the instructions that choose between the default action and ENOSYS, nil where there is nothing to choose.
func unknownTail(defaultRet uint32, last []lastCall) []insn {
	tail := []insn{{code: opLoad, k: offArch}}
	for i := range last {
		if !last[i].known || done(last[:i], last[i].arch.audit) {
			continue
		}
		block := numberBlock(defaultRet, sameAudit(last[i:]))
		tail = append(tail, insn{code: opJeq, jf: uint8(len(block)), k: last[i].arch.audit})
		tail = append(tail, block...)
	}
	if len(tail) == 1 {
		return nil
	}
	return append(tail, insn{code: opRet, k: defaultRet})
}

// done says that one of last has the architecture's value.
func done(last []lastCall, audit uint32) bool {
	for i := range last {
		if last[i].known && last[i].arch.audit == audit {
			return true
		}
	}
	return false
}

// sameAudit returns the ones of last that share the architecture's value with the first: amd64 and x32.
func sameAudit(last []lastCall) []lastCall {
	var same []lastCall
	for i := range last {
		if last[i].known && last[i].arch.audit == last[0].arch.audit {
			same = append(same, last[i])
		}
	}
	return same
}

// numberBlock returns the instructions for one value of the architecture. They end the program in every case.
func numberBlock(defaultRet uint32, last []lastCall) []insn {
	block := []insn{{code: opLoad, k: offNr}}
	if a := last[0].arch.audit; a == unix.AUDIT_ARCH_S390 || a == unix.AUDIT_ARCH_S390X {
		// Numbers that do not fit into the instruction come in a register, and one that the kernel does not know stays 0,
		// the number of a call that has not existed for decades.
		block = append(block, insn{code: opJeq, jf: 1, k: 0}, insn{code: opRet, k: retENOSYS})
	}
	for _, l := range last {
		// Newer than the profile: above its last one, but within the numbers that new calls get.
		test := []insn{{code: opJgt, jf: 1, k: l.nr}, {code: opRet, k: retENOSYS}}
		if l.arch.end != 0 {
			test = append([]insn{{code: opJge, jt: 2, k: l.arch.end}}, test...)
		}
		block = append(block, test...)
	}
	return append(block, insn{code: opRet, k: defaultRet})
}
