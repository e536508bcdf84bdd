package seccomp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// callData is struct seccomp_data: what a filter sees of a system call.
type callData struct {
	nr   uint32
	arch uint32
	ip   uint64
	args [maxArgs]uint64
}

// words returns the data as a filter addresses it.
func (d *callData) words() []byte {
	b := binary.NativeEndian.AppendUint32(nil, d.nr)
	b = binary.NativeEndian.AppendUint32(b, d.arch)
	b = binary.NativeEndian.AppendUint64(b, d.ip)
	for _, a := range d.args {
		b = binary.NativeEndian.AppendUint64(b, a)
	}
	return b
}

// run evaluates a filter as the kernel would (seccomp_check_filter says what may be in one), and returns the action and the number of
// instructions that were executed.
func run(prog []insn, d *callData) (ret uint32, steps int, err error) {
	var a, x uint32
	var scratch [16]uint32
	data := d.words()
	for pc := 0; pc < len(prog); pc++ {
		steps++
		i := prog[pc]
		test := func(yes bool) {
			if yes {
				pc += int(i.jt)
			} else {
				pc += int(i.jf)
			}
		}
		switch i.code {
		case opLoad:
			if i.k%4 != 0 || int(i.k) >= len(data) {
				return 0, 0, fmt.Errorf("%d: load from %d", pc, i.k)
			}
			a = binary.NativeEndian.Uint32(data[i.k:])
		case unix.BPF_LD | unix.BPF_IMM:
			a = i.k
		case unix.BPF_LD | unix.BPF_MEM:
			a = scratch[i.k]
		case unix.BPF_ST:
			scratch[i.k] = a
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
		case unix.BPF_MISC | unix.BPF_TXA:
			a = x
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.k
		case opJump:
			pc += int(i.k)
		case opJeq:
			test(a == i.k)
		case opJgt:
			test(a > i.k)
		case opJge:
			test(a >= i.k)
		case opJset:
			test(a&i.k != 0)
		case opRet:
			return i.k, steps, nil
		default:
			return 0, 0, fmt.Errorf("%d: unexpected instruction %#x", pc, i.code)
		}
	}
	return 0, 0, fmt.Errorf("the filter of %d instructions has no end", len(prog))
}

// mustDecode returns the instructions of a program.
func mustDecode(t testing.TB, filter []byte) []insn {
	t.Helper()
	prog, err := decode(filter)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

// mustRun runs a filter that must have an answer.
func mustRun(t testing.TB, prog []insn, d *callData) uint32 {
	t.Helper()
	ret, _, err := run(prog, d)
	if err != nil {
		t.Fatalf("nr %d arch %#x: %v", d.nr, d.arch, err)
	}
	return ret
}

func TestEncodeIsTheReverseOfDecode(t *testing.T) {
	prog := []insn{{opLoad, 0, 0, 4}, {opJeq, 1, 255, 0xc000003e}, {opRet, 0, 0, 0x7fff0000}}
	b := encode(prog)
	if len(b) != len(prog)*insnSize {
		t.Fatalf("%d bytes for %d instructions", len(b), len(prog))
	}
	if again := encode(mustDecode(t, b)); !bytes.Equal(b, again) {
		t.Errorf("got % x, want % x", again, b)
	}
	for _, bad := range [][]byte{nil, b[:1], b[:len(b)-1]} {
		if _, err := decode(bad); err == nil {
			t.Errorf("%d bytes are accepted", len(bad))
		}
	}
}
