package d1

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Event is what the driver keeps for one event of the Worker.
type Event struct {
	// Changes tells that the event is going to change something.
	Changes bool

	stored bool // it has
}

// Before it changes a collection, PocketBase looks at others in up to a hundred reads, one after the other and most of them outside of its
// transaction. An event that is going to change something therefore reads the tables of Options.ReadOften whole, with the schema, and the
// scratch answers the reads that follow, until something is stored: all of them see one moment, as if they had arrived together.
//
// This is no guess: what was read is exact, or D1 is asked.

// keptFor is how long an event's tables are taken for what the database has.
const keptFor = time.Second

// kept is what the scratch has of the tables that an event has read: one, and those that its triggers write.
type kept struct {
	event  *Event
	tables []string
	at     time.Time
}

// dropKept is called before something is stored.
func (db *connector) dropKept() {
	db.scratch.kept = kept{}
	if event := db.options.Event(); event != nil {
		event.stored = true
	}
}

// readKept answers a read outside of a transaction from what the event has read before, or does that first. ok is false where D1 has to
// be asked.
func (db *connector) readKept(ctx context.Context, p *parsed, statement Statement) (rows Rows, ok bool) {
	if db.options.Scratch == nil || p.volatile || p.clock {
		return nil, false
	}
	event := db.options.Event()
	if event == nil || !event.Changes || event.stored {
		return nil, false
	}
	table := ""
	switch at := slices.IndexFunc(db.options.ReadOften, func(name string) bool { return strings.Contains(p.text, name) }); {
	case at >= 0:
		table = db.options.ReadOften[at]
	case !strings.Contains(p.text, "`sqlite_schema`") && !strings.Contains(p.text, "`sqlite_master`"):
		return nil, false
	}
	if sc := (scanner{text: p.text}); !sc.contains("WHERE") {
		return nil, false // it fills a cache, which is the binding's to watch over
	}
	state := &db.scratch
	if !state.busy.CompareAndSwap(false, true) {
		return nil, false
	}
	defer state.busy.Store(false)
	if !db.keeps(event, table) {
		if table == "" {
			return nil, false
		}
		if err := db.keep(ctx, event, table); err != nil {
			state.kept = kept{}
			return nil, false
		}
	}
	return db.askScratch(statement, table)
}

// keeps tells whether the scratch has what the event has read: of any table if none is named.
func (db *connector) keeps(event *Event, table string) bool {
	k := &db.scratch.kept
	return k.event == event && (table == "" || k.tables[0] == table) && db.options.Now().Sub(k.at) < keptFor && db.options.Scratch.Keeps()
}

// keep reads a table and the schema, and puts them into the scratch.
func (db *connector) keep(ctx context.Context, event *Event, table string) error {
	t := db.newTrial(&lists{})
	if err := t.open(ctx); err != nil {
		return err
	}
	defer t.scratch.Release()
	for attempt := 0; ; attempt++ {
		tables, err := t.writtenWith(table)
		if err != nil {
			return err
		}
		queries, inserts, err := t.rowsOfEach(tables)
		if err != nil {
			return err
		}
		schemaText := "(SELECT json_group_array(sql) FROM (" + schemaTexts + "))"
		rows, err := db.send(ctx, Statement{SQL: "SELECT " + strings.Join(append(queries, schemaText), ","), Primary: true}, false)
		if err != nil {
			return err
		}
		list, err := collect(rows)
		if err != nil || rows.Inexact() || len(list.values) != len(tables)+1 {
			return errTrial
		}
		var schema []string
		if text, _ := list.values[len(tables)].(string); json.Unmarshal([]byte(text), &schema) != nil {
			return errTrial
		}
		if !slices.Equal(schema, db.scratch.schema) {
			if attempt > 0 {
				return errTrial
			}
			db.scratch.schema, db.scratch.fits = schema, false
			if err := t.open(ctx); err != nil {
				return err
			}
			continue // the tables may have other columns
		}
		for i, name := range tables {
			text, small := list.values[i].(string)
			if !small {
				return errTrial
			}
			db.scratch.rows[name] = true
			if err := t.scratch.Load(Statement{SQL: inserts[i], Params: []any{text}}); err != nil {
				return err
			}
		}
		db.scratch.kept = kept{event, tables, db.options.Now()}
		return nil
	}
}

// writtenWith gives a table, and those that its triggers and foreign keys touch when its rows change.
func (t *trial) writtenWith(table string) ([]string, error) {
	tables := []string{table}
	column, err := t.scratch.Text(Statement{SQL: "SELECT name FROM pragma_table_info(" + quote(table) + ")"})
	if err != nil {
		return nil, err
	}
	for _, change := range []string{"UPDATE %s SET %[2]s=%[2]s", "DELETE FROM %s WHERE %s"} {
		touched, err := t.opens(fmt.Sprintf(change, quoteName(table), quoteName(column)))
		if err != nil {
			return nil, err
		}
		for _, touch := range touched {
			if name := touch[1:]; name != "" && name != "sqlite_schema" && !slices.Contains(tables, name) {
				tables = append(tables, name)
			}
		}
	}
	return tables, nil
}

// askScratch has the scratch answer a query of the table, or of the schema.
func (db *connector) askScratch(query Statement, table string) (Rows, bool) {
	scratch := db.options.Scratch
	defer scratch.Release()
	touched, err := scratch.Touches(query.SQL)
	if err != nil || slices.ContainsFunc(touched, func(touch string) bool {
		name := strings.ToLower(touch[1:])
		return name != table && name != "sqlite_schema"
	}) {
		return nil, false
	}
	rows, _, err := readScratch(scratch, query)
	if err != nil {
		return nil, false
	}
	return rows, true
}
