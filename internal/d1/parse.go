package d1

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// kind is what a statement does, as far as the driver treats it differently.
type kind uint8

const (
	kindRead    kind = iota // SELECT, VALUES, EXPLAIN
	kindWrite               // INSERT, REPLACE, UPDATE, DELETE
	kindSchema              // CREATE, DROP, ALTER, ANALYZE, REINDEX
	kindPragma              // PRAGMA
	kindVacuum              // VACUUM
	kindControl             // BEGIN, COMMIT, SAVEPOINT and their kind
	kindOther               // what SQLite will refuse, or D1
)

// parsed is one statement and what its text tells.
type parsed struct {
	text      string // without the semicolon at its end
	kind      kind
	params    []paramSpot
	ordered   bool   // has an ORDER BY of its own, so that the order of its rows means something
	volatile  bool   // gives another value each time: random(), 'now'
	clock     bool   // tells the time: CURRENT_TIMESTAMP, datetime('now')
	returning bool   // a write that returns rows
	inserts   bool   // INSERT or REPLACE without ON CONFLICT: the last rowid is that of its last row
	explain   bool   // EXPLAIN of another statement
	star      bool   // has a * that is not count(*): its columns are those of its tables
	like      bool   // has a LIKE
	computed  bool   // has a LIKE whose pattern is not a parameter, nor a short literal
	logical   int    // how many AND and OR
	compounds int    // how many UNION, EXCEPT and INTERSECT
	asIs      bool   // D1 takes the text as it is
	reshapes  bool   // ALTER or DROP, so that a * may mean other columns
	times     bool   // a change of the schema that names DATE, DATETIME or TIMESTAMP
	renames   bool   // ALTER … RENAME, so that a column may have another name
	head      int    // of a query: how much of its text decides what its columns are
	shape     uint64 // of a query: a number for that; 0 of other statements

	selection *selection // of a query that is a single SELECT from tables
	target    string     // of a write: its table, in lower case
	setsRowID bool       // an INSERT that names the rowid
}

// paramSpot is a parameter in the text of a statement.
type paramSpot struct {
	start, end int
	number     int  // as SQLite numbers parameters, from 1
	ordering   bool // behind ORDER BY or GROUP BY, where an integer means a column unless it is a parameter
}

// parse cuts SQL into its statements. Empty ones are left out.
//
// As for SQLite, a NUL is the end of the text.
func parse(sql string) []parsed {
	sql, _, _ = strings.Cut(sql, "\x00")
	if !utf8.ValidString(sql) {
		sql = castInvalid(sql)
	}
	var statements []parsed
	for sc := (scanner{text: sql}); sc.next(); {
		if sc.isSymbol(';') {
			continue
		}
		statements = append(statements, parseOne(&sc))
	}
	return statements
}

// parseOne reads from the scanner's token to the end of the statement.
func parseOne(sc *scanner) parsed {
	p := parsed{}
	start, end := sc.start, sc.end
	verb, depth := true, 0
	trigger := false
	ordering := -1 // the depth of an ORDER BY or GROUP BY that the token is behind
	var numbers paramNumbers
	var before, previous string // the words before the token, in upper case only where they matter
	for more := true; more; more = sc.next() {
		if p.like && !p.computed {
			p.computed = strings.EqualFold(previous, "LIKE") && (sc.kind != tokenParam && sc.kind != tokenString || sc.end-sc.start > maxPattern) ||
				strings.EqualFold(before, "LIKE") && (sc.isSymbol('|') || sc.isSymbol('-'))
		}
		if sc.isSymbol(';') && depth <= 0 {
			if !trigger || before == ";" && strings.EqualFold(previous, "END") {
				break
			}
		}
		end = sc.end
		switch sc.kind {
		case tokenParam:
			p.params = append(p.params, paramSpot{
				start: sc.start - start, end: sc.end - start, number: numbers.of(sc.token()), ordering: ordering >= 0,
			})
		case tokenString:
			p.volatile = p.volatile || strings.EqualFold(sc.token(), "'now'")
		case tokenSymbol:
			switch sc.text[sc.start] {
			case '(':
				depth++
			case ')':
				if depth--; depth < ordering {
					ordering = -1
				}
			case '*':
				p.star = p.star || previous != "("
			}
		case tokenWord:
			if verb && depth == 0 {
				verb = !p.takeVerb(sc, previous == "")
			} else {
				p.takeWord(sc, depth, previous)
			}
			trigger = trigger || p.kind == kindSchema && sc.is("TRIGGER")
			if sc.is("BY") && ordering < 0 {
				ordering = depth
			} else if depth == ordering && (sc.is("LIMIT") || sc.is("HAVING")) {
				ordering = -1
			}
		}
		before, previous = previous, sc.token()
	}
	p.text = sc.text[start:end]
	p.settleForm()
	switch {
	case p.kind == kindRead && !p.explain:
		p.readSelection()
	case p.kind == kindWrite:
		p.readTarget()
	}
	return p
}

