package d1_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// firstBoot is an isolate that finds a database with nothing in it.
type firstBoot struct {
	local *d1.Local
	*sql.DB
	store func() error
}

func beginFirstBoot(t *testing.T, db *standin.Database, options d1.Options) *firstBoot {
	t.Helper()
	local := d1.NewLocal(db, &standin.Scratch{})
	options.Local, options.TokenWrites = local, true
	connector := d1.Open(local, options)
	if err := local.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	driver := sql.OpenDB(connector)
	t.Cleanup(func() { _ = driver.Close() })
	return &firstBoot{local, driver, func() error { return local.Store(t.Context(), connector) }}
}

// contents gives all that a database has in it, as text, without what is the driver's own.
func contents(t *testing.T, db *standin.Database) []string {
	t.Helper()
	driver := sql.OpenDB(d1.Open(db, d1.Options{}))
	defer driver.Close()
	list := func(query string) (lines []string) {
		rows, err := driver.Query(query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line)
		}
		return lines
	}
	lines := list(`SELECT type||' '||name||' '||sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB '_pf*' AND name NOT GLOB 'sqlite*' ORDER BY 1`)
	for _, table := range list(`SELECT name FROM sqlite_schema WHERE type='table' AND name NOT GLOB '_pf*' AND name NOT GLOB 'sqlite*'`) {
		columns := list(`SELECT printf('typeof("%w")||hex("%w")', name, name) FROM pragma_table_info('` + table + `')`)
		lines = append(lines, list(fmt.Sprintf(`SELECT '%s '||%s FROM "%[1]s" ORDER BY 1`, table, strings.Join(columns, "||' '||")))...)
	}
	return lines
}

// What is made in the isolate is what the same statements make in D1.
func TestLocal(t *testing.T) {
	long := strings.Repeat("ä'\"\n", 12_000)
	script := func(t *testing.T, db *sql.DB) {
		exec(t, db, `CREATE TABLE a (id INTEGER PRIMARY KEY, "odd ""name" TEXT UNIQUE, v, r REAL, n NUMERIC DEFAULT 7)`)
		exec(t, db, `CREATE TABLE b (k TEXT PRIMARY KEY, v) WITHOUT ROWID; CREATE VIEW c AS SELECT v FROM a; CREATE INDEX i ON a (v) WHERE v IS NOT NULL`)
		exec(t, db, `CREATE TRIGGER d AFTER INSERT ON a WHEN NEW.v='x' BEGIN INSERT INTO b VALUES ('trigger', NEW.id); END`)
		for i, v := range []any{nil, int64(1), int64(1<<62 + 1), -1.5, 3.0, 1e300, 0.1, "", "it's", "a\x00b", "\u2028😀", []byte{0, 255}, []byte{}, true, "x", long} {
			exec(t, db, `INSERT INTO a (id, "odd ""name", v, r) VALUES (?, ?, ?, ?)`, 10*i, fmt.Sprint("name ", i), v, 3)
		}
		exec(t, db, `DELETE FROM a WHERE id = 20`)
		exec(t, db, `INSERT INTO b VALUES ('k', x'00')`)
		tx := begin(t, db)
		exec(t, tx, `UPDATE a SET v = 'y' WHERE id = 10`)
		if _, err := tx.Exec(`INSERT INTO a (id) VALUES (10)`); !errors.Is(err, d1.CodeConstraint) {
			t.Errorf("a key twice: %v", err)
		}
		exec(t, tx, `ALTER TABLE b RENAME TO bb`)
		if n := one(t, tx, `SELECT count(*) FROM bb`); n != int64(2) {
			t.Errorf("%v rows within", n)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		tx = begin(t, db)
		exec(t, tx, `DROP TABLE a`)
		exec(t, tx, `CREATE TABLE e (x)`)
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`INSERT INTO e VALUES (1)`); err == nil || !strings.Contains(err.Error(), "no such table: e") {
			t.Errorf("a table that was rolled back: %v", err)
		}
		result, err := db.Exec(`UPDATE a SET n = n + 1 WHERE id < 30`)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); n != 2 || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
		if v := one(t, db, `SELECT v FROM a WHERE r = 3.0 AND id = 40`); v != 3.0 {
			t.Errorf("%T %v", v, v)
		}
	}
	made, direct := openStandIn(t, ":memory:"), openStandIn(t, ":memory:")
	boot := beginFirstBoot(t, made, d1.Options{})
	script(t, boot.DB)
	if calls, _ := made.Counts(); calls != 0 {
		t.Errorf("%d calls before it is stored", calls)
	}
	if err := boot.store(); err != nil {
		t.Fatal(err)
	}
	if calls, _ := made.Counts(); calls != 1 {
		t.Errorf("%d calls to store it", calls)
	}
	strict := sql.OpenDB(d1.Open(direct, d1.Options{TokenWrites: true}))
	defer strict.Close()
	script(t, strict)
	got, want := contents(t, made), contents(t, direct)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d:\n%.300q\n%.300q", i, got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
		}
	}
	exec(t, boot.DB, `INSERT INTO a (id, v) VALUES (1000, 'z')`) // which is D1's now
	if after := contents(t, made); len(after) != len(got)+1 {
		t.Errorf("%d lines after %d", len(after), len(got))
	}
}

