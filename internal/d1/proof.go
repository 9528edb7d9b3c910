package d1

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// proof is the batch of a commit, and where in it the writes are.
func (t *replay) proof() (batch []Statement, writes []int) {
	var p proof
	for _, e := range t.asserted {
		p.assertRows(e)
	}
	for _, e := range t.log {
		if e.write == nil {
			p.assertRows(e)
		} else {
			p.write(e)
		}
	}
	p.flush()
	if t.lastSeen > 0 {
		p.batch = append(p.batch, Statement{SQL: "DELETE FROM " + seenTable})
	}
	p.removals.putInto(p.batch)
	return p.batch, p.writes
}

// proof is the batch of a commit while it is made.
type proof struct {
	batch    []Statement
	writes   []int     // the places of the writes
	pending  assertion // what is to be asserted before the next write
	removals removals
}

// flush puts the assertion that waits into the batch.
func (p *proof) flush() {
	if len(p.pending.conditions) > 0 {
		p.batch = append(p.batch, p.pending.statement())
		p.pending = assertion{}
	}
}

// assert adds a condition that has to be false.
func (p *proof) assert(condition string, params ...any) {
	if !p.pending.fits(condition, len(params)) {
		p.flush()
	}
	p.pending.add(condition, params)
}

// assertRows asserts what a read gave.
func (p *proof) assertRows(read *entry) {
	if read.seen != nil { // before those that wait, all of one state, but for what is about the last statement
		if p.pending.ofLast {
			p.flush()
		}
		p.batch = append(p.batch, read.seen.statement(read))
	}
	for _, g := range read.guards {
		condition, told := g.condition(read)
		p.assert(condition, append(slices.Clip(read.statement.Params), told)...)
	}
}

// write adds a write, and asserts of what it did what the application was told.
func (p *proof) write(e *entry) {
	p.flush()
	if p.removals.take(e, len(p.batch)) {
		p.writes = append(p.writes, len(p.batch)-1)
		return
	}
	if e.returned.inProof() {
		p.batch = append(p.batch, e.returned.prepare...)
	}
	p.writes = append(p.writes, len(p.batch))
	p.batch = append(p.batch, e.statement)
	if e.kind == kindWrite && e.write.known && e.write.changesSeen {
		p.assert(fmt.Sprintf("changes()<>%d", e.write.done.Changes))
		p.pending.ofLast = true
	}
	if e.inserts && e.write.known && e.write.idSeen && e.write.done.Changes > 0 {
		p.assert(fmt.Sprintf("last_insert_rowid()<>%d", e.write.done.LastRowID))
		p.pending.ofLast = true
	}
	if e.returned.inProof() {
		p.assertRows(e.returned.rows)
		p.flush()
		p.batch = append(p.batch, e.returned.cleanUp()...)
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
