package d1

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A statement whose text is too long for D1 has values in it, as literals or in place of parameters. Rows of VALUES and lists of IN are
// read from JSON, which is a parameter; what still is too long has its strings read from one more.

// packedSize is the length from which a value is read from JSON: shorter ones are as short as literals.
const packedSize = 20

// shorten renders a statement again whose text was too long.
func shorten(p *parsed, values []any, long Statement) (Statement, error) {
	if (p.kind == kindRead || p.kind == kindWrite) && !p.explain {
		parts := append(bulk(p, values), longLikes(p, values)...)
		slices.SortFunc(parts, func(a, b rewrite) int { return a.start - b.start })
		plain := renderer{p: p, values: values, names: columnNames(p), size: literalSize(values, parts)}
		if statement := plain.fill(parts); len(statement.SQL) <= maxOwnSQL {
			return statement, nil
		}
		packing := renderer{p: p, values: values, names: columnNames(p), size: packedSize, packed: newPackedValues(len(values))}
		if statement := packing.fill(parts); packing.packed.finish(&statement) && len(statement.SQL) <= maxOwnSQL {
			return statement, nil
		}
	}
	if len(long.SQL) <= maxSQL {
		return long, nil
	}
	message := fmt.Sprintf("statement too long: D1 takes %d bytes of SQL; write fewer values in one statement", maxSQL)
	return Statement{}, &Error{Code: CodeTooBig, Extended: int(CodeTooBig), Message: message}
}

// bulk finds rows of VALUES and lists of IN of parameters and literals that JSON carries exactly.
func bulk(p *parsed, values []any) []rewrite {
	var found []rewrite
	tokens := tokensOf(p.text)
	list := listReader{tokens: tokens, values: values}
	for i := 0; i+1 < len(tokens); i++ {
		list.at, list.first = i+1, list.param
		var part rewrite
		var ok bool
		switch {
		case tokens[i].is("VALUES"):
			part, ok = list.rows(tokens[i].start)
		case tokens[i].is("IN"):
			part, ok = list.in()
		}
		if ok {
			found = append(found, part)
			list.param = part.last + 1
			i = list.at - 1
		} else {
			list.param = list.first
			if tokens[i].kind == tokenParam {
				list.param++
			}
		}
	}
	return found
}

// listReader reads lists of values in parentheses.
type listReader struct {
	tokens tokenList
	values []any // of the parameters
	at     int   // the next token
	first  int   // the parameter with which the list begins
	param  int   // the next parameter
}

// rows reads the rows behind VALUES as a query of JSON arrays.
func (l *listReader) rows(start int) (part rewrite, ok bool) {
	var lists []string // of rows
	var list []byte
	width, count := 0, 0
	for more := true; more; count++ {
		row, ok := l.row()
		if !ok || count > 0 && len(row) != width {
			return part, false
		}
		width = len(row)
		text, ok := jsonList(row)
		if !ok {
			return part, false
		}
		if len(list) > 0 && len(list)+len(text) > jsonListSize {
			lists, list = append(lists, string(list)+"]"), nil
		}
		list = append(append(list, "[,"[min(len(list), 1)]), text...)
		if more = l.at < len(l.tokens) && l.tokens[l.at].isSymbol(','); more {
			l.at++
		}
	}
	lists = append(lists, string(list)+"]")
	if count < 2 {
		return part, false
	}
	return rewrite{start, l.tokens[l.at-1].end, l.first, l.param - 1, func(r *renderer) {
		r.compounds = r.compounds || len(lists) > maxTerms
		for i, list := range lists {
			if i > 0 {
				r.sql.WriteString(" UNION ALL ")
			}
			r.sql.WriteString("SELECT ")
			for column := range width {
				if column > 0 {
					r.sql.WriteByte(',')
				}
				r.sql.WriteString("value->>" + strconv.Itoa(column) + " AS column" + strconv.Itoa(column+1))
			}
			r.sql.WriteString(" FROM json_each(")
			r.params = append(r.params, list)
			r.sql.WriteString("?) WHERE 1") // or an ON CONFLICT behind it would be a join's
		}
	}}, true
}

// in reads the list behind IN as a query of a JSON array.
func (l *listReader) in() (part rewrite, ok bool) {
	start := l.tokens[l.at].end
	row, ok := l.row()
	if !ok || len(row) < 2 {
		return part, false
	}
	list, ok := jsonList(row)
	return rewrite{start, l.tokens[l.at-1].start, l.first, l.param - 1, func(r *renderer) {
		r.sql.WriteString(selectList + "?)")
		r.params = append(r.params, list)
	}}, ok
}

