package d1

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"time"
)

// D1 does not give the declared types of a result's columns. They are those of a view of the query, which is thrown away. Two things are
// different there: a view gives a type to a column that is computed, and where the terms of a compound SELECT differ. So the view is one of
// the first term, and the text of the query tells what is computed.

// columnTypes gives the declared types of the columns of a statement that follows writes, in upper case, "" of what has none. It is a
// round trip, the first time.
func (db *connector) columnTypes(ctx context.Context, cache *columnCache, writes []Statement, p *parsed) ([]string, error) {
	text := typedPart(p)
	if text == "" {
		return nil, nil
	}
	types, epoch := cache.typesOf(text)
	if types != nil {
		return types, nil
	}
	query := &parse(text)[0]
	types, err := db.viewInfo(ctx, writes, query, "CASE upper(type) WHEN 'BLOB' THEN '"+blobMark+"'||lower(name) ELSE upper(type) END")
	if isSQLite(err) {
		return nil, nil // what cannot be a view has no types
	}
	if err != nil {
		return nil, err
	}
	known := db.schema.known()
	if known == nil {
		known = db.askTables(ctx)
	}
	items := itemsOf(text, len(types))
	for i, kind := range types {
		name, declares := items[i].declares(text)
		given, blob := strings.CutPrefix(kind, blobMark)
		switch {
		case !declares:
			types[i] = ""
		case blob && known.declareBlob(query.selection, items[i].source, cmp.Or(name, given)):
			types[i] = "BLOB"
		case blob:
			types[i] = ""
		}
	}
	cache.putTypes(text, types, epoch)
	return types, nil
}

// blobMark is before the name of a column that is a BLOB, or has no type.
const blobMark = "BLOB "

// typedPart is the query that gives the columns of a statement their types: what is before a page or ORDER BY, the first term of a
// compound SELECT, RETURNING as a SELECT of the table; "" of a statement whose columns have no types.
func typedPart(p *parsed) string {
	if p.returning {
		sc := scanner{text: p.text}
		sc.toReturning()
		return "SELECT" + p.text[sc.end:] + " FROM " + quoteName(p.target)
	}
	if p.kind != kindRead || p.explain {
		return ""
	}
	if p.selection != nil {
		return p.columnsKey()
	}
	sc := scanner{text: p.text}
	for depth := 0; sc.next(); depth += sc.nesting() {
		if depth == 0 && (sc.is("UNION") || sc.is("EXCEPT") || sc.is("INTERSECT") || sc.is("ORDER") || sc.is("LIMIT")) {
			break
		}
	}
	return strings.TrimRight(p.text[:sc.start], " \n")
}

// itemsOf gives what each of the n columns of a query is made from. Those that a * may stand for are columns.
func itemsOf(text string, n int) []selected {
	items := make([]selected, n)
	sc := scanner{text: text}
	for depth := 0; sc.next() && !(depth == 0 && sc.is("SELECT")); depth += sc.nesting() {
	}
	if sc.kind == tokenEnd {
		return items // VALUES
	}
	sc.skipDistinct()
	written := sc.items()
	for i := range items {
		items[i].kind = selectStar
	}
	for i := 0; i < min(n, len(written)) && written[i].kind != selectStar; i++ {
		items[i] = written[i]
	}
	for i := 1; i <= min(n, len(written)) && written[len(written)-i].kind != selectStar; i++ {
		items[n-i] = written[len(written)-i]
	}
	return items
}

// declares tells whether a column has the declared type of what it is made from: a column, also in parentheses or of a scalar subquery.
// It gives the name of that column, in lower case; "" if a * stands for it.
func (item *selected) declares(text string) (name string, ok bool) {
	if item.kind == selectColumn || item.kind == selectStar {
		return item.name, true
	}
	sc := scanner{text: text[:item.end], end: item.start}
	if item.kind != selectOther || !sc.next() || !sc.isSymbol('(') {
		return "", false
	}
	start := sc.end
	if sc.close(); sc.end != item.end {
		return "", false
	}
	inner := text[start:sc.start]
	if sc = (scanner{text: inner}); sc.next() && sc.isSymbol('(') {
		nested := selectedIn(inner, 0, len(inner))
		return nested.declares(inner)
	}
	if first := itemsOf(inner, 1)[0]; sc.is("SELECT") && first.kind != selectStar {
		return first.declares(inner)
	}
	return "", false
}

