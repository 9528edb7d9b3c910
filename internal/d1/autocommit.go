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
	later := db.later != nil && len(statements) == 1 && db.options.NoWait(batch[0].SQL)
	counted := lastWrite(statements)
	told := counted >= 0 && !later && !db.schema.known().writesPlainly(&statements[counted])
	if told {
		batch = slices.Insert(batch, counted+1, tellFigures)
	}
	run := func(ctx context.Context) (driver.Result, error) {
		results, err := db.run(ctx, statements, batch, schema)
		switch {
		case err != nil:
			return nil, err
		case results == nil:
			return lostResult{}, nil
		case counted < 0:
			return done{}, nil
		case told:
			return figuresOf(results[counted+1].Told)
		}
		return done{results[counted].Changes, results[counted].LastRowID}, nil
	}
	if later {
		batch[0].own()
		return db.later.start(ctx, batch[0].SQL, run), nil
	}
	return run(ctx)
}

// tellFigures is the statement behind a write of which D1 itself tells more than SQLite: D1 counts the rows of triggers and foreign key
// actions too, and a rowid loses its digits beyond 2^53.
var tellFigures = Statement{SQL: "SELECT " + changesExpression + " AS " + toldColumn}

// lastWrite is the index of the statement whose figures are those of all, -1 if there is none.
func lastWrite(statements []parsed) int {
	for i := len(statements) - 1; i >= 0; i-- {
		if statements[i].kind == kindWrite {
			return i
		}
	}
	return -1
}

// run sends what exec has rendered. The results are nil if they were lost.
func (db *connector) run(ctx context.Context, statements []parsed, batch []Statement, schema bool) ([]Result, error) {
	db.dropKept()
	results, err := db.write(ctx, batch, stores(statements))
	for i := range statements {
		db.forget(&statements[i])
	}
	if schema && err == nil || mayHaveStored(results, err) {
		db.options.OnStored()
	}
	return results, err
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

// mayHaveStored tells whether a batch changed rows, or may have: the results are nil if they were lost.
func mayHaveStored(results []Result, err error) bool {
	if err != nil {
		return mayBeStored(err)
	}
	return results == nil || slices.ContainsFunc(results, func(r Result) bool { return r.Changes > 0 })
}

// queryLast runs statements outside of a transaction and gives the rows of the last one.
func (db *connector) queryLast(ctx context.Context, first []parsed, p *parsed, args []driver.NamedValue) (driver.Rows, error) {
	if _, err := db.exec(ctx, first, args); err != nil {
		return nil, err
	}
	return db.withTypes(ctx, db, p, func() (Rows, error) { return db.query(ctx, p, args) })
}

// query runs a statement outside of a transaction.
func (db *connector) query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	if p.returning {
		return db.writeReturning(ctx, p, args)
	}
	statement, err := render(p, args)
	if err != nil {
		return nil, err
	}
	if p.kind == kindRead && !p.explain {
		if rows, ok := db.readKept(ctx, p, statement); ok {
			return rows, nil
		}
		return db.read(ctx, p, statement)
	}
	rows, err := db.send(ctx, statement, p.kind == kindWrite || p.kind == kindSchema)
	db.forget(p)
	if p.kind == kindWrite || p.kind == kindSchema {
		if mayHaveStored(nil, err) {
			db.options.OnStored()
		}
	}
	return rows, err
}

// forget forgets what a statement may have changed.
func (db *connector) forget(p *parsed) {
	db.columns.forget(p)
	if p.times {
		db.schema.addTimes()
	}
	if db.schema.known().changes(p) {
		db.schema.forget()
	}
}
