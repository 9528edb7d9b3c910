package generate

import (
	"fmt"

	"pocketflare/internal/d1/d1random"
)

// raw is SQL that applications write themselves.
func (g *generator) raw() {
	t := g.table()
	a, b := g.field(t).GetName(), g.field(t).GetName()
	value := func() d1random.Value { return normal(g.value()) }
	switch g.IntN(14) {
	case 0:
		g.query(true, fmt.Sprintf("SELECT id, id, [%s], [%[1]s] AS id, 1 FROM [%s] ORDER BY 1 LIMIT 3", a, t.Name))
	case 1:
		g.query(true, "SELECT ? AS a, typeof(?1), quote(?1), json_array(CASE typeof(?1) WHEN 'blob' THEN hex(?1) ELSE ?1 END), length(?1), ?1 || ''", value())
	case 2:
		g.query(true, fmt.Sprintf("SELECT id, typeof([%s]), [%[1]s] IS ?, [%s] FROM [%s] WHERE [%[2]s] >= ? ORDER BY id", a, b, t.Name), value(), normal(g.storable()))
	case 3:
		if !g.inside && !atomicOutside {
			return
		}
		g.add(d1random.Step{Op: d1random.Exec, SQL: fmt.Sprintf("UPDATE [%s] SET [%s] = ? WHERE id = ?; UPDATE [%[1]s] SET [%[3]s] = ? WHERE id > ?", t.Name, a, b),
			Args: []d1random.Value{normal(g.storable()), normal(g.id(t))}})
	case 4:
		g.add(d1random.Step{Op: d1random.Exec, SQL: fmt.Sprintf("INSERT OR IGNORE INTO [%s] (id, [%s]) SELECT 'copy' || id, [%[2]s] FROM [%[1]s] WHERE [%s] = ? ORDER BY id LIMIT 2", t.Name, a, b),
			Args: []d1random.Value{value()}})
	case 5:
		g.query(true, fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n, (SELECT count(*) FROM [%s]) FROM c", t.Name), normal(g.IntN(40)))
	case 6:
		g.query(true, fmt.Sprintf("SELECT count(*), total([%s]), group_concat([%s], '|'), max([%[1]s]), min([%[2]s]) FROM (SELECT * FROM [%[3]s] ORDER BY id)", a, b, t.Name))
	case 7:
		g.query(true, pick(g, "SELECT * FROM nowhere", "SELEC 1", "SELECT", fmt.Sprintf("SELECT nothing FROM [%s]", t.Name), "SELECT json_extract(?, '$.a')", "SELECT abs(?)", "SELECT (1", "SELECT 'x"), value())
	case 8:
		g.add(d1random.Step{Op: d1random.Do, SQL: pick(g, fmt.Sprintf("INSERT INTO [%s] (nothing) VALUES (?)", t.Name), fmt.Sprintf("INSERT INTO [%s] (id) VALUES (?)", t.Name), "UPDATE nowhere SET a = ?",
			fmt.Sprintf("ALTER TABLE [%s] DROP COLUMN nothing", t.Name), fmt.Sprintf("CREATE TABLE [%s] (x)", t.Name)), Args: []d1random.Value{normal(g.storable())}})
	case 9:
		g.query(true, "SELECT CAST(? AS TEXT), CAST(?1 AS INTEGER), CAST(?1 AS REAL), CAST(?1 AS NUMERIC), hex(CAST(?1 AS BLOB))", value())
	case 10:
		g.query(true, fmt.Sprintf("SELECT * FROM [%s] WHERE 0", t.Name))
	case 12:
		g.query(false, fmt.Sprintf("UPDATE [%s] SET [%s] = ? WHERE id > ? RETURNING id, [%[2]s], [%s] AS other", t.Name, a, b), normal(g.storable()), normal(g.id(t)))
	case 13:
		g.query(true, fmt.Sprintf("SELECT printf('%%d|%%s|%%.3f', [%s], [%[1]s], [%[1]s]), [%[1]s] + 1, [%s] || '', -[%[2]s], [%[1]s] = [%[2]s] FROM [%s] ORDER BY id LIMIT 5", a, b, t.Name))
	case 11:
		g.query(true, "VALUES (?, 'a', 1.5), (2, ?, NULL)", value(), value())
	}
}

// anything is a table whose columns hold every kind of value.
const anything = "anything"

func (g *generator) createAnything() {
	g.do("CREATE TABLE " + anything + " (id INTEGER PRIMARY KEY, x, y BLOB, t TEXT, n INTEGER, r REAL, d DATE_TEXT, UNIQUE (n, t))")
}

// useAnything writes and reads values of every kind.
func (g *generator) useAnything() {
	column := pick(g, "x", "y", "t", "n", "r", "d")
	value := func() d1random.Value { return normal(g.value()) }
	switch g.IntN(6) {
	case 0, 1:
		g.add(d1random.Step{Op: d1random.Insert, SQL: "INSERT INTO " + anything + " (x, y, t, n, r, d) VALUES (?, ?, ?, ?, ?, ?)",
			Args: []d1random.Value{value(), value(), value(), value(), value(), value()}})
	case 2:
		g.add(d1random.Step{Op: d1random.Exec, SQL: fmt.Sprintf("UPDATE %s SET %s = ? WHERE %[2]s > ?", anything, column), Args: []d1random.Value{value(), value()}})
	case 3:
		g.add(d1random.Step{Op: d1random.Exec, SQL: fmt.Sprintf("DELETE FROM %s WHERE id %% 5 = ? AND %s IS NOT ?", anything, column), Args: []d1random.Value{normal(g.IntN(5)), value()}})
	case 4:
		g.query(true, fmt.Sprintf("SELECT *, typeof(%s), quote(%[1]s) FROM %s WHERE %[1]s IS ? OR %[1]s < ? ORDER BY id", column, anything), value(), value())
	case 5:
		g.query(true, fmt.Sprintf("SELECT x || t, n + ?, r * n, coalesce(y, ?), hex(y), length(x), %s IN (?, ?, 1) FROM %s ORDER BY %[1]s, id LIMIT 10", column, anything),
			value(), value(), value(), value())
	}
}

// normal is a value as database/sql hands it to a driver.
func normal(v any) d1random.Value {
	if n, ok := v.(int); ok {
		return d1random.Value{V: int64(n)}
	}
	return d1random.Value{V: v}
}
