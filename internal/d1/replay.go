package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
)

// stepper answers the statements of one transaction. It is used by one goroutine at a time.
type stepper interface {
	// query runs a statement and gives its rows.
	query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error)
	// exec runs a statement. One that fails leaves the transaction as it was before it.
	exec(ctx context.Context, p *parsed, args []driver.NamedValue) (driver.Result, error)
	// types gives a function that asks for the types of the columns of a query.
	types(ctx context.Context, p *parsed) func() []string
	// commit stores what the transaction wrote, if all that it was told still holds; otherwise it is an ErrConflict.
	commit(ctx context.Context) error
	// rollback forgets the transaction. What it has read may have shaped an answer all the same, so it is checked.
	rollback(ctx context.Context)
}

// replay answers each step of a transaction by D1 itself: it sends all writes so far and the new statement as one batch
// whose last statement raises an error with the result, so that the step sees what was written and nothing is stored.
//
// Reads before the first write need no replay.
type replay struct {
	db      *connector
	log     []*entry
	writes  []Statement         // of the log
	columns *columnCache        // of queries with *, from the first change of the schema on
	shapes  []*parsed           // the changes that make the connector forget columns, when they are stored
	tainted bool                // a write whose values differ each time: later reads cannot be asserted
	answers map[string]*rowList // of the reads since the last write
	settled map[string]bool     // tables that make up no ids
	failed  bool                // the application has been told of a conflict
}

// entry is a step of the transaction: a write, or what a read was told.
type entry struct {
	statement Statement
	kind      kind
	write     *writeResult // nil for a read
	inserts   bool         // a write that sets the last rowid, if it inserts any
	columns   int
	guards    []guard
	ordered   bool
	loose     bool
}

// newReplay begins a transaction. Nothing is sent.
func newReplay(db *connector) *replay { return &replay{db: db} }

func (t *replay) query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	switch {
	case p.kind == kindPragma:
		sql := pragmaQuery(p)
		if sql == "" {
			return &rowList{}, nil // as in exec
		}
		return t.read(ctx, &parse(sql)[0], nil)
	case p.kind != kindRead:
		if p.returning {
			return nil, errors.New("d1: a write with RETURNING cannot be read inside of a transaction")
		}
		_, err := t.exec(ctx, p, args)
		return &rowList{}, err
	}
	return t.read(ctx, p, args)
}

func (t *replay) exec(ctx context.Context, p *parsed, args []driver.NamedValue) (driver.Result, error) {
	switch p.kind {
	case kindPragma:
		if name, _ := pragma(p.text); name != "defer_foreign_keys" {
			return done{}, nil // optimize, or a setting that SQLite ignores inside of a transaction
		}
	case kindRead:
		_, err := t.read(ctx, p, args)
		return done{}, err
	}
	statement, err := render(p, args)
	if err != nil {
		return nil, err
	}
	statement.own()
	result := &writeResult{step: t, ctx: context.WithoutCancel(ctx), index: len(t.writes), known: p.kind == kindSchema}
	if !t.db.options.DeferErrors {
		if err := t.try(ctx, statement, result); err != nil {
			return nil, err
		}
		statement = t.settleID(ctx, statement)
	}
	clear(t.answers)
	t.log = append(t.log, &entry{statement: statement, kind: p.kind, write: result, inserts: p.inserts})
	t.writes = append(t.writes, statement)
	t.tainted = t.tainted || p.volatile
	if p.kind == kindSchema {
		t.changeSchema(p)
	}
	return result, nil
}

// changeSchema keeps apart what queries give here from what they give outside.
func (t *replay) changeSchema(p *parsed) {
	if t.columns == nil {
		t.columns = newColumnCache()
	}
	t.columns.forget(p)
	if p.reshapes {
		t.shapes = append(t.shapes, p)
	}
}

// forgetColumns has the connector forget what the transaction has changed.
func (t *replay) forgetColumns() {
	for _, p := range t.shapes {
		t.db.columns.forget(p)
	}
}

// try runs a write and throws it away.
func (t *replay) try(ctx context.Context, statement Statement, result *writeResult) error {
	text, err := t.db.probe(ctx, append(slices.Clip(t.writes), statement), Statement{SQL: changesExpression})
	if err != nil {
		return t.blame(ctx, err)
	}
	return result.set(text)
}

