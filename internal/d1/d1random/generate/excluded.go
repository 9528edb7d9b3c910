package generate

// What differs from SQLite, and is left out of the programs; docs/d1.md explains each.
const (
	// longText keeps texts so short that D1 takes them as patterns of LIKE.
	longText = 4
	// largeFloat keeps whole reals so small that they look like integers: D1 does not tell the two apart.
	largeFloat = 48
	// patternsOfColumns is whether a filter's ~ may compare with another field, whose text D1 may not take as a pattern.
	patternsOfColumns = false
	// equalDistances is whether two distances are compared: the last digit of a sine is the C library's.
	equalDistances = false
	// atomicOutside is whether several statements in one Exec may stand outside of a transaction: there D1 stores all of them,
	// or none.
	atomicOutside = false
)
