package d1

import "strings"

// columnName is a name to give to a column of a query. SQLite names an expression without an alias by its text; where a
// parameter or a LIKE is part of that text, what becomes of it must not show.
type columnName struct {
	at   int // position in the statement's text, behind the expression
	name string
}

// columnNames finds the expressions with parameters or a LIKE among the columns of a query, or of a RETURNING, that have no alias.
func columnNames(p *parsed) []columnName {
	sc := scanner{text: p.text}
	switch {
	case len(p.params) == 0 && !p.computed:
		return nil
	case p.kind == kindRead && sc.toColumns(), p.returning && sc.toReturning():
	default:
		return nil
	}
	var names []columnName
	params := p.params
	for _, item := range sc.items() {
		for len(params) > 0 && params[0].start < item.start {
			params = params[1:]
		}
		changes := len(params) > 0 && params[0].start < item.end || p.computed && hasLike(p.text[item.start:item.end])
		if changes && !item.alias {
			names = append(names, columnName{item.end, p.text[item.start:item.end]})
		}
	}
	return names
}

func hasLike(expression string) bool {
	sc := scanner{text: expression}
	return sc.contains("LIKE")
}

// toColumns moves to the SELECT whose columns are those of the result.
func (s *scanner) toColumns() bool {
	for depth := 0; s.next(); depth += s.nesting() {
		if depth == 0 && s.is("SELECT") {
			s.skipDistinct()
			return true
		}
	}
	return false
}

// toReturning moves to the RETURNING of a write.
func (s *scanner) toReturning() bool {
	for depth := 0; s.next(); depth += s.nesting() {
		if depth == 0 && s.is("RETURNING") {
			return true
		}
	}
	return false
}

// skipDistinct goes on from SELECT to a DISTINCT or ALL behind it.
func (s *scanner) skipDistinct() {
	if ahead := *s; ahead.next() && (ahead.is("DISTINCT") || ahead.is("ALL")) {
		*s = ahead
	}
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
