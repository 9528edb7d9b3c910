package d1

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
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
}

// renderer puts the arguments into the text of one statement.
//
// D1 binds every number as a REAL, so integers and booleans become literals, in parentheses so that a sign cannot turn
// an operator before it into a comment. What is left are strings, floats and blobs, of which D1 takes 100.
type renderer struct {
	p      *parsed
	names  []columnName
	at     int // how far the text has been copied
	sql    strings.Builder
	params []any
}

// render puts args into p, as modernc.org/sqlite binds them: by number, or by name.
func render(p *parsed, args []driver.NamedValue) (Statement, error) {
	if len(p.params) == 0 && p.logical < longChain {
		return Statement{SQL: p.text}, nil
	}
	values, err := arrange(p, args)
	if err != nil {
		return Statement{}, err
	}
	return renderer{p: p, names: columnNames(p)}.fill(values, inLists(p, values)), nil
}

// withoutParams is the statement with NULL for each parameter, as a view needs it.
func withoutParams(p *parsed) string {
	return renderer{p: p, names: columnNames(p)}.fill(make([]any, len(p.params)), nil).SQL
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
	case nil, int64, string:
		return v, nil
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
		return v, nil
	case time.Time:
		return v.String(), nil // what stock PocketBase's driver does; PocketBase itself passes its DateTime as text
	}
	return nil, fmt.Errorf("d1: cannot bind a %T", value)
}

// fill builds the statement. Values beyond the limit on parameters become literals, the shortest first.
func (r renderer) fill(values []any, lists []inList) Statement {
	literal := literalSize(values, lists)
	likes := longLikes(r.p, values)
	r.sql.Grow(len(r.p.text) + 8*len(values))
	for i := 0; i < len(values); i++ {
		if len(likes) > 0 && likes[0].param == i {
			r.longLike(likes[0])
			likes = likes[1:]
			continue
		}
		r.copy(r.p.params[i].start)
		if len(lists) > 0 && lists[0].first == i {
			r.sql.WriteString("SELECT value FROM json_each(?)")
			r.params = append(r.params, lists[0].json)
			i = lists[0].last
			lists = lists[1:]
		} else {
			r.value(values[i], literal)
		}
		r.at = r.p.params[i].end
	}
	r.copy(len(r.p.text))
	sql := r.sql.String()
	if r.p.logical >= longChain {
		sql = balance(sql)
	}
	return Statement{SQL: sql, Params: r.params}
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
func literalSize(values []any, lists []inList) int {
	room := maxParams - 1 - len(lists) // a commit asserts what a read gave by one more
	if len(values) <= room {
		return -1
	}
	sizes := make(map[int]int) // how many values of each length
	bound, longest := 0, 0
	for i, list := 0, 0; i < len(values); i++ {
		if list < len(lists) && lists[list].first == i {
			i = lists[list].last
			list++
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
		if size >= 8 || math.IsInf(v, 0) {
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

func (r *renderer) bind(value any) {
	r.sql.WriteByte('?')
	r.params = append(r.params, value)
}

// quote is s as an SQL string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func floatLiteral(v float64) string {
	if math.IsInf(v, 0) {
		if v < 0 {
			return "(-9e999)"
		}
		return "9e999"
	}
	s := strconv.FormatFloat(v, 'e', -1, 64)
	if strings.IndexByte(s, '.') < 0 {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return "(" + s + ")"
}

// inList is a run of parameters that are all there is between the parentheses of an IN.
type inList struct {
	first, last int // index of its parameters
	json        string
}

// inLists finds the long IN lists of values that JSON carries exactly.
func inLists(p *parsed, values []any) []inList {
	if len(values) < inListSize {
		return nil
	}
	var lists []inList
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
		if text, ok := jsonList(values[i : last+1]); ok {
			lists = append(lists, inList{i, last, text})
		}
		i = last
	}
	return lists
}

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

// jsonList is values as a JSON array whose elements json_each gives back with the same type and value.
func jsonList(values []any) (string, bool) {
	var b []byte
	for i, value := range values {
		b = append(b, "[,"[min(i, 1)])
		switch v := value.(type) {
		case nil:
			b = append(b, "null"...)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case string:
			if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
				return "", false
			}
			text, err := json.Marshal(v)
			if err != nil {
				return "", false
			}
			b = append(b, text...)
		default:
			return "", false
		}
	}
	if len(b) > jsonListSize {
		return "", false
	}
	return string(append(b, ']')), true
}
