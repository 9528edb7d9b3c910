package d1_test

import (
	"database/sql"
	"testing"

	"pocketflare/internal/d1"
)

// A table that another isolate has made anew with columns for REALs is read exactly when the connector has been told.
func TestRealsOfAnotherIsolate(t *testing.T) {
	database := openStandIn(t, ":memory:")
	connector := d1.Open(database, d1.Options{})
	db, other := sql.OpenDB(connector), sql.OpenDB(d1.Open(database, d1.Options{}))
	defer db.Close()
	defer other.Close()
	exec(t, db, "CREATE TABLE t (n NUMERIC); INSERT INTO t VALUES (3.0)")
	if n := one(t, db, "SELECT n FROM t"); n != int64(3) {
		t.Errorf("%T %v", n, n)
	}
	exec(t, other, "DROP TABLE t; CREATE TABLE t (n REAL); INSERT INTO t VALUES (3)")
	d1.ForgetColumns(connector)
	if n := one(t, db, "SELECT n FROM t"); n != 3.0 {
		t.Errorf("%T %v", n, n)
	}
}

// How many calls a query takes: one where no value can be a REAL, and one from the second time on elsewhere, whatever its WHERE.
func TestCallsOfReads(t *testing.T) {
	database := openStandIn(t, ":memory:")
	db := sql.OpenDB(d1.Open(database, d1.Options{}))
	defer db.Close()
	exec(t, db, "CREATE TABLE t (id TEXT PRIMARY KEY, n NUMERIC, j JSON); INSERT INTO t VALUES ('a', 2, '[]')")
	exec(t, db, "CREATE VIEW v AS SELECT id, n / 2.0 AS half FROM t")
	one(t, db, "SELECT count(*) FROM t WHERE id = 'x'")
	for _, step := range []struct {
		query string
		calls int
	}{
		{"SELECT n FROM t", 2}, // and the tables, beside it
		{"SELECT n FROM t WHERE id = 'a' LIMIT 1", 1},
		{"SELECT count(*) FROM v", 1},
		{"SELECT half FROM v", 2}, // with numbers, whose types are asked for
		{"SELECT half FROM v WHERE id = 'a'", 1},
		{"SELECT half FROM v WHERE id IN ('a', 'b') ORDER BY half LIMIT 1", 1},
		{"SELECT max(n) FROM t", 2},
		{"SELECT max(n) FROM t WHERE id > ''", 1},
	} {
		database.ResetCounts()
		one(t, db, step.query)
		if calls, _ := database.Counts(); calls != step.calls {
			t.Errorf("%s: %d calls, %d expected", step.query, calls, step.calls)
		}
	}
}
