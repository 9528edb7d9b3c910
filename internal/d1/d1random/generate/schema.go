package generate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"pocketflare/internal/d1/d1random"
)

const mostTables = 5

func (g *generator) name(prefix string) string {
	g.names++
	return fmt.Sprintf("%s%d", prefix, g.names)
}

// newField makes a field of any type but file, whose column is that of a select.
func (g *generator) newField() core.Field {
	name := g.name(pick(g, "f", "Field", "order"))
	switch g.IntN(12) {
	case 0, 1:
		return &core.TextField{Id: name, Name: name}
	case 2, 3:
		return &core.NumberField{Id: name, Name: name}
	case 4:
		return &core.BoolField{Id: name, Name: name}
	case 5:
		return &core.DateField{Id: name, Name: name}
	case 6:
		return &core.EmailField{Id: name, Name: name}
	case 7, 8:
		return &core.SelectField{Id: name, Name: name, Values: []string{"a", "b", "c", "d e", "é"}, MaxSelect: pick(g, 1, 3)}
	case 9:
		return &core.GeoPointField{Id: name, Name: name}
	case 10:
		if len(g.tables) > 0 {
			return &core.RelationField{Id: name, Name: name, CollectionId: g.table().Id, MaxSelect: pick(g, 1, 4), CascadeDelete: g.oneIn(2)}
		}
	}
	return &core.JSONField{Id: name, Name: name}
}

// createCollection creates the table of a new collection, with its indexes.
func (g *generator) createCollection() {
	c := core.NewBaseCollection(g.name(pick(g, "t", "Posts", "user_s")))
	c.Id = "id_" + c.Name
	for range 2 + g.IntN(6) {
		c.Fields.Add(g.newField())
	}
	if g.oneIn(3) {
		rule := pick(g, "", "id != ''", "@request.auth.id = ''")
		c.ListRule = &rule
	}
	t := &table{Collection: c}
	g.tables = append(g.tables, t)
	columns := map[string]string{}
	for _, field := range c.Fields {
		columns[field.GetName()] = field.ColumnType(g)
	}
	g.exec(d1random.Do, g.db.CreateTable(c.Name, columns))
	for range g.IntN(3) {
		g.createIndex(t)
	}
}

func (g *generator) changeSchema() {
	t := g.table()
	g.choose([]choice{
		{2, func() {
			if len(g.tables) < mostTables {
				g.createCollection()
			}
		}},
		{1, func() { g.dropCollection(t) }},
		{1, func() { g.renameCollection(t) }},
		{4, func() { g.addField(t) }},
		{3, func() { g.renameField(t) }},
		{3, func() { g.removeField(t) }},
		{4, func() { g.convertField(t) }},
		{4, func() { g.createIndex(t) }},
		{2, func() { g.dropIndex(t) }},
		{4, func() { g.saveView(t) }},
		{1, g.dropView},
	})
	if !g.inside && g.oneIn(3) {
		g.do("PRAGMA optimize")
	}
}

// do adds SQL as it is written in core, with its quotes.
func (g *generator) do(format string, args ...any) {
	g.exec(d1random.Do, g.db.NewQuery(fmt.Sprintf(format, args...)))
}

func (g *generator) dropCollection(t *table) {
	if len(g.tables) == 1 {
		return
	}
	g.tables = slices.DeleteFunc(g.tables, func(other *table) bool { return other == t })
	g.do("DROP TABLE IF EXISTS {{%s}}", t.Name)
}

func (g *generator) renameCollection(t *table) {
	name := g.name("renamed")
	g.exec(d1random.Do, g.db.RenameTable("{{"+t.Name+"}}", "{{"+name+"}}"))
	t.Name = name
}

func (g *generator) addField(t *table) {
	field := g.newField()
	temporary := field.GetName() + "tmp"
	g.exec(d1random.Do, g.db.AddColumn(t.Name, temporary, field.ColumnType(g)))
	g.exec(d1random.Do, g.db.RenameColumn(t.Name, temporary, field.GetName()))
	t.Fields.Add(field)
}

func (g *generator) renameField(t *table) {
	field := g.field(t)
	name, temporary := g.name("f"), g.name("tmp")
	if field.GetName() == "id" {
		return
	}
	g.exec(d1random.Do, g.db.RenameColumn(t.Name, field.GetName(), temporary))
	g.exec(d1random.Do, g.db.RenameColumn(t.Name, temporary, name))
	field.SetName(name)
}

func (g *generator) removeField(t *table) {
	field := g.field(t)
	if field.GetName() == "id" {
		return
	}
	for _, index := range t.Indexes { // PocketBase drops the indexes first, or the column stays
		if g.oneIn(2) {
			g.do("DROP INDEX IF EXISTS [[%s]]", dbutils.ParseIndex(index).IndexName)
		}
	}
	g.exec(d1random.Do, g.db.DropColumn(t.Name, field.GetName()))
	if !indexed(t, field.GetName()) {
		t.Fields.RemoveById(field.GetId())
	}
}

func indexed(t *table, column string) bool {
	return slices.ContainsFunc(t.Indexes, func(index string) bool { return strings.Contains(index, column) })
}

