// Package wire is the packed form in which Go and the Worker's JavaScript hand each other values: one buffer a crossing.
//
// A buffer is a plain sequence without tags or padding; both sides know its layout:
//
//	u8      one byte
//	u32     four bytes, little endian
//	f64     eight bytes, little endian, IEEE 754
//	bytes   u32 length, then that many bytes
//	string  bytes that are UTF-8
//
// wire.mjs is the same for JavaScript.
package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"unsafe"
)

// ErrShort is the error of a Reader that was asked for more than its buffer holds.
var ErrShort = errors.New("wire: buffer too short")

// AppendU32 appends v.
func AppendU32(b []byte, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(b, v)
}

// AppendF64 appends v.
func AppendF64(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

// AppendString appends the length of s and s.
func AppendString(b []byte, s string) []byte {
	return append(AppendU32(b, uint32(len(s))), s...)
}

// AppendBytes appends the length of p and p.
func AppendBytes(b, p []byte) []byte {
	return append(AppendU32(b, uint32(len(p))), p...)
}

// Reader reads a buffer from its start.
//
// A read past the end returns a zero value and sets Err to ErrShort, so a caller checks once, after the last read.
type Reader struct {
	Err error

	text string // the buffer; strings that are read share its memory
	pos  int
}

// NewReader reads b, which must not be changed from now on: strings that are read are parts of it.
func NewReader(b []byte) *Reader {
	return &Reader{text: unsafe.String(unsafe.SliceData(b), len(b))}
}

func (r *Reader) take(n int) string {
	if n < 0 || n > len(r.text)-r.pos {
		r.Err = ErrShort
		r.pos = len(r.text)
		return ""
	}
	s := r.text[r.pos : r.pos+n]
	r.pos += n
	return s
}

// Len is the number of bytes that are left.
func (r *Reader) Len() int { return len(r.text) - r.pos }

// U8 reads one byte.
func (r *Reader) U8() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

// U32 reads an unsigned 32-bit integer.
func (r *Reader) U32() uint32 {
	s := r.take(4)
	if s == "" {
		return 0
	}
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// F64 reads a double.
func (r *Reader) F64() float64 {
	low := r.U32()
	return math.Float64frombits(uint64(low) | uint64(r.U32())<<32)
}

// String reads a string. It shares the buffer's memory.
func (r *Reader) String() string { return r.take(int(r.U32())) }

// Bytes reads bytes into a slice of their own.
func (r *Reader) Bytes() []byte { return []byte(r.String()) }

// Rest reads all that is left. It shares the buffer's memory.
func (r *Reader) Rest() string { return r.take(r.Len()) }
