package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
)

// guess answers the steps of a transaction without asking D1 about each. A write waits for the commit, and is taken to succeed. A read of
// tables that the transaction has not written goes to D1 alone; any other is answered by the scratch, where the writes are tried out on
// the rows of the tables that they touch. Only what the scratch cannot know, because a table is too large for it, is a replay.
//
// The commit proves all of it: it holds every statement in its order, and asserts what the application was told. If a guess was wrong,
// nothing is stored, and the application has to begin again, this time by replay: Options.OnWrongGuess says so.
type guess struct {
	replay
	trial *trial // from the first write on
	lists lists
	done  func() // ends what Options.Guessing began
}

func newGuess(db *connector) *guess {
	t := &guess{replay: replay{db: db}}
	t.oracle = t
	return t
}

func (t *guess) query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	switch {
	case t.conflict != nil:
		return nil, t.conflict
	case p.kind == kindWrite && !p.returning, p.kind == kindSchema:
		_, err := t.exec(ctx, p, args)
		return &rowList{}, err
	case p.returning:
		t.beStrict()
	case p.kind == kindPragma:
		t.minds(p)
	}
	rows, err := t.replay.query(ctx, p, args)
	if list, ok := rows.(*rowList); ok && p.kind == kindRead {
		t.lists.add(list)
	}
	return rows, err
}

// minds leaves to D1 what follows a PRAGMA that changes how writes are checked.
func (t *guess) minds(p *parsed) {
	if name, value := pragma(p.text); name == "defer_foreign_keys" && value != "" {
		t.beStrict()
	}
}

// beStrict has D1 answer what follows.
func (t *guess) beStrict() { t.oracle = nil }

// beginsEarly begins the trial with a read, if it is of a table that transactions use to read more than once.
func (t *guess) beginsEarly(ctx context.Context, p *parsed) bool {
	if !t.db.readOften(p.text) {
		return false
	}
	t.trial, _ = t.db.beginTrial(ctx, &t.lists)
	return t.trial != nil
}

// reader implements oracle.
func (t *guess) reader(ctx context.Context, p *parsed, query Statement) (reader, error) {
	if t.trial == nil && !t.beginsEarly(ctx, p) {
		return t.readStored, nil
	}
	touched, err := t.trial.touches(p, query)
	switch {
	case err != nil:
		return t.readWritten, nil // its error is D1's to tell
	case !t.trial.concerns(touched) && !t.trial.keeps(touched):
		return t.readStored, nil
	case p.volatile, t.tainted:
		return t.readWritten, nil // the commit may not assert it
	}
	if err := t.look(ctx); err != nil {
		return nil, err
	}
	if t.oracle == nil {
		return t.readWritten, nil
	}
	key, holds := t.trial.holds(ctx, query, touched)
	t.asserted = t.trial.asserted
	if !holds {
		return t.readWritten, nil
	}
	implied := key != nil && key.whole && !t.trial.setOf(key.table).written[key.value]
	return func(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error) {
		return t.readTried(ctx, p, e, implied)
	}, nil
}

// look implements oracle.
func (t *guess) look(ctx context.Context) error {
	if t.conflict != nil || t.trial == nil {
		return t.conflict
	}
	err := t.trial.catchUp(ctx)
	if errors.Is(err, errTrial) {
		t.beStrict()
		return nil
	}
	return t.wrong(err)
}

// probeQuery implements oracle.
func (t *guess) probeQuery(query Statement) (*rowList, error) {
	rows, _, err := readScratch(t.trial.scratch, query)
	return rows, err
}

// readTried reads from the scratch. With implied the commit asserts what it gives in any case.
func (t *guess) readTried(ctx context.Context, p *parsed, e *entry, implied bool) (*rowList, []string, error) {
	rows, texts, err := readScratch(t.trial.scratch, e.statement)
	if err != nil {
		return t.readWritten(ctx, p, e)
	}
	e.columns, e.implied = len(rows.columns), implied
	return rows, texts, nil
}

