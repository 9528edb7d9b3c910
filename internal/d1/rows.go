package d1

import (
	"database/sql/driver"
	"encoding/hex"
	"io"
)

// rows gives Rows to database/sql. They are in memory, so there is nothing to close.
type rows struct{ Rows }

var _ driver.Rows = (*rows)(nil)

// Close implements driver.Rows.
func (r *rows) Close() error { return nil }

func asRows(r Rows, err error) (driver.Rows, error) {
	if err != nil {
		return nil, err
	}
	return &rows{Rows: r}, nil
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
