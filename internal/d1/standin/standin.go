// Package standin is a D1 database for tests: SQLite in the process, with D1's limits, batches, conversions and error
// texts as they were seen in workerd.
package standin

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"pocketflare/internal/d1"
)

// Database is a d1.Binding. Several drivers may share one, as isolates do.
type Database struct {
	// Before, if set, sees each call before it runs; its error is the call's.
	Before func(statements []d1.Statement) error

	// After, if set, sees each call that worked; its error is the call's, though the call has run.
	After func(statements []d1.Statement) error

	mu         sync.Mutex
	conn       *sqlite3.Conn
	calls      int
	statements int
}

var _ d1.PairBinding = (*Database)(nil)

// Open opens a database file, or one in memory for ":memory:".
func Open(path string) (*Database, error) {
	conn, err := sqlite3.Open(path)
	if err != nil {
		return nil, err
	}
	for category, value := range map[sqlite3.LimitCategory]int{
		sqlite3.LIMIT_VARIABLE_NUMBER:     100,
		sqlite3.LIMIT_SQL_LENGTH:          100_000,
		sqlite3.LIMIT_LENGTH:              2_000_000,
		sqlite3.LIMIT_COLUMN:              100,
		sqlite3.LIMIT_EXPR_DEPTH:          100,
		sqlite3.LIMIT_COMPOUND_SELECT:     5,
		sqlite3.LIMIT_LIKE_PATTERN_LENGTH: 50,
		sqlite3.LIMIT_FUNCTION_ARG:        127,
	} {
		conn.Limit(category, value)
	}
	for _, quotes := range []sqlite3.DBConfig{sqlite3.DBCONFIG_DQS_DML, sqlite3.DBCONFIG_DQS_DDL} {
		if _, err := conn.Config(quotes, true); err != nil {
			return nil, err
		}
	}
	if err := conn.Exec("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=ON"); err != nil {
		return nil, err
	}
	return &Database{conn: conn}, conn.SetAuthorizer(authorize)
}

// Close closes the database.
func (db *Database) Close() error { return db.conn.Close() }

// Counts gives the calls and statements since the last ResetCounts.
func (db *Database) Counts() (calls, statements int) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.calls, db.statements
}

// ResetCounts sets the counts to zero.
func (db *Database) ResetCounts() {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.calls, db.statements = 0, 0
}

// What D1 does not let pass.
var refusedFunctions = map[string]bool{
	"sqlite_version": true, "sqlite_source_id": true, "sqlite_compileoption_used": true, "sqlite_compileoption_get": true,
	"power": true, "ceiling": true, "log10": true, "if": true, "json_pretty": true, "json_error_position": true, "subtype": true,
	"unistr": true, "unistr_quote": true, "fts5_source_id": true, "load_extension": true, "regexp": true,
}

var allowedPragmas = map[string]bool{
	"data_version": true, "defer_foreign_keys": true, "foreign_key_check": true, "foreign_key_list": true,
	"foreign_keys": true, "function_list": true, "index_info": true, "index_list": true, "index_xinfo": true,
	"optimize": true, "pragma_list": true, "quick_check": true, "table_info": true, "table_list": true, "table_xinfo": true,
}

var createsTemporary = map[sqlite3.AuthorizerActionCode]bool{
	sqlite3.AUTH_CREATE_TEMP_INDEX: true, sqlite3.AUTH_CREATE_TEMP_TABLE: true, sqlite3.AUTH_CREATE_TEMP_TRIGGER: true,
	sqlite3.AUTH_CREATE_TEMP_VIEW: true,
}

func authorize(action sqlite3.AuthorizerActionCode, name3rd, name4th, _, _ string) sqlite3.AuthorizerReturnCode {
	switch {
	case action == sqlite3.AUTH_ATTACH, action == sqlite3.AUTH_DETACH, createsTemporary[action],
		action == sqlite3.AUTH_FUNCTION && refusedFunctions[strings.ToLower(name4th)],
		action == sqlite3.AUTH_PRAGMA && !allowedPragmas[strings.ToLower(name3rd)]:
		return sqlite3.AUTH_DENY
	}
	return sqlite3.AUTH_OK
}

