package d1_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// openStandIn opens a database file that behaves as D1.
func openStandIn(t testing.TB, path string) *standin.Database {
	t.Helper()
	db, err := standin.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// databases is the pair that an app has.
type databases struct {
	app, logs *standin.Database
	scratch   d1.Scratch
}

func openDatabases(t testing.TB) *databases {
	return &databases{openStandIn(t, ":memory:"), openStandIn(t, ":memory:"), nil}
}

// isolate is how PocketBase opens the databases in an isolate of its own. It opens each twice, for its two pools.
func (d *databases) isolate(onConflict func()) core.DBConnectFunc {
	data := d1.Open(d.app, d1.Options{OnConflict: onConflict, TokenWrites: true, Scratch: d.scratch, ReadOften: []string{"_collections", "_migrations"}})
	logs := d1.Open(d.logs, d1.Options{DeferErrors: func(string) bool { return true }})
	return func(path string) (*dbx.DB, error) {
		if strings.HasSuffix(path, "auxiliary.db") {
			return dbx.NewFromDB(sql.OpenDB(logs), "sqlite"), nil
		}
		return dbx.NewFromDB(sql.OpenDB(data), "sqlite"), nil
	}
}

// newApp boots PocketBase; without connect it is the original on SQLite.
func newApp(t testing.TB, connect core.DBConnectFunc) core.App {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: connect})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.ClearBootstrap() })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	return app
}

// scenario writes down what an app does.
type scenario struct {
	app core.App
	out strings.Builder
}

