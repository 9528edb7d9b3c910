package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strconv"
)

var errNested = errors.New("cannot start a transaction within a transaction")

// conn is one connection of database/sql's pool. Outside of a transaction it holds nothing: D1 has no sessions.
type conn struct {
	db *connector
	tx stepper // nil outside of a transaction
}

var (
	_ driver.QueryerContext  = (*conn)(nil)
	_ driver.ExecerContext   = (*conn)(nil)
	_ driver.ConnBeginTx     = (*conn)(nil)
	_ driver.Pinger          = (*conn)(nil)
	_ driver.SessionResetter = (*conn)(nil)
	_ driver.Validator       = (*conn)(nil)
)

// Close implements driver.Conn.
func (c *conn) Close() error {
	c.tx = nil
	return nil
}

// IsValid implements driver.Validator.
func (c *conn) IsValid() bool { return true }

// ResetSession implements driver.SessionResetter.
func (c *conn) ResetSession(context.Context) error {
	c.tx = nil
	return nil
}

// Ping implements driver.Pinger: it asks D1.
func (c *conn) Ping(ctx context.Context) error {
	_, err := c.db.binding.Query(ctx, Statement{SQL: "SELECT 1"})
	return wrapError(err)
}

// Begin implements driver.Conn.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// BeginTx implements driver.ConnBeginTx. Every transaction is serializable.
func (c *conn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if c.tx != nil {
		return nil, errNested
	}
	c.tx = newReplay(c.db)
	return &tx{conn: c, ctx: context.WithoutCancel(ctx)}, nil
}

// tx ends the transaction of a connection.
type tx struct {
	conn *conn
	ctx  context.Context
}

// Commit implements driver.Tx.
func (t *tx) Commit() error {
	steps := t.conn.tx
	t.conn.tx = nil
	if steps == nil {
		return driver.ErrBadConn
	}
	return steps.commit(t.ctx)
}

// Rollback implements driver.Tx. Nothing was stored, so nothing is sent.
func (t *tx) Rollback() error {
	if t.conn.tx != nil {
		t.conn.tx.rollback()
		t.conn.tx = nil
	}
	return nil
}

// Prepare implements driver.Conn. D1 prepares a statement each time it runs.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return &stmt{conn: c, query: query}, nil
}

type stmt struct {
	conn  *conn
	query string
}

var (
	_ driver.StmtQueryContext = (*stmt)(nil)
	_ driver.StmtExecContext  = (*stmt)(nil)
)

func (s *stmt) Close() error  { return nil }
func (s *stmt) NumInput() int { return -1 }

func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.conn.ExecContext(context.Background(), s.query, numbered(args))
}

func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.conn.QueryContext(context.Background(), s.query, numbered(args))
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

func numbered(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, value := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	return named
}

// ExecContext implements driver.ExecerContext. Its result is that of the last statement.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	statements, _, err := prepare(query)
	if err != nil {
		return nil, err
	}
	if c.tx == nil {
		return c.db.exec(ctx, statements, args)
	}
	var result driver.Result = done{}
	for i := range statements {
		if result, err = c.tx.exec(ctx, &statements[i], args); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// QueryContext implements driver.QueryerContext. Its rows are those of the last statement.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	statements, last, err := prepare(query)
	if err != nil {
		return nil, err
	}
	if last != nil { // a statement that does nothing comes last
		if _, err := c.ExecContext(ctx, query, args); err != nil {
			return nil, err
		}
		return &rows{Rows: last}, nil
	}
	if len(statements) == 0 {
		return &rows{Rows: &rowList{}}, nil
	}
	final := len(statements) - 1
	if c.tx == nil {
		if final > 0 {
			if _, err := c.db.exec(ctx, statements[:final], args); err != nil {
				return nil, err
			}
		}
		return asRows(c.db.query(ctx, &statements[final], args))
	}
	for i := range statements[:final] {
		if _, err := c.tx.exec(ctx, &statements[i], args); err != nil {
			return nil, err
		}
	}
	return asRows(c.tx.query(ctx, &statements[final], args))
}

// prepare cuts SQL into the statements that D1 has to run. If the last one does nothing here, its answer is given.
func prepare(query string) (statements []parsed, last *rowList, err error) {
	for _, p := range parse(query) {
		answer, idle, err := idleAnswer(&p)
		if err != nil {
			return nil, nil, err
		}
		if last = answer; !idle {
			statements = append(statements, p)
		}
	}
	return statements, last, nil
}

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
	results, err := db.binding.Batch(ctx, batch)
	for i := range statements {
		db.columns.forget(&statements[i])
	}
	if err = wrapError(err); schema && err == nil || mayHaveStored(results, err) {
		db.options.OnStored()
	}
	if err != nil {
		return nil, err
	}
	result := done{}
	for i := range min(len(results), len(statements)) {
		if statements[i].kind == kindWrite {
			result = done(results[i])
		}
	}
	return result, nil
}

// mayHaveStored tells whether a batch changed rows, or may have: an error that is not SQLite's leaves that open.
func mayHaveStored(results []Result, err error) bool {
	var own *Error
	if err != nil {
		return !errors.As(err, &own)
	}
	return slices.ContainsFunc(results, func(r Result) bool { return r.Changes > 0 })
}

// query runs a statement outside of a transaction.
func (db *connector) query(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	statement, err := render(p, args)
	if err != nil {
		return nil, err
	}
	rows, err := db.binding.Query(ctx, statement)
	db.columns.forget(p)
	err = wrapError(err)
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
	rows, err := db.binding.Query(ctx, Statement{
		SQL:    `WITH pfq(` + columnList(n) + `) AS (` + query.SQL + `) SELECT hex(` + encodeRow(n, false) + `) FROM pfq`,
		Params: query.Params,
	})
	if err != nil {
		return nil, nil, wrapError(err)
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

// done is what a statement has done.
type done Result

func (d done) LastInsertId() (int64, error) { return d.LastRowID, nil }
func (d done) RowsAffected() (int64, error) { return d.Changes, nil }

// String shows the result, for tests and logs.
func (d done) String() string {
	return strconv.FormatInt(d.Changes, 10) + " rows, last id " + strconv.FormatInt(d.LastRowID, 10)
}
