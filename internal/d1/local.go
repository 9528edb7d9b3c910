package d1

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// Local is a database that is made in the isolate and then laid down in D1 by one batch, if D1's has still nothing in it: for the first boot,
// which is many steps and has no other reader. It is a PairBinding of the database: of the one in the isolate while that is open, of D1's
// before and after.
//
// What the isolate's SQLite cannot do, or not as D1 does it, ends it: every statement fails from then on until Close, so that its steps can be
// begun anew on D1.
type Local struct {
	PairBinding
	scratch Scratch
	using   sync.Mutex // the scratch: goroutines of the driver read beside each other
	open    bool
	inside  bool  // a transaction of the application is open
	failed  error // what it could not do
}

// NewLocal gives the database that binding has, and the scratch may make.
func NewLocal(binding PairBinding, scratch Scratch) *Local {
	return &Local{PairBinding: binding, scratch: scratch}
}

// Open begins an empty database in the isolate. It is for a D1 database that has nothing in it.
func (l *Local) Open(ctx context.Context) error {
	schema := make([]string, len(createTables))
	for i, statement := range createTables {
		schema[i] = statement.SQL
	}
	if err := l.scratch.Open(ctx, schema); err != nil {
		return err
	}
	l.open, l.failed = true, nil
	return nil
}

// Close forgets the database in the isolate.
func (l *Local) Close() {
	if l.open {
		l.open, l.inside = false, false
		l.scratch.Release()
	}
}

// isOpen tells whether statements are answered in the isolate.
func (l *Local) isOpen() bool { return l != nil && l.open }

// fail ends the database in the isolate.
func (l *Local) fail(why string) error {
	if l.failed == nil {
		l.failed = &Error{Code: CodeError, Extended: int(CodeError), Message: "the isolate's database cannot " + why}
	}
	return l.failed
}

// Query implements Binding.
func (l *Local) Query(ctx context.Context, statement Statement) (Rows, error) {
	if !l.open {
		return l.PairBinding.Query(ctx, statement)
	}
	l.using.Lock()
	defer l.using.Unlock()
	return l.query(statement)
}

// QueryPair implements PairBinding.
func (l *Local) QueryPair(ctx context.Context, statement, second Statement) (rows Rows, text string, err error) {
	if !l.open {
		return l.PairBinding.QueryPair(ctx, statement, second)
	}
	l.using.Lock()
	defer l.using.Unlock()
	if rows, err = l.query(statement); err != nil {
		return nil, "", err
	}
	if text, err = l.scratch.Text(second); err != nil && !isSQLite(err) {
		return nil, "", l.fail("answer: " + err.Error())
	}
	return rows, text, nil
}

// query answers a read.
func (l *Local) query(statement Statement) (*rowList, error) {
	if l.failed != nil {
		return nil, l.failed
	}
	p := &parse(statement.SQL)[0]
	if p.kind == kindPragma {
		statement.SQL = pragmaQuery(p)
	}
	if p.kind != kindRead && p.kind != kindPragma || statement.SQL == "" || p.explain {
		return nil, l.fail("run " + p.text)
	}
	rows, _, err := readScratch(l.scratch, statement)
	return rows, l.told(err)
}

// told is an error as the application is to see it.
func (l *Local) told(err error) error {
	if err == nil || isSQLite(err) {
		return err
	}
	return l.fail("answer: " + err.Error())
}

// Batch implements Binding.
func (l *Local) Batch(ctx context.Context, statements []Statement) ([]Result, error) {
	if !l.open {
		return l.PairBinding.Batch(ctx, statements)
	}
	l.using.Lock()
	defer l.using.Unlock()
	begin, end, undo := "BEGIN", "COMMIT", []string{"ROLLBACK"}
	if l.inside {
		begin, end, undo = "SAVEPOINT pf", "RELEASE pf", []string{"ROLLBACK TO pf", "RELEASE pf"}
	}
	if err := l.run(begin); err != nil {
		return nil, err
	}
	results := make([]Result, len(statements))
	for i, statement := range statements {
		var err error
		if results[i], err = l.step(statement); err != nil {
			for _, sql := range undo {
				if failed := l.run(sql); failed != nil {
					return nil, failed
				}
			}
			return nil, err
		}
	}
	return results, l.run(end)
}