// read runs a query and remembers what it gave.
func (t *replay) read(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	statement, err := render(p, args)
	if err != nil {
		return nil, err
	}
	call, err := appendCall(nil, "", modeQuery, []Statement{statement})
	if err != nil {
		return nil, err
	}
	key := string(call)
	if known := t.answers[key]; known != nil && !p.volatile {
		return &rowList{columns: known.columns, values: known.values}, nil
	}
	statement.own()
	e := &entry{statement: statement, ordered: p.ordered}
	read := t.readWritten
	if len(t.writes) == 0 {
		read = t.readStored
	}
	rows, texts, err := read(ctx, p, e)
	if err != nil {
		return nil, t.blame(ctx, err)
	}
	if !p.volatile && !p.explain && !t.tainted {
		e.guards = guardsOf(texts, p.ordered)
		t.log = append(t.log, e)
	}
	if t.answers == nil {
		t.answers = map[string]*rowList{}
	}
	t.answers[key] = rows
	return &rowList{columns: rows.columns, values: rows.values}, nil
}

// readStored reads what is in the database, for a transaction that has not written yet.
func (t *replay) readStored(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error) {
	_, epoch := t.db.columns.get(p)
	rows, err := t.db.send(ctx, t.db.readable(p, e.statement), false)
	if err != nil {
		return nil, nil, err
	}
	list, err := collect(rows)
	if err != nil {
		return nil, nil, err
	}
	e.columns = len(list.columns)
	if p.explain {
		return list, nil, nil
	}
	t.db.columns.put(p, list.columns, epoch)
	texts, ok := encodeRows(list)
	if e.loose = ok; ok || p.volatile {
		return list, texts, nil
	}
	return t.db.queryExact(ctx, e.statement, list.columns)
}

// readWritten reads what the transaction has written.
func (t *replay) readWritten(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error) {
	if p.explain {
		return nil, nil, errors.New("d1: EXPLAIN cannot follow a write inside of a transaction")
	}
	for attempt := 0; ; attempt++ {
		columns, err := t.columnsOf(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		e.columns = len(columns)
		text, err := t.probeRows(ctx, e)
		if attempt == 0 && isColumnCount(err) {
			t.cacheOf(p).drop(p) // another isolate has changed the table
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return decodeRows(text, columns)
	}
}

// isColumnCount tells whether a query has another number of columns than was remembered.
func isColumnCount(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.HasPrefix(e.Message, "table pfq has ")
}

// columnsOf gives the columns of a query, from a view that is thrown away with the rest.
func (t *replay) columnsOf(ctx context.Context, p *parsed) ([]string, error) {
	if columns := pragmaColumns(p); columns != nil {
		return columns, nil
	}
	columns, epoch := t.cacheOf(p).get(p)
	if columns == nil && len(t.shapes) == 0 {
		columns, _ = t.db.columns.get(p)
	}
	if columns != nil {
		return columns, nil
	}
	columns, err := t.db.viewInfo(ctx, t.writes, p, "name")
	if err != nil {
		return nil, err
	}
	columns = viewColumns(columns)
	t.cacheOf(p).put(p, columns, epoch)
	return columns, nil
}

func (t *replay) types(ctx context.Context, p *parsed) func() []string {
	return t.db.types(ctx, t.writes, p)
}

// cacheOf is where the columns of a query are kept: the transaction's own cache if they depend on what it has changed.
func (t *replay) cacheOf(p *parsed) *columnCache {
	renamed := slices.ContainsFunc(t.shapes, func(shape *parsed) bool { return shape.renames })
	if t.columns != nil && (p.star || renamed) {
		return t.columns
	}
	return t.db.columns
}

// rollback asks whether what the transaction was told was one state of the database. Its steps saw the database at
// different moments, and an application that gives up because of what it saw must be told if that never was: OnConflict.
func (t *replay) rollback(ctx context.Context) {
	reads := 0
	for _, e := range t.log {
		reads += len(e.guards)
	}
	if reads == 0 || len(t.log) < 2 || t.failed || ctx.Err() != nil {
		return
	}
	proof, _ := t.proof()
	var lost *Error
	if _, err := t.db.probe(ctx, proof, Statement{SQL: "''"}); errors.As(err, &lost) {
		_ = t.lost(err)
	}
}

// blame tells whose an error of a step is: the statement's own, which is returned as it is, or a conflict, because what
// the transaction has read or written before does not hold any more.
func (t *replay) blame(ctx context.Context, err error) error {
	var own *Error
	if len(t.log) == 0 || !errors.As(err, &own) {
		return err
	}
	earlier, _ := t.proof()
	var lost *Error
	if _, again := t.db.probe(ctx, earlier, Statement{SQL: "''"}); errors.As(again, &lost) {
		t.failed = true
		return t.lost(again)
	}
	return err
}

// own makes the statement independent of the caller's memory.
func (s *Statement) own() {
	for i, param := range s.Params {
		if b, ok := param.([]byte); ok {
			s.Params[i] = slices.Clone(b)
		}
	}
}
