package seccomp

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	insnSize = 8                 // sizeof(struct sock_filter)
	maxInsns = unix.BPF_MAXINSNS // of a seccomp filter; bpf(2), net/core/filter.c

	// Offsets in struct seccomp_data (seccomp(2)).
	offNr   = 0
	offArch = 4
)

// insn is an instruction of classic BPF (struct sock_filter).
type insn struct {
	code   uint16
	jt, jf uint8
	k      uint32
}

// The instructions that are written here. Jumps count from the next instruction.
const (
	opLoad = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS // A = word at k
	opRet  = unix.BPF_RET | unix.BPF_K
	opJump = unix.BPF_JMP | unix.BPF_JA
	opJeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opJgt  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K // unsigned
	opJge  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	opJset = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
)

// decode reads the array of struct sock_filter in b.
func decode(b []byte) ([]insn, error) {
	if len(b) == 0 || len(b)%insnSize != 0 {
		return nil, fmt.Errorf("libseccomp wrote a filter of %d bytes, which is no array of instructions", len(b))
	}
	prog := make([]insn, 0, len(b)/insnSize+2*len(architectures))
	for ; len(b) > 0; b = b[insnSize:] {
		prog = append(prog, insn{
			code: binary.NativeEndian.Uint16(b), jt: b[2], jf: b[3], k: binary.NativeEndian.Uint32(b[4:]),
		})
	}
	return prog, nil
}

// encode is the reverse of decode.
func encode(prog []insn) []byte {
	b := make([]byte, 0, len(prog)*insnSize)
	for _, i := range prog {
		b = binary.NativeEndian.AppendUint16(b, i.code)
		b = append(b, i.jt, i.jf)
		b = binary.NativeEndian.AppendUint32(b, i.k)
	}
	return b
}
