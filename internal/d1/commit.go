package d1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// commit sends the log once more, this time to be stored, with an assertion for each read and for each result of a write
// that the application looked at. Assertions between two writes are one statement where the limits allow.
//
// A transaction that has written nothing has nothing to store.
func (t *replay) commit(ctx context.Context) error {
	if len(t.writes) == 0 {
		return nil
	}
	batch, writes := t.proof()
	merged, places, sizes := batch, []int(nil), []int(nil)
	if t.db.options.DeferErrors && !t.looked() {
		merged, places, sizes = mergeInserts(batch)
	}
	t.db.dropKept()
	results, err := t.db.store(ctx, merged)
	t.forgetColumns()
	if err == nil || mayBeStored(err) {
		t.db.options.OnStored()
	}
	if isForeignKey(err) && t.check(ctx) == nil {
		return err // one that is deferred: no statement fails by it
	}
	if err != nil {
		return t.lost(err)
	}
	if places != nil {
		results = splitResults(results, places, sizes)
	}
	if results == nil {
		t.forgetResults()
		return nil
	}
	t.settle(writes, results)
	return nil
}

// looked tells whether the application knows the result of a write.
func (t *replay) looked() bool {
	return slices.ContainsFunc(t.log, func(e *entry) bool { return e.write != nil && (e.write.changesSeen || e.write.idSeen) })
}

// proof is the batch of a commit, and where in it the writes are.
func (t *replay) proof() (batch []Statement, writes []int) {
	var pending assertion
	flush := func() {
		if len(pending.conditions) > 0 {
			batch = append(batch, pending.statement())
			pending = assertion{}
		}
	}
	add := func(condition string, params ...any) {
		if !pending.fits(condition, len(params)) {
			flush()
		}
		pending.add(condition, params)
	}
	addRows := func(read *entry) {
		if read.seen != nil { // before those that wait, all of one state, but for what is about the last statement
			if pending.ofLast {
				flush()
			}
			batch = append(batch, read.seen.statement(read))
		}
		for _, g := range read.guards {
			condition, told := g.condition(read)
			add(condition, append(slices.Clip(read.statement.Params), told)...)
		}
	}
	for _, e := range t.asserted {
		addRows(e)
	}
	var removals removals
	for _, e := range t.log {
		if e.write == nil {
			addRows(e)
			continue
		}
		flush()
		if removals.take(e, len(batch)) {
			writes = append(writes, len(batch)-1)
			continue
		}
		if e.returned.inProof() {
			batch = append(batch, e.returned.prepare...)
		}
		writes = append(writes, len(batch))
		batch = append(batch, e.statement)
		if e.kind == kindWrite && e.write.known && e.write.changesSeen {
			add(fmt.Sprintf("changes()<>%d", e.write.done.Changes))
			pending.ofLast = true
		}
		if e.inserts && e.write.known && e.write.idSeen && e.write.done.Changes > 0 {
			add(fmt.Sprintf("last_insert_rowid()<>%d", e.write.done.LastRowID))
			pending.ofLast = true
		}
		if e.returned.inProof() {
			addRows(e.returned.rows)
			flush()
			batch = append(batch, e.returned.cleanUp()...)
		}
	}
	flush()
	if t.lastSeen > 0 {
		batch = append(batch, Statement{SQL: "DELETE FROM " + seenTable})
	}
	removals.putInto(batch)
	return batch, writes
}

// replayed is the writes as a read that follows them sends them again.
func (t *replay) replayed() []Statement {
	var removals removals
	batch := make([]Statement, 0, len(t.writes))
	for _, e := range t.log {
		if e.write != nil && !removals.take(e, len(batch)) {
			batch = append(batch, e.statement)
		}
	}
	removals.putInto(batch)
	return batch
}

// removal is a DELETE of several rows of one table by their keys, in the place of one for each: D1 counts statements.
type removal struct {
	entry *entry // the first
	keys  []string
	size  int
	at    int // its place in the batch
}

// removals are those of a batch.
type removals []*removal

// take takes in a write that is part of what stands last in the batch, so that it needs no statement of its own. One that does may be the first of
// several.
func (r *removals) take(e *entry, length int) bool {
	if last := len(*r) - 1; last >= 0 && (*r)[last].at == length-1 && (*r)[last].takes(e) {
		return true
	}
	if e.isRemoval() {
		*r = append(*r, &removal{at: length, entry: e, keys: []string{e.removed.value}})
	}
	return false
}

