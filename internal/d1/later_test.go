package d1_test

import (
	"bytes"
	"context"
	"database/sql"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pocketflare/internal/d1"
)

// gated is a binding whose batches wait until they are let through.
type gated struct {
	d1.Binding
	gate chan struct{}
}

func (g gated) Batch(ctx context.Context, statements []d1.Statement) ([]d1.Result, error) {
	if strings.HasPrefix(statements[0].SQL, "DELETE") {
		<-g.gate
	}
	return g.Binding.Batch(ctx, statements)
}

func openGated(t *testing.T) (*sql.DB, chan struct{}) {
	gate := make(chan struct{})
	binding := gated{openStandIn(t, filepath.Join(t.TempDir(), "db")), gate}
	db := sql.OpenDB(d1.Open(binding, d1.Options{NoWait: func(sql string) bool { return strings.HasPrefix(sql, "DELETE FROM t ") }}))
	t.Cleanup(func() { _ = db.Close() })
	for _, sql := range []string{"CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2), (3)"} {
		if _, err := db.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	return db, gate
}

// A statement that is not waited for comes before what follows it, and its result is there for who asks.
func TestNoWait(t *testing.T) {
	db, gate := openGated(t)
	result, err := db.Exec("DELETE FROM t WHERE a < ?", 3) // returns while the gate is closed
	if err != nil {
		t.Fatal(err)
	}
	again, err := db.Exec("DELETE FROM t WHERE a < ?", 4)
	if err != nil {
		t.Fatal(err)
	}
	count := make(chan int)
	go func() {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Error(err)
		}
		count <- n
	}()
	gate <- struct{}{}
	gate <- struct{}{}
	if n := <-count; n != 0 {
		t.Errorf("%d rows are left", n)
	}
	for _, want := range []struct {
		result sql.Result
		rows   int64
	}{{result, 2}, {again, 1}} {
		if n, err := want.result.RowsAffected(); n != want.rows || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
	}
}

// Its error is printed and is that of its result, and does not meet others.
func TestNoWaitError(t *testing.T) {
	var printed bytes.Buffer
	log.SetOutput(&printed)
	defer log.SetOutput(os.Stderr)
	db, gate := openGated(t)
	result, err := db.Exec("DELETE FROM t WHERE missing < ?", 3)
	if err != nil {
		t.Fatal(err)
	}
	gate <- struct{}{}
	if err := db.Ping(); err != nil {
		t.Error(err)
	}
	if _, err := result.RowsAffected(); err == nil || !strings.Contains(err.Error(), "no such column: missing") {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(printed.String(), "no such column: missing") {
		t.Errorf("printed %q", printed.String())
	}
}
