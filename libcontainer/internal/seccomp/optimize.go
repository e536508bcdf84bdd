package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// optimize returns a program that does the same as prog with fewer instructions, or prog itself where that does not work out.
//
// libseccomp compares the number of a call with every number of the profile. But most of a profile's numbers follow each other and
// have the same action; so the numbers are cut into ranges with one outcome each, found by following prog, and a balanced tree of comparisons
// chooses the range. The outcome is an action, or the place in prog where it starts to look at the arguments; that part is
// copied as it is. The filter of an engine becomes a third as long, and so cheaper to check, translate and cache for the kernel at
// each start of a container, and to run.
//
// The test of each architecture stays what it was: only the values that prog compares with are told apart.
func optimize(prog []insn) []insn {
	o := &optimizer{prog: prog}
	o.constants()
	o.out = []insn{{code: opLoad, k: offArch}}
	for _, arch := range o.archs {
		ranges, ok := o.ranges(arch)
		if !ok {
			return prog
		}
		// A conditional jump might not reach over the tree.
		at := len(o.out) + 1
		o.out = append(o.out, insn{code: opJeq, jt: 1, k: arch}, insn{code: opJump}, insn{code: opLoad, k: offNr})
		o.tree(ranges)
		o.out[at].k = uint32(len(o.out) - at - 1)
	}
	// Any other architecture gives what one does that prog does not compare with.
	rest, ok := o.follow(unusedValue(o.archs), 0)
	if !ok || !rest.constant {
		return prog
	}
	o.out = append(o.out, insn{code: opRet, k: rest.ret})
	if !o.copyArguments() || len(o.out) >= len(prog) {
		return prog
	}
	return o.out
}

// optimizer is about one program.
type optimizer struct {
	prog    []insn
	archs   []uint32 // that prog compares with, in its order
	numbers []uint32 // where the outcome may change, ascending, with 0
	out     []insn
	jumps   []argumentJump
}

// argumentJump is a jump in out to an instruction of prog, which is copied behind everything else.
type argumentJump struct{ at, pc int }

// outcome is where following prog ends for an architecture and a number.
type outcome struct {
	constant bool
	ret      uint32 // constant: the action
	pc       int    // else: the first instruction that loads an argument
}

// numberRange is a range of numbers with the same outcome, up to the next one.
type numberRange struct {
	first uint32
	outcome
}

// constants collects the values that prog compares the architecture and the number with. Values that it compares arguments with are
// among them; they only cut ranges that are joined again.
func (o *optimizer) constants() {
	// Tests of one of the two highest bits cut here.
	o.numbers = []uint32{0, 1 << 30, 2 << 30, 3 << 30}
	for _, i := range o.prog {
		switch i.code {
		case opJeq, opJgt, opJge:
			o.numbers = append(o.numbers, i.k, i.k+1) // i.k+1 may be 0, which is there anyway
			if i.code == opJeq && knownAudit(i.k) && !slices.Contains(o.archs, i.k) {
				o.archs = append(o.archs, i.k)
			}
		}
	}
	slices.Sort(o.numbers)
	o.numbers = slices.Compact(o.numbers)
}

func knownAudit(value uint32) bool {
	return slices.ContainsFunc(architectures, func(a architecture) bool { return a.audit == value })
}

// unusedValue returns a value that is not among values.
func unusedValue(values []uint32) uint32 {
	for v := uint32(0); ; v++ {
		if !slices.Contains(values, v) {
			return v
		}
	}
}

// ranges returns the outcomes for an architecture.
func (o *optimizer) ranges(arch uint32) ([]numberRange, bool) {
	var ranges []numberRange
	for _, nr := range o.numbers {
		out, ok := o.follow(arch, nr)
		if !ok {
			return nil, false
		}
		if n := len(ranges); n == 0 || ranges[n-1].outcome != out {
			ranges = append(ranges, numberRange{nr, out})
		}
	}
	return ranges, true
}

// follow goes through prog until it returns or looks at an argument. It fails at instructions whose result is not known then.
func (o *optimizer) follow(arch, nr uint32) (outcome, bool) {
	var a uint32
	loaded := false
	for pc := 0; pc < len(o.prog); pc++ {
		i := o.prog[pc]
		var yes bool
		switch i.code {
		case opLoad:
			switch i.k {
			case offNr:
				a = nr
			case offArch:
				a = arch
			default:
				return outcome{pc: pc}, true
			}
			loaded = true
			continue
		case opRet:
			return outcome{constant: true, ret: i.k}, true
		case opJump:
			pc += int(i.k)
			continue
		case opJeq:
			yes = a == i.k
		case opJgt:
			yes = a > i.k
		case opJge:
			yes = a >= i.k
		case opJset:
			if i.k != 1<<30 && i.k != 1<<31 {
				return outcome{}, false
			}
			yes = a&i.k != 0
		default:
			return outcome{}, false
		}
		if !loaded {
			return outcome{}, false
		}
		if yes {
			pc += int(i.jt)
		} else {
			pc += int(i.jf)
		}
	}
	return outcome{}, false
}

