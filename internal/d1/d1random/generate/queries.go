package generate

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"pocketflare/internal/d1/d1random"
)

func (g *generator) read() {
	t := g.table()
	g.choose([]choice{
		{16, func() { g.search(t) }},
		{12, func() { g.selectSome(t) }},
		{4, func() { g.selectJoined(t) }},
		{4, func() { g.aggregate(t) }},
		{4, func() { g.findByIds(t) }},
		{4, func() { g.findReferences(t) }},
		{4, g.inspect},
		{3, func() {
			if len(g.views) > 0 {
				g.readView()
			}
		}},
	})
}

// condition is a tree of dbx expressions.
func (g *generator) condition(t *table, deep int) dbx.Expression {
	if deep > 0 && g.oneIn(2) {
		several := make([]dbx.Expression, 1+g.IntN(4))
		if deep == 1 && g.oneIn(12) {
			several = make([]dbx.Expression, 20+g.IntN(100))
		}
		for i := range several {
			several[i] = g.condition(t, deep-1)
		}
		return pick(g, dbx.And(several...), dbx.Or(several...), dbx.Not(dbx.Or(several...)), dbx.Enclose(dbx.And(several...)))
	}
	column := t.Name + "." + g.field(t).GetName()
	switch g.IntN(12) {
	case 0:
		return dbx.Like(column, g.text(), g.text())
	case 1:
		return pick(g, dbx.NotLike, dbx.OrLike, dbx.OrNotLike)(column, g.text())
	case 2:
		return dbx.Between(column, g.storable(), g.storable())
	case 3:
		return dbx.NotBetween(column, g.IntN(10)-5, g.IntN(10))
	case 4:
		return pick(g, dbx.In, dbx.NotIn)(column, g.values(g.IntN(6))...)
	case 5:
		return pick(g, dbx.In, dbx.NotIn)(t.Name+".id", g.ids(t, g.IntN(5))...)
	case 6:
		return dbx.HashExp{t.Name + ".id": g.ids(t, 1+g.IntN(3)), column: g.storable()}
	case 7:
		return dbx.NewExp("LOWER([["+column+"]])=LOWER({:value})", dbx.Params{"value": g.text()})
	case 8:
		return dbx.NewExp("[["+column+"]] = {:value} COLLATE NOCASE", dbx.Params{"value": g.text()})
	case 9:
		return dbx.Exists(dbx.NewExp(fmt.Sprintf("SELECT 1 FROM %s {{__je__}} WHERE [[__je__.value]]={:value}", dbutils.JSONEach(column)), dbx.Params{"value": g.storable()}))
	case 10:
		return dbx.NewExp(dbutils.JSONArrayLength(column)+pick(g, " > {:n}", " = {:n}"), dbx.Params{"n": g.IntN(4)})
	}
	return dbx.HashExp{column: g.storable()}
}

func (g *generator) values(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = g.storable()
	}
	return list
}

// selectSome reads records as RecordQuery does.
func (g *generator) selectSome(t *table) {
	query := g.db.Select("{{" + t.Name + "}}.*").From(t.Name)
	if g.oneIn(4) {
		query = g.db.Select("id", g.field(t).GetName(), g.field(t).GetName()+" AS other").From(t.Name)
	}
	for range 1 + g.IntN(3) {
		query.AndWhere(g.condition(t, 2))
	}
	if g.oneIn(4) {
		query.OrWhere(g.condition(t, 1))
	}
	ordered := g.oneIn(2)
	if ordered {
		query.OrderBy(t.Name+"."+g.field(t).GetName()+pick(g, "", " DESC", " ASC"), t.Name+".id").Limit(int64(g.IntN(8))).Offset(int64(g.IntN(3)))
	}
	g.ask(ordered, func() { query.All(&[]dbx.NullStringMap{}) })
}

// selectJoined joins a table with itself or another.
func (g *generator) selectJoined(t *table) {
	other := g.table()
	on := dbx.NewExp(fmt.Sprintf("[[a.%s]] = [[b.%s]]", g.field(t).GetName(), g.field(other).GetName()))
	query := g.db.Select(pick(g, "a.*", "a.id", "b.*", "a.id AS id"), "b.id").From(t.Name+" a").Distinct(g.oneIn(2)).
		OrderBy("a.id", "b.id").Limit(20)
	switch g.IntN(3) {
	case 0:
		query.InnerJoin(other.Name+" b", on)
	case 1:
		query.LeftJoin(other.Name+" b", on)
	case 2:
		query.Join("CROSS JOIN", other.Name+" b", on)
	}
	g.ask(true, func() { query.All(&[]dbx.NullStringMap{}) })
}

