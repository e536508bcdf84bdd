package nsenter

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errMalformed = errors.New("malformed plan")

// decoder reads one record back. The init has its own decoder in C; this one exists so that tests can hold the encoder to the
// identity, and so that a dumped plan can be read.
type decoder struct {
	rec  []byte
	pool []byte
	err  error
}

func (d *decoder) u64() uint64 {
	if len(d.rec) < 8 {
		d.err = errMalformed
		return 0
	}
	v := binary.LittleEndian.Uint64(d.rec)
	d.rec = d.rec[8:]
	return v
}

func (d *decoder) u32() uint32 { return uint32(d.u64()) }
func (d *decoder) slot() Slot  { return Slot(int64(d.u64())) }

func (d *decoder) bytes(ref uint64, size uint64) []byte {
	off, n := ref&0xffffffff, (ref>>32)*size
	if off+n > uint64(len(d.pool)) {
		d.err = errMalformed
		return nil
	}
	return d.pool[off : off+n]
}

func (d *decoder) str() string { return string(d.bytes(d.u64(), 1)) }

func (d *decoder) blob() []byte {
	b := d.bytes(d.u64(), 1)
	if len(b) == 0 {
		return nil
	}
	return b
}

func (d *decoder) strs() []string {
	var out []string
	for refs := d.bytes(d.u64(), 8); len(refs) > 0; refs = refs[8:] {
		out = append(out, string(d.bytes(binary.LittleEndian.Uint64(refs), 1)))
	}
	return out
}

func (d *decoder) u32s() []uint32 {
	var out []uint32
	for b := d.bytes(d.u64(), 4); len(b) > 0; b = b[4:] {
		out = append(out, binary.LittleEndian.Uint32(b))
	}
	return out
}

// decodePlan reads the init items of an encoded plan: operations and flags, without the reasons.
func decodePlan(b []byte) ([]Item, error) {
	if len(b) < headerSize || binary.LittleEndian.Uint32(b) != planMagic || string(b[8:40]) != tableHash {
		return nil, errMalformed
	}
	n, nslots := binary.LittleEndian.Uint32(b[40:]), uint64(binary.LittleEndian.Uint32(b[44:]))
	start := headerSize + (nslots*4+7)&^7
	mid := start + uint64(binary.LittleEndian.Uint32(b[48:]))
	if mid > uint64(len(b)) {
		return nil, errMalformed
	}
	rec, pool := b[start:mid], b[mid:]
	if uint64(n)*recordSize > uint64(len(rec)) {
		return nil, errMalformed
	}
	items := make([]Item, 0, n)
	for range n {
		it, size, err := decodeRecord(rec, pool)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
		rec = rec[size:]
	}
	return items, nil
}

func decodeRecord(rec, pool []byte) (Item, uint32, error) {
	if len(rec) < recordSize {
		return Item{}, 0, errMalformed
	}
	code, size := binary.LittleEndian.Uint16(rec), binary.LittleEndian.Uint32(rec[4:])
	op := newInitOp(code)
	if op == nil || size < recordSize || uint64(size) > uint64(len(rec)) {
		return Item{}, 0, fmt.Errorf("%w: operation %d", errMalformed, code)
	}
	d := &decoder{rec: rec[recordSize:size], pool: pool}
	op.decode(d)
	if d.err != nil {
		return Item{}, 0, d.err
	}
	return Item{Op: op.value(), Flags: binary.LittleEndian.Uint16(rec[2:])}, size, nil
}
