package d1

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Inserting into the table raises its value as an error, which rolls the batch back. It is a table and not a view because
// PocketBase drops all views while it converts a field, and it never has a row.
const (
	raiseTable  = "_pf_tx"
	columnView  = "_pf_q"
	frameMark   = "PF:"
	conflictRaw = "PFCONFLICT"

	changesExpression = "changes()||','||last_insert_rowid()"
	toldColumn        = "pf_told" // whose text a batch gives of a statement's first row: packed.mjs
)

// createTables makes what is the driver's own in the database.
var createTables = []Statement{
	{SQL: `CREATE TABLE IF NOT EXISTS ` + raiseTable + ` (x)`},
	{SQL: `CREATE TRIGGER IF NOT EXISTS ` + raiseTable + `_raise BEFORE INSERT ON ` + raiseTable +
		` BEGIN SELECT RAISE(ABORT, NEW.x); END`},
	{SQL: `CREATE TABLE IF NOT EXISTS ` + commitTable + ` (lane TEXT PRIMARY KEY, n INTEGER NOT NULL,` +
		` void INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID`},
	{SQL: `CREATE TRIGGER IF NOT EXISTS ` + commitTable + `_once BEFORE UPDATE ON ` + commitTable +
		` WHEN NEW.n IS NOT OLD.n+1 BEGIN SELECT RAISE(ABORT, '` + storedMark + `'||OLD.n||','||OLD.void); END`},
	{SQL: `CREATE TABLE IF NOT EXISTS ` + seenTable + ` (k INTEGER PRIMARY KEY, v BLOB, ok INTEGER CONSTRAINT ` + otherRows + ` CHECK (ok)) WITHOUT ROWID`},
}

// isUnprepared tells whether a batch failed because the driver's own tables are not there.
func isUnprepared(err error) bool {
	return isMissing(err, raiseTable) || isMissing(err, commitTable) || isMissing(err, seenTable)
}

// prepareTables makes the driver's own tables.
func (db *connector) prepareTables(ctx context.Context) error {
	_, err := db.sendBatch(ctx, createTables, false) // twice is as good as once
	return err
}

// probe runs writes, evaluates a scalar text expression after them, and throws all of it away.
func (db *connector) probe(ctx context.Context, writes []Statement, expression Statement) (string, error) {
	text, err := db.raise(ctx, writes, Statement{
		SQL: `INSERT INTO ` + raiseTable + `(x) SELECT '` + frameMark + `'||length(CAST(j AS BLOB))||':'||j FROM (SELECT (` +
			expression.SQL + `) AS j)`,
		Params: expression.Params,
	})
	if err != errFrame {
		return text, err
	}
	return db.probeWindows(ctx, writes, expression)
}

// probeWindows is probe for a text that does not pass through an error message: it comes as hex, piece by piece.
func (db *connector) probeWindows(ctx context.Context, writes []Statement, expression Statement) (string, error) {
	var whole strings.Builder
	for {
		text, err := db.raise(ctx, writes, Statement{
			SQL: fmt.Sprintf(`INSERT INTO `+raiseTable+`(x) SELECT '`+frameMark+`'||length(j)||':'||j FROM `+
				`(SELECT length(b)||','||hex(substr(b,%d,%d)) AS j FROM (SELECT CAST((%s) AS BLOB) AS b))`,
				whole.Len()+1, windowSize, expression.SQL),
			Params: expression.Params,
		})
		if err != nil {
			return "", err
		}
		size, piece, _ := strings.Cut(text, ",")
		total, err := strconv.Atoi(size)
		if err != nil {
			return "", errFrame
		}
		decoded, err := decodeHex(piece)
		if err != nil {
			return "", err
		}
		whole.WriteString(decoded)
		if whole.Len() >= total || decoded == "" {
			return whole.String(), nil
		}
	}
}

// raise runs writes and a statement that raises a framed text. errFrame tells that it did not come through whole.
func (db *connector) raise(ctx context.Context, writes []Statement, last Statement) (string, error) {
	batch := append(writes[:len(writes):len(writes)], last)
	_, err := db.sendBatch(ctx, batch, false)
	if isUnprepared(err) {
		if err := db.prepareTables(ctx); err != nil {
			return "", err
		}
		_, err = db.sendBatch(ctx, batch, false)
	}
	if err == nil {
		return "", errors.New("d1: a statement that should have raised its result did not")
	}
	var e *Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Message, frameMark) {
		return "", err
	}
	size, text, found := strings.Cut(e.Message[len(frameMark):], ":")
	n, err := strconv.Atoi(size)
	if !found || err != nil || n != len(text) {
		return "", errFrame
	}
	return text, nil
}

// probeRows gives the text of all rows of a query that follows writes, in as many pieces as the limit on strings asks for.
func (t *replay) probeRows(ctx context.Context, writes []Statement, e *entry) (string, error) {
	text, err := t.probePart(ctx, writes, e, guard{limit: -1})
	if !isTooBig(err) {
		return text, err
	}
	var whole strings.Builder
	for part := (guard{limit: 256}); ; {
		text, err := t.probePart(ctx, writes, e, part)
		if isTooBig(err) && part.limit > 1 {
			part.limit /= 2
			continue
		}
		if err != nil || text == "" {
			return whole.String(), err
		}
		whole.WriteString(text)
		part.offset += part.limit
	}
}

func (t *replay) probePart(ctx context.Context, writes []Statement, e *entry, part guard) (string, error) {
	return t.db.probe(ctx, writes, Statement{
		SQL: rowsExpression(e.statement.SQL, e.columns, false, true, part), Params: e.statement.Params,
	})
}

// probeQuery gives the rows of a query of the driver's own.
func (t *replay) probeQuery(ctx context.Context, query Statement, columns int) (*rowList, error) {
	if t.oracle != nil {
		if rows, err := t.oracle.probeQuery(query); err == nil {
			return rows, nil
		}
	}
	text, err := t.probeRows(ctx, t.writes, &entry{statement: query, columns: columns})
	if err != nil {
		return nil, err
	}
	rows, _, err := decodeRows(text, make([]string, columns))
	return rows, err
}

func isTooBig(err error) bool {
	return errors.Is(err, CodeTooBig) || err != nil && strings.Contains(err.Error(), "string or blob too big")
}