// putInto puts the statements of several removals in their places.
func (r removals) putInto(batch []Statement) {
	for _, one := range r {
		if len(one.keys) > 1 {
			batch[one.at] = one.statement()
		}
	}
}

// isRemoval tells whether a write removes one row that is known by its key, and nobody asks whether it was there.
func (e *entry) isRemoval() bool {
	return e.removed != nil && !e.write.changesSeen && !e.write.idSeen
}

// takes takes a write in that can be part of it.
func (r *removal) takes(e *entry) bool {
	if !e.isRemoval() || r.entry.removed.table != e.removed.table || r.entry.removed.column != e.removed.column || r.size > jsonListSize {
		return false
	}
	r.keys, r.size = append(r.keys, e.removed.value), r.size+len(e.removed.value)+4
	return true
}

func (r *removal) statement() Statement {
	list, _ := json.Marshal(r.keys) // of strings: that cannot fail
	return Statement{
		SQL: "DELETE FROM " + quoteName(r.entry.removed.table) + " WHERE " + quoteName(r.entry.removed.column) +
			" IN (SELECT value FROM json_each(?))",
		Params: []any{string(list)},
	}
}

// condition is true if a part of a read gives other rows than it did, with what it gave as its last parameter.
func (g guard) condition(e *entry) (sql string, told any) {
	rows := rowsExpression(e.statement.SQL, e.columns, e.loose, e.ordered, g)
	if !utf8.ValidString(g.text) || strings.IndexByte(g.text, 0) >= 0 {
		return `CAST((` + rows + `) AS BLOB) IS NOT ?`, []byte(g.text) // would not pass as text
	}
	return `(` + rows + `) IS NOT ?`, g.text
}

// settle gives the results that nobody has looked at yet what the commit tells of them. Of rows that were removed by one statement it is known
// what became of each if all of them were there.
func (t *replay) settle(writes []int, results []Result) {
	sharing := map[int]int64{}
	for _, at := range writes {
		sharing[at]++
	}
	for _, e := range t.log {
		if e.write == nil || e.write.known || writes[e.write.index] >= len(results) {
			continue
		}
		at := writes[e.write.index]
		switch result := results[at]; {
		case sharing[at] == 1:
			e.write.known, e.write.done = true, done{result.Changes, result.LastRowID}
		case result.Changes == sharing[at]:
			e.write.known, e.write.done = true, done{1, result.LastRowID}
		default:
			e.write.lost = true
		}
	}
}

// forgetResults has no result of a write be asked for any more, where none was told with the commit: asking would replay.
func (t *replay) forgetResults() {
	for _, e := range t.log {
		if e.write != nil && !e.write.known {
			e.write.lost = true
		}
	}
}

// lost tells what it means that the log does not work any more: each of its statements has worked before, so one that
// fails now, fails because of what another isolate has written in between.
func (t *replay) lost(err error) error {
	var e *Error
	switch {
	case !errors.As(err, &e), e.isLimit() && !t.guessed:
		return err
	case e.Message == conflictRaw, e.Message == "CHECK constraint failed: "+otherRows:
		err = ErrConflict
	case t.db.options.DeferErrors:
		return err
	default:
		err = fmt.Errorf("%w: %w", ErrConflict, err)
	}
	t.db.options.OnConflict()
	if t.guessed {
		t.db.options.OnWrongGuess()
	}
	t.conflict = err
	return err
}

// assertion is a statement that raises a conflict unless each of its conditions is false.
type assertion struct {
	conditions []string
	params     []any
	size       int
	ofLast     bool // one of them tells what the statement before has done
}

func (a *assertion) fits(condition string, params int) bool {
	return len(a.conditions) == 0 || len(a.conditions) < maxCondition && len(a.params)+params <= maxParams &&
		a.size+len(condition) < maxSQL-1000
}

func (a *assertion) add(condition string, params []any) {
	a.conditions = append(a.conditions, condition)
	a.params = append(a.params, params...)
	a.size += len(condition) + 4
}

func (a *assertion) statement() Statement {
	return Statement{
		SQL:    `INSERT INTO ` + raiseTable + `(x) SELECT '` + conflictRaw + `' WHERE ` + strings.Join(a.conditions, " OR "),
		Params: a.params,
	}
}
