package d1test

import (
	"fmt"
	"strings"
)

// limits are statements past what D1 allows and SQLite does not mind.
var limits = []Case{
	{"lists compare like lists", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, i INTEGER, r REAL, n NUMERIC, a, b BLOB, c TEXT COLLATE NOCASE)")
		s.Do("INSERT INTO t VALUES ('1', 1, 1, 1, 1, 1, 'a'), ('2', 2, 2.5, '2.0', '2', '2', 'B'), ('1.0', 3, 1e300, 'x', x'32', NULL, '2')")
		s.Inside(func() {
			for _, first := range []any{1, "1", 1.0, 2.5, "2.5", "A", nil, "2", 2, "1.0", "x", int64(9007199254740993)} {
				for _, n := range []int{1, 64, 200} {
					args := many(n, func(i int) any { return fmt.Sprint("no", i) })
					args[0] = first
					for _, left := range []string{"id", "i", "r", "n", "a", "b", "c", "id || ''", "i + 0", "CAST(i AS TEXT)", "?1", "9007199254740993"} {
						list := args
						if left == "?1" {
							list = append([]any{2}, args...)
						}
						s.Query("SELECT "+left+" IN ("+marks(n)+") AS x, "+left+" NOT IN ("+marks(2)+") AS y FROM t", append(list, first, "q")...)
					}
				}
			}
			s.Exec("DELETE FROM t")
		})
	}},
	{"thousands of values", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, n, x DEFAULT 'd', UNIQUE (n))")
		long := func(i int) string { return fmt.Sprintf("%s-%d-é'\"\\", strings.Repeat("abcdefghij", 5), i) }
		cells := func(from, rows int) []any {
			return many(3*rows, func(i int) any {
				switch at := from + i/3; i % 3 {
				case 0:
					return long(at)
				case 1:
					return at
				default:
					return []any{nil, 2.0, 0.1, "", int64(1) << 60, "line\nline"}[at%6]
				}
			})
		}
		rows := func(n int) string { return strings.Repeat(",(?,?,?)", n)[1:] }
		s.Inside(func() {
			s.Exec("INSERT INTO t (id, n, x) VALUES "+rows(1200), cells(0, 1200)...)
			s.Exec("INSERT INTO t (id, n, x) VALUES "+rows(1500)+" ON CONFLICT (id) DO UPDATE SET x = 'again'", cells(300, 1500)...)
			s.Exec("INSERT OR IGNORE INTO t (id, n, x) VALUES "+rows(1300), cells(1000, 1300)...)
			s.Exec("INSERT INTO t (id, n, x) VALUES "+rows(1200), cells(2200, 1200)...)
			s.Query("SELECT count(*), sum(n), sum(x = 'again'), min(id), max(id), count(DISTINCT typeof(x)) FROM t")
			s.Query("SELECT id, n, typeof(n), x, typeof(x) FROM t WHERE n < 8 OR n > 2290 ORDER BY n")
			s.Query("SELECT count(*) FROM t WHERE id IN ("+marks(2000)+")", many(2000, func(i int) any { return long(i * 2) })...)
			s.Exec("UPDATE t SET x = CASE id "+strings.Repeat("WHEN ? THEN ? ", 1200)+"ELSE x END WHERE n < 1200 AND id <> ?",
				append(many(2400, func(i int) any {
					if i%2 == 0 {
						return long(i / 2)
					}
					return "set " + long(i)
				}), long(7))...)
			s.Query("SELECT n, x FROM t WHERE n IN (6, 7, 8, 700, 1199, 1200) ORDER BY n")
			s.Query("WITH w(a, b) AS (VALUES "+strings.Repeat(",(?,?)", 1200)[1:]+") SELECT count(*), sum(b), max(a) FROM w WHERE a <> ?",
				append(many(2400, func(i int) any {
					if i%2 == 0 {
						return long(i)
					}
					return i
				}), "x")...)
			s.Exec("DELETE FROM t WHERE id IN ("+marks(2000)+")", many(2000, func(i int) any { return long(i) })...)
			s.Exec("DELETE FROM t WHERE n NOT IN (" + strings.Repeat("'abcdefghijklmnopqrstuvwxyz0123456789', -1, 4e3,", 3000) + "2298, 2299)")
			s.Query("SELECT id, n, x FROM t")
			s.Exec("INSERT INTO t (id, n, x) VALUES (-1, 'it''s', NULL)" + strings.Repeat(", ('"+strings.Repeat("x", 60)+"' , NULL,-2.5e-3)", 1) +
				func() string {
					var b strings.Builder
					for i := range 1500 {
						fmt.Fprintf(&b, ", ('%s', %d, 0.1)", strings.Repeat("y", 40)+fmt.Sprint(i), -i-10)
					}
					return b.String()
				}())
			s.Query("SELECT id, n, x, typeof(n), typeof(x) FROM t WHERE n IS NULL OR n > -13 OR n < -1507 ORDER BY id")
			s.Exec("DELETE FROM t")
		})
	}},
	{"conditions in many parentheses", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
		s.Do("INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, 3), (4, 'b'), (5, '')")
		term := func(i int) string {
			return fmt.Sprintf([]string{"id <> %d", "x IS NOT 'a'||%d", "(id > %d - 190)", "NOT (id = %d)"}[i%4], i)
		}
		for _, operators := range [][]string{{"AND"}, {"OR"}, {"AND", "AND", "OR"}} {
			for _, right := range []bool{false, true} {
				condition := "id < 4"
				for i := range 45 + 150/len(operators)/len(operators) {
					if operator := operators[i%len(operators)]; right {
						condition = term(i) + " " + operator + " (" + condition + ")"
					} else {
						condition = "(" + condition + ") " + operator + " " + term(i)
					}
				}
				s.Query("SELECT id FROM t WHERE " + condition + " ORDER BY id")
				s.Query("SELECT count(*) FROM t WHERE NOT ("+condition+") OR (x = ? AND ("+condition+"))", "a")
			}
		}
	}},
	{"many terms", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT COLLATE NOCASE)")
		s.Do("INSERT INTO t VALUES (1, 'a'), (2, 'B'), (3, 'd'), (4, 'c'), (5, NULL)")
		term := func(i int) string {
			return fmt.Sprintf("SELECT id + %d AS n, x, 'é' AS y FROM t WHERE id <> %d", i%4, i%6)
		}
		compound := func(n int, operators ...string) string {
			text := term(0)
			for i := 1; i < n; i++ {
				text += " " + operators[i%len(operators)] + " " + term(i)
			}
			return text
		}
		s.Inside(func() {
			for _, n := range []int{5, 6, 7, 9, 10, 26, 60} {
				for _, operators := range [][]string{{"UNION ALL"}, {"UNION"}, {"INTERSECT"}, {"except"}, {"UNION ALL", "EXCEPT"}, {"UNION", "Union  all", "INTERSECT"}} {
					c := compound(n, operators...)
					s.Query(c + " ORDER BY 1, 2 LIMIT 7 OFFSET 1")
					s.Query("SELECT count(*), sum(n) FROM (" + c + ")")
					s.Query("WITH c(a, b, d) AS (" + c + ") SELECT count(*), max(b) FROM c WHERE EXISTS (" + c + ") AND a IN (SELECT n FROM (" + c + "))")
				}
				s.Query("SELECT id, (SELECT group_concat(v) FROM (" + strings.Repeat("SELECT t.id AS v UNION ALL ", n) + "VALUES (7))) AS g FROM t ORDER BY id")
			}
			s.Query(strings.Repeat("SELECT id FROM t WHERE id = ? UNION ALL ", 110)+"SELECT 8 ORDER BY id LIMIT 5", many(110, func(i int) any { return i })...)
			s.Exec("INSERT INTO t (x) " + strings.Repeat("SELECT x FROM t WHERE id < 3 UNION ALL ", 8) + "SELECT 'end' ON CONFLICT DO NOTHING")
			s.Query("SELECT * FROM t ORDER BY id")
			s.Exec("DELETE FROM t")
		})
		s.Do("CREATE VIEW v AS " + compound(9, "UNION"))
		s.Query("SELECT n, x FROM v ORDER BY n, x")
	}},
	{"patterns in the text", func(s *Script) {
		long := strings.Repeat("Abcdefghij", 8)
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x, y, d)")
		values := []any{nil, "", 5, "short", long, strings.ToUpper(long), "before " + long + " after", long[:60], long + "_" + long, strings.Repeat("x", 60) + "%", `50\% ` + long,
			"É" + long, strings.Repeat("_", 55), strings.Repeat("é", 40), "a" + strings.Repeat("%b", 40), strings.Repeat("ab", 40), strings.Repeat("_b%", 20), `\`, long + `\`, "%", strings.Repeat("%", 60)}
		for i, y := range values {
			for _, x := range []any{y, fmt.Sprint("<", y, ">")} {
				s.Do("INSERT INTO t (x, y, d) VALUES (?, ?, json_object('a', ?))", x, y, fmt.Sprint(i))
			}
		}
		s.Inside(func() {
			for _, pattern := range []string{
				"y", "('%' || y || '%')", "[[y]] || '%'", "'_' || coalesce(y, '') || '%" + long + "%'", "'%' || ? || y",
				"'" + long + "%'", "'%" + strings.ToLower(long) + "%'", "'" + long + "\\_%'", "'%' || (d->'a') || y || '%'",
			} {
				var args []any
				if strings.Contains(pattern, "?") {
					args = []any{long}
				}
				for _, left := range []string{"t.x", "('a' || x || ?)", "'" + long + "'"} {
					with := args
					if strings.Contains(left, "?") {
						with = append([]any{""}, args...)
					}
					s.Query("SELECT count(*), sum(id) FROM t WHERE "+left+" LIKE "+pattern+" ESCAPE '\\' AND id > 0", with...)
					s.Query("SELECT count(*), sum(id) FROM t WHERE NOT ("+left+" NOT LIKE "+pattern+" ESCAPE '$' OR x = 1)", with...)
					s.Query("SELECT count(*), sum(id), count("+left+" LIKE "+pattern+") AS n FROM t WHERE "+left+" NOT LIKE "+pattern, append(with, with...)...)
				}
			}
			s.Query("SELECT x LIKE y FROM t WHERE id < 30 AND x LIKE y ORDER BY id")
			s.Query("SELECT x LIKE y || '%', ? FROM t WHERE id = 20", "arg")
			s.Exec("DELETE FROM t WHERE x LIKE y || '%'")
		})
		s.Do("CREATE VIEW v AS SELECT id FROM t WHERE x LIKE '%" + long + "%' OR x LIKE '%' || y || '_%'")
		s.Query("SELECT count(*), sum(id) FROM v")
	}},
}

// marks is n parameters.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }

// many is n values.
func many(n int, value func(i int) any) []any {
	values := make([]any, n)
	for i := range values {
		values[i] = value(i)
	}
	return values
}
