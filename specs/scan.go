package specs

import (
	"strconv"
	"unicode/utf8"
)

// decoder reads one JSON text (RFC 8259) from front to back. The generated
// functions in decode_gen.go drive it; nothing here uses reflection, because
// building the reflection caches of encoding/json would cost a short-lived
// process more than everything else it does with its configuration.
//
// Errors come in two kinds. A text that is not JSON stops the decoder: syntax
// is set, and every later call reports "no more". A value of the wrong type is
// put down in bad with its offset, skipped, and decoding goes on, so that all
// of them are told at once. Neither costs anything while the input is right:
// the field path and the line are worked out afterwards, from the offset.
type decoder struct {
	s     string // the whole text
	i     int    // offset of the next byte
	depth int    // open objects and arrays

	syntax   string // what is wrong with the text; "" while it is fine
	syntaxAt int    // offset of it

	bad  []misfit // at most maxProblems values that do not fit their field
	more int      // how many were found after those
}

// misfit is a well-formed value that does not fit the field it was given for.
type misfit struct {
	at      int    // offset of the value
	problem string // for example "expected string, got number"
}

// maxProblems bounds how many wrong values of one document are kept, and how
// many problems an error message has; more of them are only counted.
const maxProblems = 100

// fail stops the decoder: the text is not JSON at offset at.
func (d *decoder) fail(at int, problem string) {
	if d.syntax == "" {
		d.syntax, d.syntaxAt = problem, at
	}
	d.i = len(d.s)
}

// failHere stops the decoder at the next byte, where want was expected.
func (d *decoder) failHere(want string) {
	if d.syntax != "" {
		return
	}
	if d.i >= len(d.s) {
		d.fail(len(d.s), "unexpected end of file, expected "+want)
		return
	}
	d.fail(d.i, "unexpected "+byteName(d.s, d.i)+", expected "+want)
}

// byteName describes the character at offset i for an error message.
func byteName(s string, i int) string {
	c := s[i]
	switch {
	case c < 0x20 || c == 0x7f:
		return "byte 0x" + hex2(c)
	case c < utf8.RuneSelf:
		return strconv.QuoteRune(rune(c))
	}
	r, size := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && size <= 1 {
		return "byte 0x" + hex2(c)
	}
	return strconv.QuoteRune(r)
}

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// space skips white space.
func (d *decoder) space() {
	i := d.i
	for i < len(d.s) {
		switch d.s[i] {
		case ' ', '\n', '\t', '\r':
			i++
			continue
		}
		break
	}
	d.i = i
}

// peek skips white space and returns the next byte, 0 at the end of the text.
// (A literal NUL starts no JSON value either, so the two need no telling apart.)
func (d *decoder) peek() byte {
	d.space()
	if d.i < len(d.s) {
		return d.s[d.i]
	}
	return 0
}

// open enters an object or array whose first byte is next.
func (d *decoder) open() bool {
	if d.depth++; d.depth > MaxDepth {
		d.fail(d.i, "nested deeper than "+strconv.Itoa(MaxDepth)+" levels")
		return false
	}
	d.i++
	return true
}

// object enters an object and reports whether it has a member. A null is
// consumed and has none; any other value is noted as a misfit and skipped.
func (d *decoder) object() bool {
	if d.peek() != '{' {
		d.wrong("object")
		return false
	}
	if !d.open() {
		return false
	}
	if d.peek() == '}' {
		d.i++
		d.depth--
		return false
	}
	return true
}

// key consumes the name of a member and the colon, and leaves the decoder at
// the first byte of the value.
func (d *decoder) key() string {
	if d.peek() != '"' {
		d.failHere("a field name in double quotes")
		return ""
	}
	k := d.text()
	if d.peek() != ':' {
		d.failHere("':' after the field name")
		return ""
	}
	d.i++
	d.space()
	return k
}

// members reports whether another member follows, and consumes the comma or
// the closing brace.
func (d *decoder) members() bool {
	switch d.peek() {
	case ',':
		d.i++
		return true
	case '}':
		d.i++
		d.depth--
		return false
	}
	d.failHere("',' or '}' after a value of an object")
	return false
}

// array enters an array, of which the bracket is next, and reports whether it
// has an element.
func (d *decoder) array() bool {
	if !d.open() {
		return false
	}
	if d.peek() == ']' {
		d.i++
		d.depth--
		return false
	}
	return true
}

// elements reports whether another element follows, like members.
func (d *decoder) elements() bool {
	switch d.peek() {
	case ',':
		d.i++
		d.space()
		return true
	case ']':
		d.i++
		d.depth--
		return false
	}
	d.failHere("',' or ']' after an element of an array")
	return false
}

// literal consumes the word w, of which the first byte is known to be there.
func (d *decoder) literal(w string) bool {
	if len(d.s)-d.i >= len(w) && d.s[d.i:d.i+len(w)] == w {
		d.i += len(w)
		return true
	}
	for n := 0; n < len(w) && d.i < len(d.s) && d.s[d.i] == w[n]; n++ {
		d.i++
	}
	d.failHere(strconv.Quote(w))
	return false
}