// settleForm finds out whether the statement may have to be written in another form. Of what changes the schema only views are: the rest cannot
// hold what it would take.
func (p *parsed) settleForm() {
	if p.kind == kindSchema && !isView(p.text) || p.kind > kindSchema {
		p.computed, p.logical, p.compounds = false, 0, 0
	}
	p.asIs = len(p.params) == 0 && p.logical < longChain && p.compounds < maxTerms && !p.computed && len(p.text) <= maxOwnSQL
}

// isView tells whether a statement creates a view.
func isView(text string) bool {
	sc := scanner{text: text}
	for range 3 { // CREATE TEMP VIEW
		if sc.next() && sc.is("VIEW") {
			return true
		}
	}
	return false
}

// readSelection finds out what decides the columns of a query: its text up to the end of FROM, or else up to its page.
func (p *parsed) readSelection() {
	p.selection = selectionOf(p.text)
	p.head = len(withoutPage(p.text))
	if p.selection != nil {
		p.head = p.selection.head
	}
	p.shape = shapeOf(p.text[:p.head])
}

// columnsKey is the same for queries that have the same columns, as long as their tables do not change.
func (p *parsed) columnsKey() string { return p.text[:p.head] }

// readTarget finds the table of a write.
func (p *parsed) readTarget() {
	sc := scanner{text: p.text}
	verb := ""
	for depth := 0; verb == "" && sc.next(); depth += sc.nesting() { // WITH … may come first
		if depth == 0 && (sc.is("INSERT") || sc.is("REPLACE") || sc.is("UPDATE") || sc.is("DELETE")) {
			verb = sc.token()
		}
	}
	for sc.next() && (sc.is("INTO") || sc.is("FROM") || sc.is("OR")) {
		if sc.is("OR") {
			sc.next() // INSERT OR REPLACE
		}
	}
	p.target = strings.ToLower(sc.name())
	for sc.next() && sc.isSymbol('.') && sc.next() {
		p.target = strings.ToLower(sc.name())
	}
	if !p.inserts && !strings.EqualFold(verb, "INSERT") {
		return
	}
	for sc.kind != tokenEnd && !sc.isSymbol('(') && !sc.is("VALUES") && !sc.is("SELECT") {
		sc.next() // an alias
	}
	if !sc.isSymbol('(') {
		return
	}
	for sc.next() && !sc.isSymbol(')') {
		switch strings.ToLower(sc.name()) {
		case "rowid", "oid", "_rowid_":
			p.setsRowID = true
		}
	}
}

// castInvalid makes strings in SQL that are not UTF-8 pass through JavaScript.
func castInvalid(sql string) string {
	var b strings.Builder
	at := 0
	for sc := (scanner{text: sql}); sc.next(); {
		if sc.kind != tokenString || utf8.ValidString(sc.token()) {
			continue
		}
		b.WriteString(sql[at:sc.start])
		b.WriteString("CAST(x'" + hex.EncodeToString([]byte(sc.name())) + "' AS TEXT)")
		at = sc.end
	}
	return b.String() + sql[at:]
}

