package d1

import (
	"database/sql/driver"
	"encoding/hex"
	"io"
)

// rows gives Rows to database/sql. They are in memory, so there is nothing to close.
type rows struct {
	Rows
	types func() []string // of the columns, in upper case; nil if they have none
}

var (
	_ driver.Rows                           = (*rows)(nil)
	_ driver.RowsColumnTypeDatabaseTypeName = (*rows)(nil)
	_ driver.RowsColumnTypeNullable         = (*rows)(nil)
)

// Close implements driver.Rows.
func (r *rows) Close() error { return nil }

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName: the declared type of a column in upper case,
// "" of an expression. D1 does not give types with rows, so they cost a round trip when they are asked for.
func (r *rows) ColumnTypeDatabaseTypeName(index int) string {
	if r.types == nil {
		return ""
	}
	if types := r.types(); index < len(types) {
		return types[index]
	}
	return ""
}

// ColumnTypeNullable implements driver.RowsColumnTypeNullable as stock PocketBase's driver does.
func (r *rows) ColumnTypeNullable(int) (nullable, ok bool) { return true, true }

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
