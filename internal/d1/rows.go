package d1

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"io"
	"math"
	"reflect"
	"time"
)

// rows gives Rows to database/sql. They are in memory, so there is nothing to close.
type rows struct {
	Rows
	ctx   context.Context // to ask for types with
	typer typer           // nil where columns have none
	p     *parsed

	types []string // declared, in upper case; nil until they are asked for
	times bool     // some columns hold times

	first   []driver.Value // read to tell its types, and not given yet
	current []driver.Value // database/sql's own
}

var (
	_ driver.Rows                           = (*rows)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)
	_ driver.RowsColumnTypeNullable         = (*rows)(nil)
	_ driver.RowsColumnTypeLength           = (*rows)(nil)
	_ driver.RowsColumnTypePrecisionScale   = (*rows)(nil)
	_ driver.RowsColumnTypeScanType         = (*rows)(nil)
)

// Close implements driver.Rows.
func (r *rows) Close() error { return nil }

// Next implements driver.Rows.
func (r *rows) Next(dest []driver.Value) error {
	if r.first != nil {
		copy(dest, r.first)
		r.first = nil
	} else if err := r.Rows.Next(dest); err != nil {
		return err
	}
	r.current = dest
	if r.times {
		for i := range dest {
			if text, ok := dest[i].(string); ok && isTime(r.types[i]) {
				dest[i] = timeOf(text)
			}
		}
	}
	return nil
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName: the declared type of a column in upper case,
// "" of an expression. D1 does not give types with rows, so they cost a round trip when they are first asked for.
func (r *rows) ColumnTypeDatabaseTypeName(index int) string {
	if r.types == nil && r.typer != nil {
		r.types, _ = r.typer.types(context.WithoutCancel(r.ctx), r.p)
		r.typer = nil
	}
	if index < len(r.types) {
		return r.types[index]
	}
	return ""
}

// What follows is as modernc.org/sqlite has it: the types of the current row's values, before the first one those of the first.

// ColumnTypeNullable implements driver.RowsColumnTypeNullable.
func (r *rows) ColumnTypeNullable(int) (nullable, ok bool) { return true, true }

// ColumnTypePrecisionScale implements driver.RowsColumnTypePrecisionScale.
func (r *rows) ColumnTypePrecisionScale(int) (precision, scale int64, ok bool) { return 0, 0, false }

// ColumnTypeLength implements driver.RowsColumnTypeLength.
func (r *rows) ColumnTypeLength(index int) (length int64, ok bool) {
	switch r.value(index).(type) {
	case string, []byte, time.Time:
		return math.MaxInt64, true
	}
	return 0, false
}

// ColumnTypeScanType implements driver.RowsColumnTypeScanType.
func (r *rows) ColumnTypeScanType(index int) reflect.Type {
	switch value := r.value(index).(type) {
	case int64:
		switch kind := r.ColumnTypeDatabaseTypeName(index); {
		case kind == "BOOLEAN":
			return reflect.TypeFor[bool]()
		case kind == "TIME", isTime(kind):
			return reflect.TypeFor[time.Time]()
		}
		return reflect.TypeFor[int64]()
	case time.Time:
		return reflect.TypeFor[string]() // as it is stored
	default:
		return reflect.TypeOf(value)
	}
}

// value is that of a column in the current row.
func (r *rows) value(index int) driver.Value {
	if r.current == nil && r.first == nil {
		first := make([]driver.Value, len(r.Columns()))
		if r.Rows.Next(first) != nil {
			return nil // there is no row, or Next will tell why
		}
		r.first = first
	}
	if r.first != nil {
		return r.first[index]
	}
	return r.current[index]
}

// eachRow calls f with each row, in one slice.
func eachRow(r Rows, f func(row []driver.Value) error) error {
	row := make([]driver.Value, len(r.Columns()))
	for {
		if err := r.Next(row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := f(row); err != nil {
			return err
		}
	}
}

// collect reads all rows.
func collect(r Rows) (*rowList, error) {
	list := &rowList{columns: r.Columns()}
	err := eachRow(r, func(row []driver.Value) error {
		list.values = append(list.values, row...)
		return nil
	})
	return list, err
}

func decodeHex(value driver.Value) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", errFrame
	}
	b, err := hex.DecodeString(text)
	return string(b), err
}