// takeVerb sets the kind from the first word, or after WITH from the first that tells it; false if that is yet to come.
func (p *parsed) takeVerb(sc *scanner, first bool) bool {
	switch strings.ToUpper(sc.token()) {
	case "SELECT", "VALUES":
		p.kind = kindRead
		return true
	case "INSERT", "REPLACE":
		p.kind, p.inserts = kindWrite, true
		return true
	case "UPDATE", "DELETE":
		p.kind = kindWrite
		return true
	case "WITH":
		return false
	}
	if first {
		p.kind = kindOf(strings.ToUpper(sc.token()))
		p.explain = sc.is("EXPLAIN")
		p.reshapes = sc.is("ALTER") || sc.is("DROP")
	}
	return first
}

func kindOf(verb string) kind {
	switch verb {
	case "EXPLAIN":
		return kindRead
	case "CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX":
		return kindSchema
	case "PRAGMA":
		return kindPragma
	case "VACUUM":
		return kindVacuum
	case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return kindControl
	}
	return kindOther
}

func (p *parsed) takeWord(sc *scanner, depth int, previous string) {
	p.clock = p.clock || isClock(sc)
	switch {
	case len(sc.token()) < 2:
	case sc.is("LIKE"):
		p.like = true
	case sc.is("AND") || sc.is("OR"):
		p.logical++
	case sc.is("UNION") || sc.is("EXCEPT") || sc.is("INTERSECT"):
		p.compounds++
	case depth == 0 && sc.is("BY") && strings.EqualFold(previous, "ORDER"):
		p.ordered = true
	case p.kind == kindSchema && (sc.is("DATE") || sc.is("DATETIME") || sc.is("TIMESTAMP")):
		p.times = true
	case p.reshapes && sc.is("RENAME"):
		p.renames = true
	case p.reshapes && (sc.is("INDEX") || sc.is("TRIGGER")) && strings.EqualFold(previous, "DROP"):
		p.reshapes = false
	case depth == 0 && p.kind == kindWrite && sc.is("RETURNING"):
		p.returning = true
	case p.inserts && sc.is("CONFLICT") && strings.EqualFold(previous, "ON"):
		p.inserts = false
	case isVolatile(sc):
		p.volatile = true
	}
}

// isVolatile tells whether the word is one whose value SQLite makes up anew each time. The functions of the
// connection's last write are among them: another statement may have come between.
func isVolatile(sc *scanner) bool {
	switch sc.text[sc.start] | 0x20 {
	case 'r':
		return (sc.is("RANDOM") || sc.is("RANDOMBLOB")) && sc.isCall()
	case 'c':
		return sc.is("CURRENT_TIMESTAMP") || sc.is("CURRENT_TIME") || sc.is("CURRENT_DATE") ||
			sc.is("CHANGES") && sc.isCall()
	case 'd':
		return (sc.is("DATE") || sc.is("DATETIME")) && sc.isCallWithout(1)
	case 'j':
		return sc.is("JULIANDAY") && sc.isCallWithout(1)
	case 'l':
		return sc.is("LAST_INSERT_ROWID") && sc.isCall()
	case 's':
		return sc.is("STRFTIME") && sc.isCallWithout(2)
	case 't':
		return sc.is("TOTAL_CHANGES") && sc.isCall() || sc.is("TIME") && sc.isCallWithout(1)
	case 'u':
		return sc.is("UNIXEPOCH") && sc.isCallWithout(1)
	}
	return false
}

// paramNumbers numbers the parameters of one statement as SQLite does: ? takes the number after the highest so far,
// ?NNN the number it names, and a name its own from its first use on.
type paramNumbers struct {
	highest int
	names   map[string]int
}

func (n *paramNumbers) of(token string) int {
	if token[0] == '?' {
		number := n.highest + 1
		if len(token) > 1 {
			number = 0
			for _, digit := range token[1:] {
				number = min(number*10+int(digit-'0'), 1<<20)
			}
		}
		n.highest = max(n.highest, number)
		return number
	}
	if n.names == nil {
		n.names = map[string]int{}
	}
	number, known := n.names[token]
	if !known {
		n.highest++
		number = n.highest
		n.names[token] = number
	}
	return number
}
