package d1_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

var (
	errLost       = errors.New("D1_ERROR: Network connection lost.")
	errOverloaded = errors.New("D1_ERROR: D1 DB is overloaded. Requests queued for too long.")
)

// patient are options whose pauses take no time, but are counted.
func patient(pauses *int) d1.Options {
	return d1.Options{Sleep: func(ctx context.Context, d time.Duration) error { *pauses++; return ctx.Err() }}
}

// faulty opens a driver on a database with a table t of one row, n = 0, and with the driver's own tables.
func faulty(t *testing.T, options d1.Options) (*standin.Database, *sql.DB) {
	t.Helper()
	db, drivers := isolates(t, 1, options)
	exec(t, drivers[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 0)")
	tx := begin(t, drivers[0])
	exec(t, tx, "UPDATE t SET n = 0")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return db, drivers[0]
}

// stores tells whether a batch is one that is to be stored, and not one that raises its result.
func stores(statements []d1.Statement) bool {
	first, last := statements[0].SQL, statements[len(statements)-1].SQL
	return !strings.Contains(last, "'PF:'") && !strings.HasPrefix(first, "SELECT") && !strings.HasPrefix(first, "WITH")
}

// failing fails the next calls that store something, so many.
func failing(err error, times int) func([]d1.Statement) error {
	return func(statements []d1.Statement) error {
		if !stores(statements) || times == 0 {
			return nil
		}
		times--
		return err
	}
}

// increment adds 1 to the row in a transaction.
func increment(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	if err := tx.QueryRow("SELECT n FROM t WHERE id = 1").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.Exec("UPDATE t SET n = ? WHERE id = 1", n+1); err != nil {
		return err
	}
	return tx.Commit()
}

// A commit is stored once, whether what failed was the way there or the way back.
func TestFaultsOfCommits(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after func([]d1.Statement) error
		pauses        int
	}{
		{"before it ran", failing(errLost, 1), nil, 1},
		{"before it ran, and said so", failing(errOverloaded, 2), nil, 2},
		{"after it ran", nil, failing(errLost, 1), 1},
		{"both", failing(errLost, 2), failing(errLost, 1), 3},
		{"with a message that is not known", failing(errors.New("D1_ERROR: something new"), 1), nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			pauses := 0
			options := patient(&pauses)
			stored := 0
			options.OnStored = func() { stored++ }
			options.OnFault = func(err error) { t.Error(err) }
			db, driver := faulty(t, options)
			db.Before, db.After, stored = c.before, c.after, 0
			if err := increment(driver); err != nil || stored != 1 || pauses != c.pauses {
				t.Errorf("%v, %d stored, %d pauses", err, stored, pauses)
			}
			if n := one(t, driver, "SELECT n FROM t"); n != int64(1) {
				t.Errorf("n is %v", n)
			}
			if n := one(t, driver, "SELECT count(*) FROM _pf_commit"); n != int64(1) {
				t.Errorf("%v rows of tokens", n)
			}
		})
	}
}

// A commit that is still on its way when the same is sent again, or given up, is not stored late.
func TestCommitsThatArriveLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		others string // what another isolate does meanwhile
		want   int64
		err    error
	}{
		{"after the second", "SELECT 1", 1, nil},
		{"after a conflict", "UPDATE t SET n = 10", 10, d1.ErrConflict},
		{"after a conflict that is over", "UPDATE t SET n = 10; UPDATE t SET n = 0", 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			pauses := 0
			db, driver := faulty(t, patient(&pauses))
			other := sql.OpenDB(d1.Open(db, d1.Options{}))
			defer other.Close()
			var late []d1.Statement
			db.Before = func(statements []d1.Statement) error {
				if !stores(statements) {
					return nil
				}
				late = statements
				db.Before = nil
				exec(t, other, c.others)
				return errLost
			}
			if err := increment(driver); !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Error(err)
			}
			if _, err := db.Batch(t.Context(), late); err == nil {
				t.Error("the late batch was stored")
			}
			if n := one(t, driver, "SELECT n FROM t"); n != c.want {
				t.Errorf("n is %v", n)
			}
		})
	}
}

