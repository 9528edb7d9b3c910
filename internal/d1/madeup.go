package d1

import (
	"context"
	"errors"
	"strings"
)

// PocketBase's tables make up the id of a row that is inserted without one, DEFAULT ('r'||lower(hex(randomblob(7)))). Each
// replay would make up another, so a transaction settles it when the row is inserted and names it from then on.

// settleID gives the INSERT of one row the id that it has made up. Other statements stay as they are.
func (t *replay) settleID(ctx context.Context, statement Statement) Statement {
	table, columns, values := insertWithoutID(statement.SQL)
	if table == "" || t.settled[table] {
		return statement
	}
	id, err := t.db.probe(ctx, append(t.writes[:len(t.writes):len(t.writes)], statement), Statement{
		SQL: `coalesce((SELECT id FROM ` + table + ` WHERE rowid=last_insert_rowid() AND typeof(id)='text'),'')`,
	})
	if err != nil || id == "" { // no such column, or a rowid: the table's next row will not differ
		if t.settled == nil {
			t.settled = map[string]bool{}
		}
		t.settled[table] = err == nil || errors.Is(err, CodeError)
		return statement
	}
	return Statement{
		SQL:    statement.SQL[:columns] + "id," + statement.SQL[columns:values] + quote(id) + "," + statement.SQL[values:],
		Params: statement.Params,
	}
}

// insertWithoutID recognizes INSERT INTO t (a, b) VALUES (c, d) without a column id. It gives the table as it is written, and
// where the columns and the values begin in the text.
func insertWithoutID(sql string) (table string, columns, values int) {
	sc := scanner{text: sql}
	if !sc.next() || !sc.is("INSERT") || !sc.next() || !sc.is("INTO") {
		return "", 0, 0
	}
	start := sc.end
	for sc.next() && !sc.isSymbol('(') {
		if sc.kind == tokenWord && sc.is("AS") || sc.is("VALUES") || sc.is("SELECT") {
			return "", 0, 0
		}
		table = strings.TrimSpace(sql[start:sc.end])
	}
	columns = sc.end
	for sc.next() && !sc.isSymbol(')') {
		if strings.EqualFold(sc.name(), "id") {
			return "", 0, 0
		}
	}
	if !sc.next() || !sc.is("VALUES") || !sc.next() || !sc.isSymbol('(') {
		return "", 0, 0
	}
	values = sc.end
	for depth := 1; depth > 0; depth += sc.nesting() {
		if !sc.next() {
			return "", 0, 0
		}
	}
	if sc.next() { // more rows, ON CONFLICT
		return "", 0, 0
	}
	return table, columns, values
}
