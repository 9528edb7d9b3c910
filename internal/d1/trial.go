package d1

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// errTrial is the error of a statement that the scratch does not run.
var errTrial = errors.New("d1: the scratch does not run it")

// trial is what a transaction's scratch knows. Names of tables are in lower case.
type trial struct {
	db      *connector
	scratch Scratch

	base    map[string]bool    // tables of the database whose rows were not asked for yet
	origin  map[string]string  // tables that were altered while their rows were not there, with the names that D1 has them by
	loaded  []string           // tables of the database that the scratch has whole
	large   map[string]bool    // tables whose rows the scratch does not have, and never will
	written map[string]bool    // tables that the transaction has written, or may have
	writes  []*attempt         // the log
	pending []*attempt         // those that were not tried yet
	sets    map[string]*rowSet // single rows of large tables
	lists   *lists
	opened  map[string][]string // what statements open, by the texts that they were made of, under the schema as it is
	reads   map[string]int      // how often a table was read without need of the scratch
	schema  bool                // the transaction has changed the schema
	fresh   bool                // the scratch's schema was that of the database when the transaction began

	asserted []*entry // what was fetched by keys, for the commit to assert
}

// attempt is a write, and what it opens.
type attempt struct {
	entry   *entry
	touched []string
}

// beginTrial begins to use the scratch for a transaction; nil while another does, and where there is no memory for it.
func (db *connector) beginTrial(ctx context.Context, lists *lists) (*trial, error) {
	if !db.scratch.busy.CompareAndSwap(false, true) {
		return nil, nil
	}
	t := db.newTrial(lists)
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

func (db *connector) newTrial(lists *lists) *trial {
	return &trial{
		db: db, scratch: db.options.Scratch, lists: lists,
		origin: map[string]string{}, large: map[string]bool{}, written: map[string]bool{}, sets: map[string]*rowSet{},
		opened: map[string][]string{}, reads: map[string]int{},
	}
}

// scratchState is what is kept of the scratch from one transaction to the next.
type scratchState struct {
	busy   atomic.Bool
	schema []string        // of the database, nil where it has to be read
	tables []string        // of the schema, in lower case
	large  map[string]bool // those that were found to have too many rows
	fits   bool            // the scratch has this schema
	rows   map[string]bool // the tables that may have rows there
	kept   kept            // what else the scratch has, if it has not been used since
}

// readOften tells whether a query reads one of Options.ReadOften. It looks at the text alone: a mistake costs a round trip.
func (db *connector) readOften(query string) bool {
	return slices.ContainsFunc(db.options.ReadOften, func(table string) bool { return strings.Contains(query, table) })
}

func (t *trial) open(ctx context.Context) (err error) {
	state := &t.db.scratch
	found := state.kept
	state.kept = kept{}
	if state.schema == nil {
		if state.schema, err = t.db.readSchema(ctx); err != nil {
			return err
		}
		t.fresh = true
		state.fits, state.large = false, map[string]bool{}
	}
	holds := found.event != nil && found.event == t.db.options.Event() && t.scratch.Keeps()
	if !holds && !t.empty() {
		if err := t.scratch.Open(ctx, state.schema); err != nil {
			return errTrial
		}
		if err := t.noteTables(); err != nil {
			return err
		}
	}
	t.base = make(map[string]bool, len(state.tables))
	for _, name := range state.tables {
		t.base[name] = !state.large[name]
		t.large[name] = state.large[name]
	}
	if holds {
		t.fresh = true
		t.loaded = slices.Clone(found.tables)
		for _, name := range found.tables {
			t.base[name] = false
		}
	}
	return nil
}

// empty has the scratch that another transaction has left, if it has the schema, without rows.
func (t *trial) empty() bool {
	state := &t.db.scratch
	if !t.scratch.Keeps() || !state.fits {
		return false
	}
	if len(state.rows) > 0 && t.scratch.Empty(slices.Collect(maps.Keys(state.rows))) != nil {
		return false
	}
	clear(state.rows)
	return true
}

// noteTables learns the tables of a scratch that has the database's schema, and no rows.
func (t *trial) noteTables() error {
	names, err := t.scratch.Text(Statement{SQL: `SELECT group_concat(lower(name),char(0)) FROM sqlite_schema WHERE type='table'`})
	if err != nil {
		return errTrial
	}
	state := &t.db.scratch
	state.tables, state.fits, state.rows = strings.Split(names, "\x00"), true, map[string]bool{}
	return nil
}

// end gives the scratch back.
func (t *trial) end() {
	t.scratch.Release()
	t.db.scratch.busy.Store(false)
}

// doubt has the schema read again: the guesses were not confirmed, since someone else may have changed it, or the scratch does not know
// all that the transaction has done.
func (t *trial) doubt() { t.db.scratch.schema = nil }

// keepSchema keeps the schema that the transaction has stored. Its tables have got other names, so all are emptied at once.
func (t *trial) keepSchema() {
	if !t.schema {
		return
	}
	state := &t.db.scratch
	var err error
	if state.schema, err = t.schemaNow(); err != nil {
		state.schema = nil
		return
	}
	if t.fresh {
		t.db.learnTables(t.scratch)
	}
	if t.scratch.Empty(nil) == nil && t.noteTables() == nil {
		return
	}
	state.fits = false
}

// schemaNow gives the schema as the transaction leaves it.
func (t *trial) schemaNow() ([]string, error) {
	schema, err := t.scratch.Text(Statement{SQL: `SELECT group_concat(sql,char(0)) FROM (` + schemaTexts + `)`})
	return strings.Split(schema, "\x00"), err
}

// touches tells what a statement opens, in lower case: the same as any other that is made of its text. The caller does not change it.
func (t *trial) touches(p *parsed, statement Statement) ([]string, error) {
	if known, ok := t.opened[p.text]; ok {
		return known, nil
	}
	touched, err := t.opens(statement.SQL)
	if err == nil {
		t.opened[p.text] = touched
	}
	return touched, err
}

// opens asks the scratch what a statement opens, in lower case.
func (t *trial) opens(sql string) ([]string, error) {
	touched, err := t.scratch.Touches(sql)
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
	touched, err := t.touches(p, e.statement)
	if err != nil {
		return errTrial
	}
	for _, touch := range touched {
		if touch[0] == 'w' {
			t.written[touch[1:]] = true
		}
	}
	if sc := (scanner{text: e.statement.SQL}); sc.next() && sc.is("DELETE") {
		if key := t.rowOf(e.statement, touched); key != nil && key.remove {
			e.removed = key
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
	if _, err := t.scratch.Run(e.statement); err != nil {
		return errTrial
	}
	t.schema, t.db.scratch.fits = true, false
	clear(t.opened)
	t.writes = append(t.writes, &attempt{entry: e})
	if target != "" {
		t.written[target] = true
	}
	t.unset(target, renamed)
	if sc := (scanner{text: p.text}); sc.contains("TRIGGER") || sc.contains("REFERENCES") {
		t.unset(slices.Collect(maps.Keys(t.sets))...)
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
	if !t.blind(a.touched) {
		return t.run(a)
	}
	if key := t.rowOf(a.entry.statement, a.touched); key != nil && t.isOnly(key.table, a.touched) {
		return t.tryRow(a, key)
	}
	for _, touch := range a.touched {
		if touch[0] == 'w' {
			t.large[touch[1:]] = true
			t.setOf(touch[1:]).all = true
		}
	}
	return nil
}

// isOnly tells whether no other of the tables is large.
func (t *trial) isOnly(table string, touched []string) bool {
	return !slices.ContainsFunc(touched, func(touch string) bool { return t.large[touch[1:]] && touch[1:] != table })
}

// run runs a write in the scratch.
func (t *trial) run(a *attempt) error {
	for _, touch := range a.touched {
		if touch[0] == 'w' {
			t.db.scratch.rows[touch[1:]] = true
		}
	}
	text, err := t.scratch.Run(a.entry.statement)
	switch {
	case err != nil && !isSQLite(err):
		return errTrial
	case err != nil || a.entry.write == nil || a.entry.write.known:
		return err
	}
	return a.entry.write.set(text)
}

// keeps tells whether the scratch is to answer a read that the transaction's writes do not concern: it has the tables already, or they
// are read again and again.
func (t *trial) keeps(touched []string) bool {
	keeps := true
	for _, touch := range touched {
		name := touch[1:]
		t.reads[name]++
		often := t.reads[name] > readsBeforeLoad || slices.Contains(t.db.options.ReadOften, name)
		keeps = keeps && !t.large[name] && (!t.base[name] || often)
	}
	return keeps
}

// holds loads the tables that a read touches, and tells whether the scratch has all of them, or of a large one the row that the read is
// about: then the row is given as well.
func (t *trial) holds(ctx context.Context, query Statement, touched []string) (key *rowKey, holds bool) {
	if t.fetch(ctx, touched) != nil {
		return nil, false
	}
	if !t.blind(touched) {
		return nil, true
	}
	key = t.rowOf(query, touched)
	return key, key != nil && t.isOnly(key.table, touched) && t.holdsRow(ctx, key)
}

func (t *trial) blind(touched []string) bool {
	return slices.ContainsFunc(touched, func(touch string) bool { return t.large[touch[1:]] })
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
