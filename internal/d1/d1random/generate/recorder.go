package generate

import (
	"context"
	"database/sql/driver"
	"io"
	"slices"
	"sync"

	"pocketflare/internal/d1/d1random"
)

// recorder is a database that answers nothing and writes down what it is asked.
type recorder struct {
	mu    sync.Mutex
	calls []call
}

// call is a statement as a driver gets it.
type call struct {
	sql  string
	args []d1random.Value
}

// take gives what was asked since the last time.
func (r *recorder) take() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

func (r *recorder) note(sql string, args []driver.NamedValue) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := call{sql: sql}
	for _, arg := range args {
		c.args = append(c.args, d1random.Value{V: arg.Value})
	}
	r.calls = append(r.calls, c)
}

// Connect implements driver.Connector.
func (r *recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }

// Driver implements driver.Connector.
func (r *recorder) Driver() driver.Driver { return nil }

// ExecContext implements driver.ExecerContext.
func (r *recorder) ExecContext(_ context.Context, sql string, args []driver.NamedValue) (driver.Result, error) {
	r.note(sql, slices.Clone(args))
	return driver.RowsAffected(0), nil
}

// QueryContext implements driver.QueryerContext.
func (r *recorder) QueryContext(_ context.Context, sql string, args []driver.NamedValue) (driver.Rows, error) {
	r.note(sql, slices.Clone(args))
	return noRows{}, nil
}

func (r *recorder) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (r *recorder) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (r *recorder) Close() error                        { return nil }

type noRows struct{}

func (noRows) Columns() []string         { return nil }
func (noRows) Close() error              { return nil }
func (noRows) Next([]driver.Value) error { return io.EOF }
