package d1

import (
	"slices"
	"strings"
)

// D1 takes compound SELECTs of five terms. Those of more are nested: SELECT … UNION SELECT … is what SELECT * FROM (…) UNION SELECT … is,
// since the operators work from left to right. The first term stays where it is where that is the same, as it names the columns.

// nestCompounds gives SQL whose compound SELECTs have no more terms than D1 takes.
func nestCompounds(sql string) string {
	n := nester{scanner: scanner{text: sql}, open: []*compound{nil}}
	for n.next() {
		n.token()
	}
	for len(n.open) > 0 {
		n.leave(len(sql))
	}
	return n.additions.into(sql)
}

// nester finds compound SELECTs.
type nester struct {
	scanner
	open      []*compound // of each parenthesis that is open; nil where no SELECT has begun
	additions additions
	last      int // the end of the token before
}

// compound is a SELECT that is being read.
type compound struct {
	terms     []operand
	operators []string
	ended     bool // at its ORDER BY or LIMIT
	upsert    bool // at an ON CONFLICT, which would be a join's behind a table
}

func (n *nester) token() {
	defer func() { n.last = n.end }()
	c := n.open[len(n.open)-1]
	switch {
	case n.isSymbol('('):
		n.open = append(n.open, nil)
	case n.isSymbol(')'):
		n.leave(n.last)
		if len(n.open) == 0 {
			n.open = []*compound{nil}
		}
	case n.is("SELECT"), n.is("VALUES"):
		n.begin(c)
	case c == nil || c.ended || n.kind != tokenWord:
	case n.is("UNION"), n.is("EXCEPT"), n.is("INTERSECT"):
		n.operator(c)
	case n.is("ORDER"), n.is("LIMIT"), n.is("RETURNING"), n.is("ON") && n.isFollowedBy("CONFLICT"):
		c.end(n.last)
		c.ended, c.upsert = true, n.is("ON")
	}
}

// begin starts a term at a SELECT.
func (n *nester) begin(c *compound) {
	if c == nil {
		c = &compound{}
		n.open[len(n.open)-1] = c
	}
	if !c.ended && len(c.terms) == len(c.operators) {
		c.terms = append(c.terms, operand{start: n.start})
	}
}

func (n *nester) operator(c *compound) {
	c.end(n.last)
	operator := strings.ToUpper(n.scanner.token())
	if n.isFollowedBy("ALL") {
		n.next()
		operator += " ALL"
	}
	c.operators = append(c.operators, operator)
}

// end ends the last term.
func (c *compound) end(at int) {
	if last := len(c.terms) - 1; last >= 0 && c.terms[last].end == 0 {
		c.terms[last].end = at
	}
}

// leave ends what the last open parenthesis holds.
func (n *nester) leave(at int) {
	last := len(n.open) - 1
	c := n.open[last]
	n.open = n.open[:last]
	if c == nil {
		return
	}
	c.end(at)
	switch {
	case len(c.terms) <= maxTerms || len(c.terms) != len(c.operators)+1:
	case c.associative():
		n.groupRight(c.terms[1:], maxTerms-1)
	default:
		n.groupLeft(c.terms)
	}
	if c.upsert && len(c.terms) > maxTerms {
		n.additions.add(c.terms[len(c.terms)-1].end, " WHERE 1")
	}
}

// associative tells whether the terms may be grouped as one likes: all operators are the same, and not EXCEPT.
func (c *compound) associative() bool {
	for _, operator := range c.operators {
		if operator != c.operators[0] || operator == "EXCEPT" {
			return false
		}
	}
	return true
}

// groupRight makes as many groups of terms as are allowed, and of each of them again.
func (n *nester) groupRight(terms []operand, groups int) {
	if len(terms) <= groups {
		return
	}
	size := (len(terms) + groups - 1) / groups
	for group := range slices.Chunk(terms, size) {
		if len(group) > 1 {
			n.wrap(group)
			n.groupRight(group, maxTerms)
		}
	}
}

// groupLeft puts the first terms into a group that is the first of what follows, until few enough are left.
func (n *nester) groupLeft(terms []operand) {
	for groups := maxTerms; groups < len(terms); groups += maxTerms - 1 {
		n.wrap(terms[:groups])
	}
}

// wrap makes a query of terms one term.
func (n *nester) wrap(terms []operand) {
	n.additions.add(terms[0].start, "SELECT * FROM (")
	n.additions.add(terms[len(terms)-1].end, ")")
}
