package d1test

import "time"

// times is values that depend on the declared type of their column.
var times = []Case{
	{"times", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, a DATETIME, b date, c Timestamp, d TEXT, e TIME)")
		s.Do("CREATE VIEW v AS SELECT id, a AS x, max(b) AS m, c FROM t")
		s.Do("CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT)")
		s.Do("INSERT INTO n VALUES (1, '2026-01-02')")
		s.Inside(func() {
			for i, value := range []any{
				"2026-01-02 03:04:05.123Z", "2026-01-02T03:04:05.123Z", "2026-01-02 03:04:05", "2026-01-02T03:04:05+02:00", "2026-01-02 03:04:05.5-07:30",
				"2026-01-02 03:04", "2026-01-02T03:04Z", "2026-01-02", "2026-01-02Z", "2026-13-02", "", "Z", "m=", "yesterday", " 2026-01-02", "03:04:05", nil, 5, 2.5,
				1767323045, []byte("2026-01-02"), "2026-01-02 03:04:05.123 +0000 UTC", "2026-01-02 03:04:05.123 +0100 CET m=+0.5", "2026-01-02 03:04:05 +0100 CET m=",
				time.Date(2026, 2, 3, 4, 5, 6, 789, time.UTC), time.Date(2026, 7, 3, 4, 5, 6, 0, time.FixedZone("XYZ", 3600)),
			} {
				s.Exec("INSERT INTO t VALUES (?1, ?2, ?2, ?2, ?2, ?2)", i, value)
			}
			s.Query("SELECT * FROM t ORDER BY id")
			s.Texts("SELECT * FROM t ORDER BY id")
			s.Types("SELECT * FROM t WHERE id IN (0, 16, 17, 18) ORDER BY id")
			s.Query("SELECT a, (a), +a, a AS d, d AS a, max(a), CAST(a AS DATETIME), t.b, a || '', coalesce(a, 1), (SELECT c FROM t WHERE id = 7) FROM t WHERE id < 3")
			s.Query("SELECT * FROM v")
			s.Query("SELECT x FROM v WHERE x = ?", "2026-01-02")
			s.Query("SELECT a FROM t WHERE id = 7 UNION SELECT d FROM t WHERE id = 7")
			s.Query("SELECT d FROM t WHERE id = 7 UNION ALL SELECT a FROM t WHERE id = 7")
			s.Query("WITH w(k) AS (SELECT b FROM t WHERE id = 7) SELECT k FROM w")
			s.Query("SELECT * FROM (SELECT a, d FROM t WHERE id = 7)")
			s.Query("SELECT n.a, t.a FROM n LEFT JOIN t ON t.id = 7")
			s.Query("SELECT a FROM n")
			s.Query("DELETE FROM t WHERE id = 7 RETURNING a, d, *, b")
			s.Query("DELETE FROM t WHERE id > 7 RETURNING id, c AS d")
			s.Exec("DELETE FROM t")
		})
	}},
	{"times of tables that a transaction makes", func(s *Script) {
		s.Do("CREATE TABLE t (a TEXT)")
		s.Do("INSERT INTO t VALUES ('2026-01-02')")
		s.Query("SELECT a FROM t")
		for _, end := range []func(){s.Rollback, s.Commit} {
			s.Begin()
			s.Do("CREATE TABLE u (a DATETIME, b TEXT)")
			s.Do("INSERT INTO u VALUES ('2026-01-02', '2026-01-02')")
			s.Query("SELECT * FROM u")
			s.Do("ALTER TABLE t ADD COLUMN b DATE")
			s.Do("UPDATE t SET b = a")
			s.Query("SELECT * FROM t")
			s.Types("SELECT a, b FROM t")
			end()
			s.Query("SELECT * FROM t")
			s.Query("SELECT * FROM u")
		}
		s.Do("ALTER TABLE t DROP COLUMN b")
		s.Do("ALTER TABLE t ADD COLUMN b TEXT DEFAULT '2026-01-03'")
		s.Query("SELECT a, b FROM t")
	}},
}
