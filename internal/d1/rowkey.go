package d1

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// rowKey is the one row of a table that a statement is about, told by its text: the value that a column of the table must have.
type rowKey struct {
	table  string // in lower case
	column string // in lower case
	value  string
	insert bool // the statement adds the row
	remove bool // the statement removes the row
	// alone tells that it has no other condition.
	alone bool
	// whole tells that it is a query that gives the row as it is.
	whole bool
	// others are the tables and views besides that a query names, in lower case.
	others []string
}

// rowKeys gives what a statement's text tells of the row that it is about, one rowKey for each column that could be the table's key:
//
//	SELECT … FROM t … WHERE t.id=? AND (…)
//	UPDATE t SET … WHERE id=?
//	DELETE FROM t WHERE id=?
//	INSERT INTO t (id, …) VALUES (?, …)
//
// None if the text could mean other rows of the table too. It takes less for granted than it might: a mistake would cost a second run.
func rowKeys(statement Statement) []rowKey {
	sc := scanner{text: statement.SQL}
	if !sc.next() {
		return nil
	}
	r := keyReader{statement: statement}
	switch {
	case sc.is("SELECT"):
		return r.ofQuery(&sc)
	case sc.is("INSERT"):
		return r.ofInsert(&sc)
	case sc.is("UPDATE"), sc.is("DELETE"):
		return r.ofChange(&sc)
	}
	return nil
}

// keyReader reads the tokens of one statement.
type keyReader struct {
	statement Statement
	params    int // that were read
}

// cell is a token of an expression, or parentheses with what is in them.
type cell struct {
	scanner
	param int // its place among the parameters
	inner cellList
}

// cellList is an expression, or a list of several.
type cellList []cell

// misleading are words by which a text may be about more than it seems to be.
var misleading = []string{
	"UNION", "EXCEPT", "INTERSECT", "WITH", "BETWEEN", "CASE", "REPLACE", "IGNORE", "ROLLBACK", "ABORT", "FAIL", "CONFLICT", "RETURNING", "DEFAULT",
	"ROWID", "OID", "_ROWID_", "NATURAL", "USING", "INDEXED", "OVER",
}

// cells reads tokens up to the end, or to the parenthesis that closes them.
func (r *keyReader) cells(sc *scanner) (cells cellList, ok bool) {
	cells = cellList{}
	for sc.next() {
		one := cell{scanner: *sc}
		switch {
		case sc.isSymbol(')'):
			return cells, true
		case sc.isSymbol('('):
			if one.inner, ok = r.cells(sc); !ok {
				return nil, false
			}
		case sc.kind == tokenParam:
			if sc.token() != "?" || r.params >= len(r.statement.Params) {
				return nil, false
			}
			one.param = r.params
			r.params++
		case sc.kind == tokenWord && slices.ContainsFunc(misleading, sc.is):
			return nil, false
		}
		cells = append(cells, one)
	}
	return cells, true
}

func (r *keyReader) ofQuery(sc *scanner) []rowKey {
	cells, ok := r.cells(sc)
	if !ok {
		return nil
	}
	from, where := cells.find("FROM"), cells.find("WHERE")
	named, ok := tablesOf(cells)
	if !ok || from < 0 || where < from || len(named) == 0 {
		return nil
	}
	table := named[0]
	if slices.Contains(named[1:], table) || isAlias(cells[from:where], table) {
		return nil
	}
	end := len(cells)
	for _, clause := range []string{"GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT"} {
		if at := cells.find(clause); at > where && at < end {
			end = at
		}
	}
	keys := r.conditions(table, cells[where+1:end])
	for i := range keys {
		keys[i].others = named[1:]
		keys[i].whole = keys[i].alone && where == from+2 && isRow(cells[:from], table) && isLimitOne(cells[end:])
	}
	return keys
}

// isAlias tells whether a table of another name gets this one.
func isAlias(cells cellList, table string) bool {
	for i, one := range cells {
		named := one.inner == nil && strings.EqualFold(one.name(), table)
		if named && !cells[max(i-1, 0)].is("FROM") && (i+1 >= len(cells) || !cells[i+1].isSymbol('.')) {
			return true
		}
	}
	return false
}

// isRow tells whether a list of columns is all of the table's.
func isRow(list cellList, table string) bool {
	switch len(list) {
	case 1:
		return list[0].isSymbol('*')
	case 3:
		return strings.EqualFold(list[0].name(), table) && list[1].isSymbol('.') && list[2].isSymbol('*')
	}
	return false
}

func isLimitOne(cells cellList) bool {
	return len(cells) == 0 || len(cells) == 2 && cells[0].is("LIMIT") && cells[1].token() == "1"
}

// tablesOf gives the tables and views behind each FROM and JOIN, the outermost first; ok is false if they cannot be told.
func tablesOf(cells cellList) (tables []string, ok bool) {
	var inner []string
	inFrom := false
	for i, one := range cells {
		switch {
		case one.inner != nil:
			more, ok := tablesOf(one.inner)
			if !ok {
				return nil, false
			}
			inner = append(inner, more...)
		case one.is("FROM"), one.is("JOIN"):
			inFrom = true
			if i+1 >= len(cells) || cells[i+1].kind != tokenWord && cells[i+1].kind != tokenQuoted {
				return nil, false // a subquery
			}
			if i+2 < len(cells) && (cells[i+2].isSymbol('.') || cells[i+2].inner != nil) { // main.t, json_each(…)
				return nil, false
			}
			tables = append(tables, strings.ToLower(cells[i+1].name()))
		case one.is("WHERE"), one.is("GROUP"), one.is("ORDER"), one.is("LIMIT"):
			inFrom = false
		case inFrom && one.isSymbol(','):
			return nil, false
		case one.is("IN") && i+1 < len(cells) && cells[i+1].inner == nil: // IN t
			return nil, false
		}
	}
	return append(tables, inner...), true
}

