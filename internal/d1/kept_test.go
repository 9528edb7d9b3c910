package d1_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// keeping is a database of which an event reads the table kept whole.
func keeping(t *testing.T, options d1.Options) (db *sql.DB, binding *standin.Database) {
	binding = openStandIn(t, ":memory:")
	options.Scratch, options.ReadOften = new(standin.Scratch), []string{"kept"}
	db = sql.OpenDB(d1.Open(binding, options))
	t.Cleanup(func() { _ = db.Close() })
	exec(t, db, "CREATE TABLE kept (id TEXT PRIMARY KEY, n)")
	exec(t, db, "CREATE TABLE u (x)")
	exec(t, db, "INSERT INTO kept VALUES ('a', 1), ('b', 2.5), ('c', NULL)")
	return db, binding
}

func TestKeptReads(t *testing.T) {
	var event *d1.Event
	now := time.Now()
	db, binding := keeping(t, d1.Options{Event: func() *d1.Event { return event }, Now: func() time.Time { return now }})
	read := func(name string, calls int, want string) {
		t.Helper()
		binding.ResetCounts()
		var got []string
		for _, query := range []string{
			"SELECT count(*) FROM `kept` WHERE `n` IS NOT NULL", "SELECT `id` FROM `kept` WHERE `n`=2.5", "SELECT `n` FROM `kept` WHERE `id`='new'",
			"SELECT count(*) FROM `sqlite_schema` WHERE `name` IN ('kept', 'u', 'w')",
		} {
			rows, err := db.Query(query)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var value any
				if err := rows.Scan(&value); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(value))
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if n, _ := binding.Counts(); n != calls {
			t.Errorf("%s: %d calls, want %d", name, n, calls)
		}
	}
	one(t, db, "SELECT n FROM kept") // by which the driver learns the tables
	read("no event", 4, "2 b 2")
	event = &d1.Event{}
	read("an event that changes nothing", 4, "2 b 2")
	event = &d1.Event{Changes: true}
	read("the first of an isolate, which reads the schema", 2, "2 b 2")
	read("again", 0, "2 b 2")
	other := sql.OpenDB(d1.Open(binding, d1.Options{}))
	defer other.Close()
	exec(t, other, "CREATE TABLE w (x); INSERT INTO kept VALUES ('new', 7)")
	read("within a second", 0, "2 b 2")
	now = now.Add(2 * time.Second)
	read("later, under another schema", 2, "3 b 7 3")
	event = &d1.Event{Changes: true}
	read("another event", 1, "3 b 7 3")
	exec(t, db, "UPDATE kept SET n = 8 WHERE id = 'new'")
	read("after a write", 4, "3 b 8 3")
}

// What only shows a view's columns stores nothing; deletes of rows by their keys are one statement.
func TestSmallCommits(t *testing.T) {
	stored := 0
	db, binding := keeping(t, d1.Options{OnStored: func() { stored++ }})
	inside := func(statements ...string) (calls, sent int) {
		t.Helper()
		stored = 0
		binding.ResetCounts()
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements {
			if _, err := tx.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		return binding.Counts()
	}
	inside("DROP VIEW IF EXISTS v", "CREATE VIEW v AS SELECT * FROM kept", "DROP VIEW v")
	if stored != 0 {
		t.Error("a view that was dropped again counts as stored")
	}
	inside("CREATE VIEW v AS SELECT * FROM kept")
	if stored == 0 {
		t.Error("a view was made and does not count as stored")
	}
	inside("DROP VIEW v", "CREATE VIEW v AS SELECT id FROM kept")
	if stored == 0 {
		t.Error("a view was changed and does not count as stored")
	}
	inside("UPDATE kept SET n = 9 WHERE id = 'a'")
	_, sent := inside("DELETE FROM kept WHERE id = 'a'", "DELETE FROM kept WHERE id = 'b'", "DELETE FROM kept WHERE id = 'none'")
	if sent > 2 { // and the token
		t.Errorf("%d statements for three deletes", sent)
	}
	if n := one(t, db, "SELECT group_concat(id) FROM kept"); n != "c" {
		t.Errorf("left: %v", n)
	}
}
