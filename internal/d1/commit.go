package d1

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	if t.untried && !t.looked() {
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
	case t.untried:
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
