package wire

import (
	"math"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	b := []byte{7}
	b = AppendU32(b, math.MaxUint32)
	b = AppendF64(b, -0.1)
	b = AppendString(b, "héllo\x00")
	b = AppendBytes(b, []byte{0, 255})
	b = append(b, "rest"...)

	r := NewReader(b)
	if v := r.U8(); v != 7 {
		t.Errorf("U8: %d", v)
	}
	if v := r.U32(); v != math.MaxUint32 {
		t.Errorf("U32: %d", v)
	}
	if v := r.F64(); v != -0.1 {
		t.Errorf("F64: %v", v)
	}
	if v := r.String(); v != "héllo\x00" {
		t.Errorf("String: %q", v)
	}
	if v := r.Bytes(); string(v) != "\x00\xff" {
		t.Errorf("Bytes: %q", v)
	}
	if v := r.Rest(); v != "rest" || r.Len() != 0 || r.Err != nil {
		t.Errorf("Rest: %q, %d left, %v", v, r.Len(), r.Err)
	}
}

func TestShortBuffer(t *testing.T) {
	whole := AppendString(AppendF64([]byte{1}, 5), "abc")
	for n := range whole {
		r := NewReader(whole[:n])
		r.U8()
		r.F64()
		if s := r.String(); s != "" || r.Err != ErrShort {
			t.Errorf("%d bytes: %q, %v", n, s, r.Err)
		}
	}
	if r := NewReader(AppendU32(nil, math.MaxUint32)); r.String() != "" || r.Err != ErrShort {
		t.Error("a length past the end was believed")
	}
}
