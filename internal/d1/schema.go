package d1

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// tables is what the driver has to know of a database's tables to read their values exactly and to count what a write changes, by
// name in lower case.
type tables map[string]*table

// table is one table or view.
type table struct {
	// exact tells that no column can hold a whole REAL, as none of PocketBase's can: NUMERIC stores 3.0 as 3. A query of such tables
	// needs no care, although JavaScript does not tell 3.0 from 3.
	exact bool
	// plain tells that D1's own figures of a write are those of SQLite: it has no triggers, no foreign key that refers to it, and no
	// rowid of the application's choice.
	plain bool
	view  bool
	sql   string // of a view, until it is known whether that is fickle
	times bool   // it has a column whose text is given as a time.Time
	// columns are those of a table that is not exact, or has times.
	columns []column
}

type column struct {
	name string // in lower case
	kind string // the declared type, in upper case
}

// schemaQuery gives a row for each table and view: its name, whether it is exact, whether it is plain, whether it is a view, and the text of a
// view, or a JSON array of names and types where those of a table's columns matter. An empty type, BLOB, REAL and ANY store a REAL as it is.
const schemaQuery = `SELECT * FROM (WITH c AS (
 SELECT m.name AS t, x.cid, x.name, upper(x.type) AS k, x.pk FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS x
 WHERE m.type='table' AND m.name NOT GLOB '_cf*' AND x.hidden<>1
), k AS (
 SELECT t, sum(CASE WHEN k LIKE '%INT%' OR k LIKE '%CHAR%' OR k LIKE '%CLOB%' OR k LIKE '%TEXT%' THEN 0
  ELSE k IN ('','ANY') OR k LIKE '%BLOB%' OR k LIKE '%REAL%' OR k LIKE '%FLOA%' OR k LIKE '%DOUB%' END) AS reals,
  sum(k IN ('DATE','DATETIME','TIMESTAMP')) AS times, sum(k='INTEGER' AND pk>0) AS rowids,
  json_group_array(json_array(name,k)) AS list FROM c GROUP BY t
), w AS (
 SELECT lower(tbl_name) AS t FROM sqlite_master WHERE type='trigger'
 UNION SELECT lower(f."table") FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
  WHERE m.type='table' AND m.name NOT GLOB '_cf*'
)
SELECT m.name, k.reals=0 AS exact, m.type='table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND k.rowids=0
 AND lower(m.name) NOT IN (SELECT t FROM w) AS plain, m.type='view' AS view,
 CASE WHEN m.type='view' THEN m.sql WHEN k.reals>0 OR k.times>0 THEN k.list END AS details
FROM sqlite_master AS m LEFT JOIN k ON k.t=m.name WHERE m.type IN ('table','view') AND m.name NOT GLOB '_cf*')`

var schemaShape = shapeOf(schemaQuery)

// schema remembers the tables of a database until they change.
//
// They are asked for beside the first read, so that nothing waits for them, and a database that has been changed from elsewhere, without
// a word to the driver, is at worst read as if it had not been.
type schema struct {
	mu     sync.Mutex
	epoch  int // raised by each change
	tables tables
	// times tells that one of them has a column whose text is given as a time.Time, changed that one may have got it since.
	times, changed bool
	// fickle are the views, by name in lower case, that give other rows each time: they tell the time, or random numbers.
	fickle []string
}

// known gives the tables, nil if they have to be asked for.
func (s *schema) known() tables {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tables
}

// current gives the epoch.
func (s *schema) current() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// forget has the tables be asked for again.
func (s *schema) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.tables = nil
}

// addTimes notes a statement that makes columns whose text is given as a time.Time.
func (s *schema) addTimes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = true
}

// put remembers tables that were asked for in an epoch.
func (s *schema) put(asked tables, epoch int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch != epoch {
		return
	}
	s.tables, s.times, s.changed = asked, false, false
	for _, t := range asked {
		s.times = s.times || t.times
	}
	s.fickle = asked.fickleViews()
}

// isFickle tells whether a statement reads a view that gives other rows each time.
func (s *schema) isFickle(p *parsed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return mentions(p.text, s.fickle)
}

// fickleViews are the views that give other rows each time, and those that read one of them.
func (ts tables) fickleViews() (names []string) {
	views := map[string]string{}
	for name, t := range ts {
		if t.sql != "" {
			views[name], t.sql = t.sql, ""
		}
	}
	for found := true; found; {
		found = false
		for name, sql := range views {
			if parse(sql)[0].volatile || mentions(sql, names) {
				names, found = append(names, name), true
				delete(views, name)
			}
		}
	}
	return names
}

