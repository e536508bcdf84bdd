package nsenter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The encoding, all little-endian:
//
//	header    64 bytes, see headerSize
//	slots     nslots × i32: the descriptor number that each slot has at the start, -1 for empty; padded to 8
//	records   one per init item: u16 code, u16 flags, u32 size, u32 index in the plan, u32 zero, then 8 bytes a field
//	pool      strings with their NUL, blobs, lists (8-aligned); references are (u32 offset in the pool, u32 length)
//
// A list of strings is referenced by (offset, count) and consists of count references.
const (
	planMagic  = 0x314c504d // "MPL1"
	headerSize = 64
	recordSize = 16
	// maxPlan bounds what Encode makes and init maps, in bytes: no real config comes near it.
	maxPlan = 32 << 20
)

var (
	errPlanSize = errors.New("plan is too large")
	errNUL      = errors.New("a string holds a NUL byte")
	errSlot     = errors.New("slot out of range")
	errSlots    = fmt.Errorf("more than the %d descriptors that a plan can have (sources of mounts, most likely)", MaxSlots)
)

type encoder struct {
	rec  []byte
	pool []byte
	seen map[string]uint32 // offsets of strings that are in the pool already
	err  error
}

func (e *encoder) u64(v uint64)  { e.rec = binary.LittleEndian.AppendUint64(e.rec, v) }
func (e *encoder) u32(v uint32)  { e.u64(uint64(v)) }
func (e *encoder) str(s string)  { e.u64(e.ref(s)) }
func (e *encoder) blob(b []byte) { e.u64(e.raw(b)) }

func (e *encoder) slot(s Slot) {
	switch {
	case s < NoSlot:
		e.err = errSlot
	case s >= MaxSlots:
		e.err = errSlots
	}
	e.u64(uint64(int64(s)))
}

// ref puts s and its NUL into the pool, once for equal strings.
func (e *encoder) ref(s string) uint64 {
	if strings.IndexByte(s, 0) >= 0 {
		e.err = errNUL
	}
	off, ok := e.seen[s]
	if !ok {
		off = uint32(len(e.pool))
		e.pool = append(append(e.pool, s...), 0)
		e.seen[s] = off
	}
	return uint64(off) | uint64(len(s))<<32
}

func (e *encoder) align() {
	for len(e.pool)%8 != 0 {
		e.pool = append(e.pool, 0)
	}
}

func (e *encoder) raw(b []byte) uint64 {
	e.align()
	off := len(e.pool)
	e.pool = append(e.pool, b...)
	return uint64(off) | uint64(len(b))<<32
}

func (e *encoder) strs(v []string) {
	refs := make([]byte, 0, 8*len(v))
	for _, s := range v {
		refs = binary.LittleEndian.AppendUint64(refs, e.ref(s))
	}
	e.list(e.raw(refs), len(v))
}

// list writes a reference whose length counts entries instead of bytes.
func (e *encoder) list(ref uint64, n int) { e.u64(ref&0xffffffff | uint64(n)<<32) }

func (e *encoder) u32s(v []uint32) {
	b := make([]byte, 0, 4*len(v))
	for _, n := range v {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	e.list(e.raw(b), len(v))
}

// header is what init must know before the first record.
type header struct {
	syncFD int32 // the socket to the host side
	exeFD  int32 // init's own executable, closed at once
	slots  []int32
}

// encode returns the bytes that init maps. It fails only for plans that no compiler of this module makes: a NUL byte in a
// string, a slot out of range, more than 32 MiB.
func (p *Plan) encode(h header) ([]byte, error) {
	// Room for what most plans take, so that nothing grows on the way.
	e := &encoder{rec: make([]byte, 0, 64*len(p.Items)), pool: make([]byte, 0, 64*len(p.Items)), seen: make(map[string]uint32, 2*len(p.Items))}
	n := 0
	for i, it := range p.Items {
		op, ok := it.Op.(InitOp)
		if !ok {
			continue
		}
		start := len(e.rec)
		e.rec = append(e.rec, make([]byte, recordSize)...)
		op.encode(e)
		if e.err != nil {
			return nil, fmt.Errorf("%s: %s: %w", it.Because, op.OpName(), e.err)
		}
		r := e.rec[start:]
		binary.LittleEndian.PutUint16(r[0:], op.code())
		binary.LittleEndian.PutUint16(r[2:], it.Flags)
		binary.LittleEndian.PutUint32(r[4:], uint32(len(r)))
		binary.LittleEndian.PutUint32(r[8:], uint32(i))
		n++
	}
	return e.assemble(h, n)
}

func (e *encoder) assemble(h header, n int) ([]byte, error) {
	if len(h.slots) > MaxSlots {
		return nil, errSlots
	}
	slots := make([]byte, 0, 4*len(h.slots)+4)
	for _, fd := range h.slots {
		slots = binary.LittleEndian.AppendUint32(slots, uint32(fd))
	}
	for len(slots)%8 != 0 {
		slots = append(slots, 0)
	}
	size := headerSize + len(slots) + len(e.rec) + len(e.pool)
	if size > maxPlan {
		return nil, errPlanSize
	}
	out := make([]byte, 0, size)
	out = binary.LittleEndian.AppendUint32(out, planMagic)
	out = binary.LittleEndian.AppendUint32(out, uint32(size))
	out = append(out, tableHash...)
	out = binary.LittleEndian.AppendUint32(out, uint32(n))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(h.slots)))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(e.rec)))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(e.pool)))
	out = binary.LittleEndian.AppendUint32(out, uint32(h.syncFD))
	out = binary.LittleEndian.AppendUint32(out, uint32(h.exeFD))
	out = append(out, slots...)
	out = append(out, e.rec...)
	return append(out, e.pool...), nil
}
