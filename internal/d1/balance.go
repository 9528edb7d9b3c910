package d1

import (
	"math"
	"slices"
	"strings"
)

// SQLite nests a OR b OR c … as deep as the chain is long, and D1 allows a depth of 100. AND and OR are associative, with
// NULL as well, so a long chain can be made of groups in parentheses: two times its root deep.

// balance gives SQL whose long chains of AND and OR are grouped.
func balance(sql string) string {
	b := balancer{scanner: scanner{text: sql}, open: []*chains{{}}}
	for b.next() {
		b.token()
	}
	for len(b.open) > 0 {
		b.close()
	}
	return b.parentheses.into(sql)
}

// balancer finds chains behind opening parentheses, WHERE, ON and HAVING.
type balancer struct {
	scanner
	open        []*chains // what is open: parentheses and CASEs
	parentheses additions
}

// chains is a condition that is being read: alternatives joined by OR, the last of which is terms joined by AND.
type chains struct {
	reading      bool // false where no condition can be
	isCase       bool
	between      bool // the next AND belongs to a BETWEEN
	alternatives []operand
	terms        []operand
	term         operand // the last one, as far as it goes
}

type operand struct{ start, end int }

func (b *balancer) token() {
	c := b.open[len(b.open)-1]
	switch {
	case b.isSymbol('('):
		c.extend(b.start, b.end)
		b.open = append(b.open, &chains{reading: true})
		return
	case b.isSymbol(')') && len(b.open) > 1, c.isCase && b.is("END"):
		b.close()
		if len(b.open) == 0 {
			b.open = []*chains{{}}
		}
		b.open[len(b.open)-1].extend(b.start, b.end)
		return
	case b.isSymbol(','), b.isSymbol(';'):
		b.finish(c)
		return
	case b.kind == tokenWord && b.keyword(c):
		return
	}
	c.extend(b.start, b.end)
}

// keyword handles the words that join or end conditions; false for others.
func (b *balancer) keyword(c *chains) bool {
	switch strings.ToUpper(b.scanner.token()) {
	case "OR":
		b.endAlternative(c)
	case "AND":
		if c.between {
			c.between = false
			return false
		}
		c.endTerm()
	case "BETWEEN":
		c.between = true
		return false
	case "CASE":
		c.extend(b.start, b.end)
		b.open = append(b.open, &chains{isCase: true})
	case "WHERE", "ON", "HAVING":
		b.finish(c)
		c.reading = true
	case "SELECT", "FROM", "GROUP", "ORDER", "LIMIT", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "JOIN", "LEFT", "RIGHT",
		"FULL", "INNER", "CROSS", "NATURAL", "AS", "SET", "VALUES", "USING", "RETURNING", "WITH":
		b.finish(c)
		c.reading = false
	default:
		return false
	}
	return true
}

func (c *chains) extend(start, end int) {
	if c.term.end == 0 {
		c.term.start = start
	}
	c.term.end = end
}

func (c *chains) endTerm() {
	if c.term.end > 0 {
		c.terms = append(c.terms, c.term)
	}
	c.term = operand{}
}

func (b *balancer) endAlternative(c *chains) {
	c.endTerm()
	if n := len(c.terms); n > 0 {
		c.alternatives = append(c.alternatives, operand{c.terms[0].start, c.terms[n-1].end})
	}
	b.group(c, c.terms)
	c.terms = c.terms[:0]
}

func (b *balancer) finish(c *chains) {
	b.endAlternative(c)
	b.group(c, c.alternatives)
	c.alternatives = c.alternatives[:0]
}

func (b *balancer) close() {
	last := len(b.open) - 1
	b.finish(b.open[last])
	b.open = b.open[:last]
}

// group puts parentheses around parts of a long chain.
func (b *balancer) group(c *chains, operands []operand) {
	if !c.reading || len(operands) < longChain {
		return
	}
	size := int(math.Sqrt(float64(len(operands))))
	for part := range slices.Chunk(operands, size) {
		b.parentheses.add(part[0].start, "(")
		b.parentheses.add(part[len(part)-1].end, ")")
	}
}
