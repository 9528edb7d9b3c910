package d1

import (
	"context"
	"database/sql/driver"
	"math"
	"strconv"
)

// A query whose values JavaScript could confuse is sent as
//
//	WITH _pf_query(c0,c1) AS MATERIALIZED (query) SELECT c0,c1,<letters> FROM _pf_query
//
// where letters is a text with one letter for each value: those below for a REAL that JSON does not carry as such, typeOther for
// everything else. It is materialized so that nothing is computed twice.
const (
	typeOther    = '.'
	typeReal     = 'r'
	typeNegative = 'z' // -0.0
	typePlusInf  = '+'
	typeMinusInf = '-'
)

// letterOf is an SQL expression for the letter of a value.
func letterOf(c string) string {
	return `CASE WHEN typeof(` + c + `)<>'real' THEN '.' WHEN ` + c + `=9e999 THEN '+' WHEN ` + c + `=-9e999 THEN '-' WHEN ` +
		isNegativeZero(c) + ` THEN 'z' ELSE 'r' END`
}

// isNegativeZero is an SQL condition: the arc tangent is the only function that sees the sign of a zero.
func isNegativeZero(c string) string { return c + `=0.0 AND atan2(0.0,` + c + `)>1` }

// typed is a query of n columns whose answer tells types.
func typed(query Statement, n int, shape uint64) Statement {
	letters := make([]string, n)
	for i := range letters {
		letters[i] = letterOf("c" + strconv.Itoa(i))
	}
	columns := columnList(n)
	return Statement{
		SQL: `WITH _pf_query(` + columns + `) AS MATERIALIZED (` + query.SQL + `) SELECT ` + columns + `,` +
			concatenation(letters) + ` AS pft FROM _pf_query`,
		Params: query.Params,
		Shape:  typedShape(shape),
	}
}

// concatenation joins SQL expressions of text, as a balanced tree: the depth of an expression is limited.
func concatenation(cells []string) string {
	for len(cells) > 1 {
		half := cells[:0]
		for i := 0; i < len(cells); i += 2 {
			if i+1 < len(cells) {
				half = append(half, "("+cells[i]+"||"+cells[i+1]+")")
			} else {
				half = append(half, cells[i])
			}
		}
		cells = half
	}
	return cells[0]
}

// typedRows are rows with a column of letters behind the others, as the rows of the query itself.
type typedRows struct {
	Rows
	columns []string
	row     []driver.Value
}

func (r *typedRows) Columns() []string { return r.columns }

func (r *typedRows) Next(dest []driver.Value) error {
	if r.row == nil {
		r.row = make([]driver.Value, len(r.columns)+1)
	}
	if err := r.Rows.Next(r.row); err != nil {
		return err
	}
	letters, _ := r.row[len(r.columns)].(string)
	if len(letters) != len(r.columns) {
		return errFrame
	}
	copy(dest, r.row)
	for i := range letters {
		if letters[i] != typeOther {
			dest[i] = realOf(letters[i], dest[i])
		}
	}
	return nil
}

// realOf is a REAL that came through JSON.
func realOf(letter byte, value driver.Value) driver.Value {
	switch letter {
	case typeNegative:
		return math.Copysign(0, -1)
	case typePlusInf:
		return math.Inf(1)
	case typeMinusInf:
		return math.Inf(-1)
	}
	if whole, ok := value.(int64); ok {
		return float64(whole)
	}
	return value
}

// read runs a query outside of a transaction, in one round trip, but for a query whose columns have to be found out first because it
// may give REALs: it takes two the first time.
func (db *connector) read(ctx context.Context, p *parsed, statement Statement) (Rows, error) {
	for attempt := 0; ; attempt++ {
		if db.schema.known().readsExactly(p.selection) {
			return db.readPlain(ctx, p, statement)
		}
		columns, _ := db.columns.get(p)
		if columns == nil {
			return db.readUnknown(ctx, p, statement)
		}
		rows, err := db.readTyped(ctx, p, statement, columns)
		if attempt == 0 && isColumnCount(err) {
			db.columns.drop(p) // another isolate has changed the table
			continue
		}
		return rows, err
	}
}

// readPlain runs a query whose numbers are what they seem, unless they are large.
func (db *connector) readPlain(ctx context.Context, p *parsed, statement Statement) (Rows, error) {
	rows, err := db.send(ctx, db.readable(p, statement), false)
	if err != nil {
		return nil, err
	}
	if !rows.Inexact() {
		return rows, nil
	}
	exact, _, err := db.queryExact(ctx, statement, rows.Columns())
	return exact, err
}

