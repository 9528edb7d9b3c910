package d1test

import (
	"fmt"
	"strings"
)

// inside are transactions that read what they have changed.
var inside = []Case{
	{"many rows that are read again and again", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, x)")
		for i, x := range []any{"plain", "é\U0001f600 ü", "nul\x00s", []byte{0, 0xff, '\''}, nil, 1.5, int64(1) << 60} {
			s.Do("INSERT INTO t (k, x) VALUES (?, ?)", fmt.Sprint(i, strings.Repeat("long ", 300)), x)
		}
		for _, end := range []func(){s.Rollback, s.Commit} {
			s.Begin()
			for i, change := range []string{
				"UPDATE t SET x = 'ééé' WHERE id = 2", "UPDATE t SET k = 'short' WHERE id = 7", "INSERT INTO t (id, k, x) VALUES (-1, 'first', x'00')",
				"DELETE FROM t WHERE id = 3", "UPDATE t SET x = 'no' WHERE id = 99", "UPDATE t SET x = x || 'ü'", "DELETE FROM t",
				"INSERT INTO t (k) SELECT 'again'||value FROM json_each('[1,2,3]')", "SELECT nothing FROM nowhere",
			} {
				s.Query("SELECT * FROM t ORDER BY id")
				s.Query("SELECT k, x FROM t WHERE id > ?", i%2)
				s.Exec(change)
			}
			s.Query("SELECT * FROM t ORDER BY id")
			end()
		}
	}},
	{"a limit without an order", func(s *Script) {
		s.Do(`CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO t VALUES ('z', 1), ('b', 2), ('y', 3), ('a', 4);
			CREATE VIEW two AS SELECT id, n FROM t LIMIT 2; CREATE VIEW counts AS SELECT id, count(*) AS c FROM t GROUP BY n`)
		look := func() {
			for _, query := range []string{
				"SELECT * FROM t LIMIT 1", "SELECT * FROM t WHERE n > 2 LIMIT 1", "SELECT id FROM t LIMIT 1 OFFSET 2", "SELECT * FROM two",
				"SELECT id FROM counts LIMIT 1", "SELECT id FROM (SELECT id FROM t LIMIT 1)", "SELECT name FROM pragma_table_info('t') LIMIT 1",
			} {
				s.Query(query)
			}
		}
		for range 2 {
			s.Begin()
			look()
			s.Exec("UPDATE t SET n = n + 10 WHERE id = 'a'")
			look()
			s.Exec("UPDATE t SET n = n + 10 WHERE id = 'z'")
			s.Commit()
		}
		s.Query("SELECT * FROM t ORDER BY id")
	}},
	{"views that tell the time or random numbers", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1), (2, 2)")
		s.Do("CREATE VIEW drawn AS SELECT id, n, abs(random()) AS r FROM t; CREATE VIEW old AS SELECT id, n, julianday('now') - n AS age FROM t")
		s.Do("CREATE VIEW again AS SELECT d.id, [Old].age FROM drawn AS d JOIN \"OLD\" AS [Old] USING (id)")
		s.Query("SELECT count(*) FROM t") // the driver learns of the views beside it
		s.Begin()
		for _, view := range []string{"drawn", "old", "`again`"} {
			s.Query("SELECT id, typeof(n) FROM " + view + " WHERE n > 0 OR id > 1")
			s.Query("SELECT count(*) FROM (SELECT * FROM " + view + ")")
			s.Do("SELECT * FROM " + view)
			s.Exec("UPDATE t SET n = n + 1")
			s.Do("SELECT * FROM " + view)
		}
		s.Commit()
		s.Query("SELECT * FROM t")
	}},
	{"a schema that changes", func(s *Script) {
		look := func() {
			for _, query := range []string{
				"PRAGMA table_info(t)", "PRAGMA table_info('t')", "SELECT * FROM pragma_table_info('t')", "PRAGMA table_xinfo(t)",
				"PRAGMA index_list(t)", "PRAGMA index_info(t_k)", "PRAGMA index_xinfo(t_k)", "PRAGMA foreign_key_list(t)",
				"SELECT name, type, sql FROM sqlite_schema WHERE tbl_name IN ('t', 'v', 'u') ORDER BY name",
				"SELECT m.name, i.name FROM sqlite_master m JOIN pragma_table_info(m.name) i WHERE m.name IN ('t', 'v') ORDER BY 1, i.cid",
				"PRAGMA table_list(t)", "SELECT name, type, ncol FROM pragma_table_list WHERE name IN ('t', 'v', 'u') ORDER BY name",
				"SELECT * FROM t ORDER BY 1", "SELECT t.* FROM t", "SELECT * FROM v", "SELECT * FROM u",
				"SELECT * FROM t JOIN u", "SELECT k FROM t", "SELECT extra FROM t", "SELECT renamed FROM t",
			} {
				s.Query(query)
			}
		}
		s.Do("CREATE TABLE parent (id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1)")
		for _, end := range []func(){s.Rollback, s.Commit} {
			s.Begin()
			look()
			for _, change := range []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT DEFAULT 'x''y' NOT NULL, p INTEGER REFERENCES parent (id) ON DELETE CASCADE)",
				"INSERT INTO t VALUES (1, 'one', 1)",
				"CREATE UNIQUE INDEX t_k ON t (k COLLATE NOCASE DESC) WHERE k <> ''",
				"CREATE VIEW v AS SELECT *, id + 1 AS next FROM t",
				"ALTER TABLE t ADD COLUMN extra JSON DEFAULT '[]'",
				"ALTER TABLE t RENAME COLUMN k TO renamed",
				"ALTER TABLE t RENAME TO u",
				"CREATE TABLE t AS SELECT * FROM u",
				"DROP TABLE u",
				"ALTER TABLE t DROP COLUMN extra",
				"DROP VIEW v",
				"CREATE VIEW v (a, b) AS SELECT id, p FROM t",
				"CREATE TABLE u (id INTEGER PRIMARY KEY, twice AS (id * 2), thrice INTEGER AS (id * 3) STORED)",
				"INSERT INTO u (id) VALUES (5)",
			} {
				s.note("# %s", change)
				s.Do(change)
				look()
			}
			end()
			look()
		}
	}},
	{"large results", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, x)")
		for i, x := range []any{strings.Repeat("é", 90_000), strings.Repeat("a\x00b", 30_000), []byte(strings.Repeat("\x00\xff", 100_000))} {
			s.Do("INSERT INTO t VALUES (?, ?)", i+1, x)
		}
		s.Do("INSERT INTO t SELECT value + 10, replace(hex(zeroblob(75000)), '0', char(97 + value)) FROM json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]')")
		for _, end := range []func(){s.Rollback, s.Commit} {
			s.Begin()
			s.Query("SELECT id, length(x), x FROM t ORDER BY id DESC")
			s.Exec("UPDATE t SET id = id + 100 WHERE id < 3")
			s.Query("SELECT * FROM t ORDER BY id")
			s.Query("SELECT * FROM t WHERE id > 20")
			s.Insert("INSERT INTO t (x) SELECT x FROM t WHERE id = 3")
			s.Query("SELECT length(x) FROM t WHERE id > 100 ORDER BY id")
			s.Query("SELECT x FROM t WHERE id = 101")
			end()
		}
		s.Query("SELECT count(*), sum(length(x)) FROM t")
	}},
	{"many rows", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
		s.Begin()
		s.Exec("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000) INSERT INTO t SELECT x, x * x FROM c")
		s.Query("SELECT count(*), sum(n) FROM t")
		s.Query("SELECT id, n FROM t WHERE n % 1000 = 1 ORDER BY n DESC")
		s.Exec("DELETE FROM t WHERE id % 7 <> 0")
		s.Query("SELECT max(id), count(*) FROM t")
		s.Commit()
		s.Query("SELECT count(*), sum(n) FROM t")
	}},
	{"writes that read", func(s *Script) {
		s.Do(`CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, k TEXT UNIQUE, n INTEGER DEFAULT 7);
			CREATE TABLE b (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID; INSERT INTO b VALUES ('x', 1), ('y', 2), ('z', 3)`)
		s.Begin()
		s.Insert("INSERT INTO a (k) SELECT k FROM b ORDER BY k DESC")
		s.Query("SELECT * FROM a ORDER BY id")
		s.Insert("INSERT INTO a DEFAULT VALUES")
		s.Exec("UPDATE a SET n = b.n * 10 FROM b WHERE b.k = a.k AND b.n > ?", 1)
		s.Exec("UPDATE b SET n = (SELECT sum(n) FROM a), k = k || ? WHERE k = 'x'", "!")
		s.Exec("DELETE FROM a WHERE id = (SELECT max(id) FROM a)")
		s.Insert("INSERT INTO a (k) VALUES ('after')") // AUTOINCREMENT does not use the number again
		s.Insert("WITH w AS (SELECT k || '2' AS k, n FROM b) INSERT INTO a (k, n) SELECT * FROM w WHERE n > 1 ON CONFLICT (k) DO NOTHING")
		s.Exec("WITH w AS (SELECT k FROM b WHERE n > 2) UPDATE a SET n = -1 WHERE k IN (SELECT k FROM w)")
		s.Exec("WITH w AS (SELECT max(id) AS id FROM a) DELETE FROM a WHERE id IN (SELECT id FROM w)")
		s.Query("SELECT * FROM a ORDER BY id")
		s.Query("SELECT * FROM b ORDER BY k")
		s.Query("SELECT seq FROM sqlite_sequence WHERE name = 'a'")
		s.Commit()
		s.Query("SELECT * FROM a ORDER BY id")
		s.Insert("INSERT INTO a (k) VALUES ('last')")
	}},
	{"several statements at once", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, n)")
		s.Begin()
		s.Insert("INSERT INTO t (k, n) VALUES ('a', 1); INSERT INTO t (k, n) VALUES ('b', 2); UPDATE t SET n = n + 1")
		s.Exec("INSERT INTO t (k, n) VALUES (?1, ?2); UPDATE t SET n = ?2 * 10 WHERE k = ?1;", "c", 3)
		s.Exec("DELETE FROM t WHERE k = 'a'; INSERT INTO t (k) VALUES ('b'); DELETE FROM t")
		s.Query("INSERT INTO t (k, n) VALUES ('d', 4); SELECT * FROM t ORDER BY id")
		s.Query("SELECT 1; SELECT k FROM t ORDER BY k DESC;")
		s.Query("-- nothing")
		s.Commit()
		s.Query("SELECT * FROM t ORDER BY id")
	}},
	{"values that differ each time are the transaction's own", func(s *Script) {
		s.Do(`CREATE TABLE t (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, n,
			at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%fZ')) NOT NULL, r INTEGER DEFAULT (random()), stamp DEFAULT CURRENT_TIMESTAMP);
			CREATE TABLE kept (id TEXT, r, at, stamp)`)
		s.Begin()
		s.Exec("INSERT INTO t (n) VALUES (1)")
		s.Exec("INSERT INTO kept SELECT id, r, at, stamp FROM t")
		s.Query("SELECT n, count(*) FROM t JOIN kept USING (id, r, at, stamp) GROUP BY n")
		s.Exec("INSERT INTO t (n) VALUES (2), (3), (4)")
		s.keep("SELECT id, r, at, stamp FROM t WHERE n > 1")
		s.Query("SELECT n FROM t JOIN kept USING (id, r, at, stamp) ORDER BY n")
		s.Exec("UPDATE t SET at = datetime('now'), r = random() WHERE n = 2")
		s.Query("SELECT n, typeof(r), length(at) FROM t ORDER BY n")
		s.Exec("UPDATE t SET n = n * 10 WHERE CURRENT_TIMESTAMP > '2020' AND at > date('now', '-1 day') AND at < date('now', '+1 day')")
		s.Query("SELECT n FROM t ORDER BY n")
		s.Commit()
		s.Query("SELECT count(*), count(DISTINCT id), count(DISTINCT r) FROM t")
		s.Query("SELECT count(*) FROM t JOIN kept USING (id)")
	}},
	{"text that only looks as if it differed", func(s *Script) {
		s.Do("CREATE TABLE t (a, b)")
		s.Begin()
		s.Exec("INSERT INTO t VALUES ('now', 'CURRENT_TIMESTAMP')")
		s.Query("SELECT a, b, upper('now') FROM t WHERE a = 'now'")
		s.Exec(`UPDATE t SET b = "a" WHERE b IN ('random()', 'CURRENT_TIMESTAMP')`)
		s.Query("SELECT *, length(date('now')), 'now' || 'x' FROM t")
		s.Query("SELECT (julianday('now') - julianday(datetime())) < 0.01, unixepoch() > 1e9, strftime('%s') = strftime('%s', 'now'), time('now') IS NULL")
		s.Commit()
		s.Query("SELECT * FROM t")
	}},
	{"EXPLAIN", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n); CREATE INDEX t_n ON t (n)")
		s.Begin()
		s.explain("EXPLAIN QUERY PLAN SELECT * FROM t WHERE n = 1")
		s.Exec("INSERT INTO t VALUES (1, 1)")
		s.explain("EXPLAIN QUERY PLAN SELECT * FROM t WHERE n = ?", 1)
		s.explain("EXPLAIN SELECT * FROM t")
		s.explain("EXPLAIN QUERY PLAN SELECT * FROM nowhere")
		s.Query("SELECT * FROM t")
		s.Commit()
	}},
	{"pragmas inside a transaction", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n)")
		s.Begin()
		for _, pragma := range []string{
			"foreign_keys", "journal_mode", "table_info(nowhere)", "foreign_key_check(t)", "defer_foreign_keys", "quick_check",
		} {
			s.Query("PRAGMA " + pragma)
			s.Exec("INSERT INTO t (n) VALUES (1)")
		}
		s.Do("PRAGMA optimize")
		s.Query("SELECT count(*) FROM t")
		s.Commit()
	}},
}

