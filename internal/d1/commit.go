package d1

import (
	"context"
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
	for i, at := range writes {
		if at < len(results) {
			t.settle(i, results[at])
		}
	}
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
		for _, g := range read.guards {
			condition, told := g.condition(read)
			add(condition, append(slices.Clip(read.statement.Params), told)...)
		}
	}
	for _, e := range t.log {
		if e.write == nil {
			addRows(e)
			continue
		}
		flush()
		if e.returned.inProof() {
			batch = append(batch, e.returned.prepare...)
		}
		writes = append(writes, len(batch))
		batch = append(batch, e.statement)
		if e.kind == kindWrite && e.write.known && e.write.changesSeen {
			add(fmt.Sprintf("changes()<>%d", e.write.done.Changes))
		}
		if e.inserts && e.write.known && e.write.idSeen && e.write.done.Changes > 0 {
			add(fmt.Sprintf("last_insert_rowid()<>%d", e.write.done.LastRowID))
		}
		if e.returned.inProof() {
			addRows(e.returned.rows)
			flush()
			batch = append(batch, e.returned.cleanUp()...)
		}
	}
	flush()
	return batch, writes
}

// condition is true if a part of a read gives other rows than it did, with what it gave as its last parameter.
func (g guard) condition(e *entry) (sql string, told any) {
	rows := rowsExpression(e.statement.SQL, e.columns, e.loose, e.ordered, g)
	if !utf8.ValidString(g.text) || strings.IndexByte(g.text, 0) >= 0 {
		return `CAST((` + rows + `) AS BLOB) IS NOT ?`, []byte(g.text) // would not pass as text
	}
	return `(` + rows + `) IS NOT ?`, g.text
}

// settle gives a result that nobody has looked at yet what the commit tells of it.
func (t *replay) settle(index int, result Result) {
	for _, e := range t.log {
		if e.write != nil && e.write.index == index && !e.write.known {
			e.write.known, e.write.done = true, done{result.Changes, result.LastRowID}
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
	case e.Message == conflictRaw:
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
