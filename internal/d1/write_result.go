package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"
)

// writeResult is what a write inside a transaction did. If the application looks at it, the commit asserts it.
type writeResult struct {
	step  *replay
	ctx   context.Context
	index int // among the writes
	known bool
	lost  bool // stored, but what it did was not told
	done  done

	changesSeen, idSeen bool
}

var _ driver.Result = (*writeResult)(nil)

// LastInsertId implements driver.Result.
func (r *writeResult) LastInsertId() (int64, error) {
	r.idSeen = true
	err := r.look()
	return r.done.LastRowID, err
}

// RowsAffected implements driver.Result.
func (r *writeResult) RowsAffected() (int64, error) {
	r.changesSeen = true
	err := r.look()
	return r.done.Changes, err
}

func (r *writeResult) look() error {
	switch {
	case r.known:
		return nil
	case r.lost:
		return errResultLost
	}
	if r.step.oracle != nil {
		if err := r.step.oracle.look(r.ctx); err != nil || r.known {
			return err
		}
	}
	text, err := r.step.db.probe(r.ctx, r.step.writes[:r.index+1], Statement{SQL: changesExpression})
	if err != nil && r.step.guessed && isSQLite(err) {
		err = r.step.lost(err)
	}
	if err != nil {
		return err
	}
	return r.set(text)
}

func (r *writeResult) set(text string) (err error) {
	r.done, err = figuresOf(text)
	r.known = true
	return err
}

// figuresOf reads what changesExpression gives.
func figuresOf(text string) (d done, err error) {
	changes, lastID, _ := strings.Cut(text, ",")
	var errs [2]error
	d.Changes, errs[0] = strconv.ParseInt(changes, 10, 64)
	d.LastRowID, errs[1] = strconv.ParseInt(lastID, 10, 64)
	return d, errors.Join(errs[:]...)
}
