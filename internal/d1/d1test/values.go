package d1test

import (
	"database/sql"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

var values = []Case{
	{"types of parameters", func(s *Script) {
		s.Inside(func() {
			for _, value := range []any{
				nil, 0, 1, -1, 3, int64(1) << 53, int64(1)<<53 + 1, math.MaxInt64, math.MinInt64, true, false, uint8(7),
				0.5, -0.25, 1e300, 1e-300, 0.1, math.Pi, "", "text", "it's", "1", "01", "1.0", "héllo ☃ 𝄞", "a\x00b", "\x00", "--", "/*", "?",
				[]byte{}, []byte{0}, []byte{0, 255, 39}, []byte("text"), []byte(nil), Valuer("custom"), sql.NullString{},
				sql.NullInt64{Int64: 9, Valid: true}, time.Date(2026, 2, 3, 4, 5, 6, 789, time.UTC), strings.Repeat("long ", 300),
			} {
				s.Query("SELECT typeof(?1), quote(?1), 'a'||?1, json_array(CASE typeof(?1) WHEN 'blob' THEN hex(?1) ELSE ?1 END), length(?1)", value)
			}
		})
	}},
	{"values in columns of every affinity", func(s *Script) {
		s.Do("CREATE TABLE t (a, b TEXT, c INTEGER, d REAL, e NUMERIC, f BLOB, g JSON DEFAULT '[]', h BOOLEAN DEFAULT FALSE)")
		s.Inside(func() {
			for _, value := range []any{nil, 3, -3, true, 2.5, "3", "3.0", "x", "1e3", []byte{1, 2}, int64(1)<<60 + 1} {
				s.Exec("INSERT INTO t VALUES (?1,?1,?1,?1,?1,?1,?1,?1)", value)
			}
			s.Query("SELECT a, typeof(a), b, typeof(b), c, typeof(c), typeof(d), e, typeof(e), f, typeof(f), g, typeof(g), h, typeof(h) FROM t ORDER BY rowid")
			s.Query("SELECT count(*) FROM t WHERE a = ? OR b = ? OR c = ?", 3, 3, "3")
			s.Exec("DELETE FROM t")
		})
	}},
	{"integers to the last bit", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
		for _, n := range []int64{math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 53, 1<<53 + 1, -1<<53 - 1, 999999999999999999} {
			s.Do("INSERT INTO t (id, n) VALUES (?, ?)", n, n)
			s.Query("SELECT id, n, n - ? FROM t WHERE id = ? AND n = ?", n, n, n)
			s.Query("SELECT 5-?, 5 -?, ?-?", 1, -1, -2, -3)
		}
		s.Begin()
		s.Query("SELECT id, n FROM t ORDER BY n")
		s.Do("UPDATE t SET n = 1 WHERE id = ?", math.MaxInt64)
		s.Query("SELECT id, n FROM t ORDER BY id")
		s.Commit()
	}},
	{"random floats", func(s *Script) {
		s.Do("CREATE TABLE t (x)")
		random := rand.New(rand.NewPCG(1, 2))
		s.Begin()
		for range 60 {
			s.Do("INSERT INTO t VALUES (?)", math.Float64frombits(random.Uint64()&^(1<<62)))
			s.Do("INSERT INTO t VALUES (?)", random.Float64())
		}
		s.Query("SELECT x FROM t WHERE x IS NOT NULL ORDER BY rowid")
		s.Commit()
		s.Query("SELECT x FROM t WHERE x IS NOT NULL ORDER BY rowid")
	}},
	{"text and blobs in transactions", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
		for _, value := range []any{"a\x00b", "\x00", "", []byte{}, []byte{0, 1, 2}, "it's; --", "PF:3:abc", "n", "t1:x", ": SQLITE_ERROR", "Error: x",
			" (extended: SQLITE_BUSY)", strings.Repeat("é☃", 5000)} {
			s.Begin()
			s.Query("SELECT x, typeof(x) FROM t WHERE x = ?", value)
			s.Insert("INSERT INTO t (x) VALUES (?)", value)
			s.Query("SELECT x, typeof(x), hex(substr(x, 1, 20)) FROM t WHERE x = ?", value)
			s.Commit()
			s.Query("SELECT typeof(x), x FROM t ORDER BY id DESC LIMIT 1")
		}
	}},
	{"parameters by number and by name", func(s *Script) {
		s.Inside(func() {
			s.Query("SELECT ?2, ?1, ?", "one", "two", "three")
			s.Query("SELECT $2, $1", "one", "two")
			s.Query("SELECT :a, @b, $a, :a", sql.Named("a", "first"), sql.Named("b", 2))
			s.Query("SELECT :missing", 1)
			s.Query("SELECT ?, ?", 1)
			s.Query("SELECT ?1", 1, 2, 3)
			s.Query(`SELECT '?', "?" AS "?", [?], x'3f' /* ? */ -- ?
				, ? AS n FROM (SELECT 1 AS "?")`, 5)
		})
	}},
	{"more parameters than D1 takes", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
		many := func(n int, f func(i int) any) []any {
			args := make([]any, n)
			for i := range args {
				args[i] = f(i)
			}
			return args
		}
		marks := func(n int) string { return strings.Repeat(",?", n)[1:] }
		id := func(i int) any {
			return "id_" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + "'" + strings.Repeat("y", i/26)
		}
		s.Inside(func() {
			s.Exec("INSERT INTO t VALUES "+strings.Repeat(",(?,?)", 120)[1:], many(240, func(i int) any {
				if i%2 == 0 {
					return id(i)
				}
				return i
			})...)
			for _, n := range []int{63, 64, 100, 101, 150, 600} {
				s.Query("SELECT id, n FROM t WHERE id IN ("+marks(n)+") AND n < ? ORDER BY n LIMIT ?", append(many(n, id), 100, 20)...)
				s.Query("SELECT count(*) FROM t WHERE id NOT  in ( "+marks(n)+" )", many(n, id)...)
				s.Query("SELECT count(*), sum(n) FROM t WHERE n IN ("+marks(n)+")", many(n, func(i int) any { return i })...)
			}
			s.Query("SELECT max("+marks(30)+"), "+strings.Repeat("coalesce("+marks(20)+"),", 6)+"1",
				many(150, func(i int) any { return strings.Repeat("z", i%9) })...)
			s.Query("SELECT count(*) FROM json_each('[1,2.5,\"x\"]') WHERE value IN ("+marks(70)+")", many(70, func(i int) any {
				if i == 3 {
					return 2.5
				}
				return i
			})...)
			s.Exec("DELETE FROM t")
		})
	}},
	{"types of columns", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, a VARCHAR(255), b integer, c Json DEFAULT '[]', d BOOLEAN, e NUMERIC, f REAL, g BLOB, h, i INT)")
		s.Do("CREATE VIEW v AS SELECT id, a AS x, b + 1 AS y, max(c) AS z, g FROM t")
		s.Do("INSERT INTO t VALUES ('1', 'a', 2, '[]', TRUE, 2, 3.0, x'0102', 7, 8), ('2', NULL, NULL, NULL, NULL, 2.5, NULL, x'', 'h', 'i')")
		s.Inside(func() {
			s.Types("SELECT * FROM t WHERE id = ?", "x")
			s.Types("SELECT * FROM t ORDER BY id")
			s.Types("SELECT id, a AS other, b + 1, count(*), e || f, ?, 'text', NULL, (SELECT d FROM t LIMIT 1) FROM t", 5)
			s.Types("SELECT * FROM v")
			s.Types("SELECT name, sql FROM sqlite_master WHERE name = 't'")
			s.Types("SELECT CAST(id AS TEXT), CAST(b AS INT), CAST(g AS BLOB), CAST(f AS REAL), CAST(e AS NUMERIC), -b, +id, id COLLATE NOCASE FROM t ORDER BY id")
			s.Types("SELECT (id), ((g)), t.g, t.h AS g, g AS k, CASE WHEN b THEN id END, coalesce(id, 1), (SELECT max(id) FROM t), (SELECT g FROM t) FROM t")
			s.Types("SELECT h, *, b + 1, rowid FROM t LIMIT 1")
			s.Types("SELECT id FROM t UNION SELECT b FROM t ORDER BY 1")
			s.Types("SELECT b FROM t UNION ALL SELECT id FROM t LIMIT 2")
			s.Types("WITH w(k, l) AS (SELECT a, b FROM t) SELECT l, k FROM w")
			s.Types("VALUES (1, 'a', x'00', 1.5, NULL)")
			s.Types("SELECT 1, 'a', x'00', 1.5, NULL, ?", "x")
			s.Types("SELECT count(*), a FROM t JOIN json_each('[1]') GROUP BY a ORDER BY a")
			s.Types("SELECT id FROM t WHERE FALSE")
		})
		s.Types("PRAGMA table_info(t)")
		s.Types("INSERT INTO t (id) VALUES ('3')")
		s.Types("INSERT INTO t (id, g) VALUES ('4', x'01') RETURNING id, g, h, b + 1 AS b, *")
		s.Types("UPDATE t SET b = 5 WHERE id = '4' RETURNING b AS id, id AS b")
		s.Types("SELECT nothing FROM t")
	}},
	{"columns", func(s *Script) {
		s.Do("CREATE TABLE t (a, b, `c d`)")
		s.Do("CREATE VIEW v AS SELECT a, b AS x FROM t")
		s.Inside(func() {
			s.Query("SELECT * FROM t")
			s.Query("SELECT a, a, A, t.a, b AS a, 1, count(*), (1), `c d`, 'x:1' AS 'x:1' FROM t")
			s.Query("SELECT t.*, t2.* FROM t JOIN t AS t2")
			s.Query("SELECT 1 AS `2`, 2 AS `1`, 3 AS `a b`, 4 AS `it's`")
			s.Query("SELECT * FROM v")
			s.Query("SELECT x FROM v WHERE x = ?", 1)
			s.Query("VALUES (1, 'a'), (2, 'b')")
			s.Query("WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3) SELECT i FROM n")
			s.Query("SELECT rowid, oid FROM t")
		})
	}},
}
