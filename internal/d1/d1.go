// Package d1 makes Cloudflare D1 look like SQLite to code that uses database/sql.
package d1

import (
	"context"
	"database/sql/driver"
	"errors"
)

// Binding is one D1 database, as far as the driver needs it. Each call is one round trip.
//
// Its errors are what D1 reports, with D1's own text.
type Binding interface {
	// Query runs one statement and gives its rows.
	Query(ctx context.Context, statement Statement) (Rows, error)
	// Batch runs statements as one transaction: all of them, or none.
	Batch(ctx context.Context, statements []Statement) ([]Result, error)
}

// Rows is what a statement gave, whole. Next fills dest with the next row or returns io.EOF; its values are nil, int64,
// float64, string and []byte.
type Rows interface {
	Columns() []string
	Next(dest []driver.Value) error
	// Inexact tells that a value may have been damaged on its way through JavaScript: an integer beyond 2^53 lost digits,
	// or bytes that are not UTF-8 became U+FFFD.
	Inexact() bool
}

// Result is what a statement of a batch did.
type Result struct {
	Changes   int64 // rows that it changed, those of triggers and foreign keys included
	LastRowID int64
}

// Options is how a database behaves.
type Options struct {
	// DeferErrors sends a transaction that does not read between its writes at its commit, in one round trip. The error of
	// a statement then is the error of the next read, or of the commit.
	DeferErrors bool

	// OnStored, if set, is called when something was stored, or may have been: its answer was lost.
	OnStored func()

	// OnConflict, if set, is called when a transaction ended in an ErrConflict.
	OnConflict func()
}

// Open gives a connector for sql.OpenDB. Nothing is sent until the first statement.
func Open(binding Binding, options Options) driver.Connector {
	if options.OnStored == nil {
		options.OnStored = func() {}
	}
	if options.OnConflict == nil {
		options.OnConflict = func() {}
	}
	return &connector{binding: binding, options: options, columns: newColumnCache()}
}

// connector is one database: what its connections share.
type connector struct {
	binding Binding
	options Options
	columns *columnCache
}

// Connect implements driver.Connector.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	return &conn{db: c}, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return unnamed{} }

// unnamed is the driver of a connector that only Open makes.
type unnamed struct{}

// Open implements driver.Driver.
func (unnamed) Open(string) (driver.Conn, error) {
	return nil, errors.New("d1: a database is opened by its binding, with d1.Open")
}