// step runs a statement of a batch.
func (l *Local) step(statement Statement) (result Result, err error) {
	switch p := &parse(statement.SQL)[0]; {
	case l.failed != nil:
		return result, l.failed
	case p.kind == kindRead:
		result.Told, err = l.scratch.Text(statement)
	default:
		var text string
		if text, err = l.scratch.Run(statement); err == nil {
			var d done
			d, err = figuresOf(text)
			result.Changes, result.LastRowID = d.Changes, d.LastRowID
		}
	}
	return result, l.told(err)
}

func (l *Local) run(sql string) error {
	if l.failed != nil {
		return l.failed
	}
	if _, err := l.scratch.Run(Statement{SQL: sql}); err != nil {
		return l.fail(sql + ": " + err.Error())
	}
	return nil
}

// localSteps is a transaction on a database in the isolate.
type localSteps struct{ db *connector }

func (db *connector) beginLocal() (stepper, error) {
	l := db.options.Local
	if l.inside {
		return nil, l.fail("have two transactions at once")
	}
	if err := l.run("BEGIN"); err != nil {
		return nil, err
	}
	l.inside = true
	return localSteps{db}, nil
}

func (t localSteps) query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	return t.db.query(ctx, p, args)
}

func (t localSteps) exec(ctx context.Context, p *parsed, args []driver.NamedValue) (driver.Result, error) {
	return t.db.exec(ctx, []parsed{*p}, args)
}

func (t localSteps) types(ctx context.Context, p *parsed) ([]string, error) {
	return t.db.types(ctx, p)
}

func (t localSteps) commit(context.Context) error { return t.end("COMMIT") }

func (t localSteps) rollback(context.Context) {
	if t.end("ROLLBACK") == nil {
		t.db.columns.forgetAll()
		t.db.schema.forget()
	}
}

func (t localSteps) note() {}

func (t localSteps) end(sql string) error {
	l := t.db.options.Local
	if !l.open { // it was given up
		return l.failed
	}
	l.inside = false
	return l.run(sql)
}

// outside is the error of a statement that is not one of the open transaction, whose work it must not see.
func (l *Local) outside() error {
	if l.isOpen() && l.inside {
		return l.fail("run a statement beside a transaction")
	}
	return nil
}

// Settle is Store before something leaves that cannot be taken back. In the middle of a transaction it fails, and with it the database in
// the isolate.
func (l *Local) Settle(ctx context.Context, c driver.Connector) error {
	switch {
	case !l.open:
		return nil
	case l.inside:
		return l.fail("be stored in the middle of a transaction")
	}
	return l.Store(ctx, c)
}

// Store lays the database that a connector has in the isolate down in D1, in one batch. It is an ErrConflict if D1's has got something in it
// meanwhile, and another error if it could not be stored; nothing of it is in either case, and every statement fails until Close: what the
// application has in memory is not of D1's database.
func (l *Local) Store(ctx context.Context, c driver.Connector) error {
	if !l.open {
		return l.failed
	}
	db := c.(*connector)
	batch, schema, err := l.dump()
	if err == nil {
		err = db.storeFirst(ctx, l.PairBinding, batch)
	}
	if err != nil {
		_ = l.fail("be stored: " + err.Error())
		return err
	}
	l.Close()
	db.scratch.schema, db.scratch.fits, db.scratch.large = schema, false, map[string]bool{}
	return nil
}

// storeFirst stores a batch that can only be stored in a database that has nothing of it.
func (db *connector) storeFirst(ctx context.Context, binding Binding, batch []Statement) error {
	own := newToken()
	own.n = 1
	batch = append(batch, Statement{SQL: fmt.Sprintf("INSERT INTO %s(lane,n,void,at) VALUES ('%s',1,0,unixepoch())", commitTable, own.lane)})
	open := false
	for r := (retries{}); ; {
		_, err := binding.Batch(ctx, batch)
		switch err = wrapError(err); {
		case err == nil:
			db.tokens.put(own)
			return nil
		case isSQLite(err) && !open:
			return fmt.Errorf("%w: %w", ErrConflict, err)
		case isSQLite(err): // an attempt before may have been stored
			stored, err := db.hasToken(ctx, binding, own)
			switch {
			case err != nil:
				return db.failed(ctx, err, true)
			case !stored:
				return ErrConflict
			}
			db.tokens.put(own)
			return nil
		}
		open = open || !faultOf(err).unrun
		if !r.again(ctx, db) {
			return db.failed(ctx, err, open)
		}
	}
}

