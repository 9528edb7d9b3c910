package d1test

import "strings"

var returning = []Case{
	{"RETURNING", func(s *Script) {
		s.Do(`CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE, n REAL DEFAULT 1.5, b, twice AS (id * 2), up TEXT AS (upper(k)) STORED);
			CREATE TABLE w (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID; CREATE TABLE "odd "" name" ("a ""b" INT, [c d] TEXT)`)
		s.Inside(func() {
			s.Query("INSERT INTO t (k, b) VALUES ('a', x'00ff'), ('b', NULL), (?, ?) RETURNING *", "c'\x00", 7)
			s.Query("INSERT INTO t (k) VALUES ('d') RETURNING id, k AS key, n * 2, typeof(b), ?, up", "given")
			s.Query("INSERT INTO t AS x (k) VALUES ('e') RETURNING x.id, x.k || '!', rowid")
			s.Query("UPDATE t SET n = n + id WHERE k < ? RETURNING id, n, t.k", "c")
			s.Query("UPDATE t AS u SET b = other.n FROM w AS other WHERE other.k = u.k RETURNING u.id, b")
			s.Query("INSERT INTO t (k, n) VALUES ('a', 9), ('z', 9) ON CONFLICT (k) DO UPDATE SET n = excluded.n RETURNING id, k, n")
			s.Query("INSERT INTO t (k) VALUES ('a') ON CONFLICT DO NOTHING RETURNING id")
			s.Query("INSERT OR REPLACE INTO t (id, k) VALUES (1, 'new a') RETURNING *")
			s.Query("UPDATE OR IGNORE t SET k = 'z' WHERE k = 'b' RETURNING id")
			s.Query("UPDATE t SET n = 0 WHERE id = 99 RETURNING *")
			s.Query("INSERT INTO w SELECT k, id FROM t ORDER BY id LIMIT 3 RETURNING k, n")
			s.Query("UPDATE w SET n = -n RETURNING *")
			s.Query("WITH c AS (SELECT k FROM w WHERE n < -1) DELETE FROM w WHERE k IN (SELECT k FROM c) RETURNING k, (SELECT count(*) FROM t), n < 0")
			s.Query(`INSERT INTO "odd "" name" VALUES (1, '2') RETURNING "a ""b", [c d], "odd "" name"."c d"`)
			s.Query("INSERT INTO t (k) VALUES ('twice'); DELETE FROM t WHERE k = 'twice' RETURNING k, id")
			s.Exec("UPDATE t SET n = 3 RETURNING id")
			s.Query("INSERT INTO t (id, k) VALUES (1, 'taken') RETURNING id")
			s.Query("INSERT INTO t (k) VALUES ('x') RETURNING nothing")
			s.Query("INSERT INTO nowhere VALUES (1) RETURNING *")
			s.Query("DELETE FROM t RETURNING id, k")
			s.Query("SELECT count(*) FROM t")
			s.Query("DELETE FROM main.w RETURNING *")
			s.Do(`DELETE FROM "odd "" name"`)
		})
	}},
	{"RETURNING beside triggers", func(s *Script) {
		s.Do(`CREATE TABLE t (id INTEGER PRIMARY KEY, n); CREATE TABLE log (id INTEGER PRIMARY KEY, what);
			CREATE TABLE child (t INTEGER REFERENCES t (id) ON DELETE CASCADE);
			CREATE TRIGGER t_i AFTER INSERT ON t BEGIN INSERT INTO log (what) VALUES ('i' || NEW.id); END;
			CREATE TRIGGER t_b BEFORE UPDATE ON t BEGIN INSERT INTO log (what) VALUES ('u' || OLD.n); END`)
		s.Inside(func() {
			s.Query("INSERT INTO t VALUES (1, 1), (2, 2) RETURNING id")
			s.Do("INSERT INTO child VALUES (1), (1), (2)")
			s.Query("UPDATE t SET n = n * 10 RETURNING n")
			s.Query("DELETE FROM t WHERE id = 1 RETURNING id, n, (SELECT count(*) FROM log)")
			s.Query("SELECT * FROM log ORDER BY id")
			s.Query("SELECT * FROM child")
			s.Do("DELETE FROM t; DELETE FROM log")
		})
	}},
	{"RETURNING of what is made up, and of much", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, x); CREATE TABLE kept (id TEXT PRIMARY KEY)")
		s.Begin()
		for range 2 {
			var id string
			row := s.tx.QueryRowContext(s.ctx, "INSERT INTO t (x) VALUES (?) RETURNING id", 1)
			s.note("%v %d", row.Scan(&id), len(id))
			s.Exec("INSERT INTO kept VALUES (?)", id)
		}
		s.Query("INSERT INTO t (id, x) SELECT 'k' || value, ? FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]') RETURNING id, x", strings.Repeat("long", 60_000))
		s.Query("UPDATE t SET x = length(x) RETURNING x")
		s.Commit()
		s.Query("SELECT count(*) FROM t JOIN kept USING (id)")
	}},
}