// keep stores the rows of a query by their values, as an application that has read them would.
func (s *Script) keep(query string) {
	rows, err := s.on.QueryContext(s.ctx, query)
	if err != nil {
		s.note("keep: %v", err)
		return
	}
	var kept [][]any
	for rows.Next() {
		values := make([]any, 4)
		if err := rows.Scan(&values[0], &values[1], &values[2], &values[3]); err != nil {
			s.note("keep: %v", err)
		}
		kept = append(kept, values)
	}
	s.note("kept %d, %v", len(kept), rows.Close())
	for _, values := range kept {
		s.Exec("INSERT INTO kept VALUES (?, ?, ?, ?)", values...)
	}
}

// explain notes whether a plan was told, and whether it uses an index: the rest is the SQLite version's.
func (s *Script) explain(query string, args ...any) {
	rows, err := s.on.QueryContext(s.ctx, query, args...)
	if err != nil {
		s.note("%s: %v", query, err)
		return
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	told, indexed := false, false
	for rows.Next() {
		values := make([]any, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			s.note("scan: %v", err)
		}
		told = true
		indexed = indexed || strings.Contains(fmt.Sprint(values...), "INDEX")
	}
	s.note("%s: %q told %v indexed %v, %v", query, columns, told, indexed, rows.Err())
}
