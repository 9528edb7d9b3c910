package d1

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// A foreign key that is deferred is looked at when the batch commits. SQLite's error is then no statement's, and D1 reports it as an
// internal error, like its own faults. So where a batch that is to be stored ends in one, it is looked whether it breaks a key.

const (
	foreignKeyCode = 787 // SQLITE_CONSTRAINT_FOREIGNKEY
	internalError  = "internal error"
)

// brokenKey is the error of a batch that leaves more foreign keys broken than there were; nil if it does not.
func (db *connector) brokenKey(ctx context.Context, batch []Statement, err error) error {
	if len(batch) == 0 || !strings.Contains(err.Error(), internalError) {
		return nil
	}
	before, errBefore := db.countBroken(ctx, nil)
	after, errAfter := db.countBroken(ctx, batch)
	if errBefore != nil || errAfter != nil || after <= before {
		return nil
	}
	return &Error{Code: CodeConstraint, Extended: foreignKeyCode, Message: "FOREIGN KEY constraint failed", cause: err}
}

// countBroken counts the rows whose foreign keys would be broken after a batch.
func (db *connector) countBroken(ctx context.Context, batch []Statement) (int, error) {
	text, err := db.probe(ctx, batch, Statement{SQL: "SELECT CAST(count(*) AS TEXT) FROM pragma_foreign_key_check"})
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

func isForeignKey(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Extended == foreignKeyCode
}
