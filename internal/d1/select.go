package d1

import "strings"

// selection is what the text of a query tells of its columns and of where they come from, so that the driver can know beforehand
// whether a whole number among its values may be a REAL: JavaScript does not tell 3.0 from 3.
type selection struct {
	items   []selected
	sources []source
	head    int // where FROM ends in the text: what is before it decides the columns
}

// selected is an item between SELECT and FROM, or behind RETURNING.
type selected struct {
	kind       selectedKind
	source     string // what a column or * is qualified with, in lower case
	name       string // of a column, in lower case
	start, end int    // of the expression in the text
	alias      bool   // an alias follows it
}

type selectedKind uint8

const (
	selectOther  selectedKind = iota // an expression that may give a REAL
	selectExact                      // an expression that never gives one
	selectColumn                     // column, or source.column
	selectStar                       // *, or source.*
)

// source is a table, a view or a function in FROM.
type source struct {
	table string // in lower case
	alias string // the table's name if it has none, in lower case
	call  bool   // json_each(…)
}

// selectionOf reads a query; nil of one that is not a single SELECT from tables.
func selectionOf(text string) *selection {
	sc := scanner{text: text}
	if !sc.next() || !sc.is("SELECT") {
		return nil
	}
	sc.skipDistinct()
	s := &selection{items: sc.items()}
	s.head = len(text)
	if sc.is("FROM") && !sc.sources(s) {
		return nil
	}
	if sc.kind != tokenEnd {
		s.head = len(strings.TrimRight(text[:sc.start], " \n"))
	}
	for depth := 0; sc.kind != tokenEnd; sc.next() {
		depth += sc.nesting()
		if depth == 0 && (sc.is("UNION") || sc.is("EXCEPT") || sc.is("INTERSECT")) {
			return nil
		}
	}
	return s
}

// items reads the items behind the token, and stops at the one that ends them.
func (s *scanner) items() []selected {
	var items []selected
	for more := true; more; more = s.isSymbol(',') {
		s.next()
		start, end := s.start, s.end
		for depth := 0; s.kind != tokenEnd && !(depth == 0 && (s.isSymbol(',') || s.endsColumns())); s.next() {
			depth += s.nesting()
			end = s.end
		}
		items = append(items, selectedIn(s.text, start, min(end, len(s.text))))
	}
	return items
}

// selectedIn reads one item.
func selectedIn(text string, start, end int) selected {
	item := selected{start: start, end: expressionEnd(text[:end], start)}
	item.alias = item.end < end
	first := item
	sc := scanner{text: text[:item.end], end: start}
	if !sc.next() {
		return item
	}
	if first.read(&sc); sc.end == item.end {
		return first
	}
	return item
}

// expressionEnd is where the expression of an item ends: before its alias, with AS or without.
func expressionEnd(text string, start int) int {
	sc := scanner{text: text, end: start}
	end, previous := start, start
	operand, alias := false, false
	for depth := 0; sc.next(); depth += sc.nesting() {
		if depth == 0 && sc.is("AS") {
			return end
		}
		_, operator := operators[strings.ToUpper(sc.token())]
		operator = operator && sc.kind == tokenWord
		name := !operator && (sc.kind == tokenWord || sc.kind == tokenQuoted || sc.kind == tokenString)
		alias = depth == 0 && name && operand && !sc.is("END") && !sc.is("ISNULL") && !sc.is("NOTNULL")
		operand = name || sc.kind == tokenParam || sc.isSymbol(')')
		previous, end = end, sc.end
	}
	if alias {
		return previous
	}
	return end
}

// operators are words behind which an expression goes on.
var operators = map[string]struct{}{
	"AND": {}, "OR": {}, "NOT": {}, "IS": {}, "IN": {}, "LIKE": {}, "GLOB": {}, "MATCH": {}, "REGEXP": {}, "BETWEEN": {},
	"COLLATE": {}, "ESCAPE": {}, "OVER": {}, "FILTER": {}, "CASE": {}, "WHEN": {}, "THEN": {},
	"ELSE": {}, "DISTINCT": {}, "FROM": {},
}

// read reads the first operand of an item and stays at its last token.
func (item *selected) read(sc *scanner) {
	switch {
	case sc.isSymbol('*'):
		item.kind = selectStar
	case sc.isSymbol('('):
		item.readParenthesis(sc)
	case sc.kind == tokenString:
		item.kind = selectExact
	case sc.kind == tokenWord && isDigit(sc.text[sc.start]):
		item.readNumber(sc)
	case sc.kind == tokenWord && sc.isCall():
		item.readCall(sc)
	case sc.is("NULL"), sc.is("TRUE"), sc.is("FALSE"), sc.is("CURRENT_TIMESTAMP"), sc.is("CURRENT_DATE"), sc.is("CURRENT_TIME"):
		item.kind = selectExact
	case sc.is("CASE"), sc.is("NOT"), sc.is("CAST"), sc.is("RAISE"):
	case sc.kind == tokenWord, sc.kind == tokenQuoted:
		item.readColumn(sc)
	}
}

