package seccomp

import (
	"encoding/binary"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// libseccomp up to 2.5.4 merges the conditions of a system call's rules into one tree of comparisons, and goes wrong where they are of several kinds:
// of personality's rules "a1 < 2^63", "a2 >= 1" and "a2 < 2^63" it misses some. So the rules of a system call with several of them are
// compiled here, one after the other as the profile has them, unless all are of the one form that is known to be right: an argument equals one of
// several values.

// variant is one of several rules of a system call: all of its conditions must hold.
type variant struct {
	conds []condition
	ret   uint32
}

// variants takes a rule apart whose conditions are alternatives.
func (r *rule) variants() []variant {
	if !r.alternatives() {
		return []variant{{r.conds, r.ret}}
	}
	list := make([]variant, 0, len(r.conds))
	for i := range r.conds {
		list = append(list, variant{r.conds[i : i+1], r.ret})
	}
	return list
}

// mixed returns the rules of those system calls that libseccomp is not to be asked about, by name.
func (p *policy) mixed() map[string][]variant {
	all := map[string][]variant{}
	for i := range p.rules {
		r := &p.rules[i]
		if r.redundant {
			continue
		}
		for _, name := range r.names {
			all[name] = append(all[name], r.variants()...)
		}
	}
	for name, list := range all {
		if !isMixed(list) {
			delete(all, name)
		}
	}
	return all
}

// isMixed leaves a system call to libseccomp that has a rule without conditions, which wins over the others, or nothing but equalities of one argument
// with one action.
func isMixed(list []variant) bool {
	same := true
	for _, v := range list {
		if len(v.conds) == 0 {
			return false
		}
		first := list[0].conds[0]
		same = same && len(v.conds) == 1 && v.conds[0].op == specs.OpEqualTo && v.conds[0].index == first.index && v.ret == list[0].ret
	}
	return len(list) > 1 && !same
}

// decision is a system call of one architecture with its rules.
type decision struct {
	arch *architecture
	nr   uint32
	list []variant
}

// decide returns the instructions that go in front of a filter: they end with an action for the system calls of the decisions, and reach the filter
// for all others. What no rule fits gets the default action.
func decide(decisions []decision, defaultRet uint32) []insn {
	var prog []insn
	for i, d := range decisions {
		if i > 0 && d.arch.audit == decisions[i-1].arch.audit {
			continue // done with the first one of its architecture
		}
		var part []insn
		for _, e := range decisions[i:] {
			if e.arch.audit != d.arch.audit {
				break
			}
			block := e.block(defaultRet)
			// A conditional jump might not reach over the block.
			part = append(part, insn{code: opJeq, jt: 1, k: e.nr}, insn{code: opJump, k: uint32(len(block))})
			part = append(part, block...)
		}
		prog = append(prog, insn{code: opLoad, k: offArch}, insn{code: opJeq, jt: 1, k: d.arch.audit}, insn{code: opJump, k: uint32(len(part) + 1)},
			insn{code: opLoad, k: offNr})
		prog = append(prog, part...)
	}
	return prog
}

// block tries the rules in order. It ends the program in every case.
func (d *decision) block(defaultRet uint32) []insn {
	var out []insn
	for _, v := range d.list {
		a := assembler{narrow: d.arch.narrow}
		for _, c := range v.conds {
			a.condition(c)
		}
		a.out = append(a.out, insn{code: opRet, k: v.ret})
		a.resolve()
		out = append(out, a.out...)
	}
	return append(out, insn{code: opRet, k: defaultRet})
}

// Where a jump leads until it is resolved: on to the next instruction, to the end of the condition, which holds, or to the end of the rule, which does not.
const (
	toNext = iota
	toHolds
	toFails
)

// jump is a conditional jump of out to one place or the other.
type jump struct{ at, yes, no int }

// assembler writes one rule, at most 6 conditions of 6 instructions, so that every jump reaches.
type assembler struct {
	narrow bool // arguments have 32 bits
	out    []insn
	fails  []jump // with a way to the end of the rule
}

// offArgs is where the arguments begin in struct seccomp_data.
const offArgs = 16

const opAnd = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K

func (a *assembler) condition(c condition) {
	var jumps []jump
	test := func(code uint16, k uint32, yes, no int) {
		jumps = append(jumps, jump{len(a.out), yes, no})
		a.out = append(a.out, insn{code: code, k: k})
	}
	value, masked := c.value, c.op == specs.OpMaskedEqual
	if masked {
		value = c.valueTwo
	}
	if !a.narrow {
		a.load(c, true)
		if masked {
			a.out = append(a.out, insn{code: opAnd, k: uint32(c.value >> 32)})
		}
		high := uint32(value >> 32)
		switch c.op {
		case specs.OpEqualTo, specs.OpMaskedEqual:
			test(opJeq, high, toNext, toFails)
		case specs.OpNotEqual:
			test(opJeq, high, toNext, toHolds)
		case specs.OpGreaterThan, specs.OpGreaterEqual:
			test(opJgt, high, toHolds, toNext)
			test(opJeq, high, toNext, toFails)
		case specs.OpLessThan, specs.OpLessEqual:
			test(opJgt, high, toFails, toNext)
			test(opJeq, high, toNext, toHolds)
		}
	}
	a.load(c, false)
	if masked {
		a.out = append(a.out, insn{code: opAnd, k: uint32(c.value)})
	}
	low := uint32(value)
	switch c.op {
	case specs.OpEqualTo, specs.OpMaskedEqual:
		test(opJeq, low, toHolds, toFails)
	case specs.OpNotEqual:
		test(opJeq, low, toFails, toHolds)
	case specs.OpGreaterThan:
		test(opJgt, low, toHolds, toFails)
	case specs.OpGreaterEqual:
		test(opJge, low, toHolds, toFails)
	case specs.OpLessThan:
		test(opJge, low, toFails, toHolds)
	case specs.OpLessEqual:
		test(opJgt, low, toFails, toHolds)
	}
	a.settle(jumps)
}

// load fetches one half of an argument, in the byte order of the machine.
func (a *assembler) load(c condition, high bool) {
	at := offArgs + 8*uint32(c.index)
	if little := binary.NativeEndian.Uint16([]byte{1, 0}) == 1; little == high {
		at += 4
	}
	a.out = append(a.out, insn{code: opLoad, k: at})
}

// settle sets the jumps within a condition, and keeps those to the end of the rule for resolve.
func (a *assembler) settle(jumps []jump) {
	end := len(a.out)
	for _, j := range jumps {
		if j.yes == toHolds {
			a.out[j.at].jt = uint8(end - j.at - 1)
		}
		if j.no == toHolds {
			a.out[j.at].jf = uint8(end - j.at - 1)
		}
	}
	a.fails = append(a.fails, jumps...)
}

// resolve sets the jumps to the end of the rule.
func (a *assembler) resolve() {
	end := len(a.out)
	for _, j := range a.fails {
		if j.yes == toFails {
			a.out[j.at].jt = uint8(end - j.at - 1)
		}
		if j.no == toFails {
			a.out[j.at].jf = uint8(end - j.at - 1)
		}
	}
}
