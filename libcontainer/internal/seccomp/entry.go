package seccomp

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// entry is what the cache stores for a profile.
type entry struct {
	program  Program
	warnings []Warning
}

// An entry's file, numbers in the machine's byte order:
//
//	magic     8 bytes, with the version of the format
//	sum       SHA-256 of everything behind it
//	key       the digest, so that a file under a wrong name is noticed
//	flags     8 bytes
//	listener  1 byte, 0 or 1
//	filter    4 bytes length, then the instructions
//	warnings  4 bytes number; each: routine 1 byte, field and text with 4 bytes length before them
const (
	magic     = "mrbpf\x00\x00" + string(rune(formatVersion))
	sumStart  = len(magic)
	bodyStart = sumStart + sha256.Size
)

func encodeEntry(e *entry, key digest) []byte {
	b := make([]byte, bodyStart, bodyStart+len(e.program.Filter)+1024)
	copy(b, magic)
	b = append(b, key[:]...)
	b = binary.NativeEndian.AppendUint64(b, e.program.Flags)
	b = appendBool(b, e.program.Listener)
	b = appendBytes(b, e.program.Filter)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(e.warnings)))
	for _, w := range e.warnings {
		b = appendBool(b, w.Routine)
		b = appendBytes(b, []byte(w.Field))
		b = appendBytes(b, []byte(w.Text))
	}
	sum := sha256.Sum256(b[bodyStart:])
	copy(b[sumStart:], sum[:])
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendBytes(b, v []byte) []byte {
	return append(binary.NativeEndian.AppendUint32(b, uint32(len(v))), v...)
}

// decodeEntry is the reverse of encodeEntry. It accepts nothing but what that writes for this key.
func decodeEntry(b []byte, key digest) (*entry, bool) {
	if len(b) < bodyStart || string(b[:sumStart]) != magic {
		return nil, false
	}
	if sum := sha256.Sum256(b[bodyStart:]); !bytes.Equal(sum[:], b[sumStart:bodyStart]) {
		return nil, false
	}
	r := entryReader{b: b[bodyStart:]}
	if !bytes.Equal(r.take(len(key)), key[:]) {
		return nil, false
	}
	e := &entry{}
	if flags := r.take(8); flags != nil {
		e.program.Flags = binary.NativeEndian.Uint64(flags)
	}
	e.program.Listener = r.bool()
	e.program.Filter = r.bytes()
	for n := r.length(); n > 0 && !r.bad; n-- {
		w := Warning{Routine: r.bool()}
		w.Field, w.Text = string(r.bytes()), string(r.bytes())
		e.warnings = append(e.warnings, w)
	}
	n := len(e.program.Filter)
	if r.bad || len(r.b) > 0 || n == 0 || n%insnSize != 0 || n/insnSize > maxInsns {
		return nil, false
	}
	return e, true
}

// entryReader takes values from the front of b. After one that is not there, everything is empty.
type entryReader struct {
	b   []byte
	bad bool
}

func (r *entryReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *entryReader) bool() bool {
	v := r.take(1)
	if v == nil || v[0] > 1 {
		r.bad = true
		return false
	}
	return v[0] == 1
}

func (r *entryReader) length() int {
	v := r.take(4)
	if v == nil {
		return 0
	}
	return int(binary.NativeEndian.Uint32(v))
}

func (r *entryReader) bytes() []byte { return r.take(r.length()) }