// hasToken tells whether a token's row is there.
func (db *connector) hasToken(ctx context.Context, binding Binding, own *token) (bool, error) {
	for r := (retries{}); ; {
		rows, err := binding.Query(ctx, Statement{
			SQL: "SELECT 1 FROM " + commitTable + " WHERE lane=?", Params: []any{own.lane}, Fresh: true, Primary: true,
		})
		if err == nil {
			list, err := collect(rows)
			return err == nil && len(list.values) > 0, err
		}
		if err = wrapError(err); !db.retry(ctx, &r, err, false) {
			return false, err
		}
	}
}

// maxInsert is how many bytes of rows one INSERT of a dump has, far from the limit on a statement's text: a row may be longer.
const maxInsert = maxSQL / 2

// dump gives the statements that make the database that is open, and its schema.
func (l *Local) dump() (batch []Statement, schema []string, err error) {
	if l.failed != nil {
		return nil, nil, l.failed
	}
	text, err := l.scratch.Text(Statement{SQL: "SELECT json_group_array(json_array(type,name,sql)) FROM (SELECT type,name,sql" + ofSchema + ")"})
	if err != nil {
		return nil, nil, err
	}
	var objects [][3]string
	if err := json.Unmarshal([]byte(text), &objects); err != nil {
		return nil, nil, err
	}
	var inserts []Statement
	for _, object := range objects {
		if schema = append(schema, object[2]); object[0] != "table" {
			continue
		}
		batch = append(batch, Statement{SQL: object[2]})
		rows, err := l.rowsOf(object[1])
		if err != nil {
			return nil, nil, err
		}
		inserts = append(inserts, rows...)
	}
	batch = append(batch, inserts...)
	for _, object := range objects[len(batch)-len(inserts):] { // behind the tables
		batch = append(batch, Statement{SQL: object[2]})
	}
	if len(batch) > defaultStatements {
		return nil, nil, l.fail("be stored: it has too much in it")
	}
	return batch, schema, nil
}

// rowsOf gives the INSERTs of a table's rows, as literals: every value as it is.
func (l *Local) rowsOf(table string) ([]Statement, error) {
	columns, withoutRowID, err := columnsOf(l.scratch, table)
	if err != nil {
		return nil, err
	}
	var names, cells []string
	if !withoutRowID {
		names, cells = append(names, "rowid"), append(cells, "rowid")
	}
	for _, column := range columns {
		if len(cells) > 0 {
			cells = append(cells, "','")
		}
		name := quoteName(column)
		names, cells = append(names, name), append(cells, literal(name))
	}
	text, err := l.scratch.Text(Statement{SQL: "SELECT json_group_array(" + concatenation(cells) + ") FROM " + quoteName(table)})
	if err != nil {
		return nil, err
	}
	var rows []string
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, err
	}
	var inserts []Statement
	var sql strings.Builder
	for _, row := range rows {
		if len(row) > maxSQL-1000 {
			return nil, l.fail("be stored: a row is too long")
		}
		if sql.Len() > 0 && sql.Len()+len(row) > maxInsert {
			inserts = append(inserts, Statement{SQL: sql.String()})
			sql.Reset()
		}
		if sql.Len() == 0 {
			sql.WriteString("INSERT INTO " + quoteName(table) + "(" + strings.Join(names, ",") + ") VALUES (")
		} else {
			sql.WriteString(",(")
		}
		sql.WriteString(row + ")")
	}
	if sql.Len() > 0 {
		inserts = append(inserts, Statement{SQL: sql.String()})
	}
	return inserts, nil
}

// literal is an expression for the SQL literal of a column's value. SQLite's own ends a text where it has a NUL.
func literal(column string) string {
	return "CASE WHEN typeof(" + column + ")='text' AND instr(" + column + ",char(0)) THEN 'CAST(x'''||hex(" + column + ")||''' AS TEXT)'" +
		" ELSE quote(" + column + ") END"
}
