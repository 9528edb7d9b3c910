package d1

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Statement is SQL as D1 gets it: its parameters are plain ? in their order.
type Statement struct {
	SQL    string
	Params []any // nil, float64, string (valid UTF-8) or []byte

	// Shape is a number below 2^53 of a read that may travel with others: those with the same one have the same columns.
	// 0 is of a statement that travels alone, and may be a write.
	Shape uint64

	// Fresh tells that a read is to be sent even if the same was answered a moment ago.
	Fresh bool

	// Primary tells that a read must not be of a replica of the database that may be behind. Pins tells that what is read is kept in
	// memory for later events: they must not read from a replica that is behind it either.
	Primary, Pins bool
}

// renderer puts the arguments into the text of one statement.
//
// D1 binds every number as a REAL, so integers and booleans become literals, in parentheses so that a sign cannot turn
// an operator before it into a comment. What is left are strings, floats and blobs, of which D1 takes 100.
type renderer struct {
	p         *parsed
	values    []any // of the parameters
	size      int   // values up to this length become literals, so that there are not too many parameters
	names     []columnName
	at        int // how far the text has been copied
	next      int // the first parameter that has not been written
	sql       strings.Builder
	params    []any
	compounds bool          // what was rewritten may have too many terms
	packed    *packedValues // where values go that are too many and too long for anything else; nil if there are none
}

// rewrite is a part of a statement that D1 gets in another form.
type rewrite struct {
	start, end  int // in the text
	first, last int // index of the parameters that it does not write as they are; last is less than first if there are none
	write       func(r *renderer)
}

// render puts args into p, as modernc.org/sqlite binds them: by number, or by name.
func render(p *parsed, args []driver.NamedValue) (Statement, error) {
	if p.asIs {
		return Statement{SQL: p.text}, nil
	}
	values, err := arrange(p, args)
	if err != nil {
		return Statement{}, err
	}
	var statement Statement
	if parts := rewrites(p, values); len(parts) == 0 {
		statement = renderer{p: p, values: values, size: literalSize(values, nil), names: columnNames(p)}.plain()
	} else {
		r := renderer{p: p, values: values, size: literalSize(values, parts), names: columnNames(p)}
		statement = r.fill(parts)
	}
	if len(statement.SQL) > maxOwnSQL {
		return shorten(p, values, statement)
	}
	return statement, nil
}

// rewrites gives what has to be written in another form, in the order of the text.
func rewrites(p *parsed, values []any) []rewrite {
	lists := inLists(p, values)
	likes := longLikes(p, values)
	if len(lists) == 0 || len(likes) == 0 {
		return append(lists, likes...)
	}
	all := append(lists, likes...)
	slices.SortFunc(all, func(a, b rewrite) int { return a.start - b.start })
	return all
}

// withoutParams is the statement with NULL for each parameter, as a view needs it.
func withoutParams(p *parsed) string {
	return renderer{p: p, values: make([]any, len(p.params)), size: -1, names: columnNames(p)}.plain().SQL
}

