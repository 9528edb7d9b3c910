package d1test

import "context"

var transactions = []Case{
	{"a transaction sees its own writes", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER)")
		s.Begin()
		s.Query("SELECT * FROM t")
		s.Insert("INSERT INTO t VALUES ('a', 1)")
		s.Query("SELECT * FROM t")
		s.Exec("UPDATE t SET n = n + (SELECT count(*) FROM t)")
		s.Query("SELECT * FROM t")
		s.Exec("INSERT INTO t SELECT 'b', n * 10 FROM t")
		s.Query("SELECT * FROM t ORDER BY id DESC")
		s.Commit()
		s.Query("SELECT * FROM t ORDER BY id")
		s.Begin()
		s.Exec("DELETE FROM t")
		s.Query("SELECT count(*) FROM t")
		s.Rollback()
		s.Query("SELECT count(*) FROM t")
		s.Begin()
		s.Commit()
		s.Begin()
		s.Query("SELECT n FROM t WHERE id = ?", "a")
		s.Commit()
	}},
	{"an error leaves the transaction as it was", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER CHECK (n < 5))")
		s.Begin()
		s.Exec("INSERT INTO t VALUES ('a', 1)")
		s.Exec("INSERT INTO t VALUES ('b', 2), ('a', 3)")
		s.Query("SELECT * FROM t")
		s.Exec("UPDATE t SET n = 9")
		s.Query("SELECT * FROM nowhere")
		s.Exec("INSERT INTO t VALUES ('c', 3)")
		s.Exec("INSERT INTO t VALUES ('d', 1); INSERT INTO t VALUES ('d', 2); INSERT INTO t VALUES ('e', 3)")
		s.Query("SELECT * FROM t")
		s.Commit()
		s.Query("SELECT * FROM t")
	}},
	{"foreign keys", func(s *Script) {
		s.Do("CREATE TABLE a (id INTEGER PRIMARY KEY)")
		for _, pair := range [][2]string{{"b", "a"}, {"c", "b"}, {"d", "c"}} {
			s.Do("CREATE TABLE " + pair[0] + " (id INTEGER PRIMARY KEY, up INTEGER REFERENCES " + pair[1] + " (id) ON DELETE CASCADE)")
		}
		for _, table := range []string{"a (id)", "b (id, up)", "c (id, up)", "d (id, up)"} {
			for i := 1; i <= 3; i++ {
				if table == "a (id)" {
					s.Do("INSERT INTO "+table+" VALUES (?)", i)
				} else {
					s.Do("INSERT INTO "+table+" VALUES (?, ?)", i, i)
				}
			}
		}
		s.Begin()
		s.Exec("DELETE FROM a WHERE id = 2")
		s.Query("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c), (SELECT count(*) FROM d)")
		s.Exec("INSERT INTO d VALUES (9, 2)")
		s.Exec("UPDATE c SET up = 77")
		s.Commit()
		s.Query("SELECT id, up FROM d ORDER BY id")
		s.Begin()
		s.Do("PRAGMA defer_foreign_keys = ON")
		s.Exec("INSERT INTO d VALUES (10, 50)")
		s.Exec("INSERT INTO c VALUES (50, 1)")
		s.Commit()
		s.Query("SELECT count(*) FROM d WHERE up = 50")
	}},
	{"fields are converted as PocketBase does it", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY, f TEXT DEFAULT '' NOT NULL)")
		s.Do("INSERT INTO t VALUES ('1', ''), ('2', 'x'), ('3', '[\"a\",\"b\"]'), ('4', 'it''s')")
		s.Do("CREATE VIEW v AS SELECT id, f FROM t")
		s.Begin()
		s.Query("SELECT name, sql FROM sqlite_master WHERE (sql is not null) AND (type=?)", "view")
		s.Do("DROP VIEW IF EXISTS v")
		s.Do("ALTER TABLE t RENAME COLUMN f TO _f123")
		s.Do("ALTER TABLE t ADD COLUMN f JSON DEFAULT '[]' NOT NULL")
		s.Exec(`UPDATE t SET f = (CASE WHEN COALESCE(_f123, '') = '' THEN '[]' ELSE
			(CASE WHEN json_valid(_f123) AND json_type(_f123) == 'array' THEN _f123 ELSE json_array(_f123) END) END)`)
		s.Do("ALTER TABLE t DROP COLUMN _f123")
		s.Do("CREATE VIEW v AS SELECT id, f FROM t")
		s.Query("SELECT * FROM v ORDER BY id")
		s.Query("SELECT * FROM t ORDER BY id")
		s.Commit()
		s.Query("SELECT * FROM v ORDER BY id")
	}},
	{"results that are looked at late", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n)")
		s.Begin()
		first, err := s.on.ExecContext(s.ctx, "INSERT INTO t (n) VALUES (1), (2), (3)")
		if err != nil {
			s.note("%v", err)
			return
		}
		second, _ := s.on.ExecContext(s.ctx, "UPDATE t SET n = 0 WHERE n > 1")
		changes, err := second.RowsAffected()
		s.note("%d %v", changes, err)
		s.Commit()
		id, err := first.LastInsertId()
		s.note("%d %v", id, err)
	}},
	{"values that differ each time", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, at TEXT, n)")
		s.Begin()
		s.Exec("INSERT INTO t (at, n) VALUES (strftime('%Y-%m-%d %H:%M:%fZ'), random())")
		s.Query("SELECT length(id), typeof(n) FROM t WHERE at > '2020'")
		s.Query("SELECT count(DISTINCT id) FROM t")
		s.Exec("INSERT INTO t (id, at) VALUES ('x', CURRENT_TIMESTAMP)")
		s.Query("SELECT id FROM t WHERE id = 'x'")
		s.Commit()
		s.Query("SELECT count(*) FROM t")
		s.Begin()
		s.Query("SELECT typeof(random()), typeof(datetime('now')), typeof(CURRENT_DATE)")
		s.Exec("DELETE FROM t WHERE id = 'x'")
		s.Commit()
	}},
	{"a context that ends", func(s *Script) {
		s.Do("CREATE TABLE t (n)")
		whole := s.ctx
		ctx, cancel := context.WithCancel(whole)
		s.ctx = ctx
		s.Begin()
		s.Exec("INSERT INTO t VALUES (1)")
		cancel()
		s.Exec("INSERT INTO t VALUES (2)")
		s.end("commit", func() error {
			if err := s.tx.Commit(); err == nil {
				return nil
			}
			return context.Canceled // or ErrTxDone, as the race goes
		})
		s.ctx = whole
		s.Query("SELECT * FROM t")
		s.Exec("INSERT INTO t VALUES (3)")
		s.Query("SELECT * FROM t")
	}},
	{"prepared statements", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, n)")
		s.Begin()
		stmt, err := s.tx.PrepareContext(s.ctx, "INSERT INTO t (n) VALUES (?)")
		if err != nil {
			s.note("%v", err)
			return
		}
		for i := range 3 {
			_, err := stmt.ExecContext(s.ctx, i)
			s.note("%v", err)
		}
		s.note("%v", stmt.Close())
		s.Commit()
		query, err := s.db.PrepareContext(s.ctx, "SELECT count(*) FROM t WHERE n > ?")
		if err != nil {
			s.note("%v", err)
			return
		}
		var n int
		s.note("%v", query.QueryRowContext(s.ctx, 0).Scan(&n))
		s.note("%d %v", n, query.Close())
	}},
}