// aggregate counts, groups and sums.
func (g *generator) aggregate(t *table) {
	column := g.field(t).GetName()
	switch g.IntN(4) {
	case 0:
		query := g.db.Select("COUNT(*)").From(t.Name).AndWhere(g.condition(t, 1))
		g.ask(true, func() { query.Row(new(int)) })
	case 1:
		query := g.db.Select("(1)").From(t.Name).AndWhere(g.condition(t, 1)).Limit(1)
		g.ask(true, func() { query.Row(new(int)) })
	case 2:
		query := g.db.Select("COUNT(*) AS total", "[["+column+"]] AS value", "MAX(id)", "SUM("+"[["+g.field(t).GetName()+"]])").From(t.Name).
			GroupBy(column).Having(dbx.NewExp("COUNT(*) > {:n}", dbx.Params{"n": g.IntN(2)}))
		g.ask(false, func() { query.All(&[]dbx.NullStringMap{}) })
	case 3:
		query := g.db.Select("[[" + column + "]]").From(t.Name).AndWhere(g.condition(t, 1)).
			Union(g.db.Select("id").From(t.Name).AndWhere(g.condition(t, 1)).Build())
		g.ask(false, func() { query.All(&[]dbx.NullStringMap{}) })
	}
}

// findByIds reads relations as an expand does, sometimes very many.
func (g *generator) findByIds(t *table) {
	n := 1 + g.IntN(10)
	if g.oneIn(6) {
		n = 50 + g.IntN(400)
	}
	query := g.db.Select("{{" + t.Name + "}}.*").From(t.Name).AndWhere(dbx.In(t.Name+".id", g.ids(t, n)...))
	g.ask(false, func() { query.All(&[]dbx.NullStringMap{}) })
}

// findReferences looks for the records that a cascading delete has to visit.
func (g *generator) findReferences(t *table) {
	column := t.Name + "." + g.field(t).GetName()
	target := g.id(g.table())
	query := g.db.Select("{{" + t.Name + "}}.*").From(t.Name).OrderBy(t.Name + ".id").Limit(100)
	if g.oneIn(2) {
		query.AndWhere(dbx.HashExp{column: target})
	} else {
		query.AndWhere(dbx.Exists(dbx.NewExp(fmt.Sprintf("SELECT 1 FROM %s {{__je__}} WHERE [[__je__.value]]={:jevalue}", dbutils.JSONEach(column)),
			dbx.Params{"jevalue": target})))
	}
	g.ask(true, func() { query.All(&[]dbx.NullStringMap{}) })
}

// inspect asks for the schema as core does.
func (g *generator) inspect() {
	t := g.table()
	name := d1random.Value{V: pick(g, t.Name, t.Name, "nowhere", g.viewName())}
	switch g.IntN(5) {
	case 0:
		g.query(true, "SELECT * FROM PRAGMA_TABLE_INFO(?)", name)
	case 1:
		g.query(true, "SELECT name FROM PRAGMA_TABLE_INFO(?)", name)
	case 2:
		query := g.db.Select("name", "sql").From("sqlite_master").AndWhere(dbx.NewExp("sql is not null")).
			AndWhere(dbx.HashExp{"type": "index", "tbl_name": t.Name})
		g.ask(false, func() { query.All(&[]dbx.NullStringMap{}) })
	case 3:
		query := g.db.Select("(1)").From("sqlite_schema").AndWhere(dbx.HashExp{"type": []any{"table", "view"}}).
			AndWhere(dbx.NewExp("LOWER([[name]])=LOWER({:tableName})", dbx.Params{"tableName": name.V})).Limit(1)
		g.ask(true, func() { query.Row(new(int)) })
	case 4:
		query := g.db.Select("name", "sql").From("sqlite_master").AndWhere(dbx.NewExp("sql is not null")).AndWhere(dbx.HashExp{"type": "view"})
		g.ask(false, func() { query.All(&[]dbx.NullStringMap{}) })
	}
}

func (g *generator) viewName() string {
	if len(g.views) == 0 {
		return "no_view"
	}
	return g.views[g.IntN(len(g.views))].name
}

func (g *generator) readView() {
	query := g.db.Select("*").From(g.viewName())
	if g.oneIn(2) {
		query.AndWhere(dbx.HashExp{"x": g.storable()})
	}
	g.ask(false, func() { query.All(&[]dbx.NullStringMap{}) })
}
