package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
)

// stepper answers the statements of one transaction. It is used by one goroutine at a time.
type stepper interface {
	// query runs a statement and gives its rows.
	query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error)
	// exec runs a statement. One that fails leaves the transaction as it was before it.
	exec(ctx context.Context, p *parsed, args []driver.NamedValue) (driver.Result, error)
	// types gives the declared types of the columns of a statement.
	types(ctx context.Context, p *parsed) ([]string, error)
	// commit stores what the transaction wrote, if all that it was told still holds; otherwise it is an ErrConflict.
	commit(ctx context.Context) error
	// rollback forgets the transaction. What it has read may have shaped an answer all the same, so it is checked.
	rollback(ctx context.Context)
	// note tells how the transaction, which has ended, was answered: Options.OnTransaction.
	note()
}

// replay answers each step of a transaction by D1 itself: it sends all writes so far and the new statement as one batch
// whose last statement raises an error with the result, so that the step sees what was written and nothing is stored.
//
// Reads before the first write need no replay.
type replay struct {
	db       *connector
	log      []*entry
	asserted []*entry            // what was read of the database besides, of rows that were not written before
	writes   []Statement         // of the log
	size     int                 // their bytes
	columns  *columnCache        // of queries with *, from the first change of the schema on
	shapes   []*parsed           // the changes that make the connector forget columns, when they are stored
	schema   bool                // a change that makes the connector forget tables
	tainted  bool                // a write whose values differ each time: later reads cannot be asserted
	answers  map[string]*rowList // of the reads since the last write
	seen     map[string]lastSeen // the last reads of many rows, by what was asked
	latest   lastSeen
	lastSeen int
	defaults map[string][]madeUp // of tables, as far as they are known
	untried  bool                // a write was not tried when it came
	deferred bool                // foreign keys are looked at when it commits
	conflict error               // what the application has been told of one
	oracle   oracle              // answers in the place of D1; nil if D1 answers every step
	guessed  bool                // it has
}

// oracle answers steps of a transaction without D1. What it says is a guess, which the commit proves.
type oracle interface {
	// reader chooses who answers a query. Its error ends the transaction.
	reader(ctx context.Context, p *parsed, query Statement) (reader, error)
	// probeQuery answers a query about the schema or of values that are made up. Where it fails D1 is asked.
	probeQuery(query Statement) (*rowList, error)
	// look finds out what the writes have done, as far as it can. Its error ends the transaction.
	look(ctx context.Context) error
}

// reader answers a read: its rows, and the text of each.
type reader func(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error)

// entry is a step of the transaction: a write, or what a read was told.
type entry struct {
	statement Statement
	kind      kind
	write     *writeResult // nil for a read
	inserts   bool         // a write that sets the last rowid, if it inserts any
	volatile  bool         // a write whose values differ each time
	returned  *returned    // what a write gave by RETURNING
	removed   *rowKey      // of a DELETE: the one row that it removes, and nothing comes of that
	implied   bool         // a read that tells no more than what is asserted already
	seen      *seen        // how a read is asserted instead of by guards
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
		return t.queryPragma(ctx, p)
	case p.kind == kindRead:
		return t.read(ctx, p, args)
	case p.returning:
		return t.queryReturning(ctx, p, args)
	}
	_, err := t.exec(ctx, p, args)
	return &rowList{}, err
}

func (t *replay) exec(ctx context.Context, p *parsed, args []driver.NamedValue) (driver.Result, error) {
	switch p.kind {
	case kindPragma:
		return t.execPragma(ctx, p)
	case kindRead:
		_, err := t.read(ctx, p, args)
		return done{}, err
	}
	if err := t.budget(); err != nil {
		return nil, err
	}
	write, err := t.prepareWrite(ctx, p, args)
	if err != nil {
		return nil, err
	}
	if t.defers(p) {
		t.untried = true
	} else if err := t.try(ctx, write); err != nil {
		return nil, err
	}
	t.append(p, write)
	return write.write, nil
}

// defers tells whether a write is not tried.
func (t *replay) defers(p *parsed) bool {
	named := t.db.options.DeferErrors
	return named != nil && named(p.text)
}

// budget is the error of a transaction that has become too long to be sent.
func (t *replay) budget() error {
	switch {
	case len(t.writes) >= t.db.options.MaxStatements:
		return fmt.Errorf("d1: the transaction writes more than %d statements: divide it, or set POCKETFLARE_D1_MAX_STATEMENTS to what your "+
			"plan allows. Nothing of it is stored", t.db.options.MaxStatements)
	case t.size > maxBatchBytes:
		return fmt.Errorf("d1: the transaction writes more than %d MB, the most that one call of D1 carries: divide it. Nothing of it is stored",
			maxBatchBytes>>20)
	}
	return nil
}