func (t *guess) exec(ctx context.Context, p *parsed, args []driver.NamedValue) (driver.Result, error) {
	if t.conflict != nil {
		return nil, t.conflict
	}
	if p.kind == kindPragma {
		t.minds(p)
	}
	if t.oracle == nil || p.kind != kindWrite && p.kind != kindSchema {
		return t.replay.exec(ctx, p, args)
	}
	if err := t.budget(); err != nil {
		return nil, err
	}
	switch err := t.guessWrite(ctx, p, args); {
	case errors.Is(err, errTrial): // D1 knows better, or tells why
		t.beStrict()
		return t.replay.exec(ctx, p, args)
	case err != nil:
		return nil, err
	}
	return t.log[len(t.log)-1].write, nil
}

// guessWrite takes a write into the log that is taken to succeed. The error is errTrial where the scratch cannot help.
func (t *guess) guessWrite(ctx context.Context, p *parsed, args []driver.NamedValue) (err error) {
	if t.trial == nil {
		if t.trial, err = t.db.beginTrial(ctx, &t.lists); err != nil {
			return err
		}
	}
	if t.trial == nil {
		return errTrial
	}
	write, err := t.prepareWrite(ctx, p, args)
	switch {
	case isSQLite(err) && t.conflict == nil:
		return errTrial
	case err != nil:
		return err
	}
	if err := t.trial.add(ctx, p, write); err != nil {
		return t.wrong(err)
	}
	if !t.guessed {
		t.guessed, t.done = true, t.db.options.Guessing(t.prove)
	}
	t.append(p, write)
	return nil
}

// prove asks D1 whether what was guessed so far is right. After that the rest is a replay: what made it necessary cannot be taken back.
func (t *guess) prove(ctx context.Context) error {
	if t.conflict != nil || t.oracle == nil {
		return t.conflict
	}
	t.beStrict()
	return t.wrong(t.check(ctx))
}

// wrong ends a transaction whose guess was found out before its commit: SQLite refuses what was taken to succeed. Other errors are of
// the way to D1.
func (t *guess) wrong(err error) error {
	if err != nil && isSQLite(err) {
		return t.lost(err)
	}
	return err
}

func (t *guess) commit(ctx context.Context) error {
	err := t.conflict
	switch {
	case err != nil:
	case t.changesNothing():
		proof, _ := t.proof()
		if _, err = t.db.probe(ctx, proof, Statement{SQL: "''"}); err != nil {
			err = t.lost(err)
		}
		t.forgetColumns()
		t.forgetResults()
	default:
		err = t.replay.commit(ctx)
	}
	t.end(err == nil)
	return err
}

// changesNothing tells whether the transaction leaves the database as it was: PocketBase makes a view to see its columns, and drops it again.
// Such a transaction has nothing to store, so that its request can still be run again.
func (t *guess) changesNothing() bool {
	if t.trial == nil || t.oracle == nil || len(t.writes) == 0 || !t.trial.schema {
		return false
	}
	for _, write := range t.writes {
		if !isOfView(write.SQL) {
			return false
		}
	}
	schema, err := t.trial.schemaNow()
	return err == nil && slices.Equal(schema, t.db.scratch.schema)
}

// isOfView tells CREATE VIEW and DROP VIEW.
func isOfView(sql string) bool {
	sc := scanner{text: sql}
	return sc.next() && (sc.is("CREATE") || sc.is("DROP")) && sc.next() && sc.is("VIEW")
}

func (t *guess) rollback(ctx context.Context) {
	t.replay.rollback(ctx)
	t.end(false)
}

func (t *guess) end(stored bool) {
	if t.done != nil {
		t.done()
	}
	t.db.scratch.kept = kept{}
	if t.trial == nil {
		return
	}
	switch {
	case t.conflict != nil, t.oracle == nil:
		t.trial.doubt()
	case stored:
		t.trial.keepSchema()
	}
	t.trial.end()
	t.trial = nil
}