// declareBlob tells whether a column is a BLOB, and not one without a type, which a view calls so as well. Where it cannot be told which
// table it is of, any will do.
func (ts tables) declareBlob(s *selection, from, name string) bool {
	name, _, _ = strings.Cut(name, ":") // as a view tells equal names apart
	found := false
	for i := 0; s != nil && i < len(s.sources); i++ {
		t := ts[s.sources[i].table]
		if t == nil || t.view || from != "" && from != s.sources[i].alias {
			continue
		}
		if t.declaresBlob(name) {
			return true
		}
		found = found || from != "" || len(s.sources) == 1
	}
	for _, t := range ts {
		if !found && t.declaresBlob(name) {
			return true
		}
	}
	return false
}

func (t *table) declaresBlob(name string) bool {
	return slices.Contains(t.columns, column{name, "BLOB"})
}

// mayGiveTimes tells whether a column of a query may be a DATE, DATETIME or TIMESTAMP.
func (s *schema) mayGiveTimes(p *parsed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.times || s.changed {
		return s.changed
	}
	if p.returning {
		return s.tables[p.target].hasTimes()
	}
	if p.selection == nil {
		return true
	}
	for i := range p.selection.items {
		if p.selection.items[i].kind == selectOther {
			return true // may be a subquery
		}
	}
	for i := range p.selection.sources {
		if from := &p.selection.sources[i]; !from.call && s.tables[from.table].hasTimes() {
			return true
		}
	}
	return false
}

// hasTimes tells whether a table has such a column, or may have: a view, or a table that is not known.
func (t *table) hasTimes() bool { return t == nil || t.view || t.times }

func isTime(kind string) bool { return kind == "DATE" || kind == "DATETIME" || kind == "TIMESTAMP" }

// typer gives the declared types of the columns of a statement.
type typer interface {
	types(ctx context.Context, p *parsed) ([]string, error)
}

func (db *connector) types(ctx context.Context, p *parsed) ([]string, error) {
	return db.columnTypes(ctx, db.columns, nil, p)
}

// withTypes runs a statement and gives its rows to database/sql. If they may hold times, it asks for the types of the columns: of a write
// before it runs, so that one that is stored does not fail.
func (db *connector) withTypes(ctx context.Context, asked typer, p *parsed, run func() (Rows, error)) (driver.Rows, error) {
	r := &rows{ctx: ctx, typer: asked, p: p}
	if p.returning {
		if err := r.findTimes(db); err != nil {
			return nil, err
		}
	}
	result, err := run()
	if err != nil {
		return nil, err
	}
	r.Rows = result
	if p.kind == kindRead && !p.explain {
		if err := r.findTimes(db); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// findTimes finds out which columns hold times.
func (r *rows) findTimes(db *connector) (err error) {
	if !db.schema.mayGiveTimes(r.p) {
		return nil
	}
	if r.types, err = r.typer.types(r.ctx, r.p); err != nil {
		return err
	}
	r.times = slices.ContainsFunc(r.types, isTime)
	return nil
}

// timeFormats are those that modernc.org/sqlite reads, without the Z that may end them.
var timeFormats = []string{
	"2006-01-02 15:04:05.999999999-07:00", "2006-01-02T15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02",
}

// timeOf is a text as a time, or as it is if it does not tell one.
func timeOf(text string) driver.Value {
	printed, _, _ := strings.Cut(text, "m=") // of a time.Time with a monotonic clock
	if printed == "" {
		printed = text
	}
	if t, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", strings.TrimSpace(printed)); err == nil {
		return t
	}
	bare := strings.TrimSuffix(text, "Z")
	for _, format := range timeFormats {
		if t, err := time.Parse(format, bare); err == nil {
			return t
		}
	}
	return text
}
