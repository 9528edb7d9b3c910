package d1

import (
	"context"
	"database/sql/driver"
	"strings"
)

// execPragma runs a PRAGMA that sets something. Only what has a meaning inside of a transaction does anything: SQLite ignores the others
// there, or D1 has them by itself.
func (t *replay) execPragma(ctx context.Context, p *parsed) (driver.Result, error) {
	name, value := pragma(p.text)
	if name != "defer_foreign_keys" || value == "" {
		return done{}, nil
	}
	write := &entry{
		statement: Statement{SQL: p.text}, kind: p.kind,
		write: &writeResult{step: t, ctx: context.WithoutCancel(ctx), index: len(t.writes)},
	}
	if err := t.try(ctx, write); err != nil {
		return nil, err
	}
	t.deferred = isOn(value)
	t.append(p, write)
	return write.write, nil
}

// queryPragma answers a PRAGMA: by the table-valued function of its name, which can follow writes, or else as D1 answers it by itself.
func (t *replay) queryPragma(ctx context.Context, p *parsed) (Rows, error) {
	name, value := pragma(p.text)
	sql := pragmaQuery(p)
	switch {
	case sql != "":
		return t.read(ctx, &parse(sql)[0], nil)
	case name == "defer_foreign_keys" && value == "":
		deferred := int64(0)
		if t.deferred {
			deferred = 1
		}
		return &rowList{columns: []string{name}, values: []driver.Value{deferred}}, nil
	case value != "" || name == "optimize":
		_, err := t.execPragma(ctx, p)
		return &rowList{}, err
	}
	return t.db.send(ctx, Statement{SQL: p.text}, false)
}

func isOn(value string) bool {
	switch strings.ToLower(value) {
	case "0", "off", "no", "false":
		return false
	}
	return true
}