// row reads one list in parentheses of parameters and literals.
func (l *listReader) row() (row []any, ok bool) {
	if !l.symbol('(') {
		return nil, false
	}
	for {
		value, ok := l.value()
		if !ok {
			return nil, false
		}
		row = append(row, value)
		if l.symbol(')') {
			return row, true
		}
		if !l.symbol(',') {
			return nil, false
		}
	}
}

// symbol moves over a character, if it is the next token.
func (l *listReader) symbol(c byte) bool {
	if l.at == len(l.tokens) || !l.tokens[l.at].isSymbol(c) {
		return false
	}
	l.at++
	return true
}

// value reads one parameter or literal, with its sign.
func (l *listReader) value() (value any, ok bool) {
	sign := ""
	if l.symbol('-') {
		sign = "-"
	}
	if l.at == len(l.tokens) {
		return nil, false
	}
	token := &l.tokens[l.at]
	l.at++
	switch {
	case token.kind == tokenWord && isDigit(token.text[token.start]):
		return l.number(sign, token)
	case sign != "":
		return nil, false
	case token.kind == tokenParam:
		l.param++
		return l.values[l.param-1], true
	case token.is("NULL"):
		return nil, true
	}
	return token.name(), token.kind == tokenString && token.text[token.start] == '\''
}

// number reads on from the first token of a number: 1.5e-3 is a word, a point, a word, a minus and a word.
func (l *listReader) number(sign string, token *scanner) (value any, ok bool) {
	text := sign + token.token()
	for l.at < len(l.tokens) && l.tokens[l.at].start == token.end {
		token = &l.tokens[l.at]
		exponent := strings.HasSuffix(strings.ToLower(text), "e") && (token.isSymbol('-') || token.isSymbol('+'))
		if !exponent && !token.isSymbol('.') && token.kind != tokenWord {
			break
		}
		text += token.token()
		l.at++
	}
	if strings.Trim(text, "+-.eE0123456789") != "" {
		return nil, false // hexadecimal, or with _ between digits
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// packedValues are strings and reals that a statement reads from a row of JSON arrays. They are many short ones, since SQLite keeps a copy of
// an array for each place that reads from it.
type packedValues struct {
	each  int // values an array
	lists [][]byte
	count int
}

const (
	packedName  = "pf" // the table with that row
	packedLists = maxParams - 10
)

func newPackedValues(values int) *packedValues {
	return &packedValues{each: (values + packedLists - 1) / packedLists}
}

// add writes a value that would be bound as one that is read from the row; false if JSON does not carry it.
func (v *packedValues) add(r *renderer, value any) bool {
	column, index := v.count/v.each, v.count%v.each
	list := []byte("[")
	if index > 0 {
		list = append(v.lists[column], ',')
	}
	list, ok := appendJSON(list, value)
	if !ok {
		return false
	}
	v.lists = append(v.lists[:column], list)
	v.count++
	r.sql.WriteString("(SELECT j" + strconv.Itoa(column) + "->>" + strconv.Itoa(index) + " FROM " + packedName + ")")
	return true
}

// finish puts the row before the statement; false if there is nothing in it, or what did not go into it are too many parameters.
func (v *packedValues) finish(statement *Statement) bool {
	if v.count == 0 || len(statement.Params)+len(v.lists) > maxParams-1 {
		return false
	}
	var names, marks strings.Builder
	params := make([]any, 0, len(v.lists)+len(statement.Params))
	for i, list := range v.lists {
		names.WriteString(",j" + strconv.Itoa(i))
		marks.WriteString(",?")
		params = append(params, string(list)+"]")
	}
	with, rest := "WITH ", " "
	if sc := (scanner{text: statement.SQL}); sc.next() && sc.is("WITH") {
		if ahead := sc; ahead.next() && ahead.is("RECURSIVE") {
			with, sc = "WITH RECURSIVE ", ahead
		}
		rest, statement.SQL = ",", statement.SQL[sc.end:]
	}
	statement.SQL = with + packedName + "(" + names.String()[1:] + ") AS (SELECT " + marks.String()[1:] + ")" + rest + statement.SQL
	statement.Params = append(params, statement.Params...)
	return true
}