func (s *scenario) note(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// do notes the outcome of a step.
func (s *scenario) do(name string, err error) {
	var fields validation.Errors
	if errors.As(err, &fields) {
		text, _ := json.Marshal(fields)
		s.note("%s: %s", name, text)
		return
	}
	s.note("%s: %v", name, err)
}

// schema notes all tables, indexes and views.
func (s *scenario) schema() {
	rows := []dbx.NullStringMap{}
	err := s.app.DB().NewQuery(`SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\_pf%' ESCAPE '\'
		AND name NOT LIKE 'sqlite_stat%' ORDER BY type, name`).All(&rows)
	s.do("schema", err)
	for _, row := range rows {
		s.note("  %s %s %s", row["type"].String, row["name"].String, row["sql"].String)
	}
}

// rows notes what a table or view holds.
func (s *scenario) rows(table, columns string) {
	rows := []dbx.NullStringMap{}
	err := s.app.DB().NewQuery("SELECT " + columns + " FROM {{" + table + "}} ORDER BY 1").All(&rows)
	s.do("rows of "+table, err)
	for _, row := range rows {
		text, _ := json.Marshal(row)
		s.note("  %s", text)
	}
}

func (s *scenario) record(collection string, data map[string]any) *core.Record {
	c, err := s.app.FindCollectionByNameOrId(collection)
	if err != nil {
		s.do("find "+collection, err)
		return nil
	}
	record := core.NewRecord(c)
	record.Load(data)
	s.do(fmt.Sprintf("create %s %v", collection, data["id"]), s.app.Save(record))
	return record
}

func id(n int) string { return fmt.Sprintf("record%09d", n) }

// collections creates collections with every kind of field.
func (s *scenario) collections() {
	authors := core.NewBaseCollection("authors")
	authors.Fields.Add(
		&core.TextField{Name: "name", Required: true, Max: 50},
		&core.EmailField{Name: "email"},
		&core.NumberField{Name: "age"},
		&core.BoolField{Name: "active"},
		&core.URLField{Name: "site"},
		&core.DateField{Name: "born"},
		&core.SelectField{Name: "tag", Values: []string{"a", "b", "c"}, MaxSelect: 1},
		&core.SelectField{Name: "tags", Values: []string{"a", "b", "c"}, MaxSelect: 3},
		&core.JSONField{Name: "data"},
		&core.EditorField{Name: "bio"},
		&core.GeoPointField{Name: "place"},
		&core.PasswordField{Name: "secret"},
	)
	authors.Indexes = types.JSONArray[string]{"CREATE UNIQUE INDEX idx_authors_email ON authors (email) WHERE email != ''"}
	s.do("create authors", s.app.Save(authors))
	s.record("authors", map[string]any{
		"id": id(1), "name": "Ann", "email": "ann@x.io", "age": 41.5, "active": true, "site": "https://x.io", "born": "2001-02-03 04:05:06.007Z",
		"tag": "a", "tags": []string{"a", "c"}, "data": map[string]any{"n": 9007199254740991, "s": "é\u0000☃"}, "bio": "<b>it's</b>",
		"place": map[string]any{"lon": 1.5, "lat": -2.25},
	})
	s.record("authors", map[string]any{"id": id(2), "name": "Bob", "email": "ann@x.io"})
	s.record("authors", map[string]any{"id": id(1), "name": "Again"})
	s.record("authors", map[string]any{"id": id(3), "name": "Cid", "email": "cid@x.io", "age": 7, "tag": "b"})
	s.rows("authors", "id, name, email, age, typeof(age) ta, active, typeof(active) tb, site, born, tag, tags, data, bio, place")

	authors.Fields.GetByName("tag").(*core.SelectField).MaxSelect = 2
	authors.Fields.GetByName("tags").(*core.SelectField).MaxSelect = 1
	authors.Fields.GetByName("name").SetName("title")
	authors.Fields.RemoveByName("site")
	authors.Fields.Add(&core.NumberField{Name: "score", OnlyInt: true})
	view := core.NewViewCollection("young")
	view.ViewQuery = "SELECT a.id, a.name, a.age + 1 AS next, count(*) AS n FROM authors a GROUP BY a.id"
	s.do("create view", s.app.Save(view))
	s.rows("young", "*")
	s.do("convert fields", s.app.Save(authors))
	view.ViewQuery = "SELECT a.id, a.title, a.tag FROM authors a"
	s.do("update view", s.app.Save(view))
	s.do("convert fields again", s.app.Save(authors))
	s.rows("young", "*")
	s.rows("authors", "id, title, tag, tags, score")
	view.ViewQuery = "SELECT id, nothing FROM nowhere"
	s.do("break view", s.app.Save(view))
	authors.Indexes = append(authors.Indexes, "CREATE INDEX idx_broken ON authors (nothing)")
	s.do("broken index", s.app.Save(authors))
	authors.Indexes = types.JSONArray[string]{"CREATE UNIQUE INDEX idx_authors_tags ON authors (tags, score)"}
	s.record("authors", map[string]any{"id": id(4), "title": "Dee", "tag": []string{"a"}, "tags": "b"})
	s.do("other indexes", s.app.Save(authors))
	s.do("delete authors, which a view uses", s.app.Delete(authors))
	s.schema()
	s.do("delete view", s.app.Delete(view))
	s.do("delete authors", s.app.Delete(authors))
}

// cascades deletes over four levels.
func (s *scenario) cascades() {
	up := ""
	for _, name := range []string{"l0", "l1", "l2", "l3", "l4"} {
		c := core.NewBaseCollection(name)
		if up != "" {
			c.Fields.Add(&core.RelationField{Name: "up", CollectionId: up, MaxSelect: 1, CascadeDelete: true})
			c.Fields.Add(&core.RelationField{Name: "also", CollectionId: up, MaxSelect: 5})
		}
		s.do("create "+name, s.app.Save(c))
		up = c.Id
		for i := range 6 {
			s.record(name, map[string]any{"id": id(i), "up": id(i / 2), "also": []string{id(i / 2), id(5)}})
		}
	}
	for _, n := range []int{0, 2, 9} {
		record, err := s.app.FindRecordById("l0", id(n))
		s.do("find", err)
		if err == nil {
			s.do("delete", s.app.Delete(record))
		}
	}
	for _, name := range []string{"l0", "l1", "l2", "l3", "l4"} {
		s.rows(name, "*")
	}
}

// transactions commits, nests and rolls back.
func (s *scenario) transactions() {
	c := core.NewBaseCollection("notes")
	c.Fields.Add(&core.TextField{Name: "text"}, &core.NumberField{Name: "n"})
	c.AddIndex("idx_notes_n", true, "n", "n > 0")
	s.do("create notes", s.app.Save(c))
	stop := errors.New("stop")
	save := func(app core.App, n int) error {
		record := core.NewRecord(c)
		record.Load(map[string]any{"id": id(n), "text": fmt.Sprint("note ", n), "n": n % 100})
		return app.Save(record)
	}
	s.do("commit", s.app.RunInTransaction(func(tx core.App) error {
		s.do("one", save(tx, 1))
		s.do("taken", save(tx, 101))
		found, err := tx.FindRecordById("notes", id(1))
		s.do("found", err)
		found.Set("text", "changed")
		s.do("update", tx.Save(found))
		return tx.RunInTransaction(func(tx core.App) error {
			total, err := tx.CountRecords("notes")
			s.note("%d %v", total, err)
			return save(tx, 2)
		})
	}))
	s.do("roll back", s.app.RunInTransaction(func(tx core.App) error {
		s.do("three", save(tx, 3))
		other := core.NewBaseCollection("other")
		s.do("collection", tx.Save(other))
		record := core.NewRecord(other)
		record.Id = id(1)
		s.do("record of it", tx.Save(record))
		return stop
	}))
	s.do("caught inside", s.app.RunInTransaction(func(tx core.App) error {
		s.do("inner", tx.RunInTransaction(func(tx core.App) error {
			s.do("four", save(tx, 4))
			return stop
		}))
		return nil
	}))
	s.rows("notes", "*")
	_, err := s.app.FindCollectionByNameOrId("other")
	s.note("other: %v", err)
}

// imports imports collections, deletes and changes some.
func (s *scenario) imports() {
	var collections []map[string]any
	for i := range 10 {
		collections = append(collections, map[string]any{
			"name": fmt.Sprintf("imported%d", i), "type": "base",
			"fields": []map[string]any{
				{"name": "title", "type": "text"}, {"name": "n", "type": "number"},
				{"name": "up", "type": "relation", "collectionId": fmt.Sprintf("imported_id_%04d", max(i-1, 0)), "maxSelect": 1},
			},
			"id": fmt.Sprintf("imported_id_%04d", i), "indexes": []string{fmt.Sprintf("CREATE INDEX idx_i%d ON imported%d (title)", i, i)},
		})
	}
	s.do("import", s.app.ImportCollections(collections, false))
	s.record("imported3", map[string]any{"id": id(1), "title": "kept"})
	collections[3]["fields"] = []map[string]any{{"name": "title", "type": "text"}, {"name": "added", "type": "bool"}}
	s.do("import again, deleting", s.app.ImportCollections(collections[2:8], true))
	collections[4]["indexes"] = []string{"CREATE INDEX idx_bad ON imported4 (nothing)"}
	s.do("import that fails", s.app.ImportCollections(collections[2:8], true))
	s.rows("imported3", "*")
	s.schema()
}

func (s *scenario) run() string {
	s.schema()
	s.collections()
	s.cascades()
	s.transactions()
	s.imports()
	s.rows("_collections", "id, name, type, fields, indexes")
	return s.out.String()
}

// TestPocketBase runs PocketBase's own code on a stand-in for D1, next to the original on SQLite.
func TestPocketBase(t *testing.T) {
	stock := scenario{app: newApp(t, nil)}
	other := scenario{app: newApp(t, openDatabases(t).isolate(nil))}
	compare(t, timeless(stock.run()), timeless(other.run()))
}
