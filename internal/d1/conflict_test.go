package d1_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// isolates opens several drivers on one database, as isolates do.
func isolates(t *testing.T, n int, options d1.Options) (*standin.Database, []*sql.DB) {
	t.Helper()
	db := openStandIn(t, ":memory:")
	drivers := make([]*sql.DB, n)
	for i := range drivers {
		drivers[i] = sql.OpenDB(d1.Open(db, options))
		t.Cleanup(func() { _ = drivers[i].Close() })
	}
	return db, drivers
}

type execer interface {
	Exec(query string, args ...any) (sql.Result, error)
	QueryRow(query string, args ...any) *sql.Row
}

func exec(t *testing.T, db execer, query string, args ...any) sql.Result {
	t.Helper()
	result, err := db.Exec(query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return result
}

func one(t *testing.T, db execer, query string, args ...any) (value any) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func begin(t *testing.T, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestConflicts(t *testing.T) {
	changed := []struct {
		name     string
		mine     func(t *testing.T, tx *sql.Tx)
		others   string
		conflict bool
	}{
		{"a row that was read", func(t *testing.T, tx *sql.Tx) {
			one(t, tx, "SELECT n FROM t WHERE id = 1")
			exec(t, tx, "UPDATE t SET n = n + 1 WHERE id = 2")
		}, "UPDATE t SET n = 9 WHERE id = 1", true},
		{"a row that was not read", func(t *testing.T, tx *sql.Tx) {
			one(t, tx, "SELECT n FROM t WHERE id = 1")
			exec(t, tx, "UPDATE t SET n = n + 1 WHERE id = 1")
		}, "UPDATE t SET n = 9 WHERE id = 2", false},
		{"a row that was read after a write", func(t *testing.T, tx *sql.Tx) {
			exec(t, tx, "UPDATE t SET n = n + 1 WHERE id = 1")
			one(t, tx, "SELECT sum(n) FROM t")
		}, "UPDATE t SET n = 9 WHERE id = 2", true},
		{"a row that was looked for in vain", func(t *testing.T, tx *sql.Tx) {
			one(t, tx, "SELECT count(*) FROM t WHERE id = 3")
			exec(t, tx, "INSERT INTO t VALUES (4, 1)")
		}, "INSERT INTO t VALUES (3, 1)", true},
		{"the same unique value", func(t *testing.T, tx *sql.Tx) {
			exec(t, tx, "INSERT INTO t VALUES (3, 1)")
		}, "INSERT INTO t VALUES (3, 2)", true},
		{"how many rows a write changed, unseen", func(t *testing.T, tx *sql.Tx) {
			exec(t, tx, "UPDATE t SET n = 0")
		}, "DELETE FROM t WHERE id = 1", false},
		{"how many rows a write changed, seen", func(t *testing.T, tx *sql.Tx) {
			if _, err := exec(t, tx, "UPDATE t SET n = 0").RowsAffected(); err != nil {
				t.Fatal(err)
			}
		}, "DELETE FROM t WHERE id = 1", true},
		{"the schema", func(t *testing.T, tx *sql.Tx) {
			one(t, tx, "SELECT count(*) FROM t")
			exec(t, tx, "UPDATE t SET n = 0")
		}, "ALTER TABLE t RENAME COLUMN n TO m", true},
		{"the order of rows that have none", func(t *testing.T, tx *sql.Tx) {
			one(t, tx, "SELECT group_concat(id) FROM t")
			one(t, tx, "SELECT id FROM t")
			exec(t, tx, "UPDATE t SET n = 0")
		}, "CREATE INDEX other ON t (n)", false},
		{"the order of rows that have one", func(t *testing.T, tx *sql.Tx) {
			rows, err := tx.Query("SELECT id FROM t ORDER BY n")
			if err != nil {
				t.Fatal(err)
			}
			_ = rows.Close()
			exec(t, tx, "UPDATE t SET n = 0 WHERE id = 2")
		}, "UPDATE t SET n = 100 WHERE id = 1", true},
	}
	for _, c := range changed {
		t.Run(c.name, func(t *testing.T) {
			var stored, lost int
			_, drivers := isolates(t, 2, d1.Options{OnStored: func() { stored++ }, OnConflict: func() { lost++ }})
			exec(t, drivers[1], "CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 10), (2, 20)")
			stored = 0
			tx := begin(t, drivers[0])
			c.mine(t, tx)
			if stored != 0 {
				t.Error("a step has stored something")
			}
			exec(t, drivers[1], c.others)
			stored = 0
			err := tx.Commit()
			if errors.Is(err, d1.ErrConflict) != c.conflict || err != nil && !c.conflict {
				t.Errorf("commit: %v", err)
			}
			if wantLost := map[bool]int{true: 1}[c.conflict]; lost != wantLost || stored != 1-wantLost {
				t.Errorf("%d stored, %d lost", stored, lost)
			}
		})
	}
}

// A statement's error is its own only in the state that the transaction has seen.
func TestErrorOfALostRace(t *testing.T) {
	_, drivers := isolates(t, 2, d1.Options{})
	exec(t, drivers[1], "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	tx := begin(t, drivers[0])
	defer func() { _ = tx.Rollback() }()
	if n := one(t, tx, "SELECT count(*) FROM t WHERE id = 1"); n != int64(0) {
		t.Fatal(n)
	}
	exec(t, drivers[1], "INSERT INTO t VALUES (1)")
	if _, err := tx.Exec("INSERT INTO t VALUES (1)"); !errors.Is(err, d1.ErrConflict) {
		t.Errorf("insert: %v", err)
	}
	fresh := begin(t, drivers[0])
	defer func() { _ = fresh.Rollback() }()
	_, err := fresh.Exec("INSERT INTO t VALUES (1)")
	var own *d1.Error
	if errors.Is(err, d1.ErrConflict) || !errors.Is(err, d1.CodeConstraint) || !errors.As(err, &own) || own.Extended != 1555 {
		t.Errorf("insert: %#v", err)
	}
}

// Transfers between accounts by many isolates at once keep their sum.
func TestTransfers(t *testing.T) {
	_, drivers := isolates(t, 4, d1.Options{})
	exec(t, drivers[0], "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER CHECK (n >= 0)); INSERT INTO a VALUES (1, 100), (2, 100), (3, 100)")
	var wg sync.WaitGroup
	done := make([]int, len(drivers))
	for i, db := range drivers {
		wg.Go(func() {
			for step := range 60 {
				from, to := 1+(i+step)%3, 1+(i+2*step+1)%3
				if from != to && transfer(db, from, to, 1+step%7) == nil {
					done[i]++
				}
			}
		})
	}
	wg.Wait()
	if sum := one(t, drivers[0], "SELECT sum(n) FROM a"); sum != int64(300) {
		t.Errorf("the sum is %v", sum)
	}
	if done[0]+done[1]+done[2]+done[3] == 0 {
		t.Error("nothing was transferred")
	}
}

func transfer(db *sql.DB, from, to, amount int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var a, b int
	if err := tx.QueryRow("SELECT n FROM a WHERE id = ?", from).Scan(&a); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE a SET n = ? WHERE id = ?", a-amount, from); err != nil {
		return err
	}
	if err := tx.QueryRow("SELECT n FROM a WHERE id = ?", to).Scan(&b); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE a SET n = ? WHERE id = ?", b+amount, to); err != nil {
		return err
	}
	return tx.Commit()
}

func TestDeferredErrors(t *testing.T) {
	db, drivers := isolates(t, 1, d1.Options{DeferErrors: func(sql string) bool { return !strings.Contains(sql, "own") }})
	exec(t, drivers[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, n)")
	tx := begin(t, drivers[0])
	exec(t, tx, "DELETE FROM t") // the driver makes its tables
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}

	db.ResetCounts()
	tx = begin(t, drivers[0])
	result := exec(t, tx, "INSERT INTO t (n) VALUES (1)")
	exec(t, tx, "INSERT INTO t (n) VALUES (2), (3)")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if calls, statements := db.Counts(); calls != 1 || statements != 3 { // with the token
		t.Errorf("%d calls, %d statements", calls, statements)
	}
	if id, err := result.LastInsertId(); id != 1 || err != nil {
		t.Errorf("%d, %v", id, err)
	}

	tx = begin(t, drivers[0])
	exec(t, tx, "INSERT INTO t (id) VALUES (1)")
	if err := tx.Commit(); errors.Is(err, d1.ErrConflict) || !strings.Contains(err.Error(), "UNIQUE constraint failed: t.id") {
		t.Errorf("commit: %v", err)
	}

	tx = begin(t, drivers[0])
	result = exec(t, tx, "UPDATE t SET n = 0 WHERE n > 1")
	if n, err := result.RowsAffected(); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	exec(t, tx, "INSERT INTO t (id) VALUES (1)")
	if err := tx.QueryRow("SELECT count(*) FROM t").Err(); err == nil {
		t.Error("the error of a write did not show at the next read")
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}

	exec(t, drivers[0], "CREATE TABLE own (id INTEGER PRIMARY KEY)")
	tx = begin(t, drivers[0])
	exec(t, tx, "INSERT INTO t (n) VALUES (7)")
	exec(t, tx, "INSERT INTO own VALUES (1)")
	if _, err := tx.Exec("INSERT INTO own VALUES (1)"); !errors.Is(err, d1.CodeConstraint) {
		t.Errorf("a write that is not deferred: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	var rows int
	if err := drivers[0].QueryRow("SELECT count(*) FROM own, t WHERE n = 7").Scan(&rows); rows != 1 || err != nil {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// A transaction whose context ends is rolled back and leaves the pool's only connection usable.
func TestCancel(t *testing.T) {
	db, drivers := isolates(t, 1, d1.Options{})
	pool := drivers[0]
	pool.SetMaxOpenConns(1)
	exec(t, pool, "CREATE TABLE t (n)")
	for _, moment := range []string{"between steps", "inside a step", "before the commit"} {
		ctx, cancel := context.WithCancel(context.Background())
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, tx, "INSERT INTO t VALUES (1)")
		if moment == "inside a step" {
			db.Before = func([]d1.Statement) error { cancel(); return ctx.Err() }
		} else {
			cancel()
		}
		if moment != "before the commit" {
			if _, err := tx.ExecContext(ctx, "INSERT INTO t VALUES (2)"); err == nil {
				t.Errorf("%s: no error", moment)
			}
		}
		db.Before = nil
		if err := tx.Commit(); err == nil {
			t.Errorf("%s: committed", moment)
		}
		if n := one(t, pool, "SELECT count(*) FROM t"); n != int64(0) {
			t.Errorf("%s: %v rows", moment, n)
		}
		cancel()
	}
}

// An id that the database makes up is the same in each step and in what is stored.
func TestMadeUpID(t *testing.T) {
	_, drivers := isolates(t, 1, d1.Options{})
	exec(t, drivers[0], `CREATE TABLE t (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, x);
		CREATE TABLE child (t TEXT REFERENCES t (id)); CREATE TABLE other (n)`)
	tx := begin(t, drivers[0])
	exec(t, tx, "INSERT INTO `t` ([x]) VALUES (lower(?))", "A) , (b")
	id := one(t, tx, "SELECT id FROM t WHERE x = 'a) , (b'")
	exec(t, tx, "INSERT INTO child VALUES (?)", id)
	exec(t, tx, "INSERT INTO other (n) VALUES (1)")
	if again := one(t, tx, "SELECT t FROM child JOIN t ON t.id = child.t"); again != id {
		t.Errorf("%v, then %v", id, again)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if stored := one(t, drivers[0], "SELECT id FROM t"); stored != id {
		t.Errorf("%v stored, %v read", stored, id)
	}
}

// A transaction that gives up because of what it read is told if that never was.
func TestRollbackOfALostRace(t *testing.T) {
	lost := 0
	_, drivers := isolates(t, 2, d1.Options{OnConflict: func() { lost++ }})
	exec(t, drivers[0], "CREATE TABLE t (n)")
	for _, c := range []struct {
		others string
		want   int
	}{{"", 0}, {"INSERT INTO t VALUES (1)", 1}} {
		tx := begin(t, drivers[0])
		one(t, tx, "SELECT count(*) FROM t")
		exec(t, drivers[1], c.others)
		one(t, tx, "SELECT max(n) FROM t")
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if lost != c.want {
			t.Errorf("%q: %d lost", c.others, lost)
		}
	}
}
