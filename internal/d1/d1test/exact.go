package d1test

import (
	"database/sql"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// What a value is when it comes back: an integer or a real, and which text or blob.
var exact = []Case{
	{"reals that are whole", func(s *Script) {
		s.Do("CREATE TABLE exact (id INTEGER PRIMARY KEY, n NUMERIC DEFAULT 0 NOT NULL, x TEXT, j JSON, b BOOLEAN)")
		s.Do("CREATE TABLE loose (id INTEGER PRIMARY KEY, r REAL, d DOUBLE PRECISION, u, o BLOB)")
		s.Do("INSERT INTO exact VALUES (1, 3.0, 3.0, 3.0, 1.0), (2, 1e300, 1.5, '[1.0]', TRUE), (3, 9007199254740993, '', NULL, 0)")
		s.Do("INSERT INTO loose VALUES (1, 3, 3, 3, 3), (2, 1e6, 1e15, 1e16, 1e300), (3, NULL, -5, -5.0, x''), (4, 9e999, -9e999, 2.5, 'x')")
		s.Do("CREATE VIEW v AS SELECT id, n, n / 2.0 AS half, avg(n) OVER () AS mean FROM exact")
		s.Do("CREATE TABLE strictly (a ANY, i INTEGER, r REAL) STRICT")
		s.Do("INSERT INTO strictly VALUES (1.0, 1.0, 1)")
		s.Do("CREATE TABLE made (u, n NUMERIC AS (u), r REAL GENERATED ALWAYS AS (u) STORED)")
		s.Do("INSERT INTO made VALUES (7.0)")
		s.Inside(func() {
			for range 2 { // the second time all is known
				for _, table := range []string{"exact", "loose", "v", "strictly", "made"} {
					s.Query("SELECT * FROM " + table)
					s.Query("SELECT " + table + ".* FROM " + table + " LIMIT 1")
				}
				s.Query("SELECT id, r FROM loose WHERE r > ? ORDER BY id", 2)
				s.Query("SELECT l.*, e.* FROM exact e LEFT JOIN loose l ON l.id = e.id ORDER BY e.id")
				s.Query("SELECT e.*, j.value FROM exact e, json_each('[1,1.0,null]') j ORDER BY e.id, j.key")
				s.Query("SELECT count(*), sum(n), avg(id), total(id), max(n), min(r), 1.0, 1, 1e3, round(2.4), abs(-3) FROM exact, loose")
				s.Query("SELECT n * 1.0, n + 0.0, CAST(n AS REAL), CAST(n AS INTEGER), -0.0, 0.0 FROM exact")
				s.Query("SELECT 3.0 UNION ALL SELECT 3 ORDER BY 1")
				s.Query("WITH x (a, b) AS (VALUES (1.0, 1), (2, 2.0)) SELECT * FROM x")
				s.Query("VALUES (1.0, NULL), (1, 'x')")
				s.Query("SELECT * FROM (SELECT 1.0 AS a, 1 AS b) WHERE a = ?", 1)
				s.Query("SELECT (SELECT 5.0), CASE WHEN 1 THEN 4.0 ELSE 4 END, ?, ?", 2.0, 2)
				s.Query("SELECT key, value, atom, type FROM json_each('{\"a\":1.0,\"b\":1,\"c\":\"x\",\"d\":1e400}')")
				s.Query("SELECT r AS a, r AS a, u FROM loose WHERE id = 99")
			}
			s.Query("SELECT typeof(?), ?, typeof(?), ?", math.Inf(1), math.Inf(1), math.Copysign(0, -1), math.Copysign(0, -1))
			s.Query("SELECT ?, ?, ?, ?", math.SmallestNonzeroFloat64, math.MaxFloat64, math.NaN(), -math.SmallestNonzeroFloat64)
		})
		s.Do("ALTER TABLE exact ADD COLUMN r REAL DEFAULT 8")
		s.Query("SELECT * FROM exact")
		s.Do("DROP TABLE exact; CREATE TABLE exact (u)")
		s.Do("INSERT INTO exact VALUES (1.0)")
		s.Query("SELECT * FROM exact")
	}},
	{"integers where a ? stands", func(s *Script) {
		s.Do("CREATE TABLE t (a, b TEXT, c INTEGER, d REAL, e NUMERIC, f BLOB)")
		s.Do("INSERT INTO t VALUES (2, 'x', 1, 2, 3, 4), (1, 'y', 2, 3, 4, 5), (3, 'x', 3, 4, 5, 6)")
		s.Inside(func() {
			s.Query("SELECT a FROM t ORDER BY ?, a DESC", 1)
			s.Query("SELECT a, b FROM t ORDER BY (?) DESC, a", 30)
			s.Query("SELECT count(*) FROM t GROUP BY ?", 2)
			s.Query("SELECT b, count(*) FROM t GROUP BY b, ? HAVING count(*) > ? ORDER BY ? COLLATE NOCASE, b LIMIT ? OFFSET ?", 9, 0, 7, 5, 1)
			s.Query("SELECT a, row_number() OVER (PARTITION BY b ORDER BY ?, a) FROM t ORDER BY a", 1)
			s.Query("SELECT group_concat(a, ?) FROM (SELECT a FROM t ORDER BY ? + a, ? LIMIT ?)", "-", 1, math.MinInt64, 2)
			for _, n := range []int64{math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1<<53 - 1, 1 << 53, 1<<53 + 1, -1<<53 - 1, 0} {
				s.Exec("INSERT INTO t VALUES (?1, ?1, ?1, ?1, ?1, ?1)", n)
				s.Query("SELECT *, typeof(a), typeof(b), typeof(c), typeof(d), typeof(e), typeof(f) FROM t WHERE c = ?", n)
				s.Query("SELECT count(*) FROM t WHERE a IN (?, 5) AND b = ? AND c >= ? AND d = ? AND e BETWEEN ? AND ? AND f IS ?", n, n, n, n, n, n, n)
				s.Query("SELECT json_array(?1, 'x', ?1), ?1 || '', 'a' || ?1, typeof(?1), ?1 = CAST(?1 AS TEXT), max(?1, 0), quote(?1)", n)
				s.Query("SELECT a FROM t LIMIT ? OFFSET ?", n, n)
				s.Exec("DELETE FROM t WHERE c = ? AND a = ?", n, n)
			}
			s.Query("SELECT ?1 IS TRUE, ?1, json_array(?1), ?1 || '', typeof(?1), ?2, NOT ?2", true, false)
			s.Exec("INSERT INTO t (a, b, c, f) VALUES (?1, ?1, ?1, ?1)", true)
			s.Query("SELECT a, b, c, f FROM t WHERE a = ? AND c IS ?", true, true)
			s.Exec("DELETE FROM t WHERE d IS NULL")
		})
	}},
	{"text of every kind, everywhere", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT, j JSON, u)")
		texts := []string{"", "plain", "a\x00b", "\x00", "\xff", "a\xed\xa0\x80b", "\xed\xa0\xbd\xed\xb8\x80", "\ufffd", "\U0001F600", "it's \"q\"", "%_\\", "\u2028"}
		s.Inside(func() {
			for i, text := range texts {
				s.Exec("INSERT INTO t VALUES (?, ?, ?, ?)", i+1, text, text, []byte(text))
				s.Query("SELECT x, j, u, length(x), hex(x), hex(u), typeof(u), x = u FROM t WHERE x = ? AND u = ?", text, []byte(text))
				s.Query("SELECT count(*) FROM t WHERE x IN (?, ?) OR x LIKE ? OR instr(x, ?)", text, "none", "%"+text+"%", text)
				s.Query("SELECT ?, ? || ?, upper(?), replace(?, 'a', ?), substr(?, 1, 1)", text, text, text, text, text, text, text)
			}
			s.Query("SELECT * FROM t ORDER BY id")
			s.Query("SELECT x FROM t WHERE x IN ("+strings.Repeat("?, ", 70)+"?) ORDER BY id", append(repeat(texts, 6), "more")[:71]...)
			s.Query("SELECT json_extract(?, '$.a'), json_quote(?), json_array(?)", `{"a":"\u0000\ud83d\ude00 é"}`, "é\n", "\"")
			s.Query("SELECT json_extract('\"\\ud800\"', '$'), hex(json_extract('\"\\ud800\"', '$'))")
			s.Query("SELECT 'lit \xff' AS x, hex('\xed\xa0\x80') y, '\xff' || 'é' AS z")
			s.Query("SELECT CAST(x'610062' AS TEXT) AS a, CAST(x'ff' AS TEXT) AS b, char(0, 65), zeroblob(2), x''")
			s.Query("SELECT 1 AS one \x00 nothing, of this")
			s.Exec("DELETE FROM t")
		})
	}},
	{"values of an application's types", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x, y TEXT, z JSON)")
		text, number := "pointed", int64(5)
		var none *string
		s.Inside(func() {
			for _, value := range []any{
				&text, none, &number, Valuer("v"), json.RawMessage(`{"a":1}`), json.RawMessage(nil), []byte("bytes"), []byte{}, []byte(nil),
				time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("CET", 3600)), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
				sql.NullBool{Bool: true, Valid: true}, sql.NullFloat64{}, sql.NullTime{Time: time.Unix(0, 0).UTC(), Valid: true},
				sql.RawBytes("raw"), float32(0.1), int8(-1), uint64(1 << 62), uint64(1 << 63), struct{}{}, []string{"x"}, map[string]any{},
			} {
				s.Exec("INSERT INTO t (x, y, z) VALUES (?1, ?1, ?1)", value)
				s.Query("SELECT x, typeof(x), y, typeof(y), z, typeof(z) FROM t ORDER BY id DESC LIMIT 1")
			}
			s.Exec("DELETE FROM t")
		})
	}},
	{"what writes return", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x, y TEXT, r REAL, `a b` AS (x))")
		s.Query("INSERT INTO t (x, y, r) VALUES (?, ?, ?), (?, ?, ?) RETURNING *", int64(1)<<60+1, "a\x00b", 3, 2.0, "\xff", 1e6)
		s.Query("INSERT INTO t (id, x) VALUES (?, ?) RETURNING id, ID AS n, x || ?, ?, r, 1.0, `a b`, t.*", math.MaxInt64, []byte{}, "!", 5)
		s.Query("UPDATE t SET r = r + ?1 WHERE r > ?1 RETURNING r + ?1 more, typeof(?2), ?2, (SELECT count(*) FROM t WHERE id > ?)", 2, true, 0)
		s.Query("WITH d (n) AS (SELECT 1) UPDATE t SET y = 'RETURNING' WHERE id IN (SELECT n FROM d) RETURNING y, CASE id WHEN 1 THEN 1.0 END AS z")
		s.Query("UPDATE t SET y = ? WHERE id = ? RETURNING y", "nobody", -5)
		s.Query("DELETE FROM t WHERE x IS NOT ? RETURNING x, ?, -0.0, 9e999", 2.0, "it's")
		s.Query("INSERT INTO t (id) VALUES (?) RETURNING nothing", 1)
		s.Query("INSERT INTO nowhere (id) VALUES (?) RETURNING *", 1)
		s.Exec("DELETE FROM t RETURNING x")
		s.Query("SELECT count(*) FROM t")
	}},
	{"figures of writes", func(s *Script) {
		s.Do("CREATE TABLE p (id INTEGER PRIMARY KEY, x); CREATE TABLE log (x)")
		s.Do("CREATE TABLE c (id TEXT PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE)")
		s.Do("CREATE TABLE plain (id TEXT PRIMARY KEY, n)")
		s.Do("CREATE TRIGGER added AFTER INSERT ON p BEGIN INSERT INTO log VALUES (1), (2), (3); END")
		s.Do("CREATE TRIGGER logged AFTER UPDATE ON log BEGIN DELETE FROM plain; END")
		s.Do("CREATE VIEW v AS SELECT id, x FROM p")
		s.Do("CREATE TRIGGER through INSTEAD OF INSERT ON v BEGIN INSERT INTO p VALUES (NEW.id, NEW.x); END")
		s.Inside(func() {
			s.Insert("INSERT INTO p (x) VALUES ('a'), ('b')")
			s.Insert("INSERT INTO p VALUES (?, 'last')", math.MaxInt64-1)
			s.Insert("INSERT INTO p VALUES (?, 'first')", -1<<62-1)
			s.Insert("INSERT INTO plain VALUES ('x', 1), ('y', 2)")
			s.Insert("INSERT INTO plain (rowid, id) VALUES (?, 'far')", 1<<60+1)
			s.Insert("INSERT INTO c SELECT 'c' || id, id FROM p")
			s.Exec("DELETE FROM p WHERE x < 'c'")
			s.Exec("UPDATE log SET x = 0 WHERE x > 1")
			s.Exec("INSERT INTO v VALUES (50, 'through')")
			s.Exec("UPDATE p SET x = x || '!'; SELECT 1")
			s.Exec("INSERT INTO plain VALUES ('z', 1); SELECT count(*) FROM plain; CREATE TABLE IF NOT EXISTS later (x)")
			s.Exec("DELETE FROM p; INSERT INTO log VALUES (9)")
			s.Exec("DELETE FROM log; DELETE FROM c WHERE 0")
			s.Exec("INSERT INTO log SELECT changes(); UPDATE log SET x = x + 1; INSERT INTO log VALUES (changes()), (1); INSERT INTO log SELECT changes()")
			s.Query("SELECT x FROM log ORDER BY rowid LIMIT -1 OFFSET 1")
			s.Exec("INSERT INTO p (x) VALUES ('z'); INSERT INTO c VALUES ('made', last_insert_rowid())")
			s.Query("SELECT count(*) FROM p JOIN c ON c.p = p.id")
			s.Exec("DELETE FROM log; DELETE FROM p; DELETE FROM plain")
		})
	}},
}

// repeat is values over and over, so many times.
func repeat(values []string, times int) []any {
	var all []any
	for range times {
		for _, value := range values {
			all = append(all, value)
		}
	}
	return all
}
