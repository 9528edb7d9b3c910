package d1

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fetch loads the tables among what is touched that the scratch does not have yet. For one that was altered meanwhile it begins again.
func (t *trial) fetch(ctx context.Context, touched []string) error {
	var names []string
	altered := false
	for _, touch := range touched {
		name := touch[1:]
		origin, late := t.origin[name]
		switch {
		case late:
			names, altered = append(names, origin), true
			delete(t.origin, name)
		case t.base[name]:
			names = append(names, name)
			t.base[name] = false
		}
	}
	if altered {
		return t.again(ctx, names)
	}
	return t.load(ctx, names)
}

// again tries the whole log anew, with the rows of further tables.
func (t *trial) again(ctx context.Context, names []string) error {
	if err := t.scratch.Open(ctx, t.db.scratch.schema); err != nil {
		return errTrial
	}
	clear(t.opened)
	loaded := append(names, t.loaded...)
	t.loaded, t.pending = nil, nil
	t.unset(slices.Collect(maps.Keys(t.sets))...)
	if err := t.load(ctx, loaded); err != nil {
		return err
	}
	for _, attempt := range t.writes {
		if err := t.try(attempt); err != nil {
			return err
		}
	}
	return nil
}

// load fetches the rows of tables, whole. One that does not fit is large from then on.
func (t *trial) load(ctx context.Context, names []string) error {
	for some := range slices.Chunk(names, scratchLoads) {
		if err := t.loadSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) loadSome(ctx context.Context, names []string) error {
	queries, inserts, err := t.rowsOfEach(names)
	if err != nil {
		return errTrial
	}
	rows, err := t.db.send(ctx, Statement{SQL: "SELECT " + strings.Join(queries, ",")}, false)
	var own *Error
	if errors.As(err, &own) { // a row is too big, a value is a blob, a column has gone
		for _, name := range names {
			t.large[name], t.db.scratch.large[name] = true, true
		}
		return nil
	}
	if err != nil {
		return err
	}
	list, err := collect(rows)
	if err != nil {
		return err
	}
	for i, name := range names {
		text, ok := list.values[i].(string)
		if ok {
			t.db.scratch.rows[name] = true
			err = t.scratch.Load(Statement{SQL: inserts[i], Params: []any{text}})
		}
		if !ok || err != nil {
			t.large[name], t.db.scratch.large[name] = true, true
			continue
		}
		t.loaded = append(t.loaded, name)
	}
	return nil
}

// rowsOfEach gives tableRows of whole tables.
func (t *trial) rowsOfEach(names []string) (queries, inserts []string, err error) {
	for _, name := range names {
		columns, withoutRowID, err := columnsOf(t.scratch, name)
		if err != nil {
			return nil, nil, err
		}
		query, insert := tableRows(name, columns, withoutRowID, "", t.db.options.ScratchRows)
		queries, inserts = append(queries, query), append(inserts, insert)
	}
	return queries, inserts, nil
}

// columnsOf gives the columns of a table that can be written.
func columnsOf(scratch Scratch, table string) (columns []string, withoutRowID bool, err error) {
	info, err := scratch.Text(Statement{SQL: fmt.Sprintf(
		`SELECT (SELECT wr FROM pragma_table_list(%s))||char(0)||group_concat(name,char(0)) FROM pragma_table_xinfo(%[1]s) WHERE hidden=0`, quote(table))})
	if err != nil {
		return nil, false, err
	}
	parts := strings.Split(info, "\x00")
	return parts[1:], parts[0] == "1", nil
}
