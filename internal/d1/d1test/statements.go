package d1test

import "strings"

var statements = []Case{
	{"several statements in one", func(s *Script) {
		s.Do(`
			-- a comment; with a semicolon
			CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT DEFAULT ';');
			CREATE TABLE log (x); /* and; another */
			CREATE TRIGGER added AFTER INSERT ON t BEGIN
				INSERT INTO log VALUES ('added; ' || NEW.x);
				UPDATE log SET x = CASE WHEN x = 'y' THEN 'z' ELSE x END;
			END;
			INSERT INTO t (x) VALUES ('one'), ('two;')
		;;`)
		s.Query("SELECT * FROM t")
		s.Query("SELECT * FROM log")
		s.Inside(func() {
			s.Exec("INSERT INTO t (x) VALUES (?); UPDATE t SET x = x || ? WHERE id > 1", "three", "!")
			s.Query("INSERT INTO t (x) VALUES ('four'); SELECT count(*), ? FROM t", "arg")
			s.Do("")
			s.Do(" ; -- nothing\n;")
			s.Query("SELECT x FROM t ORDER BY id")
		})
	}},
	{"results of writes", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, x UNIQUE, n INTEGER DEFAULT 0)")
		s.Inside(func() {
			s.Insert("INSERT INTO t (x) VALUES ('a')")
			s.Insert("INSERT INTO t (x) VALUES ('b'), ('c'), ('d')")
			s.Insert("INSERT INTO t (x) VALUES ('a') ON CONFLICT (x) DO UPDATE SET n = n + 1")
			s.Exec("INSERT OR IGNORE INTO t (x) VALUES ('a'), ('e')")
			s.Insert("REPLACE INTO t (id, x) VALUES (100, 'b')")
			s.Exec("UPDATE t SET n = n + 1 WHERE x > 'b'")
			s.Exec("UPDATE t SET n = 5 WHERE x = 'nobody'")
			s.Exec("WITH d AS (SELECT 'c' AS x) DELETE FROM t WHERE x IN (SELECT x FROM d)")
			s.Query("SELECT * FROM t ORDER BY id")
			s.Exec("DELETE FROM t")
		})
		s.Query("INSERT INTO t (x, n) VALUES ('r', 1), ('s', 2) RETURNING x, n * 2 AS double")
		s.Query("UPDATE t SET n = n + 1 RETURNING x, n")
		s.Query("DELETE FROM t WHERE x = 'r' RETURNING *")
		s.Query("SELECT x, n FROM t")
	}},
	{"errors", func(s *Script) {
		s.Do("CREATE TABLE p (id TEXT PRIMARY KEY)")
		s.Do(`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT UNIQUE, a, b, n INTEGER NOT NULL DEFAULT 0 CHECK (n < 10),
			p TEXT REFERENCES p (id) ON DELETE CASCADE, UNIQUE (a, b))`)
		s.Do("CREATE UNIQUE INDEX expression ON t (lower(email)) WHERE email != ''")
		s.Do("CREATE TRIGGER refuse BEFORE DELETE ON t WHEN OLD.n = 7 BEGIN SELECT RAISE(ABORT, 'seven stays: always'); END")
		s.Inside(func() {
			s.Exec("DELETE FROM t WHERE n <> 7")
			s.Exec("INSERT INTO t (id, email, a, b) VALUES (1, 'x@y.z', 1, 2)")
			for _, query := range []string{
				"INSERT INTO t (email) VALUES ('x@y.z')",
				"INSERT INTO t (id) VALUES (1)",
				"INSERT INTO t (a, b) VALUES (1, 2)",
				"INSERT INTO t (email) VALUES ('X@Y.Z')",
				"INSERT INTO t (n) VALUES (NULL)",
				"INSERT INTO t (n) VALUES (10)",
				"INSERT INTO t (p) VALUES ('nobody')",
				"INSERT INTO t (id) VALUES ('text')",
				"INSERT INTO t (nothing) VALUES (1)",
				"INSERT INTO t VALUES (1)",
				"INSERT INTO p VALUES ('p'), ('p')",
				"INSERT INTO nowhere VALUES (1)",
				"UPDATE t SET id = NULL",
				"UPDATE nowhere SET x = 1",
				"CREATE TABLE t (x)",
				"CREATE INDEX i ON t (nothing)",
				"CREATE UNIQUE INDEX constant ON t ((1)); INSERT INTO t (a) VALUES (9)",
				"DROP TABLE nowhere",
				"ALTER TABLE t DROP COLUMN nothing",
				"ALTER TABLE t ADD COLUMN a",
				"CREATE VIEW bad AS SELEC 1",
				"SELEC 1",
				"",
			} {
				s.Do(query)
			}
			s.Do("DROP INDEX IF EXISTS constant")
			for _, query := range []string{
				"SELECT nothing FROM t", "SELECT * FROM nowhere", "SELECT", "SELECT * FROM t WHERE", "SELECT json_extract('{', '$.a')", "SELECT abs(-9223372036854775808)",
				"SELECT t.id FROM t, p WHERE x.id = 1", "SELECT id FROM t, p", "SELECT nosuch(1)", "SELECT 1 LIMIT 'x'", "SELECT (SELECT 1, 2)", "SELECT max(1) OVER () FROM (SELECT * FROM t UNION SELECT 1)",
				"SELECT 'unterminated", "SELECT 1) FROM t", "SELECT (1",
			} {
				s.Query(query)
			}
			s.Exec("INSERT OR REPLACE INTO t (id, n) VALUES (70, 7)")
			s.Exec("DELETE FROM t WHERE id = 70")
			s.Query("SELECT id, email, a, b, n FROM t ORDER BY id")
		})
	}},
	{"what D1 has no use for", func(s *Script) {
		s.Inside(func() {
			s.Do("PRAGMA optimize")
			s.Do("PRAGMA busy_timeout = 10000; PRAGMA main.cache_size(-32000)")
		})
		s.Do("PRAGMA wal_checkpoint(TRUNCATE)")
		s.Do("PRAGMA main.synchronous = NORMAL")
		s.Do("VACUUM")
		s.Query("PRAGMA foreign_keys")
	}},
	{"the schema", func(s *Script) {
		s.Inside(func() {
			s.Do("CREATE TABLE t (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, n NUMERIC DEFAULT 0 NOT NULL, x JSON DEFAULT '[]')")
			s.Do("CREATE INDEX `by n` ON t (n DESC, `x`)")
			s.Query("SELECT * FROM PRAGMA_TABLE_INFO(?)", "t")
			s.Query("SELECT name FROM pragma_table_info('t')")
			s.Query("PRAGMA table_info(t)")
			s.Query("PRAGMA main.table_info('t')")
			s.Query("PRAGMA index_list(`t`)")
			s.Query("PRAGMA table_info(nowhere)")
			s.Query("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name = 't'")
			s.Query("SELECT (1) FROM sqlite_schema WHERE type IN (?, ?) AND LOWER(name)=LOWER(?) LIMIT 1", "table", "view", "T")
			s.Query("SELECT * FROM t")
			s.Do("INSERT INTO t (id) VALUES ('x')")
			s.Do("ALTER TABLE t ADD COLUMN added TEXT DEFAULT 'new'")
			s.Query("SELECT * FROM t")
			s.Do("ALTER TABLE t RENAME COLUMN n TO renamed")
			s.Query("SELECT * FROM t")
			s.Do("CREATE VIEW v AS SELECT * FROM t")
			s.Query("SELECT * FROM v")
			s.Do("DROP VIEW v")
			s.Query("SELECT * FROM v")
			s.Do("DROP INDEX `by n`")
			s.Do("ALTER TABLE t DROP COLUMN x")
			s.Query("SELECT * FROM t")
			s.Do("ALTER TABLE t RENAME TO t2; CREATE TABLE t (other)")
			s.Query("SELECT * FROM t")
			s.Query("SELECT renamed, added FROM t2")
			s.Do("DROP TABLE t; DROP TABLE IF EXISTS t2; DROP TABLE IF EXISTS t2")
			s.Query("SELECT * FROM t")
		})
		s.Query("SELECT name FROM sqlite_master WHERE name NOT GLOB '_pf*' AND name NOT GLOB 'sqlite_*'")
	}},
	{"queries of many kinds", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, g TEXT, n INTEGER)")
		s.Do("INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 50) SELECT i, char(97 + i % 5), i * 7 % 13 FROM c")
		s.Inside(func() {
			s.Query("SELECT g, count(*), sum(n) FROM t GROUP BY g HAVING count(*) > ? ORDER BY 2 DESC, 1", 3)
			s.Query("SELECT id, row_number() OVER (PARTITION BY g ORDER BY n, id) AS r FROM t WHERE id <= ? ORDER BY id", 12)
			s.Query("SELECT id FROM t WHERE n IN (SELECT max(n) FROM t GROUP BY g) ORDER BY n, id DESC LIMIT 3 OFFSET 1")
			s.Query("SELECT 1 AS a UNION SELECT 2 UNION ALL SELECT ? ORDER BY a DESC", 2)
			s.Query("SELECT DISTINCT g FROM t ORDER BY g")
			s.Query("SELECT value, type FROM json_each(?)", `[1, "two", null, 3.5, {"a": 1}]`)
			s.Query("SELECT t.id, u.id FROM t LEFT JOIN t AS u ON u.id = t.id + 48 WHERE t.id < 4 ORDER BY t.id")
			s.Query("SELECT strftime('%Y-%m-%d', '2026-02-03 04:05:06Z'), printf('%05.2f', ?), iif(?, 'y', 'n')", 2.5, true)
			s.Query("SELECT EXISTS (SELECT 1 FROM t WHERE id = ?) AND NOT EXISTS (SELECT 1 FROM t WHERE id = ?)", 1, 100)
			s.Query("SELECT g FROM t WHERE g LIKE ? ESCAPE '\\' AND id < 3", "%_%")
			s.Query("WITH x AS (SELECT * FROM t), y AS (SELECT id FROM x WHERE n = ?) SELECT count(*) FROM y;", 3)
			s.Query("SELECT id FROM t ORDER BY g DESC, id LIMIT ?", 5)
			s.Query("SELECT typeof(random()), length(randomblob(8)), typeof(datetime('now'))")
		})
	}},
	{"long conditions", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
		s.Do("INSERT INTO t WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 300) SELECT i, 'x' || i FROM c")
		s.Inside(func() {
			for _, n := range []int{24, 25, 26, 99, 200, 700} {
				args := make([]any, n)
				for i := range args {
					args[i] = i * 3
				}
				s.Query("SELECT count(*), sum(id) FROM t WHERE ("+strings.Repeat(" OR id = ?", n)[4:]+")", args...)
				s.Query("SELECT id FROM t WHERE "+strings.Repeat(" AND ([[id]] <> ? OR NULL)", n)[5:]+" ORDER BY id LIMIT 3", args...)
				s.Query("SELECT count(*) FROM t AS a JOIN t AS b ON a.id = b.id AND ("+strings.Repeat(" OR a.id = 5 AND b.id BETWEEN ? AND 7", n)[4:]+") WHERE a.id < 100", args...)
				s.Query("SELECT count(*) FROM t WHERE NOT (x LIKE 'x1%' AND ("+strings.Repeat("CASE WHEN id = ? THEN 1 END = 1 OR ", n)+"id IS NULL))", args...)
			}
			s.Exec("DELETE FROM t WHERE " + strings.Repeat("id = 7 OR ", 150) + "id = 8")
		})
	}},
	{"long patterns", func(s *Script) {
		long := strings.Repeat("Abcdefghij", 8)
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
		for _, x := range []any{nil, "", 5, long, strings.ToUpper(long), "before " + long + " after", long + " middle " + long, "100% " + long, "É" + long + "é", long[:60],
			long + "\nnext line", "it's \\ " + long + "_"} {
			s.Do("INSERT INTO t (x) VALUES (?)", x)
		}
		s.Inside(func() {
			for _, pattern := range []string{
				long, "%" + long + "%", long + "%", "%" + long, "%" + strings.ToLower(long) + "%", "%" + long + "%" + long + "%", long + "%" + long,
				"%" + long + "%" + long + "%" + long, "%\\%%" + long, "before%" + long + "%after", "%%%" + long + "%%", "É%" + long + "É", "%\\_" + long + "%", "%" + long + "\\_",
				"%it's%\\\\%" + long + "%", "%" + long + "%" + strings.Repeat("x", 30),
				"_" + long + "%", "%_" + long, long + "_%", "%" + long + "_", "%_" + long + "_%", "_%" + long, "_" + long + "_",
				"be_ore %" + long[:70] + "%ter", "%" + strings.Repeat("_", 60) + "%", strings.Repeat("_", 80), "__" + long[2:], "%_fter%" + strings.Repeat("%", 60), "%é_" + long,
				"%" + long[:30] + "_" + long[31:] + " mid%" + long[:10] + "_" + long[11:],
			} {
				s.Query("SELECT id FROM t WHERE t.x LIKE ? ESCAPE '\\' ORDER BY id", pattern)
				s.Query("SELECT id, x LIKE ?1 ESCAPE '\\' AS a, `t`.`x` NOT LIKE ?1 ESCAPE '\\' AS b FROM t ORDER BY id", pattern)
				s.Query("SELECT count(*) FROM t WHERE COALESCE(x, '') LIKE ? AND (lower(x)) LIKE ? OR NOT (x || '') LIKE ?", pattern, pattern, pattern)
				s.Query("SELECT x LIKE ? FROM (SELECT 'a' AS x)", pattern)
			}
		})
	}},
	{"large results", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)")
		for range 30 {
			s.Do("INSERT INTO t (x) VALUES (?)", strings.Repeat("0123456789", 11000))
		}
		s.Inside(func() {
			s.Query("SELECT id, length(x), substr(x, 1, 3), x FROM t ORDER BY id")
			s.Exec("UPDATE t SET x = x || '!' WHERE id = 3")
			s.Query("SELECT id, length(x), x FROM t ORDER BY id DESC")
			s.Query("SELECT length(x), x FROM t")
		})
	}},
}
