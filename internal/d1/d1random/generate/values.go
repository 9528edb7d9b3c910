package generate

import (
	"fmt"
	"math"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// texts are short, so that they meet each other, and of every kind that SQL, JSON and JavaScript have trouble with.
var texts = []string{
	"", "a", "A", "b", "ab", "Ab", "abc", "a b", "0", "1", "01", "1.0", "-5", "1e3", "true", "false", "null", "NULL", "é", "É", "ß", "日本", "👍", "👨‍👩‍👧", "a%b", "a_b", "100%",
	`a\b`, `\%`, "it's", `"quoted"`, "--", "/*", "?", "{:p}", "[[x]]", "a\x00b", "\x00", "\xed\xa0\x80", "\xff", "line\nbreak", "tab\t", " padded ", "\u2028", "\ufeff", "\ufffd",
	`["a","b"]`, `["a"]`, `[]`, `{}`, `{"a":{"b":1}}`, `[1,2.5,"x",null]`, "{broken", "2024-02-29 12:00:00.000Z", "2025-01-01", "9007199254740993",
}

func (g *generator) text() string {
	switch g.IntN(12) {
	case 0:
		return strings.Repeat(pick(g, "long ", "日本語 ", "'\"\\ ", "%_"), 1+g.IntN(60))
	case 1:
		return fmt.Sprintf("text %d", g.IntN(20))
	}
	return texts[g.IntN(len(texts))]
}

func (g *generator) float() float64 {
	switch g.IntN(8) {
	case 0:
		return float64(g.IntN(20)-10) / 4
	case 1:
		return math.Ldexp(g.Float64()-0.5, g.IntN(80))
	case 2:
		return pick(g, 0.1, 0.1+0.2, 1e-7, 123456789.123456789, 1e15, 1e16, 1e21, 1<<53, 1<<53+2, 1<<60, -1e300, 5e-324, math.MaxFloat64, math.Copysign(0, -1))
	}
	return float64(g.IntN(30) - 10)
}

// value is any parameter at all.
func (g *generator) value() any {
	switch g.IntN(10) {
	case 0:
		return nil
	case 1:
		return g.IntN(20) - 10
	case 2:
		return pick(g, math.MaxInt64, math.MinInt64, 1<<53, 1<<53+1, -1<<53-1, int64(g.Uint64()))
	case 3, 4:
		return g.float()
	case 5:
		return g.oneIn(2)
	case 6:
		return []byte(pick(g, "", "\x00", "\x00\xff'", "text", "日本"))
	}
	return g.text()
}

// storable is any parameter but a blob. SQL of PocketBase takes columns for JSON, which fails on what holds a blob, or is
// compared with one, or does not, as the planner goes. Blobs have a table of their own.
func (g *generator) storable() any {
	for {
		value := g.value()
		if _, blob := value.([]byte); !blob {
			return value
		}
	}
}

// id is the id of a record of a table, or of none.
func (g *generator) id(t *table) string {
	if len(t.ids) == 0 || g.oneIn(12) {
		return pick(g, "", "missing00000000", "a'b", "x")
	}
	return t.ids[g.IntN(len(t.ids))]
}

// fieldValue is what an application would put into a field, mostly.
func (g *generator) fieldValue(field core.Field) any {
	if g.oneIn(25) {
		return g.storable()
	}
	switch f := field.(type) {
	case *core.NumberField:
		return g.float()
	case *core.BoolField:
		return g.oneIn(2)
	case *core.DateField, *core.AutodateField:
		return g.date()
	case *core.EmailField:
		return pick(g, "", "a@example.com", "B@Example.com", "c.d+e@example.org")
	case *core.SelectField:
		return g.some(func() string { return pick(g, f.Values...) }, f.MaxSelect)
	case *core.RelationField:
		target := g.find(f.CollectionId)
		if target == nil {
			return ""
		}
		return g.some(func() string { return g.id(target) }, f.MaxSelect)
	case *core.JSONField:
		return g.json(3)
	case *core.GeoPointField:
		return map[string]any{"lon": float64(g.IntN(360) - 180), "lat": g.Float64()*180 - 90}
	}
	return g.text()
}

func (g *generator) date() string {
	if g.oneIn(5) {
		return ""
	}
	return fmt.Sprintf("%d-%02d-%02d %02d:00:00.%03dZ", 2020+g.IntN(5), 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), g.IntN(2)*123)
}

func (g *generator) some(one func() string, most int) any {
	if most <= 1 {
		return one()
	}
	list := []string{}
	for range g.IntN(most + 1) {
		list = append(list, one())
	}
	return list
}

func (g *generator) json(deep int) any {
	switch n := g.IntN(9); {
	case n < 2 && deep > 0:
		object := map[string]any{}
		for range g.IntN(4) {
			object[pick(g, "a", "b", "c d", "é")] = g.json(deep - 1)
		}
		return object
	case n < 4 && deep > 0:
		list := []any{}
		for range g.IntN(4) {
			list = append(list, g.json(deep-1))
		}
		return list
	case n < 5:
		return nil
	case n < 6:
		return g.oneIn(2)
	case n < 7:
		return g.float()
	}
	return strings.ToValidUTF8(g.text(), "?")
}
