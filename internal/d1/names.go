package d1

import "strings"

// columnName is a name to give to a column of a query. SQLite names an expression without an alias by its text; where a
// parameter or a LIKE is part of that text, what becomes of it must not show.
type columnName struct {
	at   int // position in the statement's text, behind the expression
	name string
}

// columnNames finds the expressions with parameters or a LIKE among the columns of a query that have no alias.
func columnNames(p *parsed) []columnName {
	if p.kind != kindRead || len(p.params) == 0 && !p.computed {
		return nil
	}
	sc := scanner{text: p.text}
	if !sc.toColumns() {
		return nil
	}
	var names []columnName
	for more := true; more; {
		more = sc.next()
		item := columnItem{start: sc.start}
		for depth := 0; more && !(depth == 0 && (sc.isSymbol(',') || sc.endsColumns())); more = sc.next() {
			depth += sc.nesting()
			item.add(&sc)
		}
		if item.needsName() {
			names = append(names, columnName{item.end, p.text[item.start:item.end]})
		}
		more = more && sc.isSymbol(',')
	}
	return names
}

// toColumns moves to the SELECT whose columns are those of the result.
func (s *scanner) toColumns() bool {
	for depth := 0; s.next(); depth += s.nesting() {
		if depth == 0 && s.is("SELECT") {
			if ahead := *s; ahead.next() && (ahead.is("DISTINCT") || ahead.is("ALL")) {
				*s = ahead
			}
			return true
		}
	}
	return false
}

func (s *scanner) nesting() int {
	switch {
	case s.isSymbol('('):
		return 1
	case s.isSymbol(')'):
		return -1
	}
	return 0
}

func (s *scanner) endsColumns() bool {
	if s.kind != tokenWord {
		return false
	}
	switch strings.ToUpper(s.token()) {
	case "FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT":
		return true
	}
	return false
}

// columnItem is one expression of a SELECT's columns.
type columnItem struct {
	start, end int
	changed    bool // has a part that may be written in another form
	alias      bool // two operands in a row: the last one is an alias, with AS or without
	operand    bool
}

func (c *columnItem) add(sc *scanner) {
	operand := sc.kind != tokenSymbol && sc.kind != tokenParam && !sc.isOperator() && !sc.is("END")
	c.alias = operand && c.operand
	c.operand = operand || sc.kind == tokenParam || sc.isSymbol(')') || sc.is("END")
	c.changed = c.changed || sc.kind == tokenParam || sc.is("LIKE")
	c.end = sc.end
}

// isOperator tells whether the token is a word between operands.
func (s *scanner) isOperator() bool {
	if s.kind != tokenWord || s.end-s.start > len("BETWEEN") {
		return false
	}
	switch strings.ToUpper(s.token()) {
	case "AND", "OR", "NOT", "IS", "IN", "LIKE", "GLOB", "ESCAPE", "BETWEEN", "COLLATE", "CASE", "WHEN", "THEN", "ELSE":
		return true
	}
	return false
}

func (c *columnItem) needsName() bool { return c.changed && !c.alias }

// quoteName is s as an SQL identifier.
func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
