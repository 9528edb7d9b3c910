package d1

import (
	"fmt"
	"strings"
	"testing"
)

// TestSelection shows what is understood of a query's columns.
func TestSelection(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"SELECT demo.* FROM demo", "star(demo) FROM demo"},
		{"SELECT `demo`.* FROM `demo` LEFT JOIN `x` `__x` ON a = b WHERE 1", "star(demo) FROM demo, x __x"},
		{"SELECT DISTINCT [d].* FROM demo AS [D], json_each(CASE WHEN 1 THEN '[]' END) je ORDER BY 1", "star(d) FROM demo d, json_each() je"},
		{"SELECT COUNT(*), COUNT(DISTINCT a.id) AS n, count(x) total, (1), 5 AS five FROM t",
			"exact(COUNT(*)) exact(COUNT(DISTINCT a.id)) exact(count(x)) exact((1)) exact(5) FROM t"},
		{"SELECT id, t.a AS b, main.t.`c d` e, \"q\", rowid FROM main.t", "column(.id) column(t.a) column(t.c d) column(.q) column(.rowid) FROM t"},
		{"SELECT a + 1, a b, -a, a || b c, 1.5, 1e3, 0x1E, ?, avg(x), count(*) * 1.0 y FROM t",
			"other(a + 1) column(.a) other(-a) other(a || b) other(1.5) other(1e3) exact(0x1E) other(?) other(avg(x)) other(count(*) * 1.0) FROM t"},
		{"SELECT CAST(x AS TEXT) s, CAST(x AS REAL), (a), (a) b, (SELECT 1), CASE WHEN 1 THEN 2.0 END, a COLLATE NOCASE, x IS NULL, x NOTNULL n FROM t",
			"exact(CAST(x AS TEXT)) other(CAST(x AS REAL)) column(.a) column(.a) other((SELECT 1)) other(CASE WHEN 1 THEN 2.0 END) other(a COLLATE NOCASE) other(x IS NULL) other(x NOTNULL) FROM t"},
		{"SELECT 'x', x'00' y, NULL, TRUE a", "exact('x') exact(x'00') exact(NULL) exact(TRUE) FROM "},
		{"SELECT * FROM a NATURAL JOIN b CROSS JOIN c INDEXED BY i LIMIT 5", "star() FROM a, b, c"},
		{"SELECT a FROM t UNION SELECT 1.0", "nothing"},
		{"SELECT a FROM (SELECT 1.0 AS a)", "nothing"},
		{"WITH x AS (SELECT 1.0) SELECT * FROM x", "nothing"},
		{"VALUES (1.0)", "nothing"},
		{"SELECT", "other() FROM "},
		{"SELECT FROM", "nothing"},
		{"SELECT a FROM t JOIN", "nothing"},
	} {
		if got := describeSelection(c.query); got != c.want {
			t.Errorf("%s:\n\t%s\n\t%s wanted", c.query, got, c.want)
		}
	}
}

func describeSelection(query string) string {
	s := selectionOf(query)
	if s == nil {
		return "nothing"
	}
	var parts []string
	for _, item := range s.items {
		text := query[item.start:item.end]
		switch item.kind {
		case selectColumn:
			parts = append(parts, fmt.Sprintf("column(%s.%s)", item.source, item.name))
		case selectStar:
			parts = append(parts, fmt.Sprintf("star(%s)", item.source))
		case selectExact:
			parts = append(parts, "exact("+text+")")
		default:
			parts = append(parts, "other("+text+")")
		}
	}
	var sources []string
	for _, from := range s.sources {
		name := from.table
		if from.call {
			name += "()"
		}
		if from.alias != from.table {
			name += " " + from.alias
		}
		sources = append(sources, name)
	}
	return strings.Join(parts, " ") + " FROM " + strings.Join(sources, ", ")
}