// prepareWrite makes a write such that each replay of it does the same.
func (t *replay) prepareWrite(ctx context.Context, p *parsed, args []driver.NamedValue) (*entry, error) {
	settled := p
	if p.clock && p.kind == kindWrite && !t.defers(p) {
		settled = settleTime(p, t.db.options.Now())
	}
	statement, err := render(settled, args)
	if err != nil {
		return nil, err
	}
	statement.own()
	if p.kind == kindWrite && !t.defers(p) {
		if statement, err = t.settleDefaults(ctx, statement); err != nil {
			return nil, t.blame(ctx, err)
		}
	}
	return &entry{
		statement: statement, kind: p.kind, inserts: p.inserts, volatile: settled.storesRandom(),
		write: &writeResult{step: t, ctx: context.WithoutCancel(ctx), index: len(t.writes), known: p.kind == kindSchema},
	}, nil
}

// append takes a write into the log.
func (t *replay) append(p *parsed, write *entry) {
	clear(t.answers)
	t.log = append(t.log, write)
	t.writes = append(t.writes, write.statement)
	t.size += write.statement.bytes()
	t.tainted = t.tainted || write.volatile
	if p.kind == kindSchema {
		t.changeSchema(p)
	}
}

// changeSchema keeps apart what queries give here from what they give outside.
func (t *replay) changeSchema(p *parsed) {
	if t.columns == nil {
		t.columns = newColumnCache()
	}
	t.columns.forget(p)
	if p.times {
		t.db.schema.addTimes()
	}
	t.schema = t.schema || t.db.schema.known().changes(p)
	if p.reshapes {
		clear(t.defaults)
		t.shapes = append(t.shapes, p)
	}
}

// forgetColumns has the connector forget what the transaction has changed.
func (t *replay) forgetColumns() {
	for _, p := range t.shapes {
		t.db.columns.forget(p)
	}
	if t.schema {
		t.db.schema.forget()
	}
}

// try runs a write and throws it away.
func (t *replay) try(ctx context.Context, write *entry) error {
	text, err := t.db.probe(ctx, append(slices.Clip(t.writes), write.statement), Statement{SQL: changesExpression})
	if err != nil {
		return t.blame(ctx, err)
	}
	return write.write.set(text)
}

// rollback asks whether what the transaction was told was one state of the database. Its steps saw the database at
// different moments, and an application that gives up because of what it saw must be told if that never was: OnConflict.
func (t *replay) rollback(ctx context.Context) {
	reads := len(t.asserted)
	for _, e := range t.log {
		if reads += len(e.guards); e.seen != nil {
			reads++
		}
		if e.returned.inProof() {
			reads++
		}
	}
	if !t.guessed && (reads == 0 || len(t.log) < 2) || t.conflict != nil || ctx.Err() != nil {
		return
	}
	if err := t.check(ctx); err != nil {
		_ = t.lost(err)
	}
}

func (t *replay) note() {
	if len(t.writes) > 0 && t.db.options.DeferErrors == nil {
		t.db.options.OnTransaction(t.oracle != nil)
	}
}

// check asks whether the log still holds. If not, it gives the error of SQLite.
func (t *replay) check(ctx context.Context) error {
	proof, _ := t.proof()
	_, err := t.db.probe(ctx, proof, Statement{SQL: "''"})
	if own := (*Error)(nil); errors.As(err, &own) && (t.guessed || !own.isLimit()) {
		return err
	}
	return nil
}

// blame tells whose an error of a step is: the statement's own, which is returned as it is, or a conflict, because what
// the transaction has read or written before does not hold any more.
func (t *replay) blame(ctx context.Context, err error) error {
	if len(t.log) == 0 || !isSQLite(err) {
		return err
	}
	if lost := t.check(ctx); lost != nil {
		return t.lost(lost)
	}
	return err
}

// bytes is how many it takes to send the statement, about.
func (s *Statement) bytes() int {
	size := len(s.SQL)
	for _, param := range s.Params {
		switch v := param.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		default:
			size += 8
		}
	}
	return size
}

// own makes the statement independent of the caller's memory.
func (s *Statement) own() {
	for i, param := range s.Params {
		if b, ok := param.([]byte); ok {
			s.Params[i] = slices.Clone(b)
		}
	}
}