func (r *keyReader) ofChange(sc *scanner) []rowKey {
	update := sc.is("UPDATE")
	if !update && (!sc.next() || !sc.is("FROM")) || !sc.next() {
		return nil
	}
	table := strings.ToLower(sc.name())
	cells, ok := r.cells(sc)
	if !ok || cells.contains("SELECT") || cells.find("FROM") >= 0 || cells.find("LIMIT") >= 0 {
		return nil
	}
	where := cells.find("WHERE")
	if where < 0 || update && (len(cells) == 0 || !cells[0].is("SET")) || !update && where != 0 {
		return nil
	}
	keys := r.conditions(table, cells[where+1:])
	if !update {
		for i := range keys {
			keys[i].remove = keys[i].alone
		}
		return keys
	}
	// A row may be given the key that it has.
	return slices.DeleteFunc(keys, func(key rowKey) bool {
		for i := 1; i < where; i++ {
			one := cells[i]
			starts := i == 1 || cells[i-1].isSymbol(',')
			switch {
			case !starts:
			case one.inner != nil: // (a, b) = (1, 2)
				return true
			case strings.EqualFold(one.name(), key.column):
				value, ok := r.text(cells, i+2)
				if !ok || value != key.value || i+3 < where && !cells[i+3].isSymbol(',') {
					return true
				}
			}
		}
		return false
	})
}

func (r *keyReader) ofInsert(sc *scanner) []rowKey {
	if !sc.next() || !sc.is("INTO") || !sc.next() {
		return nil
	}
	table := strings.ToLower(sc.name())
	cells, ok := r.cells(sc)
	if !ok || len(cells) != 3 || cells[0].inner == nil || !cells[1].is("VALUES") || cells[2].inner == nil || cells.contains("SELECT") {
		return nil
	}
	var keys []rowKey
	columns, values := cells[0].inner.parts(), cells[2].inner.parts()
	for i, column := range columns {
		if i >= len(values) || len(column) != 1 || len(values[i]) != 1 {
			continue
		}
		if value, ok := r.text(values[i], 0); ok {
			keys = append(keys, rowKey{table: table, column: strings.ToLower(column[0].name()), value: value, insert: true})
		}
	}
	return keys
}

// parts cuts a list at its commas.
func (cells cellList) parts() (parts []cellList) {
	start := 0
	for i, one := range cells {
		if one.isSymbol(',') {
			parts = append(parts, cells[start:i])
			start = i + 1
		}
	}
	return append(parts, cells[start:])
}

// conditions finds the column=value among what has to be true together.
func (r *keyReader) conditions(table string, cells cellList) (keys []rowKey) {
	cells = cells.stripped()
	if cells.find("OR") >= 0 || cells.find("SELECT") >= 0 {
		return nil
	}
	start := 0
	for i := 0; i <= len(cells); i++ {
		if i < len(cells) && !cells[i].is("AND") {
			continue
		}
		part := cells[start:i]
		start = i + 1
		if len(part) == 1 && part[0].inner != nil {
			for _, key := range r.conditions(table, part[0].inner) {
				key.alone = false
				keys = append(keys, key)
			}
		} else if key, ok := r.equality(table, part); ok {
			key.alone = len(part) == len(cells)
			keys = append(keys, key)
		}
	}
	return keys
}

// equality reads t.id=? and id=?.
func (r *keyReader) equality(table string, part cellList) (key rowKey, ok bool) {
	if len(part) == 5 {
		if !strings.EqualFold(part[0].name(), table) || !part[1].isSymbol('.') {
			return key, false
		}
		part = part[2:]
	}
	if len(part) != 3 || part[0].kind != tokenWord && part[0].kind != tokenQuoted || !part[1].isSymbol('=') {
		return key, false
	}
	value, ok := r.text(part, 2)
	return rowKey{table: table, column: strings.ToLower(part[0].name()), value: value}, ok
}

// text is the string that a cell is, or its parameter, if it travels unharmed in JSON.
func (r *keyReader) text(cells cellList, at int) (value string, ok bool) {
	if at >= len(cells) {
		return "", false
	}
	switch one := cells[at]; one.kind {
	case tokenParam:
		value, ok = r.statement.Params[one.param].(string)
	case tokenString:
		value, ok = one.name(), one.token()[0] == '\''
	}
	return value, ok && utf8.ValidString(value) && strings.IndexByte(value, 0) < 0
}

// stripped is what is in the parentheses around all of it.
func (cells cellList) stripped() cellList {
	for len(cells) == 1 && cells[0].inner != nil {
		cells = cells[0].inner
	}
	return cells
}

// find is the place of a keyword, outside of parentheses; -1 if it is not there.
func (cells cellList) find(keyword string) int {
	return slices.IndexFunc(cells, func(one cell) bool { return one.inner == nil && one.is(keyword) })
}

// contains tells whether a keyword is there, in parentheses or not.
func (cells cellList) contains(keyword string) bool {
	return slices.ContainsFunc(cells, func(one cell) bool { return one.is(keyword) || one.inner.contains(keyword) })
}
