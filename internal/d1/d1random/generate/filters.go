package generate

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// search lists records as the API does: PocketBase's own resolver turns a filter and a sort into SQL, with joins for
// relations, and a count beside the list.
func (g *generator) search(t *table) {
	resolver := core.NewRecordFieldResolver(g, t.Collection, g.requestInfo(), g.oneIn(2))
	query := g.db.Select("{{" + t.Name + "}}.*").From(t.Name)
	provider := search.NewProvider(resolver).Query(query).
		SkipTotal(g.oneIn(3)).Page(1 + g.IntN(2)).PerPage(1 + g.IntN(30))
	if !g.oneIn(6) {
		provider.AddFilter(search.FilterData(g.filter(t, 2)))
	}
	if g.oneIn(2) {
		provider.AddSort(search.SortField{Name: g.path(t), Direction: pick(g, "ASC", "DESC")})
	}
	provider.AddSort(search.SortField{Name: "id", Direction: pick(g, "ASC", "DESC")})
	g.ask(true, func() { provider.Exec(&[]dbx.NullStringMap{}) }) // what PocketBase refuses asks nothing
}

func (g *generator) requestInfo() *core.RequestInfo {
	info := &core.RequestInfo{
		Context: core.RequestInfoContextDefault, Method: "GET",
		Query:   map[string]string{"q": g.text()},
		Headers: map[string]string{"h": "value"},
		Body:    map[string]any{"a": g.json(1), "list": []any{"a", "b"}},
	}
	if t := g.table(); len(t.ids) > 0 && g.oneIn(2) {
		info.Auth = core.NewRecord(t.Collection)
		info.Auth.Id = g.id(t)
	}
	return info
}

// filter is a filter expression of the API, sometimes one of as many terms as PocketBase takes.
func (g *generator) filter(t *table, deep int) string {
	terms := 1 + g.IntN(3)
	if deep == 2 && g.oneIn(20) {
		terms = 20 + g.IntN(60)
	}
	var filter strings.Builder
	for i := range terms {
		if i > 0 {
			filter.WriteString(pick(g, " && ", " || "))
		}
		if deep > 0 && g.oneIn(4) {
			filter.WriteString("(" + g.filter(t, deep-1) + ")")
			continue
		}
		left, operator, right := g.operand(t), g.operator(), g.operand(t)
		if !equalDistances && strings.HasPrefix(left, "geoDistance") {
			right = fmt.Sprint(g.IntN(15_000))
		}
		filter.WriteString(left + " " + operator + " " + right)
	}
	return filter.String()
}

func (g *generator) operator() string {
	return pick(g, "", "", "?") + pick(g, "=", "=", "!=", ">", ">=", "<", "<=", "~", "~", "!~")
}

func (g *generator) operand(t *table) string {
	switch g.IntN(14) {
	case 0, 1, 2, 3, 4, 5, 6:
		return g.path(t)
	case 7, 8, 9:
		return quoted(g.text())
	case 10:
		return fmt.Sprint(g.IntN(20)-5) + pick(g, "", ".5")
	case 11:
		return pick(g, "true", "false", "null", "''")
	case 12:
		return pick(g, "@request.auth.id", "@request.query.q", "@request.body.a", "@request.body.list:each", "@request.body.a:isset", "@request.headers.h", "@request.method",
			"@monthStart", "@yearEnd", "@request.auth."+g.field(t).GetName())
	}
	return g.call(t)
}

// call is a function of a filter.
func (g *generator) call(t *table) string {
	for _, field := range t.Fields {
		if field.Type() == core.FieldTypeGeoPoint {
			return fmt.Sprintf("geoDistance(%[1]s.lon, %[1]s.lat, %d, %d)", field.GetName(), g.IntN(360)-180, g.IntN(180)-90)
		}
	}
	return fmt.Sprintf("strftime('%%Y-%%m', %s)", g.path(t))
}

func quoted(text string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "'", `\'`) + "'"
}

// path is a field of a record, or of one that it leads to.
func (g *generator) path(t *table) string {
	var path string
	for range 3 {
		field := g.field(t)
		relation, ok := field.(*core.RelationField)
		if !ok || g.oneIn(3) {
			return path + g.property(field)
		}
		target := g.find(relation.CollectionId)
		if target == nil {
			return path + field.GetName()
		}
		path += field.GetName() + "."
		t = target
		if via := g.via(t); via != nil && g.oneIn(3) {
			path += via.Name + "_via_" + g.relationTo(via, t) + "."
			t = via
		}
	}
	return path + pick(g, "id", "missing")
}

func (g *generator) property(field core.Field) string {
	name := field.GetName()
	switch field.(type) {
	case *core.GeoPointField:
		return name + pick(g, ".lon", ".lat", "")
	case *core.JSONField:
		return name + pick(g, "", ".a", ".a.b", ".0", ".1.a", ":length", ":each")
	case *core.SelectField, *core.RelationField:
		return name + pick(g, "", "", ":length", ":each")
	}
	return name + pick(g, "", "", "", ":lower")
}

// via is a table with a relation to this one.
func (g *generator) via(t *table) *table {
	for _, other := range g.tables {
		if g.relationTo(other, t) != "" {
			return other
		}
	}
	return nil
}

func (g *generator) relationTo(from, to *table) string {
	for _, field := range from.Fields {
		if relation, ok := field.(*core.RelationField); ok && relation.CollectionId == to.Id {
			return field.GetName()
		}
	}
	return ""
}
