package seccomp

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

// listFilter compares the number with each of many, as libseccomp does without a tree: runs of them are allowed or have EPERM,
// some look at an argument; the default action is to trap, for another architecture to kill.
func listFilter(numbers []uint32) []insn {
	prog := []insn{
		{opLoad, 0, 0, offArch},
		{opJeq, 1, 0, unix.AUDIT_ARCH_X86_64},
		{opRet, 0, 0, unix.SECCOMP_RET_KILL_THREAD},
		{opLoad, 0, 0, offNr},
		{opJge, 0, 1, x32Bit},
		{opRet, 0, 0, unix.SECCOMP_RET_LOG},
	}
	for i, nr := range numbers {
		switch {
		case i%25 == 0:
			prog = append(
				prog,
				insn{opJeq, 0, 5, nr},
				insn{opLoad, 0, 0, 16},
				insn{unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, 0, 0, 0xff},
				insn{opJeq, 0, 1, nr & 0xff},
				insn{opRet, 0, 0, unix.SECCOMP_RET_TRACE | nr},
				insn{opRet, 0, 0, unix.SECCOMP_RET_TRAP},
			)
		case i/3%2 == 0:
			prog = append(prog, insn{opJeq, 0, 1, nr}, insn{opRet, 0, 0, eperm})
		default:
			prog = append(prog, insn{opJeq, 0, 1, nr}, insn{opRet, 0, 0, unix.SECCOMP_RET_ALLOW})
		}
	}
	return append(prog, insn{opRet, 0, 0, unix.SECCOMP_RET_TRAP})
}

// A shorter program does the same, for few numbers and for more than the jumps of one tree reach over.
func TestOptimizeKeepsTheMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, count := range []int{25, 40, treeRanges / 2, treeRanges, 300, 600, 1200} {
		var numbers []uint32
		for nr := uint32(0); len(numbers) < count; nr += 1 + r.Uint32N(8)/7 {
			numbers = append(numbers, nr)
		}
		prog := listFilter(numbers)
		better := optimize(prog)
		if len(better) >= len(prog) {
			t.Errorf("%d numbers: %d instructions instead of %d", count, len(better), len(prog))
		}
		for nr := range uint32(3*count + 3) {
			for _, arch := range []uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386, 0} {
				for _, d := range []*callData{
					{nr: nr, arch: arch, args: [maxArgs]uint64{uint64(nr)}},
					{nr: nr, arch: arch, args: [maxArgs]uint64{uint64(nr) + 1}},
					{nr: nr | x32Bit, arch: arch},
					{nr: nr | 1<<31, arch: arch},
					{nr: ^nr, arch: arch},
				} {
					if got, want := mustRun(t, better, d), mustRun(t, prog, d); got != want {
						t.Fatalf("%d numbers: nr %#x arch %#x args %#x: got %#x, want %#x", count, d.nr, arch, d.args, got, want)
					}
				}
			}
		}
	}
}

// Programs that cannot be followed stay as they are.
func TestOptimizeLeavesWhatItDoesNotKnow(t *testing.T) {
	list := listFilter([]uint32{1, 2, 3, 4, 5, 6, 7, 8})
	for name, front := range map[string][]insn{
		"arithmetic":          {{opLoad, 0, 0, offNr}, {unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, 0, 0, 0xff}},
		"another bit":         {{opLoad, 0, 0, offNr}, {opJset, 0, 0, 1 << 4}},
		"a test of nothing":   {{opJeq, 0, 0, 7}},
		"argument looked at":  {{opLoad, 0, 0, 16}},
		"scratch memory used": {{opLoad, 0, 0, offNr}, {unix.BPF_ST, 0, 0, 1}},
	} {
		prog := append(append([]insn(nil), front...), list...)
		if got := optimize(prog); !reflect.DeepEqual(got, prog) {
			t.Errorf("%s: the program was changed", name)
		}
	}
	short := []insn{{opRet, 0, 0, unix.SECCOMP_RET_ALLOW}}
	if got := optimize(short); !reflect.DeepEqual(got, short) {
		t.Errorf("a program that is short already became %v", got)
	}
}
