// Package d1 is a [database/sql] driver that makes Cloudflare D1 look like SQLite to code that was written for the driver
// of stock PocketBase, modernc.org/sqlite.
//
// D1 has no connections, no interactive transactions and no integers among its parameters. The driver supplies them.
// Its core is pure Go over a [Binding], one round trip a call; in a Worker that is [HostBinding], whose other side is
// d1.mjs. docs/d1.md tells the same to those who use it.
//
// # Transactions
//
// A step of a transaction sends all its writes so far and the new statement as one batch whose last statement raises the
// result as an error: the step sees what was written, its own error is its own, and nothing is stored. Reads before the
// first write run directly. Commit sends the writes once more as one batch, with an assertion for each read, and for each
// RowsAffected and LastInsertId that the application looked at: the transaction is serializable, and one that lost a race
// ends in an [ErrConflict]. An error inside of a transaction leaves it as it was before the statement; before it is
// returned, what the transaction has seen is checked, so that it is never the error of a state that did not exist. The same
// is checked of a transaction that is rolled back, and told to Options.OnConflict.
//
// The time that a statement tells (datetime('now'), CURRENT_TIMESTAMP) is the Worker's at its first run, and stays. So does what the
// defaults of a table make up (an id of randomblob, a timestamp) for the rows of an INSERT … VALUES that names no id. After a write of
// random() or the like, what is read is asserted if it reads the same twice. An INSERT … SELECT, or DEFAULT VALUES, makes up its rows'
// defaults anew in each replay: a transaction that reads them again ends in a conflict. What a view gives that tells the time or random
// numbers is not asserted.
//
// The rows of a write with RETURNING come to light by triggers in the thrown-away batch, and once more, to be asserted, in the commit.
//
// The database holds three tables for this, which are made when they are first needed: _pf_tx and _pf_seen never have a row outside of a
// batch, _pf_commit has one for each isolate that has lately committed.
//
// With Options.Scratch the steps of most transactions are answered by a SQLite in the isolate, and proved by the same commit:
// docs/transactions.md.
//
// # Faults
//
// A call that fails by a fault of the platform is sent again where that is safe, in growing pauses: what stores nothing, what D1 says
// it has not run, and commits, whose token keeps them from being stored twice. What cannot be sent again is an [ErrUnavailable], or an
// [ErrUncertain] if it may have been stored.
//
// # Types of parameters
//
//   - int64 and bool become literals, (5), since D1 binds every number as a REAL: exact to 64 bits. Behind ORDER BY and GROUP BY
//     they become (5|0), which does not mean a column.
//   - float64 is bound; NaN is NULL, as SQLite stores it. Infinities and -0 are literals.
//   - string is bound; one that is not UTF-8 becomes CAST(x'…' AS TEXT).
//   - []byte is bound as a blob, a nil one as NULL.
//   - time.Time is its String(), as modernc.org/sqlite writes it. PocketBase's own DateTime comes as text.
//
// Parameters are ?, ?NNN, :name, @name and $name. Each statement of several in one Exec takes them from the first on.
//
// # Other forms
//
// What D1 does not take is written in another form that means the same:
//
//   - More than 99 parameters become literals, the shortest first; an IN list of 64 and more travels as one JSON array.
//   - If the text then is too long, rows of VALUES and IN lists are read from JSON, and after them other strings and reals. A text
//     that stays over 100 KB is an error with [CodeTooBig], as is a string or blob over 2 MB.
//   - A chain of 25 and more AND or OR is grouped by parentheses.
//   - A LIKE with a pattern of more than 50 bytes is written by instr; one whose pattern is an expression decides row by row.
//   - A compound SELECT of more than 5 terms is nested.
//
// # Types of results
//
//   - INTEGER is int64. One beyond 2^53 does not pass through JavaScript: the query is sent again in a form that keeps it.
//   - REAL is float64, also where JavaScript does not tell 3.0 from 3: a query that may give one is sent in a form that tells types.
//     It costs a round trip more the first time such a query is seen, if there are numbers or NULLs in what it gives. A query of tables
//     whose columns cannot hold a whole REAL, as all of PocketBase's, is sent as it is.
//   - TEXT is string. Text that is not UTF-8 is read again like a large integer.
//   - BLOB is []byte, NULL is nil.
//   - Text in a column that is declared DATE, DATETIME or TIMESTAMP is a time.Time, if modernc.org/sqlite reads it as one. It costs a round trip
//     more the first time such a query is seen.
//
// The declared type of a column (sql.ColumnType) is asked from D1 when it is looked at. Columns keep their names and
// duplicates, and an expression with a parameter the name that SQLite gives it.
//
// # Errors
//
// An error of SQLite is an [*Error] with the text of modernc.org/sqlite, which PocketBase shows and searches:
// "constraint failed: UNIQUE constraint failed: users.email (2067)". errors.Is knows its [Code]. Other errors of D1 are
// as the binding gives them.
//
// # What does nothing
//
// VACUUM and the pragmas of files, caches, journals and locks are answered without D1. PRAGMA optimize is D1's outside of
// a transaction and nothing inside. BEGIN, COMMIT and SAVEPOINT as SQL are refused: database/sql has them.
//
// # What differs from SQLite
//
//   - Several statements in one Exec outside of a transaction are one batch: all of them are stored, or none.
//   - ColumnType tells the type of what a view or a subquery computes with one, such as a CAST; SQLite tells none.
//   - The last digit of a sine, cosine or arc cosine is that of D1's C library, and so is that of PocketBase's geoDistance().
//   - A query that fails after its first rows gives none of them: D1 gives results whole.
//   - RowsAffected and LastInsertId are those of the last write of the same Exec, and 0 without one: SQLite's connection remembers
//     earlier ones. So do changes(), last_insert_rowid() and total_changes() in SQL: they reach from one statement to the next of one
//     Exec, or of one transaction.
//   - An infinite REAL that SQL has put into a NUMERIC column of a table without REAL and untyped columns is nil outside of a transaction.
//   - Inside of a transaction RETURNING is refused on views, on virtual tables, and of statements whose triggers or cascades change
//     their own table. EXPLAIN is refused after a change of the schema; PRAGMAs that have no table-valued
//     function see the database as it was before the transaction.
//   - Inside of a transaction an error undoes its whole statement and nothing else: OR FAIL and RAISE(FAIL) keep no rows, OR ROLLBACK
//     and RAISE(ROLLBACK) do not end the transaction. RowsAffected of a write to an FTS5 table counts otherwise there.
//   - D1's limits on columns (100), rows (2 MB), the depth of expressions (100), GLOB patterns (50 bytes) and tables in a join (64) hold. In a
//     trigger, and in what a table or an index computes, those on patterns and terms do as well.
//   - A compound SELECT of more than 5 terms with different operators, or with EXCEPT, gives columns of the same name as a and a:1.
package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
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

// PairBinding is a Binding whose reads can take another one along.
type PairBinding interface {
	Binding
	// QueryPair is Query, and in the same round trip runs a second read that gives one text: "" if it gave none, or failed.
	QueryPair(ctx context.Context, statement, second Statement) (rows Rows, text string, err error)
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
	Told      string // the text in the column pf_told of its first row
}

// Open gives a connector for sql.OpenDB. Nothing is sent until the first statement.
func Open(binding Binding, options Options) driver.Connector {
	options.complete()
	c := &connector{binding: binding, options: options, columns: newColumnCache()}
	if options.NoWait != nil {
		c.later = &later{Binding: binding}
		c.binding = c.later
	}
	return c
}

// connector is one database: what its connections share.
type connector struct {
	binding Binding
	later   *later // the binding, if there are statements that are not waited for
	options Options
	columns *columnCache
	schema  schema
	parses  parseCache
	tokens  tokens
	scratch scratchState
	down    atomic.Bool // the last call found no database, as often as it was sent
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
