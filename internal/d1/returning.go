package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Inside of a transaction a batch is thrown away, and with it what RETURNING gives. So triggers write down the rows that the statement
// changes, in a table that is thrown away as well, and the RETURNING clause is a query of that table. The commit does the same once more
// to see that the rows are still the same, and drops the table.

// rowsTable is where the triggers write.
const rowsTable = "_pf_rows"

var (
	errReturningMore = errors.New("d1: RETURNING inside of a transaction is not for statements whose triggers or cascades change their own table; " +
		"read the rows by a SELECT")
	errReturningText = errors.New("d1: this RETURNING cannot be read inside of a transaction; read the rows by a SELECT")
)

// returned is what a write gives by RETURNING: what has to be there before it runs, and the query of its rows.
type returned struct {
	prepare []Statement
	rows    *entry
}

// queryReturning runs a write and gives the rows of its RETURNING.
func (t *replay) queryReturning(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	write, err := t.prepareWrite(ctx, p, args)
	if err != nil {
		return nil, err
	}
	clause, err := cutReturning(&write.statement)
	if err != nil {
		return nil, err
	}
	table, err := t.tableColumns(ctx, clause.table)
	if err != nil {
		return nil, t.blame(ctx, err)
	}
	if len(table) == 0 {
		return nil, t.blame(ctx, &Error{Code: CodeError, Extended: int(CodeError), Message: "no such table: " + clause.table})
	}
	names, err := t.returningNames(ctx, p)
	if err != nil {
		return nil, t.blame(ctx, err)
	}
	write.returned = clause.returned(table, len(names))
	rows, texts, err := t.tryReturning(ctx, write, names)
	if err != nil {
		return nil, t.blame(ctx, err)
	}
	if tainted := t.tainted || write.volatile; !tainted {
		write.returned.rows.guards = guardsOf(texts, true)
	}
	t.append(p, write)
	return rows, nil
}

// tryReturning runs the write, throws it away, and gives the rows that it changed.
func (t *replay) tryReturning(ctx context.Context, write *entry, names []string) (*rowList, []string, error) {
	batch := slices.Concat(t.writes, write.returned.prepare, []Statement{write.statement})
	text, err := t.db.probe(ctx, batch, Statement{SQL: changesExpression + `||','||(SELECT count(*) FROM ` + rowsTable + `)`})
	if err != nil {
		return nil, nil, err
	}
	last := strings.LastIndexByte(text, ',')
	if err := write.write.set(text[:max(last, 0)]); err != nil {
		return nil, nil, err
	}
	if text[last+1:] != strconv.FormatInt(write.write.done.Changes, 10) {
		return nil, nil, errReturningMore
	}
	if text, err = t.probeRows(ctx, batch, write.returned.rows); err != nil {
		return nil, nil, err
	}
	return decodeRows(text, names)
}

// tableColumn is a column of a table, hidden ones left out.
type tableColumn struct{ name, kind string }

func (t *replay) tableColumns(ctx context.Context, table string) ([]tableColumn, error) {
	query := "SELECT name, type FROM pragma_table_xinfo(" + quote(table) + ") WHERE hidden<>1"
	rows, err := t.probeQuery(ctx, Statement{SQL: query}, 2)
	if err != nil {
		return nil, err
	}
	var columns []tableColumn
	for i := 0; i+1 < len(rows.values); i += 2 {
		name, _ := rows.values[i].(string)
		kind, _ := rows.values[i+1].(string)
		columns = append(columns, tableColumn{name, strings.TrimSuffix(kind, " GENERATED ALWAYS")})
	}
	return columns, nil
}

// returningNames gives the names of the columns of a RETURNING, which are those of a SELECT.
func (t *replay) returningNames(ctx context.Context, p *parsed) ([]string, error) {
	statement := Statement{SQL: p.text}
	clause, err := cutReturning(&statement)
	if err != nil {
		return nil, err
	}
	query := parse("SELECT " + clause.list + " FROM " + quoteName(clause.table))
	return t.columnsOf(ctx, &query[0])
}

// returningClause is the end of a write, and what it is about.
type returningClause struct {
	verb, table string
	list        string
	params      []any // of the list
}

