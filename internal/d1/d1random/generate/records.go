package generate

import (
	"fmt"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1/d1random"
)

func (g *generator) table() *table { return g.tables[g.IntN(len(g.tables))] }

func (g *generator) write() {
	t := g.table()
	g.choose([]choice{
		{14, func() { g.insert(t) }},
		{8, func() { g.update(t) }},
		{3, func() { g.upsert(t) }},
		{4, func() { g.delete(t) }},
	})
}

// insert stores a record as core.App.Save does.
func (g *generator) insert(t *table) {
	g.names++
	id := fmt.Sprintf("r%014d", g.names)
	if len(t.ids) > 0 && g.oneIn(15) {
		id = g.id(t)
	}
	t.ids = append(t.ids, id)
	g.exec(d1random.Insert, g.db.Insert(t.Name, g.record(t, id)))
}

func (g *generator) record(t *table, id string) dbx.Params {
	record := core.NewRecord(t.Collection)
	for _, field := range t.Fields {
		if !g.oneIn(5) {
			record.Set(field.GetName(), g.fieldValue(field))
		}
	}
	record.Id = id
	data, err := record.DBExport(g)
	if err != nil {
		data = map[string]any{"id": id}
	}
	if g.oneIn(10) { // what an application may write past the record
		data[g.field(t).GetName()] = g.storable()
		data["id"] = id
	}
	return data
}

func (g *generator) update(t *table) {
	data := g.record(t, "")
	delete(data, "id")
	for _, field := range t.Fields {
		if g.oneIn(2) && len(data) > 1 {
			delete(data, field.GetName())
		}
	}
	where := dbx.Expression(dbx.HashExp{"id": g.id(t)})
	if g.oneIn(4) {
		where = g.condition(t, 2)
	}
	g.exec(d1random.Exec, g.db.Update(t.Name, data, where))
}

func (g *generator) upsert(t *table) {
	id := g.id(t)
	if !slices.Contains(t.ids, id) {
		t.ids = append(t.ids, id)
	}
	g.exec(d1random.Exec, g.onConflict(g.db.Insert(t.Name, g.record(t, id)), g.field(t).GetName()))
}

// onConflict is an insert that updates a column where the id is taken.
func (g *generator) onConflict(insert *dbx.Query, column string) *dbx.Query {
	return g.db.NewQuery(insert.SQL() + fmt.Sprintf(" ON CONFLICT (id) DO UPDATE SET [[%s]] = excluded.[[%[1]s]]", column)).Bind(insert.Params())
}

func (g *generator) delete(t *table) {
	switch g.IntN(4) {
	case 0:
		g.exec(d1random.Exec, g.db.Delete(t.Name, g.condition(t, 2)))
	case 1:
		some := g.ids(t, 1+g.IntN(4))
		g.exec(d1random.Exec, g.db.Delete(t.Name, dbx.In("id", some...)))
	default:
		id := g.id(t)
		t.ids = slices.DeleteFunc(t.ids, func(other string) bool { return other == id })
		g.exec(d1random.Exec, g.db.Delete(t.Name, dbx.HashExp{"id": id}))
	}
}

// bulk stores many records at once, reads some by their ids, changes all and deletes most.
func (g *generator) bulk() {
	t := g.table()
	n := 20 + g.IntN(600)
	g.add(d1random.Step{Op: d1random.Exec, SQL: fmt.Sprintf("INSERT OR IGNORE INTO [%s] (id) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT 'bulk' || n FROM c", t.Name),
		Args: []d1random.Value{normal(n)}})
	ids := make([]any, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("bulk%d", i+2) // the last is missing
	}
	some := ids[g.IntN(n/2):]
	g.ask(true, func() {
		g.db.Select("{{" + t.Name + "}}.*").From(t.Name).AndWhere(dbx.In(t.Name+".id", some...)).OrderBy(t.Name + ".id").All(&[]dbx.NullStringMap{})
	})
	g.exec(d1random.Exec, g.db.Update(t.Name, dbx.Params{g.field(t).GetName(): g.storable()}, dbx.In("id", some...)))
	g.exec(d1random.Exec, g.db.Delete(t.Name, dbx.In("id", ids...)))
}

// ids gives some ids of a table, also equal and missing ones.
func (g *generator) ids(t *table, n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = g.id(t)
	}
	return list
}

func (g *generator) field(t *table) core.Field { return t.Fields[g.IntN(len(t.Fields))] }