// readTyped runs a query whose columns are known.
func (db *connector) readTyped(ctx context.Context, p *parsed, statement Statement, columns []string) (Rows, error) {
	if len(columns) == 0 {
		return db.readPlain(ctx, p, statement)
	}
	query := db.readable(p, statement)
	rows, err := db.send(ctx, typed(query, len(columns), query.Shape), false)
	if err != nil {
		return nil, err
	}
	if !rows.Inexact() {
		return &typedRows{Rows: rows, columns: columns}, nil
	}
	exact, _, err := db.queryExact(ctx, statement, columns)
	return exact, err
}

// readUnknown runs a query of which it is not known whether it gives REALs. It is sent again if its numbers may not be what they seem.
func (db *connector) readUnknown(ctx context.Context, p *parsed, statement Statement) (Rows, error) {
	_, epoch := db.columns.get(p)
	rows, known, err := db.readBeside(ctx, p, statement)
	if err != nil {
		return nil, err
	}
	columns := rows.Columns()
	if !rows.Inexact() && known.readsExactly(p.selection) {
		return rows, nil
	}
	db.columns.put(p, columns, epoch)
	if rows.Inexact() {
		exact, _, err := db.queryExact(ctx, statement, columns)
		return exact, err
	}
	list, err := collect(rows)
	if err != nil || !mayHoldReals(list.values) {
		return list, err
	}
	return db.readTyped(ctx, p, statement, columns)
}

// readBeside runs a query, and asks for the tables at the same time if they are not known.
func (db *connector) readBeside(ctx context.Context, p *parsed, statement Statement) (Rows, tables, error) {
	known := db.schema.known()
	asked := make(chan tables, 1)
	if known == nil && p.selection != nil && !known.readsExactly(p.selection) {
		go func() { asked <- db.askTables(ctx) }()
	} else {
		asked <- known
	}
	rows, err := db.send(ctx, db.readable(p, statement), false)
	known = <-asked
	return rows, known, err
}

// readAsserted runs a query for a transaction that has not written yet. It gives the text of each row too, which is loose if REALs look
// as they came through JavaScript.
func (db *connector) readAsserted(ctx context.Context, p *parsed, statement Statement) (
	list *rowList, texts []string, loose bool, err error,
) {
	columns, epoch := db.columns.get(p)
	if columns != nil && !p.explain && !db.schema.known().readsExactly(p.selection) {
		if list, texts, err = db.queryExact(ctx, statement, columns); !isColumnCount(err) {
			return list, texts, false, err
		}
		db.columns.drop(p) // another isolate has changed the table
	}
	rows, known, err := db.readBeside(ctx, p, statement)
	if err != nil {
		return nil, nil, false, err
	}
	if list, err = collect(rows); err != nil || p.explain {
		return list, nil, false, err
	}
	if !p.clock {
		db.columns.put(p, list.columns, epoch)
	}
	texts, whole := encodeRows(list)
	if whole && (known.readsExactly(p.selection) || !mayHoldReals(list.values)) {
		return list, texts, true, nil
	}
	list, texts, err = db.queryExact(ctx, statement, list.columns)
	return list, texts, false, err
}

// mayHoldReals tells whether values that came through JSON may stand for others: whole numbers for REALs, NULL for an infinite one.
func mayHoldReals(values []driver.Value) bool {
	for _, value := range values {
		switch value.(type) {
		case nil, int64:
			return true
		}
	}
	return false
}

// exactShape is the shape of every query that queryExact sends.
var exactShape = shapeOf("pfx")

// queryExact runs a query whose columns are known so that its values do not pass through JavaScript numbers. It gives the
// text of each row too.
func (db *connector) queryExact(ctx context.Context, query Statement, columns []string) (*rowList, []string, error) {
	n := len(columns)
	rows, err := db.send(ctx, Statement{
		SQL:     `WITH _pf_query(` + columnList(n) + `) AS MATERIALIZED (` + query.SQL + `) SELECT hex(` + encodeRow(n, false) + `) AS pfx FROM _pf_query`,
		Params:  query.Params,
		Shape:   exactShape,
		Primary: query.Primary,
	}, false)
	if err != nil {
		return nil, nil, err
	}
	return decodeHexRows(rows, columns, 0)
}

// decodeHexRows reads rows that came as hex in one of the columns.
func decodeHexRows(rows Rows, columns []string, from int) (*rowList, []string, error) {
	list := &rowList{columns: columns}
	var texts []string
	err := eachRow(rows, func(row []driver.Value) error {
		text, err := decodeHex(row[from])
		if err != nil {
			return err
		}
		one, _, err := decodeRows(text, columns)
		if err != nil {
			return err
		}
		texts = append(texts, text)
		list.values = append(list.values, one.values...)
		return nil
	})
	return list, texts, err
}