// cutReturning takes the RETURNING from a write.
func cutReturning(write *Statement) (*returningClause, error) {
	clause := &returningClause{}
	sc := scanner{text: write.SQL}
	at, end, params := -1, -1, 0
	var words []string // outside of parentheses, as far as the table
	for depth := 0; sc.next(); depth += sc.nesting() {
		switch {
		case sc.kind == tokenParam && at < 0:
			params++
		case depth == 0 && sc.is("RETURNING"):
			at, end = sc.start, sc.end
		case depth == 0 && clause.verb == "":
			if verb := strings.ToUpper(sc.token()); verb == "INSERT" || verb == "REPLACE" || verb == "UPDATE" || verb == "DELETE" {
				clause.verb = verb
			}
		case depth == 0 && len(words) < 6:
			words = append(words, sc.token())
		}
	}
	if at < 0 || !clause.findTable(words) {
		return nil, errReturningText
	}
	clause.list = write.SQL[end:]
	if params <= len(write.Params) {
		clause.params = write.Params[params:]
		write.Params = write.Params[:params:params]
	}
	write.SQL = write.SQL[:at]
	return clause, nil
}

// findTable finds the table behind INTO, FROM, or UPDATE OR REPLACE.
func (c *returningClause) findTable(words []string) bool {
	switch c.verb {
	case "UPDATE":
		if len(words) > 2 && strings.EqualFold(words[0], "OR") {
			words = words[2:]
		}
	default:
		for len(words) > 0 && !strings.EqualFold(words[0], "INTO") && !strings.EqualFold(words[0], "FROM") {
			words = words[1:]
		}
		words = words[min(1, len(words)):]
	}
	if len(words) > 2 && words[1] == "." {
		words = words[2:]
	}
	if len(words) == 0 {
		return false
	}
	c.table = unquoted(words[0])
	return true
}

func unquoted(token string) string {
	sc := scanner{text: token}
	sc.next()
	return sc.name()
}

// returned is how the rows of the write come to light, given the table's columns and how many the clause has.
func (c *returningClause) returned(table []tableColumn, columns int) *returned {
	var declared, written, read []string
	for i, column := range table {
		cell := "c" + strconv.Itoa(i)
		declared = append(declared, cell+" "+column.kind)
		written = append(written, "%[1]s."+strings.ReplaceAll(quoteName(column.name), "%", "%%"))
		read = append(read, cell+" AS "+quoteName(column.name))
	}
	if c.usesRowID(table) {
		declared, written, read = append(declared, "r"), append(written, "%[1]s.rowid"), append(read, "r AS rowid")
	}
	r := &returned{prepare: []Statement{{SQL: "CREATE TABLE " + rowsTable + "(" + strings.Join(declared, ",") + ")"}}}
	trigger := func(event, row string) {
		r.prepare = append(r.prepare, Statement{SQL: fmt.Sprintf("CREATE TRIGGER %s_%s AFTER %s ON %s BEGIN INSERT INTO %s VALUES (%s); END",
			rowsTable, event, event, quoteName(c.table), rowsTable, fmt.Sprintf(strings.Join(written, ","), row))})
	}
	switch c.verb {
	case "DELETE":
		trigger("DELETE", "OLD")
	case "UPDATE":
		trigger("UPDATE", "NEW")
	default:
		trigger("INSERT", "NEW")
		trigger("UPDATE", "NEW") // ON CONFLICT DO UPDATE
	}
	r.rows = &entry{columns: columns, ordered: true, statement: Statement{
		SQL: "SELECT " + c.list + " FROM (SELECT " + strings.Join(read, ",") + " FROM " + rowsTable + " ORDER BY " + rowsTable + ".rowid) AS " +
			quoteName(c.table),
		Params: c.params,
	}}
	return r
}

// usesRowID tells whether the clause names the rowid, and no column of the table has that name.
func (c *returningClause) usesRowID(table []tableColumn) bool {
	for _, column := range table {
		if strings.EqualFold(column.name, "rowid") {
			return false
		}
	}
	for sc := (scanner{text: c.list}); sc.next(); {
		if sc.is("ROWID") {
			return true
		}
	}
	return false
}

// inProof is the write as the commit sends it, with the table of its rows before it; cleanUp comes after the rows were compared.
func (r *returned) inProof() bool { return r != nil && len(r.rows.guards) > 0 }

func (r *returned) cleanUp() []Statement {
	drop := make([]Statement, 0, len(r.prepare))
	for _, trigger := range r.prepare[1:] {
		name := strings.Fields(trigger.SQL)[2]
		drop = append(drop, Statement{SQL: "DROP TRIGGER " + name})
	}
	return append(drop, Statement{SQL: "DROP TABLE " + rowsTable})
}
