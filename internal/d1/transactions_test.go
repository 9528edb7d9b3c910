package d1_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// A cancellation at any moment of a transaction stores nothing, unless the commit had begun, and leaves the pool's only connection usable.
func TestCancelAtEachCall(t *testing.T) {
	for name, scratch := range map[string]d1.Scratch{"replay": nil, "scratch": new(standin.Scratch)} {
		t.Run(name, func(t *testing.T) { cancelAtEachCall(t, d1.Options{Scratch: scratch}) })
	}
}

func cancelAtEachCall(t *testing.T, options d1.Options) {
	steps := []string{
		"SELECT count(*) FROM t", "INSERT INTO t VALUES (2)", "SELECT n FROM t ORDER BY n", "UPDATE t SET n = n + 10",
		"INSERT INTO t VALUES (3) RETURNING n", "CREATE TABLE other (x)", "SELECT * FROM other",
	}
	for moment := 0; ; moment++ {
		db, drivers := isolates(t, 1, options)
		pool := drivers[0]
		pool.SetMaxOpenConns(1)
		exec(t, pool, "CREATE TABLE t (n); INSERT INTO t VALUES (1)")
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		calls, committing := 0, false
		db.Before = func([]d1.Statement) error {
			if calls++; calls > moment && !committing {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		failed := false
		for _, step := range steps {
			rows, err := tx.QueryContext(ctx, step)
			if err != nil {
				failed = true
				break
			}
			_ = rows.Close()
		}
		if !failed { // this moment is the commit
			committing = true
			db.Before = func([]d1.Statement) error { cancel(); return nil }
		}
		err = tx.Commit()
		db.Before = nil
		if failed && err == nil {
			t.Errorf("moment %d: committed after a cancellation", moment)
		}
		var sum int64
		if err := pool.QueryRow("SELECT sum(n) FROM t").Scan(&sum); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int64{true: 1, false: 26}[failed]; sum != want || !failed && err != nil {
			t.Errorf("moment %d: the sum is %d, commit: %v", moment, sum, err)
		}
		cancel()
		if !failed {
			break
		}
		if moment > 30 {
			t.Fatal("it never ends")
		}
	}
}

// A query or a write that is cancelled says so, stores nothing if it had not left, and leaves neither the connection nor a goroutine behind.
func TestCancelInTheOpen(t *testing.T) {
	db, drivers := isolates(t, 1, d1.Options{TokenWrites: true})
	pool := drivers[0]
	pool.SetMaxOpenConns(1)
	exec(t, pool, "CREATE TABLE t (n); INSERT INTO t VALUES (1), (2), (3)")
	before := runtime.NumGoroutine()
	for _, during := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		if during {
			db.Before = func([]d1.Statement) error { cancel(); return ctx.Err() }
		} else {
			cancel()
		}
		if rows, err := pool.QueryContext(ctx, "SELECT n FROM t WHERE n > ?", 0); !errors.Is(err, context.Canceled) {
			t.Errorf("query, during %v: %v %v", during, rows, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		if !during {
			cancel()
			if _, err := pool.ExecContext(ctx, "INSERT INTO t VALUES (10)"); !errors.Is(err, context.Canceled) {
				t.Errorf("write: %v", err)
			}
		}
		db.Before = nil
		cancel()
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows, err := pool.QueryContext(ctx, "SELECT n FROM t ORDER BY n")
	if err != nil || !rows.Next() {
		t.Fatal("no row", err)
	}
	cancel()
	for rows.Next() {
	}
	if err := rows.Err(); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("between rows: %v", err)
	}
	_ = rows.Close()
	// A write that was on its way is seen to its end: its fate is known.
	ctx, cancel = context.WithCancel(t.Context())
	db.Before = func([]d1.Statement) error { cancel(); return nil }
	if _, err := pool.ExecContext(ctx, "INSERT INTO t VALUES (4)"); err != nil {
		t.Errorf("a write on its way: %v", err)
	}
	db.Before = nil
	if sum := one(t, pool, "SELECT sum(n) FROM t"); sum != int64(10) {
		t.Errorf("the sum is %v", sum)
	}
	for range 1000 { // database/sql ends its own by and by
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// Each way to fail and give up leaves nothing behind.
func TestRollbackAfterEachFailure(t *testing.T) {
	stop := errors.New("stop")
	for name, fail := range map[string]func(tx *sql.Tx) error{
		"by itself":       func(*sql.Tx) error { return stop },
		"unique":          func(tx *sql.Tx) error { _, err := tx.Exec("INSERT INTO t VALUES (1, 1)"); return err },
		"syntax":          func(tx *sql.Tx) error { _, err := tx.Exec("INSRT"); return err },
		"a missing table": func(tx *sql.Tx) error { return tx.QueryRow("SELECT * FROM nowhere").Scan() },
		"a scan":          func(tx *sql.Tx) error { var n struct{}; return tx.QueryRow("SELECT id FROM t").Scan(&n) },
		"no rows":         func(tx *sql.Tx) error { var n int; return tx.QueryRow("SELECT id FROM t WHERE id = 99").Scan(&n) },
		"too long":        func(tx *sql.Tx) error { _, err := tx.Exec("UPDATE t SET n = zeroblob(3000000)"); return err },
		"too deep": func(tx *sql.Tx) error {
			return tx.QueryRow("SELECT " + strings.Repeat("abs(", 200) + "1" + strings.Repeat(")", 200)).Err()
		},
		"an argument": func(tx *sql.Tx) error { _, err := tx.Exec("UPDATE t SET n = ?", struct{}{}); return err },
		"a panic": func(tx *sql.Tx) (err error) {
			defer func() { err = fmt.Errorf("%v", recover()) }()
			panic(stop)
		},
	} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			_, drivers := isolates(t, 1, d1.Options{OnConflict: func() { lost++ }})
			exec(t, drivers[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 0)")
			tx := begin(t, drivers[0])
			one(t, tx, "SELECT n FROM t")
			exec(t, tx, "UPDATE t SET n = 5")
			exec(t, tx, "CREATE TABLE other (x)")
			if err := fail(tx); err == nil {
				t.Fatal("it did not fail")
			}
			if n := one(t, tx, "SELECT n FROM t"); n != int64(5) {
				t.Errorf("after the failure n is %v", n)
			}
			if err := tx.Rollback(); err != nil || lost != 0 {
				t.Errorf("rollback: %v, %d lost", err, lost)
			}
			if n := one(t, drivers[0], "SELECT n FROM t"); n != int64(0) {
				t.Errorf("n is %v", n)
			}
			if n := one(t, drivers[0], "SELECT count(*) FROM sqlite_schema WHERE name = 'other'"); n != int64(0) {
				t.Error("the table is there")
			}
		})
	}
}

// What one transaction reads and the other changes is a conflict, though the first has also written what differs each time.
func TestConflictsBesideTheClockAndChance(t *testing.T) {
	for name, write := range map[string]string{
		"now":       "UPDATE seen SET at = strftime('%Y-%m-%d %H:%M:%f', 'now')",
		"timestamp": "INSERT INTO seen VALUES (CURRENT_TIMESTAMP)",
		"random":    "UPDATE seen SET at = random()",
		"last id":   "INSERT INTO seen VALUES (last_insert_rowid())",
		"table":     "CREATE TABLE made (id TEXT DEFAULT (lower(hex(randomblob(7)))))",
	} {
		t.Run(name, func(t *testing.T) {
			for _, meanwhile := range []bool{false, true} {
				_, drivers := isolates(t, 2, d1.Options{})
				exec(t, drivers[1], "CREATE TABLE t (n); INSERT INTO t VALUES (1); CREATE TABLE seen (at); INSERT INTO seen VALUES (0)")
				tx := begin(t, drivers[0])
				exec(t, tx, write)
				n := one(t, tx, "SELECT n FROM t WHERE datetime('now') > '2020'").(int64)
				one(t, tx, "SELECT max(at) FROM seen")
				exec(t, tx, "UPDATE t SET n = ?", n+1)
				if meanwhile {
					exec(t, drivers[1], "UPDATE t SET n = 10")
				}
				if err := tx.Commit(); errors.Is(err, d1.ErrConflict) != meanwhile || err != nil && !meanwhile {
					t.Errorf("another has written: %v, commit: %v", meanwhile, err)
				}
			}
		})
	}
}

// Rows of RETURNING are what the transaction stores, or it is a conflict.
func TestConflictsOfReturning(t *testing.T) {
	for _, c := range []struct {
		others   string
		conflict bool
	}{
		{"SELECT 1", false}, {"INSERT INTO t (k) VALUES ('other')", true}, {"UPDATE t SET n = 7 WHERE k = 'b'", true},
		{"UPDATE t SET n = 7 WHERE k = 'z'", false},
	} {
		_, drivers := isolates(t, 2, d1.Options{})
		exec(t, drivers[1], "CREATE TABLE t (id INTEGER PRIMARY KEY, k UNIQUE, n DEFAULT 0); INSERT INTO t (k) VALUES ('a'), ('b'), ('z')")
		tx := begin(t, drivers[0])
		if id := one(t, tx, "INSERT INTO t (k) VALUES ('mine') RETURNING id"); id != int64(4) {
			t.Fatal(id)
		}
		if n := one(t, tx, "UPDATE t SET n = n + 1 WHERE k IN ('a', 'b') RETURNING n"); n != int64(1) {
			t.Fatal(n)
		}
		exec(t, drivers[1], c.others)
		if err := tx.Commit(); errors.Is(err, d1.ErrConflict) != c.conflict || err != nil && !c.conflict {
			t.Errorf("%s: %v", c.others, err)
		}
		if n := one(t, drivers[0], "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_pf\\_rows%' ESCAPE '\\'"); n != int64(0) {
			t.Errorf("%s: %v things are left", c.others, n)
		}
	}
}

// An application that swallows the conflict of a step is told by its commit.
func TestConflictThatIsSwallowed(t *testing.T) {
	lost := 0
	_, drivers := isolates(t, 2, d1.Options{OnConflict: func() { lost++ }})
	exec(t, drivers[1], "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	tx := begin(t, drivers[0])
	one(t, tx, "SELECT count(*) FROM t")
	exec(t, drivers[1], "INSERT INTO t VALUES (1)")
	if _, err := tx.Exec("INSERT INTO t VALUES (1)"); !errors.Is(err, d1.ErrConflict) {
		t.Errorf("insert: %v", err)
	}
	if _, err := tx.Exec("INSERT INTO t VALUES (2)"); err != nil {
		t.Errorf("insert: %v", err)
	}
	if err := tx.Commit(); !errors.Is(err, d1.ErrConflict) || lost != 2 {
		t.Errorf("commit: %v, %d lost", err, lost)
	}
	if n := one(t, drivers[1], "SELECT count(*) FROM t"); n != int64(1) {
		t.Errorf("%v rows", n)
	}
}

// What RETURNING cannot tell exactly is refused, and the transaction goes on.
func TestReturningThatIsRefused(t *testing.T) {
	_, drivers := isolates(t, 1, d1.Options{})
	exec(t, drivers[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t (id) ON DELETE CASCADE); INSERT INTO t VALUES (1, NULL), (2, 1)")
	tx := begin(t, drivers[0])
	if _, err := tx.Query("DELETE FROM t WHERE id = 1 RETURNING id"); err == nil || !strings.Contains(err.Error(), "cascades") {
		t.Errorf("delete: %v", err)
	}
	if n := one(t, tx, "SELECT count(*) FROM t"); n != int64(2) {
		t.Errorf("%v rows", n)
	}
	exec(t, tx, "CREATE VIEW v AS SELECT 1 AS x")
	exec(t, tx, "CREATE INDEX i ON t (up)")
	if _, err := tx.Query("EXPLAIN QUERY PLAN SELECT * FROM t WHERE up = 1"); err == nil {
		t.Error("a plan was told that knows nothing of the index")
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}

// Transactions of both databases at once, one inside the other, each with its own end.
func TestTwoDatabases(t *testing.T) {
	stop := errors.New("stop")
	transcripts := [2]string{}
	for i, connect := range []core.DBConnectFunc{nil, openDatabases(t).isolate(nil)} {
		s := scenario{app: newApp(t, connect)}
		for _, ends := range [][2]error{{nil, nil}, {nil, stop}, {stop, nil}, {stop, stop}} {
			s.do("both", s.app.RunInTransaction(func(tx core.App) error {
				s.do("param", put(tx.NonconcurrentDB(), "_params", fmt.Sprint("outer", ends)))
				s.do("inside", tx.AuxRunInTransaction(func(both core.App) error {
					s.do("log", put(both.AuxNonconcurrentDB(), "_logs", fmt.Sprint("inner", ends)))
					s.do("param", put(both.NonconcurrentDB(), "_params", fmt.Sprint("inner", ends)))
					s.do("nested", both.RunInTransaction(func(nested core.App) error {
						return put(nested.NonconcurrentDB(), "_params", fmt.Sprint("nested", ends))
					}))
					s.note("%d params, %d logs inside", count(both.DB(), "_params"), count(both.AuxDB(), "_logs"))
					return ends[1]
				}))
				s.do("taken", put(tx.NonconcurrentDB(), "_params", fmt.Sprint("outer", ends)))
				s.note("%d params, %d logs after", count(tx.DB(), "_params"), count(tx.AuxDB(), "_logs"))
				return ends[0]
			}))
			s.note("%d params, %d logs", count(s.app.DB(), "_params"), count(s.app.AuxDB(), "_logs"))
		}
		transcripts[i] = s.out.String()
	}
	compare(t, transcripts[0], transcripts[1])
}

func put(db dbx.Builder, table, id string) error {
	columns := dbx.Params{"id": id, "created": "2026-01-01 00:00:00.000Z"}
	if table == "_logs" {
		columns["level"], columns["message"], columns["data"] = 0, "m", "{}"
	}
	_, err := db.Insert(table, columns).Execute()
	return err
}

func count(db dbx.Builder, table string) (n int) {
	if err := db.NewQuery("SELECT count(*) FROM {{" + table + "}} WHERE id LIKE '%[%'").Row(&n); err != nil {
		return -1
	}
	return n
}