// arrange gives the argument of each parameter spot.
func arrange(p *parsed, args []driver.NamedValue) ([]any, error) {
	values := make([]any, len(p.params))
	for i, spot := range p.params {
		arg, err := argument(p.text[spot.start:spot.end], spot.number, args)
		if err != nil {
			return nil, err
		}
		if values[i], err = plain(arg); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func argument(token string, number int, args []driver.NamedValue) (any, error) {
	if token == "?" && number <= len(args) && args[number-1].Ordinal == number {
		return args[number-1].Value, nil
	}
	name := token[1:]
	for _, arg := range args {
		switch {
		case token[0] == '?' && arg.Ordinal == number,
			token[0] == '$' && name == strconv.Itoa(arg.Ordinal),
			token[0] != '?' && arg.Name != "" && arg.Name == name:
			return arg.Value, nil
		}
	}
	if token != "?" {
		return nil, fmt.Errorf("missing named argument %q", name)
	}
	return nil, fmt.Errorf("missing argument with index %d", number)
}

// plain turns an argument into nil, int64, float64, string or []byte.
func plain(value any) (any, error) {
	switch v := value.(type) {
	case nil, int64:
		return v, nil
	case string:
		return value, checkSize(len(v))
	case float64:
		if math.IsNaN(v) {
			return nil, nil // as SQLite stores it
		}
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case []byte:
		if v == nil {
			return nil, nil
		}
		return value, checkSize(len(v))
	case time.Time:
		return v.String(), nil // what stock PocketBase's driver does; PocketBase itself passes its DateTime as text
	}
	return nil, fmt.Errorf("d1: cannot bind a %T", value)
}

// checkSize is the error of a value that no row can hold.
func checkSize(size int) error {
	if size <= maxValue {
		return nil
	}
	message := fmt.Sprintf("a value of %d bytes, where D1 takes %d at most", size, maxValue)
	return &Error{Code: CodeTooBig, Extended: int(CodeTooBig), Message: message}
}

// plain builds a statement without rewrites. Its renderer stays on the stack: this is the way of nearly all statements.
func (r renderer) plain() Statement {
	r.grow()
	r.emit(len(r.p.text))
	return r.statement()
}

// fill builds the statement.
func (r *renderer) fill(rewrites []rewrite) Statement {
	r.grow()
	for _, part := range rewrites {
		if part.start < r.at {
			continue // inside of another
		}
		r.emit(part.start)
		part.write(r)
		for r.at = part.end; r.next < len(r.values) && r.p.params[r.next].start < part.end; {
			r.next++
		}
	}
	r.emit(len(r.p.text))
	return r.statement()
}

// grow makes room for what an ordinary statement needs.
func (r *renderer) grow() {
	r.sql.Grow(len(r.p.text) + 8*len(r.values))
	if len(r.values) > 0 {
		r.params = make([]any, 0, min(len(r.values), maxParams))
	}
}

// statement is what has been written, in the form that D1 takes.
func (r *renderer) statement() Statement {
	sql, params := r.sql.String(), r.params
	if r.p.logical >= longChain {
		sql, params = decide(sql, params)
		sql = balance(flatten(sql))
	}
	if r.p.compounds >= maxTerms || r.compounds {
		sql = nestCompounds(sql)
	}
	return Statement{SQL: sql, Params: params}
}

// emit writes the text up to a position, with the values of its parameters.
func (r *renderer) emit(end int) {
	for r.next < len(r.values) && r.p.params[r.next].start < end {
		r.copy(r.p.params[r.next].start)
		if n, integer := r.values[r.next].(int64); integer && r.p.params[r.next].ordering {
			r.sql.WriteString("(" + strconv.FormatInt(n, 10) + "|0)") // an integer alone would mean a column
		} else {
			r.value(r.values[r.next], r.size)
		}
		r.at = r.p.params[r.next].end
		r.next++
	}
	r.copy(end)
}

// copy takes over the text up to a position, and names columns on the way.
func (r *renderer) copy(end int) {
	for len(r.names) > 0 && r.names[0].at <= end {
		name := r.names[0]
		r.names = r.names[1:]
		r.sql.WriteString(r.p.text[r.at:name.at])
		r.sql.WriteString(" AS " + quoteName(name.name))
		r.at = name.at
	}
	r.sql.WriteString(r.p.text[r.at:end])
	r.at = end
}

// literalSize is the length up to which values become literals, -1 for none, so that D1 takes what is left as parameters.
func literalSize(values []any, rewrites []rewrite) int {
	room := maxParams - 1 - len(rewrites) // a commit asserts what a read gave by one more
	if len(values) <= room {
		return -1
	}
	sizes := make(map[int]int) // how many values of each length
	bound, longest := 0, 0
	for i := 0; i < len(values); i++ {
		for len(rewrites) > 0 && rewrites[0].last < i {
			rewrites = rewrites[1:]
		}
		if len(rewrites) > 0 && rewrites[0].first <= i {
			i = rewrites[0].last
			continue
		}
		if n := boundSize(values[i]); n >= 0 {
			bound++
			sizes[n]++
			longest = max(longest, n)
		}
	}
	size := -1
	for bound > room && size < longest {
		size++
		bound -= sizes[size]
	}
	return size
}

// boundSize is the length of a value that would be bound, -1 of one that is a literal anyway.
func boundSize(value any) int {
	switch v := value.(type) {
	case float64:
		return 8
	case string:
		return len(v)
	case []byte:
		return 2 * len(v)
	}
	return -1
}

// value appends one value, as a literal if it is no longer than size or cannot be bound.
func (r *renderer) value(value any, size int) {
	switch v := value.(type) {
	case nil:
		r.sql.WriteString("NULL")
	case int64:
		r.sql.WriteByte('(')
		r.sql.WriteString(strconv.FormatInt(v, 10))
		r.sql.WriteByte(')')
	case string:
		if !utf8.ValidString(v) || len(v) <= size && strings.IndexByte(v, 0) >= 0 {
			r.sql.WriteString("CAST(x'" + hex.EncodeToString([]byte(v)) + "' AS TEXT)")
			return
		}
		if len(v) <= size {
			r.sql.WriteString(quote(v))
			return
		}
		r.bind(v)
	case float64:
		if size >= 8 || math.IsInf(v, 0) || v == 0 && math.Signbit(v) { // JSON has no infinities and no -0
			r.sql.WriteString(floatLiteral(v))
			return
		}
		r.bind(v)
	case []byte:
		if 2*len(v) <= size {
			r.sql.WriteString("x'" + hex.EncodeToString(v) + "'")
			return
		}
		r.bind(v)
	}
}

// bind makes a value a parameter.
func (r *renderer) bind(value any) {
	if r.packed != nil && r.packed.add(r, value) {
		return
	}
	r.sql.WriteByte('?')
	r.params = append(r.params, value)
}

// quote is s as an SQL string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quoteName is s as an SQL identifier.
func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func floatLiteral(v float64) string {
	if math.IsInf(v, 0) {
		if v < 0 {
			return "(-9e999)"
		}
		return "9e999"
	}
	return "(" + realNumber(v) + ")"
}

// inLists finds the long IN lists of values that JSON carries exactly.
func inLists(p *parsed, values []any) []rewrite {
	if len(values) < inListSize {
		return nil
	}
	var lists []rewrite
	for i := 0; i+inListSize <= len(values); i++ {
		if !opensList(p.text[:p.params[i].start]) {
			continue
		}
		last := i
		for last+1 < len(values) && isComma(p.text[p.params[last].end:p.params[last+1].start]) {
			last++
		}
		if last-i+1 < inListSize || !strings.HasPrefix(strings.TrimSpace(p.text[p.params[last].end:]), ")") {
			continue
		}
		if list, ok := jsonList(values[i : last+1]); ok {
			lists = append(lists, rewrite{p.params[i].start, p.params[last].end, i, last, func(r *renderer) {
				r.sql.WriteString(selectList)
				r.bind(list)
				r.sql.WriteByte(')')
			}})
		}
		i = last
	}
	return lists
}

// selectList opens a query of a JSON array that takes the place of a list of values. With the plus, values have no affinity, as those
// of a list: a column's would keep 1 from being equal to a '1' in a TEXT column.
const selectList = "SELECT +value FROM json_each("

// opensList tells whether the text ends with IN and an opening parenthesis.
func opensList(text string) bool {
	text, found := strings.CutSuffix(strings.TrimRight(text, " \n\t\r"), "(")
	if !found {
		return false
	}
	text = strings.TrimRight(text, " \n\t\r")
	n := len(text)
	return n > 2 && strings.EqualFold(text[n-2:], "IN") && !isNameChar(text[n-3])
}

func isComma(text string) bool { return strings.TrimSpace(text) == "," }