// PocketBase's first boot is one call, and has the result that it has step by step.
func TestLocalBoot(t *testing.T) {
	logs := openDatabases(t)
	made := openStandIn(t, ":memory:")
	boot := beginFirstBoot(t, made, d1.Options{})
	connect := logs.isolate(func() {})
	app := newApp(t, func(path string) (*dbx.DB, error) {
		if strings.HasSuffix(path, "auxiliary.db") {
			return connect(path)
		}
		return dbx.NewFromDB(boot.DB, "sqlite"), nil
	})
	if calls, _ := made.Counts(); calls != 0 {
		t.Errorf("%d calls before it is stored", calls)
	}
	if err := boot.store(); err != nil {
		t.Fatal(err)
	}
	if calls, statements := made.Counts(); calls != 1 || statements > 60 {
		t.Errorf("%d calls, %d statements", calls, statements)
	}
	other := openDatabases(t)
	newApp(t, other.isolate(func() {}))
	schema := func(lines []string) []string {
		return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "_") || strings.HasPrefix(line, "users ") })
	}
	if got, want := schema(contents(t, made)), schema(contents(t, other.app)); !slices.Equal(got, want) {
		t.Errorf("\n%q\n%q", got, want)
	}
	record := core.NewRecord(must(app.FindCollectionByNameOrId("users")))
	record.Load(map[string]any{"email": "a@example.com", "password": "1234567890"})
	if err := app.Save(record); err != nil {
		t.Error(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Of isolates that make the database at once one wins, and the others find its work.
func TestLocalRace(t *testing.T) {
	db := openStandIn(t, ":memory:")
	winner, loser := beginFirstBoot(t, db, d1.Options{}), beginFirstBoot(t, db, d1.Options{})
	for name, boot := range map[string]*firstBoot{"winner": winner, "loser": loser} {
		exec(t, boot.DB, `CREATE TABLE t (name)`)
		exec(t, boot.DB, `INSERT INTO t VALUES (?)`, name)
	}
	if err := winner.store(); err != nil {
		t.Fatal(err)
	}
	if err := loser.store(); !errors.Is(err, d1.ErrConflict) {
		t.Errorf("the loser: %v", err)
	}
	if _, err := loser.Exec(`INSERT INTO t VALUES ('lost')`); err == nil { // whoever has not heard of it must not go on
		t.Error("the loser goes on in the winner's database")
	}
	if err := loser.store(); err == nil {
		t.Error("the loser's is stored when it is tried again")
	}
	loser.local.Close()
	if n := one(t, loser.DB, `SELECT count(*) FROM t`); n != int64(1) {
		t.Errorf("%v rows", n)
	}
	if name := one(t, loser.DB, `SELECT name FROM t`); name != "winner" {
		t.Errorf("the loser finds the %v's", name)
	}
}

// A first boot is stored once, whichever way its call or the answer is lost.
func TestLocalFaults(t *testing.T) {
	for name, c := range map[string]struct{ before, after int }{"on its way": {2, 0}, "on the way back": {0, 1}, "both": {1, 1}} {
		t.Run(name, func(t *testing.T) {
			pauses := 0
			db := openStandIn(t, ":memory:")
			boot := beginFirstBoot(t, db, patient(&pauses))
			exec(t, boot.DB, `CREATE TABLE t (v)`)
			exec(t, boot.DB, `INSERT INTO t VALUES (1)`)
			db.Before, db.After = failing(errLost, c.before), failing(errLost, c.after)
			if err := boot.store(); err != nil || pauses != c.before+c.after {
				t.Errorf("%v after %d pauses", err, pauses)
			}
			if n := one(t, boot.DB, `SELECT count(*) FROM t`); n != int64(1) {
				t.Errorf("%v rows", n)
			}
		})
	}
	t.Run("for good", func(t *testing.T) {
		pauses := 0
		db := openStandIn(t, ":memory:")
		boot := beginFirstBoot(t, db, patient(&pauses))
		exec(t, boot.DB, `CREATE TABLE t (v)`)
		db.Before = failing(errOverloaded, 100)
		if err := boot.store(); !errors.Is(err, d1.ErrUnavailable) {
			t.Error(err)
		}
	})
}

// What cannot be done in the isolate is said, and leaves nothing in D1.
func TestLocalLimits(t *testing.T) {
	for name, do := range map[string]func(*testing.T, *firstBoot) error{
		"RETURNING": func(t *testing.T, boot *firstBoot) error {
			var v int
			return boot.QueryRow(`INSERT INTO t VALUES (1) RETURNING v`).Scan(&v)
		},
		"two transactions": func(t *testing.T, boot *firstBoot) error {
			begin(t, boot.DB)
			_, err := boot.Begin()
			return err
		},
		"a statement beside a transaction": func(t *testing.T, boot *firstBoot) error {
			begin(t, boot.DB)
			_, err := boot.Exec(`INSERT INTO t VALUES (1)`)
			return err
		},
		"a long row": func(t *testing.T, boot *firstBoot) error {
			exec(t, boot.DB, `INSERT INTO t VALUES (?)`, strings.Repeat("x", 200_000))
			return boot.store()
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openStandIn(t, ":memory:")
			boot := beginFirstBoot(t, db, d1.Options{})
			exec(t, boot.DB, `CREATE TABLE t (v)`)
			if err := do(t, boot); err == nil || !strings.Contains(err.Error(), "the isolate's database cannot ") {
				t.Errorf("not said: %v", err)
			}
			if err := boot.store(); err == nil {
				t.Error("it was stored")
			}
			boot.local.Close()
			if lines := contents(t, db); len(lines) != 0 {
				t.Errorf("left in D1: %q", lines)
			}
		})
	}
}
