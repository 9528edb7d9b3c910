package d1_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1/standin"
)

// TestCounts shows what PocketBase's actions cost in D1 calls and statements, and keeps the calls from growing.
func TestCounts(t *testing.T) {
	databases := openDatabases(t)
	databases.scratch = new(standin.Scratch)
	var app core.App
	count := func(name string, most int, f func() error) {
		t.Helper()
		databases.app.ResetCounts()
		databases.logs.ResetCounts()
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		calls, statements := databases.app.Counts()
		logCalls, logStatements := databases.logs.Counts()
		if calls > most {
			t.Errorf("%s: %d calls, %d at most", name, calls, most)
		}
		t.Logf("%-24s %4d calls %6d statements (logs: %d, %d)", name, calls, statements, logCalls, logStatements)
	}
	count("first boot", 180, func() error { app = newApp(t, databases.isolate(nil)); return nil })
	count("boot", 22, func() error { app = newApp(t, databases.isolate(nil)); return nil })

	posts := core.NewBaseCollection("posts")
	posts.Fields.Add(&core.TextField{Name: "title"}, &core.NumberField{Name: "n"})
	count("create collection", 13, func() error { return app.Save(posts) })
	count("update collection", 12, func() error {
		posts.Fields.Add(&core.BoolField{Name: "done"})
		return app.Save(posts)
	})
	record := core.NewRecord(posts)
	record.Set("title", "one")
	count("create record", 1, func() error { return app.Save(record) })
	count("update record", 1, func() error { record.Set("n", 5); return app.Save(record) })
	count("view record", 1, func() error { _, err := app.FindRecordById("posts", record.Id); return err })
	count("delete record", 2, func() error { return app.Delete(record) })
	var imported []map[string]any
	for i := range 10 {
		imported = append(imported, map[string]any{
			"id": fmt.Sprintf("imported_id_%04d", i), "name": fmt.Sprintf("imported%d", i), "type": "base",
			"fields": []map[string]any{{"name": "title", "type": "text"}, {"name": "n", "type": "number"}},
		})
	}
	count("import 10 collections", 76, func() error { return app.ImportCollections(imported, false) })
	count("batch of 50 creates", 51, func() error {
		return app.RunInTransaction(func(tx core.App) error {
			for i := range 50 {
				record := core.NewRecord(posts)
				record.Set("n", i)
				if err := tx.Save(record); err != nil {
					return err
				}
			}
			return nil
		})
	})
	count("delete collection", 8, func() error { return app.Delete(posts) })
}