// mentions tells whether a text has one of the names, which are in lower case.
func mentions(text string, names []string) bool {
	if len(names) == 0 {
		return false
	}
	for sc := (scanner{text: text}); sc.next(); {
		if slices.Contains(names, strings.ToLower(sc.name())) {
			return true
		}
	}
	return false
}

// askTables asks for the tables; nil if that fails, with which a reader can live: it is not tried again.
func (db *connector) askTables(ctx context.Context) tables {
	epoch := db.schema.current()
	rows, err := db.binding.Query(ctx, Statement{SQL: schemaQuery, Shape: schemaShape})
	if err != nil {
		return nil
	}
	asked := builtinTables()
	if eachRow(rows, asked.add) != nil {
		return nil
	}
	db.schema.put(asked, epoch)
	return asked
}

// learnTables takes the tables from a scratch that has the database's schema.
func (db *connector) learnTables(scratch Scratch) {
	epoch := db.schema.current()
	rows, _, err := readScratch(scratch, Statement{SQL: schemaQuery})
	asked := builtinTables()
	if err == nil && eachRow(rows, asked.add) == nil {
		db.schema.put(asked, epoch)
	}
}

// builtinTables are those that every database has.
func builtinTables() tables {
	schema := &table{exact: true}
	return tables{"sqlite_master": schema, "sqlite_schema": schema}
}

// add adds a row of schemaQuery.
func (ts tables) add(row []driver.Value) error {
	name, ok := row[0].(string)
	if !ok {
		return nil
	}
	t := &table{exact: row[1] == int64(1), plain: row[2] == int64(1), view: row[3] == int64(1)}
	ts[strings.Clone(strings.ToLower(name))] = t // without the memory of the whole answer
	details, ok := row[4].(string)
	switch {
	case t.view:
		t.sql = strings.Clone(details)
	case ok:
		var columns [][2]string
		if err := json.Unmarshal([]byte(details), &columns); err != nil {
			return err
		}
		for _, c := range columns {
			t.columns = append(t.columns, column{strings.ToLower(c[0]), c[1]})
			t.times = t.times || isTime(c[1])
		}
	}
	return nil
}

// changes tells whether a statement may make other tables of these.
func (ts tables) changes(p *parsed) bool {
	if p.kind != kindSchema {
		return false
	}
	name := madeIfMissing(p.text)
	return name == "" || ts[name] == nil
}

// madeIfMissing gives the name, in lower case, of what CREATE TABLE IF NOT EXISTS makes; "" of other statements.
func madeIfMissing(text string) string {
	sc := scanner{text: text}
	for _, word := range []string{"CREATE", "TABLE", "IF", "NOT", "EXISTS"} {
		if !sc.next() || !sc.is(word) {
			return ""
		}
	}
	sc.next()
	return strings.ToLower(sc.name())
}

// writesPlainly tells whether D1's own figures of a write are those of SQLite.
func (ts tables) writesPlainly(p *parsed) bool {
	if p.setsRowID {
		return false
	}
	t := ts[p.target]
	return t != nil && t.plain
}

// readsExactly tells whether no value of a query can be a whole REAL.
func (ts tables) readsExactly(s *selection) bool {
	if s == nil {
		return false
	}
	for i := range s.items {
		if !ts.givesExactly(s, &s.items[i]) {
			return false
		}
	}
	return true
}

func (ts tables) givesExactly(s *selection, item *selected) bool {
	switch item.kind {
	case selectExact:
		return true
	case selectOther:
		return false
	}
	found := false
	for i := range s.sources {
		from := &s.sources[i]
		if item.source != "" && item.source != from.alias {
			continue
		}
		if found = true; !ts.sourceGivesExactly(from, item) {
			return false
		}
	}
	return found
}

func (ts tables) sourceGivesExactly(from *source, item *selected) bool {
	if !from.call {
		t := ts[from.table]
		return t != nil && t.exact
	}
	if strings.HasPrefix(from.table, "pragma_") {
		return true
	}
	if from.table == "json_each" || from.table == "json_tree" {
		return item.kind == selectColumn && item.name != "key" && item.name != "value" && item.name != "atom"
	}
	return false
}
