package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
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
	return t.replay.query(ctx, p, args)
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
	t.trial, _ = t.db.beginTrial(ctx)
	return t.trial != nil
}

// reader implements oracle.
func (t *guess) reader(ctx context.Context, p *parsed, query Statement) (reader, error) {
	if t.trial == nil && !t.beginsEarly(ctx, p) {
		return t.readStored, nil
	}
	touched, err := t.trial.touches(query)
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
	if !t.trial.holds(ctx, touched) {
		return t.readWritten, nil
	}
	return t.readTried, nil
}

// look implements oracle.
func (t *guess) look(ctx context.Context) error {
	if t.conflict != nil || t.trial == nil {
		return t.conflict
	}
	return t.wrong(t.trial.catchUp(ctx))
}

// probeQuery implements oracle.
func (t *guess) probeQuery(query Statement, columns int) (*rowList, error) {
	text, err := t.trial.scratch.Text(Statement{
		SQL: rowsExpression(query.SQL, columns, false, true, guard{limit: -1}), Params: query.Params,
	})
	if err != nil {
		return nil, err
	}
	rows, _, err := decodeRows(text, make([]string, columns))
	return rows, err
}

// readTried reads from the scratch.
func (t *guess) readTried(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error) {
	columns, err := t.trial.scratch.Columns(e.statement.SQL)
	if err != nil {
		return t.readWritten(ctx, p, e)
	}
	text, err := t.trial.scratch.Text(Statement{
		SQL: rowsExpression(e.statement.SQL, len(columns), false, true, guard{limit: -1}), Params: e.statement.Params,
	})
	if err != nil {
		return t.readWritten(ctx, p, e)
	}
	e.columns = len(columns)
	return decodeRows(text, columns)
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
		if t.trial, err = t.db.beginTrial(ctx); err != nil {
			return err
		}
	}
	if t.trial == nil {
		return errTrial
	}
	write, err := t.prepareWrite(ctx, p, args)
	if isSQLite(err) && t.conflict == nil {
		return errTrial
	}
	if err != nil {
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
	if err == nil {
		err = t.replay.commit(ctx)
	}
	t.end(err == nil)
	return err
}

func (t *guess) rollback(ctx context.Context) {
	t.replay.rollback(ctx)
	t.end(false)
}