// treeRanges is how many ranges share their outcomes: so few that a conditional jump reaches from the first comparison to the last outcome.
const treeRanges = 120

// tree writes the choice between ranges of the number, which is loaded.
func (o *optimizer) tree(ranges []numberRange) {
	if len(ranges) <= treeRanges {
		o.smallTree(ranges)
		return
	}
	middle := len(ranges) / 2
	at := len(o.out)
	o.out = append(o.out, insn{code: opJge, k: ranges[middle].first})
	o.tree(ranges[:middle])
	if over := len(o.out) - at - 1; over <= 255 {
		o.out[at].jt = uint8(over)
	} else {
		// Too far for a conditional jump: one behind it that has 32 bits. What was written moves by one.
		o.out = slices.Insert(o.out, at+1, insn{code: opJump, k: uint32(over)})
		o.out[at].jf = 1
		for i := range o.jumps {
			if o.jumps[i].at > at {
				o.jumps[i].at++
			}
		}
	}
	o.tree(ranges[middle:])
}

// leafJump is the side of a comparison that leads to an outcome.
type leafJump struct {
	at    int
	taken bool
	outcome
}

// smallTree writes the comparisons, and behind them each different outcome once.
func (o *optimizer) smallTree(ranges []numberRange) {
	if len(ranges) == 1 {
		o.leaf(ranges[0].outcome)
		return
	}
	places := map[outcome]int{}
	for _, l := range o.comparisons(ranges, nil) {
		place, ok := places[l.outcome]
		if !ok {
			place = len(o.out)
			places[l.outcome] = place
			o.leaf(l.outcome)
		}
		if over := uint8(place - l.at - 1); l.taken {
			o.out[l.at].jt = over
		} else {
			o.out[l.at].jf = over
		}
	}
}

// comparisons writes a balanced tree for at least two ranges, and returns leaves with the sides that lead to outcomes.
func (o *optimizer) comparisons(ranges []numberRange, leaves []leafJump) []leafJump {
	middle := len(ranges) / 2
	at := len(o.out)
	o.out = append(o.out, insn{code: opJge, k: ranges[middle].first})
	if middle == 1 {
		leaves = append(leaves, leafJump{at, false, ranges[0].outcome})
	} else {
		leaves = o.comparisons(ranges[:middle], leaves)
	}
	if len(ranges)-middle == 1 {
		return append(leaves, leafJump{at, true, ranges[middle].outcome})
	}
	o.out[at].jt = uint8(len(o.out) - at - 1)
	return o.comparisons(ranges[middle:], leaves)
}

// leaf writes an outcome.
func (o *optimizer) leaf(out outcome) {
	if out.constant {
		o.out = append(o.out, insn{code: opRet, k: out.ret})
		return
	}
	o.jumps = append(o.jumps, argumentJump{len(o.out), out.pc})
	o.out = append(o.out, insn{code: opJump})
}

// copyArguments appends the parts of prog that look at arguments, and aims the jumps there.
func (o *optimizer) copyArguments() bool {
	// Every instruction that can be reached, in order. BPF jumps forward only.
	needed := make([]bool, len(o.prog)+1)
	for _, j := range o.jumps {
		needed[j.pc] = true
	}
	place := make([]int, len(o.prog))
	end := len(o.out)
	for pc, i := range o.prog {
		if !needed[pc] {
			continue
		}
		place[pc] = end
		end++
		for _, next := range successors(pc, i) {
			if next >= len(o.prog) {
				return false
			}
			needed[next] = true
		}
	}
	for _, j := range o.jumps {
		o.out[j.at].k = uint32(place[j.pc] - j.at - 1)
	}
	for pc, i := range o.prog {
		if !needed[pc] {
			continue
		}
		// Instructions were only left out, so no jump is longer than it was.
		here := place[pc] + 1
		switch next := successors(pc, i); {
		case i.code == opJump:
			i.k = uint32(place[next[0]] - here)
		case len(next) == 2:
			i.jt, i.jf = uint8(place[next[0]]-here), uint8(place[next[1]]-here)
		}
		o.out = append(o.out, i)
	}
	return true
}

// successors returns the instructions that can follow one: two for a conditional jump, the one for true first.
func successors(pc int, i insn) []int {
	switch {
	case i.code&7 == unix.BPF_RET:
		return nil
	case i.code == opJump:
		return []int{pc + 1 + int(i.k)}
	case i.code&7 == unix.BPF_JMP:
		return []int{pc + 1 + int(i.jt), pc + 1 + int(i.jf)}
	}
	return []int{pc + 1}
}
