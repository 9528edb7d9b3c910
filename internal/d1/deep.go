package d1

import (
	"math"
	"slices"
	"strings"
)

// A condition of AND and OR that alternate, each inside the next, is as deep as it is long, and no grouping of its parts changes that:
//
//	((a OR b) AND c) OR d
//
// But a WHERE only asks whether it is true, so it can be decided from the outside in, by a CASE that is one deep however long it is:
//
//	CASE WHEN d THEN 1 WHEN (c) IS NOT TRUE THEN 0 WHEN b THEN 1 ELSE a END
//
// The ELSE follows the largest operand at each level. The others are less than half of what they are part of, so CASEs are in CASEs a few deep.

// maxHeight is how high a condition may be and stay as it is; the depth of 100 has to do for its comparisons as well, and for what is around.
const maxHeight = 50

// decide gives SQL whose conditions are not too deep, and its parameters, whose order changes with that of the operands.
func decide(sql string, params []any) (string, []any) {
	d := decider{sql: sql, tokens: tokensOf(sql)}
	d.copy(0, len(d.tokens))
	if !d.changed {
		return sql, params
	}
	return d.out.String(), d.reorder(params)
}

// decider writes SQL anew, with the conditions that are too deep as CASEs.
type decider struct {
	sql     string
	tokens  tokenList
	out     strings.Builder
	spans   []operand // what has been copied from sql, in the order of out
	changed bool
}

// copy takes over tokens, and decides the conditions among them.
func (d *decider) copy(from, to int) {
	start := from
	for i := from; i < to; i++ {
		if !d.tokens[i].is("WHERE") {
			continue
		}
		end := min(d.conditionEnd(i+1), to)
		whole := d.condition(i+1, end)
		if whole.height <= maxHeight {
			continue // but a query in it may have another
		}
		d.source(start, i+1)
		d.literal(" ")
		d.write(whole)
		d.literal(" ")
		d.changed = true
		start, i = end, end-1
	}
	d.source(start, to)
}

// condition is a tree of AND and OR.
type condition struct {
	from, to int    // its tokens
	operator string // AND or OR; empty for what is neither
	operands []*condition
	size     int // operands that are neither, in all
	height   int // how deep SQLite nests AND and OR
}

// conditionEnd is where the condition of a WHERE ends.
func (d *decider) conditionEnd(from int) int {
	for i, depth := from, 0; i < len(d.tokens); i++ {
		token := &d.tokens[i]
		if depth += token.nesting(); depth < 0 {
			return i
		}
		if depth > 0 || token.kind == tokenSymbol && !token.isSymbol(';') {
			continue
		}
		switch strings.ToUpper(token.token()) {
		case ";", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "RETURNING", "ON":
			return i
		}
	}
	return len(d.tokens)
}

func (d *decider) condition(from, to int) *condition {
	for d.enclosed(from, to) {
		from, to = from+1, to-1
	}
	c := &condition{from: from, to: to, size: 1}
	for _, operator := range []string{"OR", "AND"} {
		parts := d.split(from, to, operator)
		if len(parts) < 2 {
			continue
		}
		c.operator, c.size = operator, 0
		for _, part := range parts {
			if operand := d.condition(part.start, part.end); operand.operator == operator {
				c.operands = append(c.operands, operand.operands...)
			} else {
				c.operands = append(c.operands, operand)
			}
		}
		break
	}
	c.measure()
	return c
}

// measure finds the size and the height. SQLite nests a chain at its left; balance groups the long ones.
func (c *condition) measure() {
	n := len(c.operands)
	for i, operand := range c.operands {
		c.size += operand.size
		above := n - max(i, 1)
		if n >= longChain {
			above = 2 * int(math.Sqrt(float64(n))+1)
		}
		c.height = max(c.height, operand.height+above)
	}
}

// enclosed tells whether parentheses are around a whole condition, and not a list or a query.
func (d *decider) enclosed(from, to int) bool {
	if to-from < 3 || !d.tokens[from].isSymbol('(') {
		return false
	}
	depth := 0
	for i := from; i < to; i++ {
		token := &d.tokens[i]
		if depth += token.nesting(); depth == 0 {
			return i == to-1
		}
		if depth == 1 && (token.isSymbol(',') || token.is("SELECT") || token.is("VALUES") || token.is("WITH")) {
			return false
		}
	}
	return false
}

// split cuts tokens at an operator that is in no parentheses. Where it could be part of a CASE, they stay one.
func (d *decider) split(from, to int, operator string) []operand {
	var parts []operand
	start, depth := from, 0
	between := false // the next AND belongs to a BETWEEN
	for i := from; i < to; i++ {
		token := &d.tokens[i]
		depth += token.nesting()
		switch {
		case depth > 0:
		case token.is("CASE"):
			return nil
		case token.is("BETWEEN"):
			between = true
		case between && token.is("AND"):
			between = false
		case token.is(operator):
			parts = append(parts, operand{start, i})
			start = i + 1
		}
	}
	return append(parts, operand{start, to})
}

// write writes a condition as one operand.
func (d *decider) write(c *condition) {
	switch {
	case c.operator == "":
		d.literal("(")
		d.copy(c.from, c.to)
		d.literal(")")
	case c.height <= maxHeight/10:
		d.literal("(")
		for i, operand := range c.operands {
			if i > 0 {
				d.literal(" " + c.operator + " ")
			}
			d.write(operand)
		}
		d.literal(")")
	default:
		d.literal("CASE")
		for c.operator != "" {
			c = d.branches(c)
		}
		d.literal(" ELSE ")
		d.write(c)
		d.literal(" END")
	}
}

// branches writes what the operands decide but for the largest, which is what is left to ask.
func (d *decider) branches(c *condition) (rest *condition) {
	rest = slices.MaxFunc(c.operands, func(x, y *condition) int { return x.size - y.size })
	for _, operand := range c.operands {
		if operand == rest {
			continue
		}
		d.literal(" WHEN ")
		d.write(operand)
		if c.operator == "OR" {
			d.literal(" THEN 1")
		} else {
			d.literal(" IS NOT TRUE THEN 0")
		}
	}
	return rest
}

func (d *decider) literal(text string) { d.out.WriteString(text) }

// source copies tokens as they are.
func (d *decider) source(from, to int) {
	if from >= to {
		return
	}
	start, end := d.tokens[from].start, d.tokens[to-1].end
	d.out.WriteString(d.sql[start:end])
	d.spans = append(d.spans, operand{start, end})
}

// reorder gives the parameters in the order in which they have been copied.
func (d *decider) reorder(params []any) []any {
	ordered := make([]any, 0, len(params))
	for _, span := range d.spans {
		n := 0 // of the next parameter
		for i := range d.tokens {
			if d.tokens[i].kind != tokenParam {
				continue
			}
			if d.tokens[i].start >= span.start && d.tokens[i].end <= span.end {
				ordered = append(ordered, params[n])
			}
			n++
		}
	}
	return ordered
}