// Query implements d1.Binding.
func (db *Database) Query(ctx context.Context, statement d1.Statement) (d1.Rows, error) {
	var rows *Rows
	err := db.call(ctx, []d1.Statement{statement}, func() (err error) {
		rows, err = db.run(statement)
		return err
	})
	return rows, err
}

// QueryPair implements d1.PairBinding.
func (db *Database) QueryPair(ctx context.Context, statement, second d1.Statement) (rows d1.Rows, text string, err error) {
	err = db.call(ctx, []d1.Statement{statement, second}, func() error {
		result, err := db.run(statement)
		if err != nil {
			return err
		}
		rows = result
		if other, err := db.run(second); err == nil && len(other.values) > 0 {
			text, _ = other.values[0].(string)
		}
		return nil
	})
	return rows, text, err
}

// Batch implements d1.Binding.
func (db *Database) Batch(ctx context.Context, statements []d1.Statement) (results []d1.Result, err error) {
	err = db.call(ctx, statements, func() error {
		for _, statement := range statements {
			before := db.conn.TotalChanges()
			rows, err := db.run(statement)
			if err != nil {
				return err
			}
			results = append(results, d1.Result{
				Changes: db.conn.TotalChanges() - before, LastRowID: int64(float64(db.conn.LastInsertRowID())), Told: rows.told(),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// call runs f in a transaction of its own.
func (db *Database) call(ctx context.Context, statements []d1.Statement, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.Before != nil {
		if err := db.Before(statements); err != nil {
			return err
		}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.calls++
	db.statements += len(statements)
	if err := db.conn.Exec("BEGIN"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = wrap(db.conn.Exec("COMMIT"), "COMMIT")
	}
	if err != nil && !db.conn.GetAutocommit() {
		if failed := db.conn.Exec("ROLLBACK"); failed != nil {
			return failed
		}
	}
	if err == nil && db.After != nil {
		err = db.After(statements)
	}
	return err
}

func (db *Database) run(statement d1.Statement) (*Rows, error) {
	if len(statement.Params) > 100 {
		return nil, errors.New("D1_ERROR: too many SQL variables: SQLITE_ERROR")
	}
	verb := strings.ToUpper(strings.TrimSpace(statement.SQL))
	for _, refused := range []string{"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"} {
		if strings.HasPrefix(verb, refused) {
			return nil, errors.New("D1_ERROR: To execute a transaction, please use the state.storage.transaction() API")
		}
	}
	stmt, tail, err := db.conn.Prepare(statement.SQL)
	if err != nil {
		return nil, wrap(err, statement.SQL)
	}
	if stmt == nil || strings.TrimSpace(tail) != "" {
		return nil, fmt.Errorf("D1_ERROR: not one statement: %s", statement.SQL)
	}
	defer stmt.Close()
	if stmt.BindCount() != len(statement.Params) {
		return nil, errors.New("D1_ERROR: Wrong number of parameter bindings for SQL query.")
	}
	for i, param := range statement.Params {
		if err := bind(stmt, i+1, param); err != nil {
			return nil, err
		}
	}
	rows := &Rows{}
	for i := range stmt.ColumnCount() {
		rows.columns = append(rows.columns, stmt.ColumnName(i))
	}
	for stmt.Step() {
		for i := range rows.columns {
			rows.values = append(rows.values, rows.value(stmt, i))
		}
	}
	return rows, wrap(stmt.Err(), statement.SQL)
}

func bind(stmt *sqlite3.Stmt, i int, param any) error {
	switch v := param.(type) {
	case nil:
		return stmt.BindNull(i)
	case float64:
		return stmt.BindFloat(i, v) // as every JavaScript number
	case string:
		return stmt.BindText(i, strings.ToValidUTF8(v, "\uFFFD"))
	case []byte:
		return stmt.BindBlob(i, v)
	}
	return fmt.Errorf("D1_TYPE_ERROR: Type '%T' not supported", param)
}

// Rows is a d1.Rows.
type Rows struct {
	columns []string
	values  []driver.Value
	inexact bool
}

// Columns implements d1.Rows.
func (r *Rows) Columns() []string { return r.columns }

// Inexact implements d1.Rows.
func (r *Rows) Inexact() bool { return r.inexact }

// Next implements d1.Rows.
func (r *Rows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		return io.EOF
	}
	r.values = r.values[copy(dest, r.values[:len(r.columns)]):]
	return nil
}

// told is the text in the column pf_told of the first row.
func (r *Rows) told() string {
	if at := slices.Index(r.columns, "pf_told"); at >= 0 && len(r.values) > 0 {
		return r.values[at].(string)
	}
	return ""
}

// value is a cell after its way through JavaScript, where integers and reals are the same.
func (r *Rows) value(stmt *sqlite3.Stmt, i int) driver.Value {
	var number float64
	switch stmt.ColumnType(i) {
	case sqlite3.INTEGER:
		number = float64(stmt.ColumnInt64(i))
	case sqlite3.FLOAT:
		number = stmt.ColumnFloat(i)
	case sqlite3.TEXT:
		text := strings.ToValidUTF8(string(stmt.ColumnRawText(i)), "\uFFFD")
		r.inexact = r.inexact || strings.Contains(text, "\uFFFD")
		return text
	case sqlite3.BLOB:
		return append([]byte(nil), stmt.ColumnRawBlob(i)...)
	default:
		return nil
	}
	switch {
	case math.IsInf(number, 0):
		return nil
	case number == math.Trunc(number) && math.Abs(number) < 1<<53:
		return int64(number)
	}
	r.inexact = r.inexact || number == math.Trunc(number)
	return number
}

var codeNames = map[sqlite3.ErrorCode]string{
	sqlite3.ERROR: "SQLITE_ERROR", sqlite3.CONSTRAINT: "SQLITE_CONSTRAINT", sqlite3.MISMATCH: "SQLITE_MISMATCH",
	sqlite3.TOOBIG: "SQLITE_TOOBIG", sqlite3.AUTH: "SQLITE_AUTH", sqlite3.RANGE: "SQLITE_RANGE",
	sqlite3.READONLY: "SQLITE_READONLY", sqlite3.INTERRUPT: "SQLITE_INTERRUPT", sqlite3.BUSY: "SQLITE_BUSY",
}

var extendedNames = map[sqlite3.ExtendedErrorCode]string{
	sqlite3.CONSTRAINT_UNIQUE: "UNIQUE", sqlite3.CONSTRAINT_PRIMARYKEY: "PRIMARYKEY", sqlite3.CONSTRAINT_CHECK: "CHECK",
	sqlite3.CONSTRAINT_NOTNULL: "NOTNULL", sqlite3.CONSTRAINT_FOREIGNKEY: "FOREIGNKEY",
	sqlite3.CONSTRAINT_TRIGGER: "TRIGGER", sqlite3.CONSTRAINT_ROWID: "ROWID", sqlite3.CONSTRAINT_DATATYPE: "DATATYPE",
}

// wrap gives an error the text that it has when it comes from D1.
func wrap(err error, sql string) error {
	if err == nil {
		return nil
	}
	var code sqlite3.ErrorCode
	var extended sqlite3.ExtendedErrorCode
	if !errors.As(err, &code) || !errors.As(err, &extended) {
		return err
	}
	message := strings.TrimPrefix(err.Error(), code.Error()+": ")
	message = strings.TrimPrefix(message, "sqlite3: ")
	var e *sqlite3.Error
	if errors.As(err, &e) && e.SQL() != "" {
		message = fmt.Sprintf("%s at offset %d", message, len(sql)-len(e.SQL()))
	}
	text := fmt.Sprintf("D1_ERROR: %s: %s", message, codeNames[code])
	if name, ok := extendedNames[extended]; ok {
		text += " (extended: SQLITE_CONSTRAINT_" + name + ")"
	}
	return errors.New(text)
}
