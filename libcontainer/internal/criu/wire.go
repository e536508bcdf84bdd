package criu

import (
	"encoding/binary"
	"errors"
)

// Wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

var errTruncated = errors.New("truncated message")

// message is a protocol buffer that is being written. Fields with the zero value are left out, as CRIU's defaults are zero where
// nothing else is said.
type message []byte

func (m *message) uint(field int, v uint64) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|wireVarint)
	*m = binary.AppendUvarint(*m, v)
}

// int writes an int32: negative values are sign-extended to 64 bits.
func (m *message) int(field int, v int) { m.uint(field, uint64(int64(v))) }

func (m *message) bool(field int, v bool) {
	if v {
		m.uint(field, 1)
	}
}

func (m *message) bytes(field int, b []byte) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|wireBytes)
	*m = binary.AppendUvarint(*m, uint64(len(b)))
	*m = append(*m, b...)
}

func (m *message) string(field int, s string) {
	if s != "" {
		m.bytes(field, []byte(s))
	}
}

func (m *message) strings(field int, list []string) {
	for _, s := range list {
		m.bytes(field, []byte(s))
	}
}

// fields calls f for each field of an encoded message: with the number, or with the bytes of a string or an inner message.
func fields(b []byte, f func(field int, n uint64, content []byte) error) error {
	for len(b) > 0 {
		tag, size := binary.Uvarint(b)
		if size <= 0 {
			return errTruncated
		}
		b = b[size:]
		var n uint64
		var content []byte
		switch tag & 7 {
		case wireVarint:
			if n, size = binary.Uvarint(b); size <= 0 {
				return errTruncated
			}
			b = b[size:]
		case wireBytes:
			length, size := binary.Uvarint(b)
			if size <= 0 || length > uint64(len(b)-size) {
				return errTruncated
			}
			content = b[size : size+int(length)]
			b = b[size+int(length):]
		case wireFixed64, wireFixed32:
			size := 8
			if tag&7 == wireFixed32 {
				size = 4
			}
			if len(b) < size {
				return errTruncated
			}
			b = b[size:]
		default:
			return errors.New("unknown wire type in a message")
		}
		if err := f(int(tag>>3), n, content); err != nil {
			return err
		}
	}
	return nil
}
