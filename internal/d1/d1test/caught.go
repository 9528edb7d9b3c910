package d1test

import "fmt"

// caught are transactions that go on after an error.
var caught = []Case{
	{"every kind of error is caught, and work goes on", func(s *Script) {
		guarded(s)
		for i, failing := range []string{
			"INSERT INTO t VALUES (1, 'twice', 1)",
			"INSERT INTO t VALUES (50, 'first', 1)",
			"UPDATE t SET k = 'first'",
			"INSERT INTO t VALUES (51, NULL, 1)",
			"INSERT INTO t VALUES (52, 'x', 1000)",
			"INSERT INTO t VALUES ('text', 'x', 1)",
			"INSERT INTO child VALUES (1, 99)",
			"DELETE FROM t WHERE id = 1",
			"INSERT INTO t VALUES (53, 'forbidden', 1)",
			"INSERT INTO t VALUES (54, 'x')",
			"INSERT INTO t (id, nothing) VALUES (55, 1)",
			"INSERT INTO nowhere VALUES (1)",
			"INSRT INTO t VALUES (1)",
			"INSERT INTO t VALUES (56, nothing(1), 1)",
			"CREATE TABLE t (x)",
			"CREATE INDEX i ON nowhere (x)",
			"DROP TABLE nowhere",
			"DROP VIEW t",
			"ALTER TABLE t ADD COLUMN id TEXT",
			"ALTER TABLE t RENAME COLUMN nothing TO something",
			"SELECT * FROM nowhere",
			"SELECT nothing FROM t",
			"SELECT id FROM t JOIN child",
			"SELECT json('{')",
			"SELECT abs(-9223372036854775808)",
			"INSERT INTO t SELECT 60 + value, 'json', value FROM json_each('[1')",
			"INSERT INTO t VALUES (57, 'good', 1), (58, 'good', 1)",
			"UPDATE t SET n = n + 999",
			"SELECT * FROM t WHERE id = ? AND k = ?",
		} {
			s.note("# %s", failing)
			s.Begin()
			s.Exec("UPDATE t SET n = n + 1 WHERE id = 2")
			s.Exec(failing)
			s.Query("SELECT * FROM t ORDER BY id")
			s.Insert("INSERT INTO t (k, n) VALUES (?, ?)", fmt.Sprint("round ", i), i)
			s.Query(failing)
			s.Query("SELECT count(*), sum(n) FROM t")
			if i%3 == 2 {
				s.Rollback()
			} else {
				s.Commit()
			}
			s.Query("SELECT * FROM t ORDER BY id")
		}
	}},
	{"errors one after another", func(s *Script) {
		guarded(s)
		s.Begin()
		for range 3 {
			s.Exec("INSERT INTO t VALUES (1, 'twice', 1)")
			s.Exec("INSERT INTO child VALUES (1, 99)")
		}
		s.Query("SELECT count(*) FROM t")
		s.Commit()
		s.Begin()
		s.Exec("INSERT INTO nowhere VALUES (1)")
		s.Rollback()
		s.Query("SELECT * FROM t ORDER BY id")
	}},
	{"conflict clauses", func(s *Script) {
		guarded(s)
		s.Begin()
		s.Exec("INSERT OR IGNORE INTO t VALUES (1, 'ignored', 1), (10, 'kept', 1)")
		s.Exec("INSERT OR REPLACE INTO t VALUES (3, 'second', 5)")
		s.Exec("REPLACE INTO t VALUES (3, 'third', 6)")
		s.Exec("INSERT OR ABORT INTO t VALUES (20, 'x', 1), (1, 'y', 1)")
		s.Exec("UPDATE OR IGNORE t SET k = 'first' WHERE id = 10")
		s.Exec("UPDATE OR REPLACE t SET k = 'kept' WHERE id = 3")
		s.Query("SELECT * FROM t ORDER BY id")
		s.Exec("INSERT INTO t VALUES (1, 'up', 1) ON CONFLICT (id) DO UPDATE SET n = n + excluded.n, k = excluded.k")
		s.Exec("INSERT INTO t VALUES (1, 'up', 1) ON CONFLICT DO NOTHING")
		s.Exec("INSERT INTO t (k, n) VALUES ('up', 3), ('new', 4) ON CONFLICT (k) DO UPDATE SET n = excluded.n WHERE excluded.n > 2")
		s.Query("SELECT * FROM t ORDER BY id")
		s.Commit()
		s.Query("SELECT * FROM t ORDER BY id")
	}},
	{"deferred foreign keys", func(s *Script) {
		s.Do(`CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id)
			DEFERRABLE INITIALLY DEFERRED)`)
		s.Begin()
		s.Exec("INSERT INTO b VALUES (1, 5)")
		s.Query("SELECT * FROM b")
		s.Query("PRAGMA foreign_key_check")
		s.Query("SELECT * FROM pragma_foreign_key_check('b')")
		s.Exec("INSERT INTO a VALUES (5)")
		s.Query("PRAGMA foreign_key_check(b)")
		s.Commit()
		s.Query("SELECT * FROM b")
		s.Begin()
		s.Exec("INSERT INTO b VALUES (2, 6)")
		s.Rollback()
		s.Begin()
		s.Exec("DELETE FROM a")
		s.Exec("DELETE FROM b")
		s.Commit()
		s.Query("SELECT count(*) FROM b")
	}},
	{"a deferred foreign key that is violated in the end", func(s *Script) {
		s.Do(`CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id)
			DEFERRABLE INITIALLY DEFERRED); INSERT INTO a VALUES (1)`)
		s.Begin()
		s.Exec("INSERT INTO b VALUES (1, 5)")
		s.Query("SELECT * FROM b")
		s.Commit()
		s.Query("SELECT count(*) FROM a")
	}},
	{"foreign keys are deferred by a pragma", func(s *Script) {
		s.Do("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id))")
		s.Begin()
		s.Exec("INSERT INTO b VALUES (1, 5)")
		s.Do("PRAGMA defer_foreign_keys = 1")
		s.Exec("INSERT INTO b VALUES (1, 5)")
		s.Exec("INSERT INTO a VALUES (5)")
		s.Commit()
		s.Begin()
		s.Exec("INSERT INTO b VALUES (2, 6)") // the pragma ended with its transaction
		s.Commit()
		s.Query("SELECT * FROM b")
	}},
	{"triggers and cascades", func(s *Script) {
		guarded(s)
		s.Do(`CREATE TABLE seen (what TEXT, id INTEGER);
			CREATE TRIGGER t_insert AFTER INSERT ON t BEGIN INSERT INTO seen VALUES ('insert', NEW.id); END;
			CREATE TRIGGER t_update AFTER UPDATE OF n ON t WHEN OLD.n <> NEW.n BEGIN INSERT INTO seen VALUES ('update', NEW.id); END;
			CREATE TRIGGER t_delete AFTER DELETE ON t BEGIN INSERT INTO seen VALUES ('delete', OLD.id); END;
			CREATE TABLE leaf (id INTEGER PRIMARY KEY, up INTEGER REFERENCES leaf (id) ON DELETE CASCADE);
			CREATE TABLE note (leaf INTEGER REFERENCES leaf (id) ON DELETE SET NULL ON UPDATE CASCADE)`)
		s.Begin()
		s.Insert("INSERT INTO t VALUES (10, 'ten', 1)")
		s.Insert("INSERT INTO t VALUES (11, 'forbidden', 1)")
		s.Exec("UPDATE t SET n = n WHERE id = 10")
		s.Exec("UPDATE t SET n = 2 WHERE id > 2")
		s.Exec("DELETE FROM t WHERE id = 10")
		s.Query("SELECT * FROM seen ORDER BY rowid")
		s.Insert("INSERT INTO leaf VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, 1), (6, NULL)")
		s.Insert("INSERT INTO note VALUES (3), (6)")
		s.Exec("UPDATE leaf SET id = 60 WHERE id = 6")
		s.Exec("DELETE FROM leaf WHERE id = 2")
		s.Query("SELECT * FROM leaf ORDER BY id")
		s.Query("SELECT leaf FROM note ORDER BY rowid")
		s.Commit()
		s.Query("SELECT count(*) FROM seen")
		s.Query("SELECT * FROM leaf ORDER BY id")
	}},
	{"what is done with a transaction that is over", func(s *Script) {
		s.Do("CREATE TABLE t (n)")
		s.Begin()
		first := s.tx
		s.Exec("INSERT INTO t VALUES (1)")
		s.Commit()
		_, err := first.Exec("INSERT INTO t VALUES (2)")
		s.note("%v %v %v", err, first.Commit(), first.Rollback())
		s.Begin()
		s.Rollback()
		s.Begin()
		s.Exec("INSERT INTO t VALUES (3)")
		s.Commit()
		s.Query("SELECT * FROM t")
	}},
}

// guarded makes a table t with every kind of constraint, three rows in it, and a child.
func guarded(s *Script) {
	s.Do(`CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE, n INTEGER CHECK (n < 1000));
		CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id));
		CREATE TRIGGER t_forbids BEFORE INSERT ON t WHEN NEW.k = 'forbidden' BEGIN SELECT RAISE(ABORT, 'it is forbidden'); END;
		INSERT INTO t VALUES (1, 'first', 1), (2, 'second', 2), (3, 'third', 3);
		INSERT INTO child VALUES (7, 1)`)
}