// An outage ends in a clear error after so many attempts; statements that follow get one each; then all is well again.
func TestOutage(t *testing.T) {
	pauses := 0
	var told []error
	options := patient(&pauses)
	options.OnFault = func(err error) { told = append(told, err) }
	db, driver := faulty(t, options)
	tx := begin(t, driver)
	exec(t, tx, "UPDATE t SET n = n + 1")
	db.Before = func([]d1.Statement) error { return errLost }
	if err := tx.Commit(); !errors.Is(err, d1.ErrUncertain) || errors.Is(err, d1.ErrConflict) || pauses != 5 {
		t.Errorf("commit: %v, %d pauses", err, pauses)
	}
	if err := driver.QueryRow("SELECT n FROM t").Err(); !errors.Is(err, d1.ErrUnavailable) || pauses != 5 {
		t.Errorf("read: %v, %d pauses", err, pauses)
	}
	if err := driver.Ping(); !errors.Is(err, d1.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	if len(told) != 3 {
		t.Errorf("told of %v", told)
	}
	db.Before = nil
	if err := increment(driver); err != nil || one(t, driver, "SELECT n FROM t") != int64(1) {
		t.Error(err)
	}
	db.Before = failing(errLost, 2)
	if err := increment(driver); err != nil || pauses != 7 {
		t.Errorf("%v, %d pauses", err, pauses)
	}
}

// Reads are sent again after each fault that can pass; of other writes only those that D1 says it has not run.
func TestFaultsOutsideOfTransactions(t *testing.T) {
	for message, mayHaveRun := range map[string]bool{
		"D1 DB is overloaded. Requests queued for too long.":                        false,
		"D1 DB is overloaded. Too many requests queued.":                            false,
		"Cannot resolve D1 DB due to transient issue on remote node.":               false,
		"Network connection lost.":                                                  true,
		"Internal error while starting up D1 DB storage caused object to be reset.": true,
		"D1 DB storage operation exceeded timeout which caused object to be reset.": true,
		"D1 DB reset because its code was updated.":                                 true,
		"Can't read from request stream because client disconnected.":               true,
		"D1 DB's isolate exceeded its memory limit and was reset.":                  true,
		"internal error; reference = abc":                                           true,
	} {
		for _, tokens := range []bool{false, true} {
			pauses := 0
			options := patient(&pauses)
			options.TokenWrites = tokens
			db, driver := faulty(t, options)
			fault := errors.New("D1_ERROR: " + message)
			db.Before = func([]d1.Statement) error { db.Before = nil; return fault }
			if n := one(t, driver, "SELECT count(*) FROM t"); n != int64(1) || pauses != 1 {
				t.Errorf("%s: read: %v, %d pauses", message, n, pauses)
			}
			db.Before = failing(fault, 1)
			_, err := driver.Exec("INSERT INTO t (n) VALUES (5)")
			if failed := mayHaveRun && !tokens; failed != errors.Is(err, d1.ErrUncertain) || !failed && err != nil {
				t.Errorf("%s: insert: %v", message, err)
			}
			if db.Before = nil; !mayHaveRun {
				continue
			}
			db.After = failing(fault, 1)
			result, err := driver.Exec("INSERT INTO t (n) VALUES (6)")
			switch {
			case !tokens && !errors.Is(err, d1.ErrUncertain):
				t.Errorf("%s: insert: %v", message, err)
			case tokens && err != nil:
				t.Errorf("%s: insert: %v", message, err)
			case tokens:
				if _, err := result.RowsAffected(); err == nil {
					t.Errorf("%s: the number of rows is not known, and was given", message)
				}
			}
			db.After = nil
			if n := one(t, driver, "SELECT count(*) FROM t WHERE n = 6"); tokens && n != int64(1) {
				t.Errorf("%s: %v rows", message, n)
			}
		}
	}
}

// What will not pass is told at once.
func TestFaultsThatStay(t *testing.T) {
	for _, message := range []string{"Exceeded maximum DB size.", "The D1 binding APP_DB is missing.", "D1_TYPE_ERROR: no"} {
		pauses := 0
		db, driver := faulty(t, patient(&pauses))
		db.Before = func([]d1.Statement) error { return errors.New(message) }
		err := driver.QueryRow("SELECT 1").Err()
		if err == nil || err.Error() != message || pauses != 0 {
			t.Errorf("%v, %d pauses", err, pauses)
		}
		if _, err := driver.Exec("DELETE FROM t"); err == nil || !strings.Contains(err.Error(), message) || pauses != 0 {
			t.Errorf("%v, %d pauses", err, pauses)
		}
	}
}

// A caller who has gone ends the pauses, but for those of a commit.
func TestCancelDuringPauses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pauses := 0
	db, driver := faulty(t, patient(&pauses))
	db.Before = func([]d1.Statement) error { cancel(); return errLost }
	if err := driver.QueryRowContext(ctx, "SELECT 1").Err(); err == nil || pauses != 1 {
		t.Errorf("%v, %d pauses", err, pauses)
	}
	db.Before = nil
	ctx, cancel = context.WithCancel(t.Context())
	tx, err := driver.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "UPDATE t SET n = 7")
	db.Before = func(statements []d1.Statement) error { db.Before = nil; cancel(); return errLost }
	if err := tx.Commit(); err != nil || one(t, driver, "SELECT n FROM t") != int64(7) {
		t.Error(err)
	}
}

