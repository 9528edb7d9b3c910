package d1

import (
	"hash/maphash"
	"strings"
)

// A read that travels with others comes back without the names of its columns, if it has no rows: D1's batch() gives rows as objects.
// So reads.mjs remembers the columns of a query by its shape, a number that queries share which have the same columns.

// shapeSeed makes the numbers of another program others.
var shapeSeed = maphash.MakeSeed()

// shapeBits is how many bits of a shape a JavaScript number keeps.
const shapeBits = 53

// shapeOf is a number for what gives a query its columns, the head of its text with the parameters as they are written. It is odd.
func shapeOf(head string) uint64 {
	return maphash.String(shapeSeed, head)>>(64-shapeBits) | 1
}

// typedShape is the shape of a query of that shape whose answer tells types. It is even, and 0, which is no shape, in one of 2^52.
func typedShape(shape uint64) uint64 { return (shape + 1) & (1<<shapeBits - 1) }

// withoutPage takes LIMIT 30 OFFSET 60 from the end of a query.
func withoutPage(text string) string {
	for _, keyword := range []string{" OFFSET ", " LIMIT "} {
		if rest, found := strings.CutSuffix(strings.TrimRight(text, "0123456789"), keyword); found {
			text = rest
		}
	}
	return text
}

// readable is a statement of a read as the binding gets it. Its shape is another after each change of the schema that may have
// changed its columns.
func (db *connector) readable(p *parsed, statement Statement) Statement {
	if p.shape == 0 {
		return statement
	}
	_, epoch := db.columns.get(p)
	statement.Shape = (p.shape + 2*uint64(epoch)) & (1<<shapeBits - 1)
	statement.Fresh = p.volatile || db.schema.isFickle(p)
	return statement
}

// Read is a query without parameters, as a binding gets it that may send it with others.
func Read(sql string) Statement { return Statement{SQL: sql, Shape: shapeOf(sql)} }
