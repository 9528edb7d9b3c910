package d1

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
)

// exec runs statements outside of a transaction, in one round trip: all of them, or none.
func (db *connector) exec(ctx context.Context, statements []parsed, args []driver.NamedValue) (driver.Result, error) {
	if len(statements) == 0 {
		return done{}, nil
	}
	batch := make([]Statement, len(statements))
	schema := false
	for i := range statements {
		var err error
		if batch[i], err = render(&statements[i], args); err != nil {
			return nil, err
		}
		schema = schema || statements[i].kind == kindSchema
	}
	if db.later != nil && len(batch) == 1 && db.options.NoWait(batch[0].SQL) {
		batch[0].own()
		return db.later.start(ctx, batch[0].SQL, func(ctx context.Context) (driver.Result, error) {
			return db.run(ctx, statements, batch, schema)
		}), nil
	}
	return db.run(ctx, statements, batch, schema)
}

// run sends what exec has rendered.
func (db *connector) run(ctx context.Context, statements []parsed, batch []Statement, schema bool) (driver.Result, error) {
	results, err := db.write(ctx, batch, stores(statements))
	for i := range statements {
		db.columns.forget(&statements[i])
	}
	if schema && err == nil || mayHaveStored(results, err) {
		db.options.OnStored()
	}
	if err != nil {
		return nil, err
	}
	if results == nil {
		return lostResult{}, nil
	}
	result := done{}
	for i := range min(len(results), len(statements)) {
		if statements[i].kind == kindWrite {
			result = done(results[i])
		}
	}
	return result, nil
}

// stores tells whether one of the statements may change the database, so that it matters how often it is run.
func stores(statements []parsed) bool {
	return slices.ContainsFunc(statements, func(p parsed) bool { return p.kind != kindRead && !p.createsMissing() })
}

// createsMissing tells whether the statement does nothing when it is run again.
func (p *parsed) createsMissing() bool {
	const start = "CREATE TABLE IF NOT EXISTS "
	return p.kind == kindSchema && len(p.text) > len(start) && strings.EqualFold(p.text[:len(start)], start)
}

// mayHaveStored tells whether a batch changed rows, or may have.
func mayHaveStored(results []Result, err error) bool {
	if err != nil {
		return mayBeStored(err)
	}
	return slices.ContainsFunc(results, func(r Result) bool { return r.Changes > 0 })
}

// queryLast runs statements outside of a transaction and gives the rows of the last one.
func (db *connector) queryLast(ctx context.Context, first []parsed, p *parsed, args []driver.NamedValue) (driver.Rows, error) {
	if _, err := db.exec(ctx, first, args); err != nil {
		return nil, err
	}
	result, err := db.query(ctx, p, args)
	if err != nil {
		return nil, err
	}
	return &rows{Rows: result, types: db.types(ctx, nil, p)}, nil
}

// query runs a statement outside of a transaction.
func (db *connector) query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	statement, err := render(p, args)
	if err != nil {
		return nil, err
	}
	rows, err := db.send(ctx, db.readable(p, statement), p.kind == kindWrite || p.kind == kindSchema)
	db.columns.forget(p)
	if p.kind == kindWrite || p.kind == kindSchema {
		if err == nil || mayHaveStored(nil, err) {
			db.options.OnStored()
		}
	}
	if err != nil {
		return nil, err
	}
	if rows.Inexact() && p.kind == kindRead && !p.explain {
		exact, _, err := db.queryExact(ctx, statement, rows.Columns())
		return exact, err
	}
	return rows, nil
}

// queryExact runs a query whose columns are known so that values do not pass through JavaScript numbers. It gives the
// text of each row too.
func (db *connector) queryExact(ctx context.Context, query Statement, columns []string) (*rowList, []string, error) {
	n := len(columns)
	rows, err := db.send(ctx, Statement{
		SQL:    `WITH pfq(` + columnList(n) + `) AS (` + query.SQL + `) SELECT hex(` + encodeRow(n, false) + `) FROM pfq`,
		Params: query.Params,
	}, false)
	if err != nil {
		return nil, nil, err
	}
	list := &rowList{columns: columns}
	var texts []string
	err = eachRow(rows, func(row []driver.Value) error {
		text, err := decodeHex(row[0])
		if err != nil {
			return err
		}
		one, _, err := decodeRows(text, columns)
		if err != nil {
			return err
		}
		texts = append(texts, text)
		list.values = append(list.values, one.values...)
		return nil
	})
	return list, texts, err
}
