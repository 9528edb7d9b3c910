package wire

import "unsafe"

// unsafeString views b as a string without a copy; b must not change while the string lives.
func unsafeString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}