// text consumes a string, whose opening quote is next, and returns it decoded.
// Without escapes the result shares the document's memory.
func (d *decoder) text() string {
	start := d.i + 1
	ascii := true
	for i := start; i < len(d.s); i++ {
		switch c := d.s[i]; {
		case c == '"':
			d.i = i + 1
			return d.checked(start, d.s[start:i], ascii)
		case c == '\\':
			return d.escaped(start, i)
		case c < 0x20:
			d.fail(i, "unescaped control byte 0x"+hex2(c)+" in a string")
			return ""
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	d.fail(len(d.s), "unexpected end of file inside a string")
	return ""
}

// checked returns raw, the text at offset at, if it is valid UTF-8.
func (d *decoder) checked(at int, raw string, ascii bool) string {
	if ascii || utf8.ValidString(raw) {
		return raw
	}
	bad := 0
	for {
		r, size := utf8.DecodeRuneInString(raw[bad:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		bad += size
	}
	d.fail(at+bad, "invalid UTF-8 in a string, byte 0x"+hex2(raw[bad]))
	return ""
}

// escaped is text for a string that starts at start and has its first
// backslash at i.
func (d *decoder) escaped(start, i int) string {
	out := make([]byte, 0, i-start+32)
	for from := start; ; {
		for i < len(d.s) && d.s[i] != '"' && d.s[i] != '\\' && d.s[i] >= 0x20 {
			i++
		}
		if i >= len(d.s) {
			break
		}
		d.checked(from, d.s[from:i], false)
		if d.syntax != "" {
			return ""
		}
		out = append(out, d.s[from:i]...)
		switch d.s[i] {
		case '"':
			d.i = i + 1
			return string(out)
		case '\\':
			if out, i = d.escape(out, i); d.syntax != "" {
				return ""
			}
			from = i
		default:
			d.fail(i, "unescaped control byte 0x"+hex2(d.s[i])+" in a string")
			return ""
		}
	}
	d.fail(len(d.s), "unexpected end of file inside a string")
	return ""
}

// escape appends the character that the escape sequence at i stands for, and
// returns the offset behind the sequence.
func (d *decoder) escape(out []byte, i int) ([]byte, int) {
	if i+1 >= len(d.s) {
		d.fail(len(d.s), "unexpected end of file inside a string")
		return out, i
	}
	switch c := d.s[i+1]; c {
	case '"', '\\', '/':
		return append(out, c), i + 2
	case 'b':
		return append(out, '\b'), i + 2
	case 'f':
		return append(out, '\f'), i + 2
	case 'n':
		return append(out, '\n'), i + 2
	case 'r':
		return append(out, '\r'), i + 2
	case 't':
		return append(out, '\t'), i + 2
	case 'u':
		return d.unicode(out, i)
	}
	d.fail(i, "unknown escape sequence in a string: \\ before "+byteName(d.s, i+1))
	return out, i
}

// unicode is escape for \uXXXX, surrogate pairs included. Half a pair stands
// for no character, so it is an error rather than a replacement character.
func (d *decoder) unicode(out []byte, i int) ([]byte, int) {
	r, ok := d.hex4(i)
	if !ok {
		return out, i
	}
	if r < 0xd800 || r > 0xdfff {
		return utf8.AppendRune(out, r), i + 6
	}
	if r < 0xdc00 && i+7 < len(d.s) && d.s[i+6] == '\\' && d.s[i+7] == 'u' {
		low, ok := d.hex4(i + 6)
		if !ok {
			return out, i
		}
		if low >= 0xdc00 && low <= 0xdfff {
			return utf8.AppendRune(out, 0x10000+(r-0xd800)<<10+(low-0xdc00)), i + 12
		}
	}
	d.fail(i, "half a surrogate pair in a string: "+d.s[i:i+6])
	return out, i
}

// hex4 reads the four digits of the \u sequence at i.
func (d *decoder) hex4(i int) (rune, bool) {
	if i+6 > len(d.s) {
		d.fail(len(d.s), "unexpected end of file inside a string")
		return 0, false
	}
	var r rune
	for _, c := range []byte(d.s[i+2 : i+6]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			d.fail(i, "bad \\u escape sequence in a string: expected four hexadecimal digits")
			return 0, false
		}
	}
	return r, true
}

// number consumes a number and returns its text; the next byte is a digit or
// a minus sign.
func (d *decoder) number() string {
	start := d.i
	if d.s[d.i] == '-' {
		d.i++
	}
	switch {
	case d.i < len(d.s) && d.s[d.i] == '0':
		d.i++
	case !d.digits():
		return ""
	}
	if d.i < len(d.s) && d.s[d.i] == '.' {
		d.i++
		if !d.digits() {
			return ""
		}
	}
	if d.i < len(d.s) && (d.s[d.i] == 'e' || d.s[d.i] == 'E') {
		d.i++
		if d.i < len(d.s) && (d.s[d.i] == '+' || d.s[d.i] == '-') {
			d.i++
		}
		if !d.digits() {
			return ""
		}
	}
	return d.s[start:d.i]
}

// digits consumes at least one decimal digit.
func (d *decoder) digits() bool {
	start := d.i
	for d.i < len(d.s) && d.s[d.i]-'0' <= 9 {
		d.i++
	}
	if d.i == start {
		d.failHere("a digit")
		return false
	}
	return true
}

// skip consumes the next value whatever it is.
func (d *decoder) skip() {
	switch c := d.peek(); {
	case c == '{':
		for ok := d.object(); ok; ok = d.members() {
			d.key()
			d.skip()
		}
	case c == '[':
		for ok := d.array(); ok; ok = d.elements() {
			d.skip()
		}
	case c == '"':
		d.text()
	case c == '-' || c-'0' <= 9:
		d.number()
	case c == 't':
		d.literal("true")
	case c == 'f':
		d.literal("false")
	case c == 'n':
		d.literal("null")
	default:
		d.failHere("a value")
	}
}
