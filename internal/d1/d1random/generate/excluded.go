package generate

// What differs from SQLite, and is left out of the programs; docs/d1.md explains each.
const (
	// largeFloat keeps whole reals so small that they look like integers: D1 does not tell the two apart.
	largeFloat = 48
	// equalDistances is whether two distances are compared: the last digit of a sine is the C library's.
	equalDistances = false
	// atomicOutside is whether several statements in one Exec may stand outside of a transaction: there D1 stores all of them,
	// or none.
	atomicOutside = false
)
