package d1random

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Run runs a program and gives what each step said, and after the last what the whole database holds.
func Run(ctx context.Context, db *sql.DB, program Program) []string {
	r := &run{ctx: ctx, db: db, on: db}
	said := make([]string, 0, len(program.Steps)+1)
	for _, step := range program.Steps {
		said = append(said, r.step(step))
	}
	if r.tx != nil {
		r.step(Step{Op: Rollback})
	}
	return append(said, r.content())
}

// run is a program that runs.
type run struct {
	ctx context.Context
	db  *sql.DB
	tx  *sql.Tx
	on  interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

func (r *run) step(step Step) string {
	switch step.Op {
	case Begin:
		return r.begin()
	case Commit:
		return r.end((*sql.Tx).Commit)
	case Rollback:
		return r.end((*sql.Tx).Rollback)
	case Query:
		return r.query(step)
	}
	result, err := r.on.ExecContext(r.ctx, step.SQL, arguments(step.Args)...)
	if err != nil {
		return "error: " + err.Error()
	}
	return told(step.Op, result)
}

func (r *run) begin() string {
	if r.tx != nil {
		return "already in a transaction"
	}
	tx, err := r.db.BeginTx(r.ctx, nil)
	if err != nil {
		return "error: " + err.Error()
	}
	r.tx, r.on = tx, tx
	return "ok"
}

func (r *run) end(f func(*sql.Tx) error) string {
	if r.tx == nil {
		return "not in a transaction"
	}
	err := f(r.tx)
	r.tx, r.on = nil, r.db
	if err != nil {
		return "error: " + err.Error()
	}
	return "ok"
}

func told(op Op, result sql.Result) string {
	if op == Do {
		return "ok"
	}
	changes, err := result.RowsAffected()
	said := fmt.Sprintf("%d rows affected %v", changes, err)
	if op == Insert && changes > 0 {
		id, err := result.LastInsertId()
		said += fmt.Sprintf(", id %d %v", id, err)
	}
	return said
}

func (r *run) query(step Step) string {
	rows, err := r.on.QueryContext(r.ctx, step.SQL, arguments(step.Args)...)
	if err != nil {
		return "error: " + err.Error()
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "columns: " + err.Error()
	}
	if step.Scan == Types {
		return types(rows)
	}
	said := []string{fmt.Sprintf("%q", columns)}
	for rows.Next() {
		said = append(said, row(rows, len(columns), step.Scan))
	}
	if err := rows.Err(); err != nil {
		return "error: " + err.Error() // D1 gives no rows before an error
	}
	if step.Unordered {
		slices.Sort(said[1:])
	}
	return strings.Join(said, "\n")
}

func types(rows *sql.Rows) string {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return "types: " + err.Error()
	}
	var said []string
	for _, column := range columns {
		said = append(said, column.Name()+" "+column.DatabaseTypeName())
	}
	return strings.Join(said, "\n")
}

func row(rows *sql.Rows, columns int, scan Scan) string {
	targets := make([]any, columns)
	for i := range targets {
		targets[i] = target(scan)
	}
	if err := rows.Scan(targets...); err != nil {
		return "scan: " + err.Error()
	}
	cells := make([]string, columns)
	for i, target := range targets {
		cells[i] = describe(target)
	}
	return strings.Join(cells, " | ")
}

func target(scan Scan) any {
	switch scan {
	case Text:
		return &sql.NullString{}
	case Int:
		return &sql.NullInt64{}
	case Float:
		return &sql.NullFloat64{}
	case Bool:
		return &sql.NullBool{}
	case Bytes:
		return new([]byte)
	}
	return new(any)
}

// describe shows a cell with its type. A long one is told by its start, its length and its hash.
func describe(cell any) string {
	switch v := cell.(type) {
	case *sql.NullString:
		return nullable(v.Valid, short(v.String))
	case *sql.NullInt64:
		return nullable(v.Valid, strconv.FormatInt(v.Int64, 10))
	case *sql.NullFloat64:
		return nullable(v.Valid, strconv.FormatFloat(v.Float64, 'g', -1, 64))
	case *sql.NullBool:
		return nullable(v.Valid, strconv.FormatBool(v.Bool))
	case *[]byte:
		return nullable(*v != nil, short(string(*v)))
	}
	switch v := (*cell.(*any)).(type) {
	case nil:
		return "NULL"
	case string:
		return short(v)
	case []byte:
		return "blob " + short(string(v))
	default:
		return fmt.Sprintf("%T %v", v, v)
	}
}

func nullable(valid bool, text string) string {
	if !valid {
		return "NULL"
	}
	return text
}

const shown = 60

func short(text string) string {
	if len(text) <= shown {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%q… %d bytes %x", text[:shown], len(text), sha256.Sum256([]byte(text)))
}

func arguments(values []Value) []any {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value.V
	}
	return args
}

// notOurs leaves out what a carrier keeps for itself.
const notOurs = ` name NOT GLOB '_pf*' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite_*'`

// content tells the schema and every row, with the type of each value.
func (r *run) content() string {
	said := []string{r.query(Step{Op: Query, SQL: "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE" + notOurs + " ORDER BY type, name"})}
	for _, table := range r.names("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND" + notOurs + " ORDER BY name") {
		said = append(said, "# "+table)
		for _, column := range r.names("SELECT name FROM pragma_table_info(?) ORDER BY name", table) {
			query := fmt.Sprintf("SELECT id, typeof([%[1]s]), [%[1]s] FROM [%[2]s]", column, table)
			said = append(said, r.query(Step{Op: Query, SQL: query, Unordered: true}))
		}
	}
	return strings.Join(said, "\n")
}

// names reads one column; an error is told as a name of its own.
func (r *run) names(query string, args ...any) []string {
	rows, err := r.on.QueryContext(r.ctx, query, args...)
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return []string{"error: " + err.Error()}
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return []string{"error: " + err.Error()}
	}
	return names
}
