package d1

import (
	"context"
	"database/sql/driver"
	"errors"
)

var errNested = errors.New("cannot start a transaction within a transaction")

// conn is one connection of database/sql's pool. Outside of a transaction it holds nothing: D1 has no sessions.
type conn struct {
	db *connector
	tx stepper // nil outside of a transaction

	generation int // of the application's caches, when the transaction began
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
	_, err := c.db.send(ctx, Statement{SQL: "SELECT 1"}, false)
	return err
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
	if c.db.options.Local.isOpen() {
		steps, err := c.db.beginLocal()
		if err != nil {
			return nil, err
		}
		c.tx = steps
	} else {
		c.tx = c.db.newStepper()
	}
	if caches := c.db.options.Caches; caches != nil {
		c.generation = caches.Generation()
	}
	return &tx{conn: c, ctx: ctx}, nil
}

// newStepper chooses how a transaction is answered.
func (db *connector) newStepper() stepper {
	if db.options.Scratch != nil && db.options.DeferErrors == nil && db.options.MayGuess() {
		return newGuess(db)
	}
	return newReplay(db)
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
	err := steps.commit(context.WithoutCancel(t.ctx))
	steps.note()
	return err
}

// Rollback implements driver.Tx. Nothing was stored, so there is nothing to undo.
func (t *tx) Rollback() error {
	steps := t.conn.tx
	t.conn.tx = nil
	if steps != nil {
		steps.rollback(t.ctx)
		steps.note()
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

// ExecContext implements driver.ExecerContext. Its result is that of the last write.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	statements, _, err := c.db.prepare(query)
	if err != nil {
		return nil, err
	}
	if c.tx == nil {
		if err := c.db.options.Local.outside(); err != nil {
			return nil, err
		}
		return c.db.exec(ctx, statements, args)
	}
	var result driver.Result = done{}
	for i := range statements {
		one, err := c.tx.exec(ctx, &statements[i], args)
		if err != nil {
			return nil, err
		}
		if statements[i].kind == kindWrite {
			result = one
		}
	}
	return result, nil
}

// QueryContext implements driver.QueryerContext. Its rows are those of the last statement.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	statements, last, err := c.db.prepare(query)
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
	p := &statements[final]
	if c.tx == nil {
		if err := c.db.options.Local.outside(); err != nil {
			return nil, err
		}
		return c.db.queryLast(ctx, statements[:final], p, args)
	}
	for i := range statements[:final] {
		if _, err := c.tx.exec(ctx, &statements[i], args); err != nil {
			return nil, err
		}
	}
	return c.db.withTypes(ctx, c.tx, p, func() (Rows, error) {
		result, err := c.tx.query(ctx, p, args)
		if err == nil {
			err = c.overtaken(p)
		}
		return result, err
	})
}

// overtaken is the conflict of a transaction that would fill the application's caches with what it sees, when they have been loaded anew
// since it began: what it sees may be older.
func (c *conn) overtaken(p *parsed) error {
	caches := c.db.options.Caches
	if caches == nil || !caches.Fills(p.text) || caches.Generation() == c.generation {
		return nil
	}
	c.db.options.OnConflict()
	return ErrConflict
}

// prepare cuts SQL into the statements that D1 has to run. If the last one does nothing here, its answer is given.
func (db *connector) prepare(query string) (statements []parsed, last *rowList, err error) {
	for _, p := range db.parses.of(query) {
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

// done is what a statement has done.
type done struct{ Changes, LastRowID int64 }

func (d done) LastInsertId() (int64, error) { return d.LastRowID, nil }
func (d done) RowsAffected() (int64, error) { return d.Changes, nil }