// What core writes into the new column of a field that now holds many values, or one.
const (
	toMany = `CASE WHEN COALESCE([[%[1]s]], '') = '' THEN '[]' ELSE (
		CASE WHEN json_valid([[%[1]s]]) AND json_type([[%[1]s]]) == 'array' THEN [[%[1]s]] ELSE json_array([[%[1]s]]) END) END`
	toOne = `CASE WHEN COALESCE([[%[1]s]], '[]') = '[]' THEN '' ELSE (
		CASE WHEN json_valid([[%[1]s]]) AND json_type([[%[1]s]]) == 'array' THEN COALESCE(json_extract([[%[1]s]], '$[#-1]'), '') ELSE [[%[1]s]] END) END`
)

// convertField turns a field for one value into one for many, or back.
func (g *generator) convertField(t *table) {
	field := g.field(t)
	expression := toMany
	switch f := field.(type) {
	case *core.SelectField:
		if f.IsMultiple() {
			expression = toOne
		}
		f.MaxSelect = 4 - f.MaxSelect
	case *core.RelationField:
		if f.IsMultiple() {
			expression = toOne
		}
		f.MaxSelect = 5 - f.MaxSelect
	default:
		return
	}
	g.convert(t, field, expression)
}

// convert replaces a column as core does, which drops all views meanwhile.
func (g *generator) convert(t *table, field core.Field, expression string) {
	old := "_" + field.GetName() + "old"
	for _, v := range g.views {
		g.do("DROP VIEW IF EXISTS {{%s}}", v.name)
	}
	g.exec(d1random.Do, g.db.RenameColumn(t.Name, field.GetName(), old))
	g.exec(d1random.Do, g.db.AddColumn(t.Name, field.GetName(), field.ColumnType(g)))
	g.exec(d1random.Exec, g.db.NewQuery(fmt.Sprintf("UPDATE {{%s}} set [[%s]] = (%s)", t.Name, field.GetName(), fmt.Sprintf(expression, old))))
	g.exec(d1random.Do, g.db.DropColumn(t.Name, old))
	for _, v := range g.views {
		g.do("CREATE VIEW {{%s}} AS SELECT * FROM (%s)", v.name, v.query)
	}
}

func (g *generator) createIndex(t *table) {
	index := dbutils.Index{
		IndexName: g.name("idx_"), TableName: t.Name, Unique: g.oneIn(4),
		Columns: []dbutils.IndexColumn{{Name: g.field(t).GetName(), Collate: pick(g, "", "", "NOCASE"), Sort: pick(g, "", "", "DESC")}},
	}
	if g.oneIn(3) {
		index.Columns = append(index.Columns, dbutils.IndexColumn{Name: pick(g, "id", g.field(t).GetName())})
	}
	if index.Unique || g.oneIn(4) {
		index.Where = fmt.Sprintf("`%s` != ''", g.field(t).GetName())
	}
	t.Indexes = append(t.Indexes, index.Build())
	g.do("%s", index.Build())
}

func (g *generator) dropIndex(t *table) {
	if len(t.Indexes) == 0 {
		return
	}
	i := g.IntN(len(t.Indexes))
	g.do("DROP INDEX IF EXISTS [[%s]]", dbutils.ParseIndex(t.Indexes[i]).IndexName)
	t.Indexes = slices.Delete(t.Indexes, i, i+1)
}

// saveView writes a view as core.App.SaveView does, and looks at its columns.
func (g *generator) saveView(t *table) {
	v := &view{name: g.name("v")}
	if len(g.views) > 0 && g.oneIn(2) {
		v.name = g.views[0].name
		g.views = g.views[1:]
	}
	f := func() string { return g.field(t).GetName() }
	v.columns = []string{"id", "x"}
	v.query = pick(g,
		fmt.Sprintf("SELECT id, [[%s]] AS x FROM {{%s}}", f(), t.Name),
		fmt.Sprintf("SELECT a.id, a.[[%s]] || b.[[%s]] AS x FROM {{%s}} a JOIN {{%[3]s}} b ON a.id = b.id", f(), f(), t.Name),
		fmt.Sprintf("SELECT MAX(id) AS id, COUNT(*) AS x, [[%s]] AS y FROM {{%s}} GROUP BY y", f(), t.Name),
		fmt.Sprintf("SELECT (ROW_NUMBER() OVER (ORDER BY id)) AS id, [[%s]] AS x FROM {{%s}}", f(), t.Name),
		fmt.Sprintf("SELECT id, json_extract([[%s]], '$[0]') AS x FROM {{%s}} WHERE json_valid([[%[1]s]])", f(), t.Name),
		fmt.Sprintf("SELECT id, CAST([[%s]] AS INT) AS x, cast([[%s]] as text) AS z FROM {{%s}}", f(), f(), t.Name),
	)
	g.do("DROP VIEW IF EXISTS {{%s}}", v.name)
	g.do("CREATE VIEW {{%s}} AS SELECT * FROM (%s)", v.name, v.query)
	g.query(true, "SELECT * FROM PRAGMA_TABLE_INFO(?)", d1random.Value{V: v.name})
	g.views = append(g.views, v)
}

func (g *generator) dropView() {
	if len(g.views) == 0 {
		return
	}
	g.do("DROP VIEW IF EXISTS {{%s}}", g.views[0].name)
	g.views = g.views[1:]
}
