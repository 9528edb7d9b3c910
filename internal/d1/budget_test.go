package d1_test

import (
	"database/sql"
	"strings"
	"testing"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// A transaction that becomes too long is told so at the statement that makes it so, and stores nothing.
func TestBudget(t *testing.T) {
	for name, scratch := range map[string]d1.Scratch{"replay": nil, "scratch": new(standin.Scratch)} {
		t.Run(name, func(t *testing.T) {
			binding := openStandIn(t, ":memory:")
			db := sql.OpenDB(d1.Open(binding, d1.Options{Scratch: scratch, MaxStatements: 3}))
			defer db.Close()
			exec(t, db, "CREATE TABLE t (x)")
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				_, err = tx.Exec("INSERT INTO t VALUES (?)", i)
				if (err != nil) != (i == 3) {
					t.Fatalf("statement %d: %v", i, err)
				}
			}
			if !strings.Contains(err.Error(), "more than 3 statements") {
				t.Error(err)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			if tx, err = db.Begin(); err != nil {
				t.Fatal(err)
			}
			large := strings.Repeat("x", 1_900_000)
			for i := 0; err == nil && i < 3; i++ {
				_, err = tx.Exec("INSERT INTO t VALUES (?)", large)
			}
			if err != nil {
				t.Errorf("three large statements: %v", err)
			}
			if err := tx.Commit(); err != nil {
				t.Error(err)
			}
			if n := one(t, db, "SELECT count(*) FROM t"); n != int64(3) {
				t.Errorf("%v rows", n)
			}
		})
	}
}
