package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
)

// read runs a query and remembers what it gave.
func (t *replay) read(ctx context.Context, p *parsed, args []driver.NamedValue) (Rows, error) {
	fickle := t.db.schema.isFickle(p)
	if fickle {
		volatile := *p
		volatile.volatile = true
		p = &volatile
	}
	settled := p
	if p.clock {
		settled = settleTime(p, t.db.options.Now())
		if fickle {
			settled.volatile = true
		}
	}
	statement, err := render(settled, args)
	if err != nil {
		return nil, err
	}
	call, err := appendCall(nil, "", modeQuery, []Statement{statement})
	if err != nil {
		return nil, err
	}
	key := string(call)
	if known := t.answers[key]; known != nil && !settled.volatile {
		return &rowList{columns: known.columns, values: known.values}, nil
	}
	statement.own()
	e := &entry{statement: statement, ordered: p.ordered, volatile: settled.volatile}
	read := t.readWritten
	if len(t.writes) == 0 || p.explain {
		read = t.readStored
	}
	if t.oracle != nil && !p.explain {
		if read, err = t.oracle.reader(ctx, p, statement); err != nil {
			return nil, err
		}
	}
	rows, texts, err := read(ctx, p, e)
	if err != nil {
		return nil, t.blame(ctx, err)
	}
	if !p.explain && !e.volatile && !e.implied && t.isSettled(ctx, e, texts) {
		e.guards = guardsOf(texts, p.ordered)
		t.asSeen(key, e)
		t.log = append(t.log, e)
	}
	if t.answers == nil {
		t.answers = map[string]*rowList{}
	}
	t.answers[key] = rows
	return &rowList{columns: rows.columns, values: rows.values}, nil
}

// isSettled tells whether a read would give the same again. After a write whose values differ each time it is tried.
func (t *replay) isSettled(ctx context.Context, e *entry, texts []string) bool {
	if !t.tainted {
		return true
	}
	again, err := t.probeRows(ctx, t.writes, e)
	return err == nil && again == strings.Join(texts, "")
}

var errExplain = errors.New("d1: EXPLAIN cannot follow a change of the schema inside of a transaction; run it outside of one")

// readStored reads what is in the database, for a transaction that has not written yet, or whose writes do not matter.
func (t *replay) readStored(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error) {
	if p.explain && t.columns != nil {
		return nil, nil, errExplain
	}
	statement := e.statement
	statement.Primary = true // what was read from a replica that is behind could not be committed
	list, texts, loose, err := t.db.readAsserted(ctx, p, statement)
	if err != nil {
		return nil, nil, err
	}
	e.columns, e.loose = len(list.columns), loose
	if p.clock && !p.explain { // the names of its columns may tell the time as well
		if list.columns, err = t.columnsOf(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	return list, texts, nil
}

// readWritten reads what the transaction has written.
func (t *replay) readWritten(ctx context.Context, p *parsed, e *entry) (*rowList, []string, error) {
	for attempt := 0; ; attempt++ {
		columns, err := t.columnsOf(ctx, p)
		if err != nil {
			return nil, nil, err
		}
		e.columns = len(columns)
		text, err := t.probeRows(ctx, t.replayed(), e)
		if attempt == 0 && isColumnCount(err) {
			t.cacheOf(p).drop(p) // another isolate has changed the table
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		return decodeRows(text, columns)
	}
}

// isColumnCount tells whether a query has another number of columns than was remembered.
func isColumnCount(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.HasPrefix(e.Message, "table _pf_query has ")
}

// columnsOf gives the columns of a query, from a view that is thrown away with the rest.
func (t *replay) columnsOf(ctx context.Context, p *parsed) ([]string, error) {
	if columns := pragmaColumns(p); columns != nil {
		return columns, nil
	}
	columns, epoch := t.cacheOf(p).get(p)
	if columns == nil && len(t.shapes) == 0 {
		columns, _ = t.db.columns.get(p)
	}
	if columns != nil {
		return columns, nil
	}
	columns, err := t.db.viewInfo(ctx, t.writes, p, "name")
	if err != nil {
		return nil, err
	}
	columns = viewColumns(columns)
	t.cacheOf(p).put(p, columns, epoch)
	return columns, nil
}

func (t *replay) types(ctx context.Context, p *parsed) ([]string, error) {
	if t.columns == nil { // it has not changed the schema
		return t.db.columnTypes(ctx, t.db.columns, nil, p)
	}
	return t.db.columnTypes(ctx, t.columns, t.writes, p)
}

// cacheOf is where the columns of a query are kept: the transaction's own cache if they depend on what it has changed.
func (t *replay) cacheOf(p *parsed) *columnCache {
	renamed := slices.ContainsFunc(t.shapes, func(shape *parsed) bool { return shape.renames })
	if t.columns != nil && (p.star || renamed) {
		return t.columns
	}
	return t.db.columns
}
