package d1

import "strings"

// deepParentheses is how deep parentheses may be before they are looked at: D1 allows expressions a depth of 100, and each level of a
// condition in parentheses is one or two.
const deepParentheses = 30

// flatten gives SQL without the parentheses that a chain of AND or OR does not need: ((a AND b) AND c) AND d is as deep as it is long, and
// a AND b AND c AND d is a chain, which balance groups. SQL that is not deep stays as it is.
func flatten(sql string) string {
	var f flattener
	sc := scanner{text: sql}
	depth, deepest := 0, 0
	for sc.next() {
		if sc.is("BETWEEN") {
			return sql // an AND may be its own
		}
		f.tokens = append(f.tokens, sc)
		depth += sc.nesting()
		deepest = max(deepest, depth)
	}
	if deepest <= deepParentheses || depth != 0 {
		return sql
	}
	f.level(0)
	var out strings.Builder
	at := 0
	for i, token := range f.tokens {
		if f.needless[i] {
			out.WriteString(sql[at:token.start])
			out.WriteByte(' ')
			at = token.end
		}
	}
	out.WriteString(sql[at:])
	return out.String()
}

// flattener finds parentheses that can go.
type flattener struct {
	tokens   tokenList
	needless map[int]bool
}

// level reads tokens up to the parenthesis that closes them, and tells where that is and whether they are a condition with an OR, or none
// whose parentheses could go.
func (f *flattener) level(from int) (end int, hasOr, fixed bool) {
	for i := from; i < len(f.tokens); i++ {
		switch token := &f.tokens[i]; {
		case token.isSymbol(')'):
			return i, hasOr, fixed
		case token.isSymbol('('):
			last, or, keep := f.level(i + 1)
			if !keep && f.canGo(i, last, or) {
				if f.needless == nil {
					f.needless = map[int]bool{}
				}
				f.needless[i], f.needless[last] = true, true
				hasOr = hasOr || or
			}
			i = last
		case token.is("OR"):
			hasOr = true
		case token.isSymbol(','), token.is("SELECT"), token.is("VALUES"), token.is("WITH"):
			fixed = true
		}
	}
	return len(f.tokens), hasOr, fixed
}

// canGo tells whether parentheses are an operand of AND or OR, and mean the same without.
func (f *flattener) canGo(first, last int, hasOr bool) bool {
	if first == 0 || last == first+1 || last >= len(f.tokens) {
		return false
	}
	before, after := &f.tokens[first-1], &scanner{}
	if last+1 < len(f.tokens) {
		after = &f.tokens[last+1]
	}
	if !before.is("AND") && !before.is("OR") && !before.is("WHERE") && !before.isSymbol('(') {
		return false
	}
	if after.kind != tokenEnd && !after.is("AND") && !after.is("OR") && !after.isSymbol(')') {
		return false
	}
	if before.isSymbol('(') && first > 1 {
		if owner := &f.tokens[first-2]; owner.kind != tokenSymbol && !owner.is("AND") && !owner.is("OR") && !owner.is("WHERE") {
			return false // the argument of a function, or a list
		}
	}
	return !hasOr || !before.is("AND") && !after.is("AND")
}
