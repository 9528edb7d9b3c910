package d1

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"
)

// What a write gives by RETURNING cannot be asked for once more, so outside of a transaction it is sent with one column more: the hex of
// the row as text that keeps each value's type.

// writeReturning runs a write outside of a transaction and gives the rows of its RETURNING. A * costs a round trip more, the first time.
func (db *connector) writeReturning(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	text, err := db.typedReturning(ctx, p)
	if err != nil {
		return nil, err
	}
	statement, err := render(&parse(text)[0], args)
	if err != nil {
		return nil, err
	}
	rows, err := db.send(ctx, statement, true)
	db.forget(p)
	if mayHaveStored(nil, err) {
		db.options.OnStored()
	}
	if err != nil {
		return nil, err
	}
	columns := rows.Columns()
	if len(columns) == 0 {
		return rows, nil
	}
	list, _, err := decodeHexRows(rows, columns[:len(columns)-1], len(columns)-1)
	return list, err
}

// typedReturning is the text of a write with that column.
func (db *connector) typedReturning(ctx context.Context, p *parsed) (string, error) {
	sc := scanner{text: p.text}
	sc.toReturning()
	var cells []string
	for _, item := range sc.items() {
		if item.kind != selectStar {
			cells = append(cells, encodeCell("("+numberedParams(p, item.start, item.end)+")", false))
			continue
		}
		columns, err := db.tableColumns(ctx, p.target)
		if err != nil {
			return "", err
		}
		for _, column := range columns {
			cells = append(cells, encodeCell(quoteName(column), false))
		}
	}
	if len(cells) == 0 {
		return p.text, nil
	}
	return p.text + ",hex(" + concatenation(cells) + ") AS pfx", nil
}

// numberedParams is a part of a statement's text that means the same behind its end.
func numberedParams(p *parsed, start, end int) string {
	var b strings.Builder
	for _, spot := range p.params {
		if spot.start < start || spot.end > end || p.text[spot.start:spot.end] != "?" {
			continue
		}
		b.WriteString(p.text[start:spot.end] + strconv.Itoa(spot.number))
		start = spot.end
	}
	return b.String() + p.text[start:end]
}

// tableColumns gives the columns of a table that * stands for.
func (db *connector) tableColumns(ctx context.Context, table string) ([]string, error) {
	p := &parse("SELECT * FROM " + quoteName(table))[0]
	columns, epoch := db.columns.get(p)
	if columns != nil {
		return columns, nil
	}
	rows, err := db.send(ctx, db.readable(p, Statement{SQL: p.text + " LIMIT 0"}), false)
	if err != nil {
		return nil, err
	}
	db.columns.put(p, rows.Columns(), epoch)
	return rows.Columns(), nil
}
