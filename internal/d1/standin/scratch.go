package standin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"pocketflare/internal/d1"
)

// Scratch is a d1.Scratch: SQLite in the process, as scratch.mjs has it in the isolate.
type Scratch struct {
	db *Database
}

var _ d1.Scratch = (*Scratch)(nil)

// Open implements d1.Scratch.
func (s *Scratch) Open(_ context.Context, schema []string) error {
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			return err
		}
	}
	db, err := Open(":memory:")
	if err != nil {
		return err
	}
	if err := db.conn.SetAuthorizer(nil); err != nil {
		return err
	}
	s.db = db
	for _, sql := range schema {
		_ = db.conn.Exec(sql) // what the scratch does not know, D1 is asked for
	}
	return nil
}

// Keeps implements d1.Scratch.
func (s *Scratch) Keeps() bool { return s.db != nil }

// Empty implements d1.Scratch.
func (s *Scratch) Empty(tables []string) error {
	which := "type='table'"
	if len(tables) > 0 {
		which = "name='sqlite_sequence'"
	}
	err := s.each(d1.Statement{SQL: "SELECT name FROM sqlite_schema WHERE " + which}, func(stmt *sqlite3.Stmt) {
		tables = append(tables, stmt.ColumnText(0))
	})
	return errors.Join(err, s.quietly(func() (err error) {
		for _, name := range tables {
			err = errors.Join(err, s.db.conn.Exec(`DELETE FROM "`+strings.ReplaceAll(name, `"`, `""`)+`"`))
		}
		return err
	}))
}

// Release implements d1.Scratch.
func (s *Scratch) Release() {}

// Run implements d1.Scratch.
func (s *Scratch) Run(statement d1.Statement) (string, error) {
	if err := s.each(statement, func(*sqlite3.Stmt) {}); err != nil {
		return "", err
	}
	return s.Text(d1.Statement{SQL: "SELECT changes()||','||last_insert_rowid()"})
}

// Text implements d1.Scratch.
func (s *Scratch) Text(query d1.Statement) (text string, err error) {
	first := true
	err = s.each(query, func(stmt *sqlite3.Stmt) {
		if first {
			text, first = stmt.ColumnText(0), false
		}
	})
	return text, err
}

// Read implements d1.Scratch.
func (s *Scratch) Read(query d1.Statement) (columns []string, rows string, err error) {
	stmt, err := s.prepare(query.SQL)
	if err != nil {
		return nil, "", err
	}
	for i := range stmt.ColumnCount() {
		columns = append(columns, stmt.ColumnName(i))
	}
	if err := stmt.Close(); err != nil {
		return nil, "", err
	}
	var text strings.Builder
	err = s.each(query, func(stmt *sqlite3.Stmt) {
		for i := range columns {
			text.WriteString(s.cell(stmt, i))
		}
	})
	return columns, text.String(), err
}

// cell is the text of a value: d1's frame.go has its form.
func (s *Scratch) cell(stmt *sqlite3.Stmt, i int) string {
	switch stmt.ColumnType(i) {
	case sqlite3.INTEGER:
		return fmt.Sprintf("i%d;", stmt.ColumnInt64(i))
	case sqlite3.FLOAT:
		value := stmt.ColumnFloat(i)
		if value == 0 && math.Signbit(value) {
			return "r-0;"
		}
		text, err := s.Text(d1.Statement{SQL: "SELECT printf('r%!.17g;',?)", Params: []any{value}})
		if err != nil {
			return err.Error()
		}
		return text
	case sqlite3.TEXT:
		text := string(stmt.ColumnRawText(i))
		return fmt.Sprintf("t%d:%s", len(text), text)
	case sqlite3.BLOB:
		blob := stmt.ColumnRawBlob(i)
		return fmt.Sprintf("b%d:%X", len(blob), blob)
	}
	return "n"
}

// Touches implements d1.Scratch.
func (s *Scratch) Touches(statement string) ([]string, error) {
	tables := map[int]string{1: "sqlite_schema"}
	if err := s.each(d1.Statement{SQL: "SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0"}, func(stmt *sqlite3.Stmt) {
		tables[stmt.ColumnInt(0)] = stmt.ColumnText(1)
	}); err != nil {
		return nil, err
	}
	var touches []string
	err := s.each(d1.Statement{SQL: "EXPLAIN " + statement}, func(stmt *sqlite3.Stmt) {
		switch opcode := stmt.ColumnText(1); opcode {
		case "VOpen":
			touches = append(touches, "r")
		case "OpenRead", "ReopenIdx", "OpenWrite", "Clear":
			mode, root := "r", stmt.ColumnInt(3)
			if opcode == "Clear" {
				root = stmt.ColumnInt(2)
			}
			if opcode == "OpenWrite" || opcode == "Clear" {
				mode = "w"
			}
			if table := tables[root]; table != "" {
				touches = append(touches, mode+table)
			}
		}
	})
	return touches, err
}

// Load implements d1.Scratch.
func (s *Scratch) Load(insert d1.Statement) error {
	return s.quietly(func() error { return s.each(insert, func(*sqlite3.Stmt) {}) })
}

// quietly has no trigger fire, and no foreign key be checked, by what is run.
func (s *Scratch) quietly(run func() error) error {
	set := func(on bool) error {
		_, err := s.db.conn.Config(sqlite3.DBCONFIG_ENABLE_TRIGGER, on)
		_, other := s.db.conn.Config(sqlite3.DBCONFIG_ENABLE_FKEY, on)
		return errors.Join(err, other)
	}
	return errors.Join(set(false), run(), set(true))
}

func (s *Scratch) prepare(sql string) (*sqlite3.Stmt, error) {
	stmt, _, err := s.db.conn.Prepare(sql)
	if err == nil && stmt == nil {
		err = errors.New("no statement")
	}
	return stmt, scratchError(err)
}

func (s *Scratch) each(statement d1.Statement, row func(*sqlite3.Stmt)) error {
	stmt, err := s.prepare(statement.SQL)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i, param := range statement.Params {
		if err := bind(stmt, i+1, param); err != nil {
			return err
		}
	}
	for stmt.Step() {
		row(stmt)
	}
	return scratchError(stmt.Err())
}

// scratchError is an error as scratch.mjs gives it: code and message.
func scratchError(err error) error {
	if err == nil {
		return nil
	}
	var extended sqlite3.ExtendedErrorCode
	if !errors.As(err, &extended) {
		return err
	}
	var code sqlite3.ErrorCode
	errors.As(err, &code)
	message := strings.TrimPrefix(strings.TrimPrefix(err.Error(), code.Error()+": "), "sqlite3: ")
	return &d1.Error{Code: d1.Code(extended & 0xFF), Extended: int(extended), Message: message}
}