func (item *selected) readParenthesis(sc *scanner) {
	start := sc.end
	sc.close()
	inner := selectedIn(sc.text, start, max(start, sc.start))
	if inner.kind == selectStar || inner.alias {
		return
	}
	item.kind, item.source, item.name = inner.kind, inner.source, inner.name
}

func (item *selected) readNumber(sc *scanner) {
	real := strings.ContainsAny(sc.token(), "eE") && !strings.HasPrefix(sc.token(), "0x") && !strings.HasPrefix(sc.token(), "0X")
	if after := sc.text[sc.end:]; real || strings.HasPrefix(after, ".") {
		return
	}
	item.kind = selectExact
}

func (item *selected) readCall(sc *scanner) {
	name := strings.ToLower(sc.token())
	sc.next()
	start := sc.end
	sc.close()
	if exactFunctions[name] || name == "cast" && castsExactly(sc.text[start:max(start, sc.start)]) {
		item.kind = selectExact
	}
}

// castsExactly tells of what is between the parentheses of a CAST whether it gives text or an integer.
func castsExactly(text string) bool {
	sc := scanner{text: text}
	as := false
	for depth := 0; sc.next(); depth += sc.nesting() {
		if as {
			return sc.is("TEXT") || sc.is("INTEGER") || sc.is("INT") || sc.is("VARCHAR")
		}
		as = depth == 0 && sc.is("AS")
	}
	return false
}

// exactFunctions give text, integers, blobs or NULL, whatever they are called with.
var exactFunctions = map[string]bool{
	"count": true, "length": true, "octet_length": true, "instr": true, "unicode": true, "lower": true, "upper": true,
	"trim": true, "ltrim": true, "rtrim": true, "substr": true, "substring": true, "replace": true, "hex": true, "quote": true,
	"typeof": true, "strftime": true, "date": true, "time": true, "datetime": true, "group_concat": true, "string_agg": true,
	"printf": true, "format": true, "char": true, "json": true, "json_array": true, "json_object": true, "json_group_array": true,
	"json_group_object": true, "json_type": true, "json_valid": true, "json_quote": true, "json_array_length": true,
	"random": true, "randomblob": true, "changes": true, "total_changes": true, "last_insert_rowid": true, "exists": true,
}

// readColumn reads column, source.column, schema.source.column or source.*.
func (item *selected) readColumn(sc *scanner) {
	item.kind, item.name = selectColumn, strings.ToLower(sc.name())
	for {
		ahead := *sc
		if !ahead.next() || !ahead.isSymbol('.') || !ahead.next() {
			return
		}
		*sc = ahead
		item.source = item.name
		if sc.isSymbol('*') {
			item.kind, item.name = selectStar, ""
			return
		}
		item.name = strings.ToLower(sc.name())
	}
}

// sources reads what is between FROM and the clause behind it; false if there is more than tables and functions.
func (s *scanner) sources(into *selection) bool {
	for more := true; more; {
		if !s.next() || s.kind == tokenSymbol || s.kind == tokenParam {
			return false
		}
		from := source{table: strings.ToLower(s.name())}
		s.next()
		for s.isSymbol('.') && s.next() { // main.table
			from.table = strings.ToLower(s.name())
			s.next()
		}
		if from.call = s.isSymbol('('); from.call {
			s.close()
			s.next()
		}
		from.alias = from.table
		if s.is("AS") {
			s.next()
		}
		if s.kind == tokenQuoted || s.kind == tokenString || s.kind == tokenWord && !s.endsSource() {
			from.alias = strings.ToLower(s.name())
			s.next()
		}
		into.sources = append(into.sources, from)
		more = s.toNextSource()
	}
	return true
}

// endsSource tells whether the word cannot be an alias.
func (s *scanner) endsSource() bool {
	switch strings.ToUpper(s.token()) {
	case "ON", "USING", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER", "INDEXED", "NOT":
		return true
	}
	return s.endsColumns()
}

// toNextSource moves to the comma or JOIN before the next source; false at the end of FROM.
func (s *scanner) toNextSource() bool {
	for depth := 0; s.kind != tokenEnd; s.next() {
		if depth += s.nesting(); depth > 0 {
			continue
		}
		if s.isSymbol(',') || s.is("JOIN") {
			return true
		}
		if s.endsColumns() {
			return false
		}
	}
	return false
}
