package d1

import (
	"context"
	"math"
	"strings"
)

// PocketBase's tables make up the id of a row that is inserted without one, DEFAULT ('r'||lower(hex(randomblob(7)))). Each
// replay would make up another, so a transaction settles what the defaults of such a row give, and names it from then on.

// madeUp is a column whose default gives another value each time.
type madeUp struct {
	column     string
	expression string
}

// settleDefaults gives the rows of an INSERT without an id what their defaults make up. Other statements stay as they are.
func (t *replay) settleDefaults(ctx context.Context, statement Statement) (Statement, error) {
	insert, ok := insertWithoutID(statement.SQL)
	if !ok {
		return statement, nil
	}
	defaults, err := t.defaultsOf(ctx, insert.table)
	if err != nil {
		return statement, err
	}
	var missing []madeUp
	for _, d := range defaults {
		if !insert.names(d.column) {
			missing = append(missing, d)
		}
	}
	if len(missing) == 0 {
		return statement, nil
	}
	values, err := t.makeUp(ctx, missing, len(insert.rows))
	if err != nil {
		return statement, err
	}
	statement.SQL = insert.with(statement.SQL, missing, values)
	return statement, nil
}

// defaultsOf gives the columns of a table that make up values.
func (t *replay) defaultsOf(ctx context.Context, table string) ([]madeUp, error) {
	if known, ok := t.defaults[table]; ok {
		return known, nil
	}
	query := "SELECT name, dflt_value FROM pragma_table_info(" + quote(table) + ") WHERE dflt_value IS NOT NULL"
	rows, err := t.probeQuery(ctx, Statement{SQL: query}, 2)
	if err != nil {
		return nil, err
	}
	var found []madeUp
	for i := 0; i+1 < len(rows.values); i += 2 {
		name, _ := rows.values[i].(string)
		expression, _ := rows.values[i+1].(string)
		if tellsTime(expression) || isRandom(expression) {
			found = append(found, madeUp{name, expression})
		}
	}
	if t.defaults == nil {
		t.defaults = map[string][]madeUp{}
	}
	t.defaults[table] = found
	return found, nil
}

func tellsTime(expression string) bool {
	statements := parse("SELECT " + expression)
	return len(statements) == 1 && statements[0].clock
}

// makeUp evaluates the defaults for so many rows, as SQL literals row by row.
func (t *replay) makeUp(ctx context.Context, columns []madeUp, rows int) ([]string, error) {
	expressions := make([]string, len(columns))
	for i, c := range columns {
		expressions[i] = "(" + c.expression + ")"
	}
	list := "[0" + strings.Repeat(",0", rows-1) + "]"
	query := "SELECT " + strings.Join(expressions, ",") + " FROM json_each(?)"
	made, err := t.probeQuery(ctx, Statement{SQL: query, Params: []any{list}}, len(columns))
	if err != nil {
		return nil, err
	}
	literals := make([]string, len(made.values))
	for i, value := range made.values {
		var r renderer
		r.value(value, math.MaxInt)
		literals[i] = r.sql.String()
	}
	return literals, nil
}

// insertion is an INSERT … VALUES, and where its columns and rows begin in the text.
type insertion struct {
	table   string
	named   []string
	columns int
	rows    []int
}

func (n *insertion) names(column string) bool {
	for _, name := range n.named {
		if strings.EqualFold(name, column) {
			return true
		}
	}
	return false
}

// with is the statement with more columns, whose values are given row by row.
func (n *insertion) with(sql string, columns []madeUp, values []string) string {
	var out strings.Builder
	out.WriteString(sql[:n.columns])
	for _, c := range columns {
		out.WriteString(quoteName(c.column) + ",")
	}
	copied := n.columns
	for i, at := range n.rows {
		out.WriteString(sql[copied:at])
		for _, value := range values[i*len(columns):][:len(columns)] {
			out.WriteString(value + ",")
		}
		copied = at
	}
	return out.String() + sql[copied:]
}

// insertWithoutID recognizes INSERT INTO t (a, b) VALUES (c, d), (e, f) without a column id, whatever follows.
func insertWithoutID(sql string) (n insertion, ok bool) {
	sc := scanner{text: sql}
	if !sc.toTarget() {
		return n, false
	}
	n.table = sc.name()
	if !sc.next() || !sc.isSymbol('(') {
		return n, false
	}
	n.columns = sc.end
	for sc.next() && !sc.isSymbol(')') {
		if name := sc.name(); strings.EqualFold(name, "id") {
			return n, false
		} else if !sc.isSymbol(',') {
			n.named = append(n.named, name)
		}
	}
	if !sc.next() || !sc.is("VALUES") {
		return n, false
	}
	for sc.next() && sc.isSymbol('(') {
		n.rows = append(n.rows, sc.end)
		for depth := 1; depth > 0; depth += sc.nesting() {
			if !sc.next() {
				return n, false
			}
		}
		if !sc.next() || !sc.isSymbol(',') {
			break
		}
	}
	return n, len(n.rows) > 0
}

// toTarget moves to the table of INSERT INTO t or REPLACE INTO t.
func (s *scanner) toTarget() bool {
	if !s.next() || !s.is("INSERT") && !s.is("REPLACE") {
		return false
	}
	for s.next() {
		if s.is("INTO") {
			return s.next()
		}
		if s.kind != tokenWord { // INSERT OR IGNORE INTO
			return false
		}
	}
	return false
}