func (t *guess) end(stored bool) {
	if t.done != nil {
		t.done()
	}
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

// errTrial is the error of a statement that the scratch does not run.
var errTrial = errors.New("d1: the scratch does not run it")

// trial is what a transaction's scratch knows. Names of tables are in lower case.
type trial struct {
	db      *connector
	scratch Scratch

	base    map[string]bool   // tables of the database whose rows were not asked for yet
	origin  map[string]string // tables that were altered while their rows were not there, with the names that D1 has them by
	loaded  []string          // tables of the database that the scratch has whole
	large   map[string]bool   // tables whose rows the scratch does not have, and never will
	written map[string]bool   // tables that the transaction has written, or may have
	writes  []*attempt        // the log
	pending []*attempt        // those that were not tried yet
	schema  bool              // the transaction has changed the schema
	used    bool              // the scratch has rows, or another schema
}

// attempt is a write, and what it opens.
type attempt struct {
	entry   *entry
	touched []string
}

// beginTrial begins to use the scratch for a transaction; nil while another does, and where there is no memory for it.
func (db *connector) beginTrial(ctx context.Context) (*trial, error) {
	if !db.scratch.busy.CompareAndSwap(false, true) {
		return nil, nil
	}
	t := &trial{
		db: db, scratch: db.options.Scratch,
		origin: map[string]string{}, large: map[string]bool{}, written: map[string]bool{},
	}
	switch err := t.open(ctx); {
	case errors.Is(err, errTrial):
		t.end()
		return nil, nil
	case err != nil:
		t.end()
		return nil, err
	}
	return t, nil
}

// scratchState is what is kept of the scratch from one transaction to the next.
type scratchState struct {
	busy   atomic.Bool
	schema []string        // of the database, nil where it has to be read
	tables []string        // of the schema, in lower case
	large  map[string]bool // those that were found to have too many rows
	empty  bool            // the scratch has this schema and no rows
	repeat []string        // tables that a transaction has read more than once before its first write
}

// readOften tells whether a query reads one of Options.ReadOften. It looks at the text alone: a mistake costs a round trip.
func (db *connector) readOften(query string) bool {
	return slices.ContainsFunc(db.options.ReadOften, func(table string) bool { return strings.Contains(query, table) })
}

func (t *trial) open(ctx context.Context) (err error) {
	state := &t.db.scratch
	if state.schema == nil {
		if state.schema, err = t.db.readSchema(ctx); err != nil {
			return err
		}
		state.empty, state.large = false, map[string]bool{}
	}
	if !t.scratch.Keeps() || !state.empty {
		if err := t.scratch.Open(ctx, state.schema); err != nil {
			return fmt.Errorf("%w: %w", errTrial, err)
		}
		names, err := t.scratch.Text(Statement{SQL: `SELECT group_concat(lower(name),char(0)) FROM sqlite_schema WHERE type='table'`})
		if err != nil {
			return err
		}
		state.tables, state.empty = strings.Split(names, "\x00"), true
	}
	t.base = make(map[string]bool, len(state.tables))
	for _, name := range state.tables {
		t.base[name] = !state.large[name]
		t.large[name] = state.large[name]
	}
	return nil
}

// end gives the scratch back.
func (t *trial) end() {
	t.db.scratch.empty = t.db.scratch.empty && !t.used
	t.scratch.Release()
	t.db.scratch.busy.Store(false)
}

// doubt has the schema read again: the guesses were not confirmed, since someone else may have changed it, or the scratch does not know
// all that the transaction has done.
func (t *trial) doubt() { t.db.scratch.schema = nil }

// keepSchema keeps the schema that the transaction has stored.
func (t *trial) keepSchema() {
	if !t.schema {
		return
	}
	state := &t.db.scratch
	schema, err := t.scratch.Text(Statement{SQL: `SELECT group_concat(sql,char(0)) FROM (` + schemaTexts + `)`})
	if state.schema = strings.Split(schema, "\x00"); err != nil {
		state.schema = nil
	}
	state.empty = false
}

// touches tells what a statement opens, in lower case.
func (t *trial) touches(statement Statement) ([]string, error) {
	touched, err := t.scratch.Touches(statement.SQL)
	for i, touch := range touched {
		touched[i] = touch[:1] + strings.ToLower(touch[1:])
	}
	return touched, err
}

// concerns tells whether a read may see what the transaction has done. After a change of the schema any may: what a statement opens does
// not tell through which views.
func (t *trial) concerns(touched []string) bool {
	return t.schema || slices.ContainsFunc(touched, func(touch string) bool { return t.written[touch[1:]] })
}

// add takes in a write. A change of the schema is tried at once, others when something has to be read. The error is errTrial, a wrong
// guess, or one of the way to D1.
func (t *trial) add(ctx context.Context, p *parsed, e *entry) error {
	if p.kind == kindSchema {
		return t.change(ctx, p, e)
	}
	touched, err := t.touches(e.statement)
	if err != nil {
		return errTrial
	}
	for _, touch := range touched {
		if touch[0] == 'w' {
			t.written[touch[1:]] = true
		}
	}
	one := &attempt{e, touched}
	t.writes, t.pending = append(t.writes, one), append(t.pending, one)
	return nil
}

// change tries a change of the schema.
func (t *trial) change(ctx context.Context, p *parsed, e *entry) error {
	target, renamed := schemaTarget(p)
	if target != "" && t.awaits(target) {
		if err := t.catchUp(ctx); err != nil {
			return err
		}
	}
	t.used = true
	if _, err := t.scratch.Run(e.statement); err != nil {
		return errTrial
	}
	t.schema = true
	t.writes = append(t.writes, &attempt{entry: e})
	if target != "" {
		t.written[target] = true
	}
	if p.reshapes {
		t.reshape(target, renamed)
	}
	return nil
}

// reshape notes that a table was altered, renamed or dropped.
func (t *trial) reshape(target, renamed string) {
	if renamed == "" {
		renamed = target
	}
	origin, late := t.origin[target]
	if t.base[target] {
		origin, late = target, true
	}
	large := t.large[target]
	for _, known := range []map[string]bool{t.base, t.large} {
		delete(known, target)
	}
	delete(t.origin, target)
	if late {
		t.origin[renamed] = origin
	}
	t.large[renamed] = large
	t.written[renamed] = true
}

// awaits tells whether a write that was not tried yet concerns the table.
func (t *trial) awaits(table string) bool {
	return slices.ContainsFunc(t.pending, func(a *attempt) bool {
		return slices.ContainsFunc(a.touched, func(touch string) bool { return touch[1:] == table })
	})
}

// catchUp tries the writes that wait. Its error is a wrong guess, or one of the way to D1.
func (t *trial) catchUp(ctx context.Context) error {
	var missing []string
	for _, attempt := range t.pending {
		missing = append(missing, attempt.touched...)
	}
	if err := t.fetch(ctx, missing); err != nil {
		return err
	}
	for len(t.pending) > 0 {
		attempt := t.pending[0]
		t.pending = t.pending[1:]
		if err := t.try(attempt); err != nil {
			return err
		}
	}
	return nil
}

// try runs a write in the scratch. One whose rows are not there makes what it writes unknown.
func (t *trial) try(a *attempt) error {
	if t.blind(a.touched) {
		for _, touch := range a.touched {
			if touch[0] == 'w' {
				t.large[touch[1:]] = true
			}
		}
		return nil
	}
	t.used = true
	text, err := t.scratch.Run(a.entry.statement)
	if err != nil || a.entry.write == nil || a.entry.write.known {
		return err
	}
	return a.entry.write.set(text)
}

// keeps tells whether the scratch is to answer a read that the transaction's writes do not concern: it has the tables already, or they
// are read again and again.
func (t *trial) keeps(touched []string) bool {
	return !slices.ContainsFunc(touched, func(touch string) bool {
		name := touch[1:]
		return t.base[name] && !slices.Contains(t.db.options.ReadOften, name) || t.large[name]
	})
}

// holds loads the tables that a read touches, and tells whether the scratch has all of them.
func (t *trial) holds(ctx context.Context, touched []string) bool {
	return t.fetch(ctx, touched) == nil && !t.blind(touched)
}

func (t *trial) blind(touched []string) bool {
	return slices.ContainsFunc(touched, func(touch string) bool { return t.large[touch[1:]] })
}

// fetch loads the tables among what is touched that the scratch does not have yet. For one that was altered meanwhile it begins again.
func (t *trial) fetch(ctx context.Context, touched []string) error {
	var names []string
	altered := false
	for _, touch := range touched {
		name := touch[1:]
		origin, late := t.origin[name]
		switch {
		case late:
			names, altered = append(names, origin), true
			delete(t.origin, name)
		case t.base[name]:
			names = append(names, name)
			t.base[name] = false
		}
	}
	if altered {
		return t.again(ctx, names)
	}
	return t.load(ctx, names)
}

// again tries the whole log anew, with the rows of further tables.
func (t *trial) again(ctx context.Context, names []string) error {
	if err := t.scratch.Open(ctx, t.db.scratch.schema); err != nil {
		return err
	}
	t.db.scratch.empty = false
	loaded := append(names, t.loaded...)
	t.loaded, t.pending = nil, nil
	if err := t.load(ctx, loaded); err != nil {
		return err
	}
	for _, attempt := range t.writes {
		if err := t.try(attempt); err != nil {
			return err
		}
	}
	return nil
}

// load fetches the rows of tables, whole. One that does not fit is large from then on.
func (t *trial) load(ctx context.Context, names []string) error {
	for some := range slices.Chunk(names, scratchLoads) {
		if err := t.loadSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) loadSome(ctx context.Context, names []string) error {
	queries := make([]string, len(names))
	inserts := make([]string, len(names))
	for i, name := range names {
		var err error
		if queries[i], inserts[i], err = t.rowsOf(name); err != nil {
			return err
		}
	}
	rows, err := t.db.send(ctx, Statement{SQL: "SELECT " + strings.Join(queries, ",")}, false)
	var own *Error
	if errors.As(err, &own) { // a row is too big, a value is a blob, a column has gone
		for _, name := range names {
			t.large[name], t.db.scratch.large[name] = true, true
		}
		return nil
	}
	if err != nil {
		return err
	}
	list, err := collect(rows)
	if err != nil {
		return err
	}
	for i, name := range names {
		text, ok := list.values[i].(string)
		if ok {
			t.used = true
			err = t.scratch.Load(name, Statement{SQL: inserts[i], Params: []any{text}})
		}
		if !ok || err != nil {
			t.large[name], t.db.scratch.large[name] = true, true
			continue
		}
		t.loaded = append(t.loaded, name)
	}
	return nil
}

func (t *trial) rowsOf(name string) (query, insert string, err error) {
	info, err := t.scratch.Text(Statement{SQL: fmt.Sprintf(
		`SELECT (SELECT wr FROM pragma_table_list(%s))||char(0)||group_concat(name,char(0)) FROM pragma_table_xinfo(%[1]s) WHERE hidden=0`, quote(name))})
	if err != nil {
		return "", "", err
	}
	parts := strings.Split(info, "\x00")
	query, insert = tableRows(name, parts[1:], parts[0] == "1", t.db.options.ScratchRows)
	return query, insert, nil
}

// schemaTarget gives the table that a change of the schema is about, and its new name if it gets one, in lower case; "" for views and
// for what is new.
func schemaTarget(p *parsed) (target, renamed string) {
	sc := scanner{text: p.text}
	sc.next()
	verb := strings.ToUpper(sc.token())
	for sc.next() && !sc.is("TABLE") {
		if sc.is("ON") && sc.next() { // an index or a trigger
			return strings.ToLower(sc.qualified()), ""
		}
		if sc.is("VIEW") {
			return "", ""
		}
	}
	for sc.next() && (sc.is("IF") || sc.is("NOT") || sc.is("EXISTS")) {
	}
	if sc.kind == tokenEnd {
		return "", ""
	}
	target = strings.ToLower(sc.qualified())
	if verb == "ALTER" && sc.next() && sc.is("RENAME") && sc.next() && sc.is("TO") && sc.next() {
		renamed = strings.ToLower(sc.name())
	}
	return target, renamed
}

// qualified is the name that begins at the token, without that of its database.
func (s *scanner) qualified() string {
	name := s.name()
	if ahead := *s; ahead.next() && ahead.isSymbol('.') && ahead.next() {
		*s = ahead
		name = s.name()
	}
	return name
}
