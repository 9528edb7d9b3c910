package generate

import "strings"

// What differs from SQLite, or from one SQLite to the next, and is left out of the programs; docs/d1.md explains each. Beside
// these, no text and no number gives an infinite REAL, which a NUMERIC column does not tell outside of a transaction.
const (
	// equalDistances is whether two distances are compared: the last digit of a sine is the C library's.
	equalDistances = false
	// atomicOutside is whether several statements in one Exec may stand outside of a transaction: there D1 stores all of them,
	// or none.
	atomicOutside = false
)

// typesAreTold is whether the columns of a query have the declared types that SQLite tells: what a view computes may have one more.
func typesAreTold(sql string) bool {
	return strings.HasPrefix(sql, "SELECT") && !strings.Contains(sql, anything) && !strings.Contains(sql, "`v")
}
