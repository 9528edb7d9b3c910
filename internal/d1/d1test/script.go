// Package d1test is one suite of SQL for every database/sql driver that claims to be SQLite: each case is a script that
// writes down what it saw, and two drivers are alike where they write the same.
package d1test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Case is one script on an empty database.
type Case struct {
	Name string
	Run  func(s *Script)
}

// Cases is the suite.
func Cases() []Case {
	return slices.Concat(values, exact, statements, limits, deep, functions, transactions, caught, inside, returning, times)
}

// Transcript runs a case and gives what it wrote down.
func (c Case) Transcript(db *sql.DB) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s := &Script{ctx: ctx, db: db, on: db}
	c.Run(s)
	if s.tx != nil {
		s.Rollback()
	}
	return s.out.String()
}

// Script talks to a database and writes down what it answers.
type Script struct {
	ctx context.Context
	db  *sql.DB
	tx  *sql.Tx
	on  interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
	out strings.Builder
}

func (s *Script) note(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// Exec runs statements and notes an error or the rows affected.
func (s *Script) Exec(query string, args ...any) {
	result, err := s.on.ExecContext(s.ctx, query, args...)
	if err != nil {
		s.note("exec %s: %v", short(query), err)
		return
	}
	changes, err := result.RowsAffected()
	s.note("exec %s: %d rows affected, %v", short(query), changes, err)
}

// Insert runs one INSERT and notes its rowid too.
func (s *Script) Insert(query string, args ...any) {
	result, err := s.on.ExecContext(s.ctx, query, args...)
	if err != nil {
		s.note("insert %s: %v", short(query), err)
		return
	}
	changes, _ := result.RowsAffected()
	id, err := result.LastInsertId()
	s.note("insert %s: %d rows affected, id %d, %v", short(query), changes, id, err)
}

// Do runs statements and notes only an error.
func (s *Script) Do(query string, args ...any) {
	if _, err := s.on.ExecContext(s.ctx, query, args...); err != nil {
		s.note("do %s: %v", short(query), err)
	}
}

// Query notes the columns and rows of a query, with the type of each value.
func (s *Script) Query(query string, args ...any) {
	rows, err := s.on.QueryContext(s.ctx, query, args...)
	if err != nil {
		s.note("query %s: %v", short(query), err)
		return
	}
	defer rows.Close()
	columns, err := rows.Columns()
	s.note("query %s: %q %v", short(query), columns, err)
	for rows.Next() {
		s.noteRow(rows, len(columns))
	}
	if err := rows.Err(); err != nil {
		s.note("  rows: %v", err)
	}
}

func (s *Script) noteRow(rows *sql.Rows, columns int) {
	values := make([]any, columns)
	targets := make([]any, columns)
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		s.note("  scan: %v", err)
	}
	cells := make([]string, columns)
	for i, value := range values {
		cells[i] = describe(value)
	}
	s.note("  %s", strings.Join(cells, " | "))
}

// Texts notes the rows of a query as database/sql gives them as text.
func (s *Script) Texts(query string, args ...any) {
	rows, err := s.on.QueryContext(s.ctx, query, args...)
	if err != nil {
		s.note("texts %s: %v", short(query), err)
		return
	}
	defer rows.Close()
	columns, err := rows.Columns()
	s.note("texts %s: %v", short(query), err)
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		s.note("  %v %q", rows.Scan(targets...), values)
	}
	s.note("  %v", rows.Err())
}

// Types notes the types of the columns of a query.
func (s *Script) Types(query string, args ...any) {
	rows, err := s.on.QueryContext(s.ctx, query, args...)
	if err != nil {
		s.note("types %s: %v", short(query), err)
		return
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	s.note("types %s: %v", short(query), err)
	for _, column := range columns {
		nullable, ok := column.Nullable()
		length, known := column.Length()
		_, _, decimal := column.DecimalSize()
		s.note("  %s %q %v %v, %v, %d %v %v", column.Name(), column.DatabaseTypeName(), nullable, ok, column.ScanType(), length, known, decimal)
	}
	for n := 0; rows.Next(); n++ { // what was looked at beforehand is still there
		s.noteRow(rows, len(columns))
		types, err := rows.ColumnTypes()
		for _, column := range types {
			s.note("    %v %v", column.ScanType(), err)
		}
	}
	if err := rows.Err(); err != nil {
		s.note("  rows: %v", err)
	}
}

func describe(value any) string {
	text := fmt.Sprintf("%q", value)
	switch v := value.(type) {
	case nil:
		return "NULL"
	case int64:
		return fmt.Sprintf("integer %d", v)
	case float64:
		return fmt.Sprintf("real %g", v)
	case time.Time:
		return "time " + v.String()
	case []byte:
		text = fmt.Sprintf("blob %x, nil %v", v, v == nil)
	}
	return short(text)
}

// Begin starts a transaction; what follows is part of it.
func (s *Script) Begin() {
	tx, err := s.db.BeginTx(s.ctx, nil)
	if err != nil {
		s.note("begin: %v", err)
		return
	}
	s.tx, s.on = tx, tx
}

// Commit ends the transaction.
func (s *Script) Commit() { s.end("commit", s.tx.Commit) }

// Rollback ends the transaction.
func (s *Script) Rollback() { s.end("rollback", s.tx.Rollback) }

func (s *Script) end(name string, f func() error) {
	s.note("%s: %v", name, f())
	s.tx, s.on = nil, s.db
}

// Inside runs a part in the open, then in a transaction that is committed, then in one that is rolled back.
func (s *Script) Inside(f func()) {
	s.note("# autocommit")
	f()
	s.note("# transaction, rolled back")
	s.Begin()
	f()
	s.Rollback()
	s.note("# transaction with a write before, committed")
	s.Begin()
	s.Do("CREATE TABLE inside_a_transaction (x)")
	s.Do("INSERT INTO inside_a_transaction VALUES (1)")
	f()
	s.Commit()
	s.Do("DROP TABLE inside_a_transaction")
}

func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 120 {
		return fmt.Sprintf("%s…(%d)", strings.ToValidUTF8(text[:120], ""), len(text))
	}
	return text
}

var _ driver.Valuer = Valuer("")

// Valuer is a value of an application's own type.
type Valuer string

// Value implements driver.Valuer.
func (v Valuer) Value() (driver.Value, error) { return string(v), nil }