// Rows of isolates that are gone are removed; a database that was put back to an earlier time takes commits.
func TestTokenRows(t *testing.T) {
	pauses := 0
	db, driver := faulty(t, patient(&pauses))
	exec(t, driver, "INSERT INTO _pf_commit SELECT 'old'||value, 5, 0, unixepoch()-4000 FROM json_each('[1,2,3]')")
	exec(t, driver, "INSERT INTO _pf_commit VALUES ('young', 5, 0, unixepoch()-3000)")
	if err := increment(driver); err != nil { // this isolate has committed before
		t.Fatal(err)
	}
	other := sql.OpenDB(d1.Open(db, d1.Options{}))
	defer other.Close()
	if err := increment(other); err != nil {
		t.Fatal(err)
	}
	if n := one(t, driver, "SELECT count(*) FROM _pf_commit"); n != int64(3) {
		t.Errorf("%v rows", n)
	}
	exec(t, driver, "PRAGMA foreign_keys; DROP TRIGGER _pf_commit_once")
	exec(t, driver, "UPDATE _pf_commit SET n = n - 1")
	exec(t, driver, "DROP TABLE _pf_tx") // the driver makes its trigger again with it
	for want := int64(3); want < 6; want++ {
		if err := increment(driver); err != nil {
			t.Fatal(err)
		}
		if n := one(t, driver, "SELECT n FROM t"); n != want {
			t.Errorf("n is %v, not %d", n, want)
		}
	}
}

// Many isolates work on one database that fails at random, before and after it has run what it was sent, and runs some of it late.
func TestRandomFaults(t *testing.T) {
	pauses := 0
	db, _ := faulty(t, patient(&pauses))
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	chance := func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() }
	var late [][]d1.Statement
	messages := []string{"Network connection lost.", "D1 DB reset because its code was updated.", "internal error"}
	fault := func() error { return errors.New("D1_ERROR: " + messages[int(chance()*3)]) }
	db.Before = func(statements []d1.Statement) error {
		switch p := chance(); {
		case p < 0.05:
			return errOverloaded
		case p < 0.12:
			return fault()
		case p < 0.15:
			mu.Lock()
			defer mu.Unlock()
			late = append(late, slices.Clone(statements))
			return errLost
		}
		return nil
	}
	db.After = func([]d1.Statement) error {
		if chance() < 0.1 {
			return fault()
		}
		return nil
	}
	var wg sync.WaitGroup
	done, unknown := make([]int, 4), make([]int, 4)
	stored := make([]map[string]bool, 4)
	for i := range done {
		stored[i] = map[string]bool{}
		noPause := d1.Options{Sleep: func(context.Context, time.Duration) error { return nil }}
		app := sql.OpenDB(d1.Open(db, noPause))
		defer app.Close()
		noPause.DeferErrors = func(string) bool { return true }
		logs := sql.OpenDB(d1.Open(db, noPause))
		defer logs.Close()
		wg.Go(func() {
			for step := range 150 {
				switch err := increment(app); {
				case err == nil:
					done[i]++
				case errors.Is(err, d1.ErrUncertain):
					unknown[i]++
				case !errors.Is(err, d1.ErrConflict) && !errors.Is(err, d1.ErrUnavailable):
					t.Errorf("increment: %v", err)
				}
				key := fmt.Sprint(i, "-", step)
				tx, err := logs.Begin()
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = tx.Exec("INSERT INTO t (n) VALUES (?)", key)
				_, _ = tx.Exec("INSERT INTO t (n) VALUES (?)", key+"b")
				switch err := tx.Commit(); {
				case err == nil:
					stored[i][key], stored[i][key+"b"] = true, true
				case !errors.Is(err, d1.ErrUncertain) && !errors.Is(err, d1.ErrUnavailable):
					t.Errorf("log: %v", err)
				}
			}
		})
		wg.Go(func() { // what is on its way arrives
			for range 100 {
				mu.Lock()
				batches := late
				late = nil
				mu.Unlock()
				for _, batch := range batches {
					_, _ = db.Batch(context.Background(), batch)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	wg.Wait()
	db.Before, db.After = nil, nil
	for _, batch := range late {
		_, _ = db.Batch(context.Background(), batch)
	}
	driver := sql.OpenDB(d1.Open(db, d1.Options{}))
	defer driver.Close()
	acknowledged := done[0] + done[1] + done[2] + done[3]
	most := acknowledged + unknown[0] + unknown[1] + unknown[2] + unknown[3]
	if n := one(t, driver, "SELECT n FROM t WHERE id = 1").(int64); n < int64(acknowledged) || n > int64(most) || acknowledged < 300 {
		t.Errorf("n is %v, acknowledged %v, not known of %v", n, done, unknown)
	}
	for i := range stored {
		for key := range stored[i] {
			if n := one(t, driver, "SELECT count(*) FROM t WHERE n = ?", key); n != int64(1) {
				t.Errorf("%s is there %v times", key, n)
			}
		}
	}
	if n := one(t, driver, "SELECT count(*) FROM (SELECT n FROM t GROUP BY n HAVING count(*) > 1)"); n != int64(0) {
		t.Errorf("%v rows are doubled", n)
	}
	t.Logf("%v increments, not known of %v", done, unknown)
}
