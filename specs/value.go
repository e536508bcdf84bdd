package specs

import (
	"strconv"
	"strings"
)

// This file turns JSON values into the field types of the specification. Each
// method consumes one value, at whose first byte the decoder stands: key, array
// and elements have skipped the white space. When the value does not fit the type, it is noted as a
// misfit, and the field keeps what it had.

// wrong consumes a value where one of type want was expected. A null is taken
// as "not set", as everywhere in the specification's documents; other values
// are misfits.
func (d *decoder) wrong(want string) {
	if d.peek() == 'n' {
		d.literal("null")
		return
	}
	d.misfit(want)
}

// misfit notes the next value as not being a want, and skips it.
func (d *decoder) misfit(want string) {
	got := kindName(d.peek())
	at := d.i
	if d.skip(); d.syntax == "" {
		d.note(at, "expected "+want+", got "+got)
	}
}

// note records a problem with the value at offset at.
func (d *decoder) note(at int, problem string) {
	if len(d.bad) >= maxProblems {
		d.more++
		return
	}
	d.bad = append(d.bad, misfit{at, problem})
}

// kindName names the JSON type of a value by its first byte.
func kindName(c byte) string {
	switch c {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// once notes a field that its object has more than once. Which of the two
// would count differs between parsers, so two are an error.
func (d *decoder) once(seen *uint64, bit uint) {
	if *seen&(1<<bit) != 0 {
		d.note(d.i, "given more than once in the same object")
	}
	*seen |= 1 << bit
}

// present reports whether the next value is something else than null, and
// consumes it if it is null.
func (d *decoder) present() bool {
	if d.peek() != 'n' {
		return d.syntax == ""
	}
	d.literal("null")
	return false
}

// str consumes a string.
func (d *decoder) str() (string, bool) {
	if d.peek() != '"' {
		d.wrong("string")
		return "", false
	}
	s := d.text()
	return s, d.syntax == ""
}

// boolean consumes true or false.
func (d *decoder) boolean() (v, ok bool) {
	switch d.peek() {
	case 't':
		return true, d.literal("true")
	case 'f':
		return false, d.literal("false")
	}
	d.wrong("boolean")
	return false, false
}

// integer consumes a number and returns its sign and magnitude. Its range is
// checked by the callers; what does not even fit 64 bits has ok false and fits
// false.
func (d *decoder) integer() (neg bool, mag uint64, fits, ok bool) {
	c := d.peek()
	if c != '-' && c-'0' > 9 {
		d.wrong("integer")
		return false, 0, false, false
	}
	at := d.i
	t := d.number()
	if d.syntax != "" {
		return false, 0, false, false
	}
	if neg = t[0] == '-'; neg {
		t = t[1:]
	}
	for _, c := range []byte(t) {
		if c-'0' > 9 {
			d.note(at, "expected integer, got "+clip(d.s[at:d.i]))
			return false, 0, false, false
		}
		v := uint64(c - '0')
		if mag > (1<<64-1-v)/10 {
			return neg, 0, false, true
		}
		mag = mag*10 + v
	}
	return neg, mag, true, true
}

// int consumes an integer of a signed field of the given size.
func (d *decoder) int(bits uint) (int64, bool) {
	at := d.i
	neg, mag, fits, ok := d.integer()
	if !ok {
		return 0, false
	}
	limit := uint64(1)<<(bits-1) - 1
	switch {
	case fits && !neg && mag <= limit:
		return int64(mag), true
	case fits && neg && mag <= limit+1:
		return -int64(mag), true
	}
	d.note(at, clip(d.s[at:d.i])+" is out of range, must be -"+
		strconv.FormatUint(limit+1, 10)+" to "+strconv.FormatUint(limit, 10))
	return 0, false
}

// uint consumes an integer of an unsigned field of the given size.
func (d *decoder) uint(bits uint) (uint64, bool) {
	at := d.i
	neg, mag, fits, ok := d.integer()
	if !ok {
		return 0, false
	}
	limit := ^uint64(0) >> (64 - bits)
	if fits && !neg && mag <= limit {
		return mag, true
	}
	d.note(at, clip(d.s[at:d.i])+" is out of range, must be 0 to "+strconv.FormatUint(limit, 10))
	return 0, false
}

// clip shortens the text of a number for a message.
func clip(s string) string {
	const keep = 40
	if len(s) > keep {
		return s[:keep] + "..."
	}
	return s
}

// stringArray consumes an array of strings into v.
func stringArray[T ~string](d *decoder, v *[]T) {
	if d.peek() != '[' {
		d.wrong("array")
		return
	}
	out := make([]T, 0, d.countStrings())
	for ok := d.array(); ok; ok = d.elements() {
		if d.peek() != '"' {
			d.misfit("string")
			continue
		}
		out = append(out, T(d.text()))
	}
	*v = out
}

// countStrings returns how many strings the array has of which the bracket is
// next. It is only a hint for the memory to take: escaped quotes are counted
// as well. Seccomp profiles have hundreds of names in one array, and each page
// of memory that is touched for the first time costs as much as reading them.
func (d *decoder) countStrings() int {
	n := 0
	for i := d.i + 1; i < len(d.s) && d.s[i] != ']'; i++ {
		if d.s[i] != '"' {
			continue
		}
		n++
		end := strings.IndexByte(d.s[i+1:], '"')
		if end < 0 {
			break
		}
		i += 1 + end
	}
	return n
}

// uint32Array consumes an array of integers into v.
func uint32Array(d *decoder, v *[]uint32) {
	if d.peek() != '[' {
		d.wrong("array")
		return
	}
	out := []uint32{}
	for ok := d.array(); ok; ok = d.elements() {
		if d.peek() == 'n' {
			d.misfit("integer")
		} else if n, ok := d.uint(32); ok {
			out = append(out, uint32(n))
		}
	}
	*v = out
}

// objectArray consumes an array of objects into v, each by decode.
func objectArray[T any](d *decoder, v *[]T, decode func(*decoder, *T)) {
	if d.peek() != '[' {
		d.wrong("array")
		return
	}
	out := []T{}
	for ok := d.array(); ok; ok = d.elements() {
		if d.peek() != '{' {
			d.misfit("object")
			continue
		}
		var zero T
		out = append(out, zero)
		decode(d, &out[len(out)-1])
	}
	*v = out
}

// stringMap consumes an object of strings into v.
func stringMap(d *decoder, v *map[string]string) {
	if d.peek() != '{' {
		d.wrong("object")
		return
	}
	out := map[string]string{}
	for ok := d.object(); ok; ok = d.members() {
		k := d.key()
		mapOnce(d, out, k)
		if d.peek() != '"' {
			d.misfit("string")
			continue
		}
		out[k] = d.text()
	}
	*v = out
}

// objectMap consumes an object of objects into v, each by decode.
func objectMap[T any](d *decoder, v *map[string]T, decode func(*decoder, *T)) {
	if d.peek() != '{' {
		d.wrong("object")
		return
	}
	out := map[string]T{}
	for ok := d.object(); ok; ok = d.members() {
		k := d.key()
		mapOnce(d, out, k)
		if d.peek() != '{' {
			d.misfit("object")
			continue
		}
		var one T
		decode(d, &one)
		out[k] = one
	}
	*v = out
}

// mapOnce is once for the free keys of a map.
func mapOnce[T any](d *decoder, m map[string]T, k string) {
	if _, twice := m[k]; twice && d.syntax == "" {
		d.note(d.i, "given more than once in the same object")
	}
}

// any consumes a value of no fixed type, into the types that encoding/json
// chooses for an empty interface.
func (d *decoder) any() any {
	switch c := d.peek(); {
	case c == '{':
		out := map[string]any{}
		for ok := d.object(); ok; ok = d.members() {
			k := d.key()
			mapOnce(d, out, k)
			out[k] = d.any()
		}
		return out
	case c == '[':
		out := []any{}
		for ok := d.array(); ok; ok = d.elements() {
			out = append(out, d.any())
		}
		return out
	case c == '"':
		// The copy keeps a document from living as long as one opaque value.
		return strings.Clone(d.text())
	case c == '-' || c-'0' <= 9:
		at := d.i
		f, err := strconv.ParseFloat(d.number(), 64)
		if err != nil && d.syntax == "" {
			d.note(at, clip(d.s[at:d.i])+" is out of range")
		}
		return f
	case c == 't' || c == 'f':
		v, _ := d.boolean()
		return v
	}
	d.skip()
	return nil
}
