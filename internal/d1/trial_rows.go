package d1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rowSet is what the scratch has of a table that is too large for it: single rows, by their primary key. A row that the transaction has not
// written is as D1 has it, so it can be fetched at any time.
type rowSet struct {
	column  string                // of the primary key, in lower case; "" if the rows of the table cannot be told apart by one
	held    map[string]bool       // keys whose rows the scratch has, or knows not to exist
	late    map[string][]*attempt // updates of rows that it does not have yet
	written map[string]bool       // keys whose rows the transaction has written
	all     bool                  // the transaction has written other rows than these
	size    int                   // bytes of a row, seen at the last time that some were fetched
}

// setOf gives the table's set.
func (t *trial) setOf(table string) *rowSet {
	set := t.sets[table]
	if set == nil {
		column, err := t.keyColumn(table)
		if err != nil {
			column = ""
		}
		set = &rowSet{column: column, held: map[string]bool{}, late: map[string][]*attempt{}, written: map[string]bool{}}
		t.sets[table] = set
	}
	return set
}

// keyColumn gives the primary key of a table whose writes change no row but the one that they name: it has no triggers and no foreign keys, and
// its key is one column of text, compared byte by byte. "" for others.
func (t *trial) keyColumn(table string) (string, error) {
	name := quote(table)
	column, err := t.scratch.Text(Statement{SQL: `SELECT name FROM pragma_table_info(` + name + `) WHERE pk=1 AND type='TEXT' COLLATE NOCASE
 AND (SELECT max(pk) FROM pragma_table_info(` + name + `))=1
 AND EXISTS (SELECT 1 FROM pragma_index_list(` + name + `) AS i, pragma_index_xinfo(i.name) AS x WHERE i.origin='pk' AND x.seqno=0 AND x.coll='BINARY')
 AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type='trigger' AND tbl_name=` + name + ` COLLATE NOCASE)
 AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(` + name + `))
 AND NOT EXISTS (SELECT 1 FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type='table' AND f."table"=` + name + ` COLLATE NOCASE)`})
	return strings.ToLower(column), err
}

// unset forgets what the scratch knows of single rows: of a table whose shape was changed, or of all.
func (t *trial) unset(tables ...string) {
	for _, table := range tables {
		t.sets[table] = &rowSet{all: true}
	}
}

// rowOf gives the row that a statement is about, if it opens nothing of that table but this row; nil if that cannot be told.
func (t *trial) rowOf(statement Statement, touched []string) *rowKey {
	for _, key := range rowKeys(statement) {
		if key.column != t.setOf(key.table).column {
			continue
		}
		named := append(key.others, key.table)
		if !slices.ContainsFunc(named, func(name string) bool {
			return !slices.Contains(touched, "r"+name) && !slices.Contains(touched, "w"+name)
		}) {
			return &key
		}
	}
	return nil
}

// tryRow runs a write of one row of a large table in the scratch, as soon as the row is there.
func (t *trial) tryRow(a *attempt, key *rowKey) error {
	set := t.setOf(key.table)
	if set.all {
		return nil
	}
	set.written[key.value] = true
	switch {
	case key.insert, set.held[key.value]:
	case a.entry.removed != nil:
		delete(set.late, key.value)
		set.held[key.value] = true
		return nil
	default:
		set.late[key.value] = append(set.late[key.value], a)
		return nil
	}
	set.held[key.value] = true
	return t.run(a)
}

// holdsRow fetches a row of a large table, and tells whether the scratch has it as the transaction left it.
func (t *trial) holdsRow(ctx context.Context, key *rowKey) bool {
	set := t.setOf(key.table)
	if set.all || set.column == "" {
		return false
	}
	if !set.held[key.value] && t.fetchRows(ctx, key.table, set, t.lists.from(set, key.value)) != nil {
		return false
	}
	return set.held[key.value]
}

// fetchRows loads rows, and has the commit assert them.
func (t *trial) fetchRows(ctx context.Context, table string, set *rowSet, keys []string) error {
	columns, _, err := columnsOf(t.scratch, table)
	if err != nil {
		return err
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	condition := " WHERE " + quoteName(set.column) + " IN (SELECT value FROM json_each(?))"
	query, insert := tableRows(table, columns, true, condition, maxKeys)
	text, err := t.ask(ctx, Statement{SQL: "SELECT " + query, Params: []any{string(list), string(list)}})
	var own *Error
	switch {
	case errors.As(err, &own) && len(keys) > 1:
		return t.fetchRows(ctx, table, set, keys[:1]) // together they are too big, perhaps
	case err != nil:
		return err
	}
	t.db.scratch.rows[table] = true
	if err := t.scratch.Load(Statement{SQL: insert, Params: []any{text}}); err != nil {
		return err
	}
	whole := &entry{
		statement: Statement{SQL: "SELECT * FROM " + quoteName(table) + condition + " ORDER BY " + quoteName(set.column), Params: []any{string(list)}},
		ordered:   true, columns: len(columns),
	}
	_, texts, err := readScratch(t.scratch, whole.statement)
	if err != nil {
		return err
	}
	whole.guards = guardsOf(texts, true)
	t.asserted = append(t.asserted, whole)
	set.size = len(text)/len(keys) + 1
	for _, key := range keys {
		set.held[key] = true
		for _, late := range set.late[key] {
			if err := t.run(late); err != nil {
				return err
			}
		}
		delete(set.late, key)
	}
	return nil
}

// lists are the results that the transaction was given last. Whoever reads one of their rows by its key is going to read the next as well:
// PocketBase does so where it deletes what refers to a record.
type lists struct{ last []*keyList }

type keyList struct {
	columns []string
	rows    *rowList
	at      int // the row that was looked for last
}

// add takes in what a query gave.
func (l *lists) add(rows *rowList) {
	if len(rows.columns) == 0 || len(rows.values) < 2*len(rows.columns) {
		return
	}
	if l.last = append(l.last, &keyList{columns: rows.columns, rows: rows}); len(l.last) > listsKept {
		l.last = l.last[1:]
	}
}

// from gives the key, and those that follow it in the last list that has it and that are not held.
func (l *lists) from(set *rowSet, key string) []string {
	keys := []string{key}
	for _, list := range slices.Backward(l.last) {
		column := slices.IndexFunc(list.columns, func(name string) bool { return strings.EqualFold(name, set.column) })
		if column < 0 {
			continue
		}
		count := len(list.rows.values) / len(list.columns)
		valueAt := func(row int) string {
			text, _ := list.rows.values[row*len(list.columns)+column].(string)
			return text
		}
		start := list.at
		for list.at < count && valueAt(list.at) != key {
			list.at++
		}
		if list.at == count {
			list.at = start
			continue
		}
		most := firstKeys
		if set.size > 0 {
			most = min(maxKeys, max(1, fetchSize/set.size))
		}
		for row := list.at + 1; row < count && len(keys) < most; row++ {
			if next := valueAt(row); next != "" && !set.held[next] {
				keys = append(keys, next)
			}
		}
		return keys
	}
	return keys
}

// ask gives the text that a query of D1 gives.
func (t *trial) ask(ctx context.Context, query Statement) (string, error) {
	rows, err := t.db.send(ctx, query, false)
	if err != nil {
		return "", err
	}
	list, err := collect(rows)
	if err != nil {
		return "", err
	}
	if len(list.values) == 1 {
		if text, ok := list.values[0].(string); ok {
			return text, nil
		}
	}
	return "", fmt.Errorf("%w: its rows did not come as text", errTrial)
}
