package d1

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Inside a transaction rows travel as text, in the message of an error that throws the batch away. Each value keeps its
// type:
//
//	n               NULL
//	i-12;           integer
//	r0.5;           real, 17 digits
//	t5:héll         text, with its length in bytes
//	b2:00FF         blob, with its length in bytes, in hex
//
// The same text is what an assertion compares at commit.

// errFrame is the error of a text that is not what encodeRow makes: cut at a NUL, or not UTF-8 in the database.
var errFrame = errors.New("d1: a result inside a transaction arrived damaged")

// encodeRow is an SQL expression for the text of a row of n columns c0, c1, …. With loose, reals are written as a plain
// read through JavaScript gives them: a whole number as an integer, an infinite one as NULL.
func encodeRow(n int, loose bool) string {
	if n == 0 {
		return "''"
	}
	cells := make([]string, n)
	for i := range cells {
		cells[i] = encodeCell("c"+strconv.Itoa(i), loose)
	}
	return concatenation(cells)
}

func encodeCell(c string, loose bool) string {
	real := `CASE WHEN ` + isNegativeZero(c) + ` THEN 'r-0;' ELSE printf('r%!.17g;',` + c + `) END`
	if loose {
		real = `CASE WHEN ` + c + `=CAST(` + c + ` AS INTEGER) AND abs(` + c + `)<9e15 THEN printf('i%d;',` + c + `) ELSE ` + real + ` END`
	}
	return `CASE typeof(` + c + `) WHEN 'text' THEN 't'||length(CAST(` + c + ` AS BLOB))||':'||` + c +
		` WHEN 'integer' THEN printf('i%d;',` + c + `) WHEN 'null' THEN 'n' WHEN 'real' THEN ` + real +
		` ELSE 'b'||length(` + c + `)||':'||hex(` + c + `) END`
}

// columnList is c0,c1,… for n columns.
func columnList(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('c')
		b.WriteString(strconv.Itoa(i))
	}
	return b.String()
}

// rowList is the rows of a query inside a transaction.
type rowList struct {
	columns []string
	values  []driver.Value // row by row
	next    int
}

func (r *rowList) Columns() []string { return r.columns }
func (r *rowList) Inexact() bool     { return false }

func (r *rowList) Next(dest []driver.Value) error {
	if r.next >= len(r.values) {
		return io.EOF
	}
	r.next += copy(dest, r.values[r.next:])
	return nil
}

// decodeRows reads the text of rows. It gives the text of each row too.
func decodeRows(text string, columns []string) (*rowList, []string, error) {
	rows := &rowList{columns: columns}
	var texts []string
	for rest := text; rest != "" && len(columns) > 0; {
		row := rest
		for range columns {
			value, after, err := decodeCell(rest)
			if err != nil {
				return nil, nil, err
			}
			rows.values = append(rows.values, value)
			rest = after
		}
		texts = append(texts, row[:len(row)-len(rest)])
	}
	return rows, texts, nil
}

func decodeCell(text string) (value driver.Value, rest string, err error) {
	if text == "" {
		return nil, "", errFrame
	}
	switch tag := text[0]; tag {
	case 'n':
		return nil, text[1:], nil
	case 'i', 'r':
		number, rest, found := strings.Cut(text[1:], ";")
		if !found {
			return nil, "", errFrame
		}
		if tag == 'i' {
			value, err = strconv.ParseInt(number, 10, 64)
		} else {
			value, err = strconv.ParseFloat(number, 64)
		}
		return value, rest, err
	case 't', 'b':
		digits, rest, found := strings.Cut(text[1:], ":")
		n, err := strconv.Atoi(digits)
		if tag == 'b' {
			n *= 2
		}
		if !found || err != nil || n < 0 || n > len(rest) {
			return nil, "", errFrame
		}
		if tag == 't' {
			return rest[:n], rest[n:], nil
		}
		value, err := hex.DecodeString(rest[:n])
		return blob(value), rest[n:], err
	}
	return nil, "", errFrame
}

// encodeRows is what encodeRow with loose gives of the rows of a plain read. ok is false if that cannot be told from what
// came through JavaScript.
func encodeRows(rows *rowList) (texts []string, ok bool) {
	var b []byte
	for n := len(rows.columns); len(rows.values) >= n*(len(texts)+1) && n > 0; {
		b = b[:0]
		for _, value := range rows.values[n*len(texts):][:n] {
			if b, ok = appendCell(b, value); !ok {
				return nil, false
			}
		}
		texts = append(texts, string(b))
	}
	return texts, true
}

func appendCell(b []byte, value driver.Value) ([]byte, bool) {
	switch v := value.(type) {
	case nil:
		return append(b, 'n'), true
	case int64:
		if v >= 9e15 || v <= -9e15 {
			return b, false
		}
		return append(strconv.AppendInt(append(b, 'i'), v, 10), ';'), true
	case string:
		if strings.ContainsRune(v, utf8.RuneError) {
			return b, false // may stand for bytes that are not UTF-8
		}
		b = strconv.AppendInt(append(b, 't'), int64(len(v)), 10)
		return append(append(b, ':'), v...), true
	case []byte:
		b = strconv.AppendInt(append(b, 'b'), int64(len(v)), 10)
		return append(append(b, ':'), strings.ToUpper(hex.EncodeToString(v))...), true
	}
	return b, false
}

// guard is an assertion of a part of the rows that a query gave.
type guard struct {
	offset, limit int // limit -1: all that are left
	text          string
}

// guardsOf cuts the texts of rows into assertions. Where the order of the rows means nothing they are compared sorted.
func guardsOf(texts []string, ordered bool) []guard {
	if !ordered {
		texts = slices.Clone(texts)
		slices.Sort(texts)
	}
	var guards []guard
	for first := 0; ; {
		last, size := first, 0
		for last < len(texts) && (last == first || size+len(texts[last]) <= pageSize) {
			size += len(texts[last])
			last++
		}
		g := guard{offset: first, limit: last - first, text: strings.Join(texts[first:last], "")}
		if last == len(texts) {
			g.limit = -1
			return append(guards, g)
		}
		guards = append(guards, g)
		first = last
	}
}

// rowsExpression is a scalar SQL expression for the text of all rows of query, or of those in a guard's part. Where it sorts them the query
// is materialized: SQLite would sort a query that has a LIMIT, or a view with one, before it cuts it, and take other rows.
func rowsExpression(query string, columns int, loose, ordered bool, part guard) string {
	row := encodeRow(columns, loose)
	as := `) AS (`
	if !ordered {
		as = `) AS MATERIALIZED (`
	}
	with := `WITH _pf_query(` + columnList(columns) + as + query + "\n) SELECT coalesce(group_concat("
	window := ""
	if part.offset > 0 || part.limit >= 0 {
		window = fmt.Sprintf(" LIMIT %d OFFSET %d", part.limit, part.offset)
	}
	switch {
	case !ordered:
		return with + `r,''),'') FROM (SELECT ` + row + ` AS r FROM _pf_query ORDER BY r` + window + `)`
	case window != "":
		return with + `r,''),'') FROM (SELECT ` + row + ` AS r FROM _pf_query` + window + `)`
	}
	return with + row + `,''),'') FROM _pf_query`
}
