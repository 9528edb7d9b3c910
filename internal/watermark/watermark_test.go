package watermark

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/standin"
)

// isolate is an app of one isolate, and the event that it handles now.
type isolate struct {
	core.App
	t       *testing.T
	db      *standin.Database
	caches  *Caches
	session atomic.Pointer[Session]
	stored  atomic.Int32
}

func openStandIn(t *testing.T) *standin.Database {
	t.Helper()
	db, err := standin.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func boot(t *testing.T, db *standin.Database) *isolate {
	t.Helper()
	i := &isolate{t: t, db: db}
	logs := openStandIn(t)
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: func(path string) (*dbx.DB, error) {
		binding, options := d1.Binding(logs), d1.Options{DeferErrors: func(string) bool { return true }}
		if !strings.HasSuffix(path, "auxiliary.db") {
			binding, options = i.caches.Watch(), d1.Options{OnStored: func() { i.stored.Add(1) }, Caches: i.caches, TokenWrites: true}
		}
		return dbx.NewFromDB(sql.OpenDB(d1.Open(binding, options)), "sqlite"), nil
	}})
	i.App = app
	i.caches = New(app, db, d1.Options{}, i.session.Load)
	err := i.caches.Boot(t.Context(), func() error { return errors.Join(app.Bootstrap(), app.RunAllMigrations()) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.ClearBootstrap() })
	return i
}

// begin begins an event.
func (i *isolate) begin() *Session {
	session := i.caches.Session()
	i.session.Store(session)
	return session
}

// calls counts the round trips of f.
func (i *isolate) calls(f func()) int {
	i.db.ResetCounts()
	f()
	calls, _ := i.db.Counts()
	return calls
}

func (i *isolate) exec(sql string) {
	i.t.Helper()
	if _, err := i.db.Batch(i.t.Context(), []d1.Statement{{SQL: sql}}); err != nil {
		i.t.Fatal(err)
	}
}

func (i *isolate) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

// viewRule is what the isolate's cache says of users.
func (i *isolate) viewRule() string {
	i.t.Helper()
	users := i.collection("users")
	if users.ViewRule == nil {
		return "nil"
	}
	return *users.ViewRule
}

func (i *isolate) collection(name string) *core.Collection {
	i.t.Helper()
	collection, err := i.FindCachedCollectionByNameOrId(name)
	i.must(err)
	return collection
}

func (i *isolate) find() error {
	_, err := i.FindRecordById("users", "nobody")
	return err
}

func TestReadTellsTheMark(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	if calls := one.calls(func() {
		one.begin()
		_, _ = one.FindRecordById("users", "nobody")
		_, _ = one.FindRecordById("users", "someone")
	}); calls != 2 {
		t.Errorf("two reads cost %d calls", calls)
	}

	two.exec("UPDATE _collections SET viewRule = 'id = 1' WHERE name = 'users'")
	session := one.begin()
	if err := one.find(); !errors.Is(err, d1.ErrStale) {
		t.Fatalf("a read by old rules: %v", err)
	}
	if !session.Stale() {
		t.Error("the session does not know")
	}
	if err := one.find(); !errors.Is(err, d1.ErrStale) {
		t.Errorf("the next read: %v", err)
	}
	users, _ := one.FindCachedCollectionByNameOrId("users")
	record := core.NewRecord(users)
	record.Load(map[string]any{"email": "a@example.com", "password": "1234567890"})
	if err := one.Save(record); !errors.Is(err, d1.ErrStale) {
		t.Errorf("a write: %v", err)
	}
	if calls := one.calls(func() { one.must(session.Renew(t.Context())) }); calls != 1 {
		t.Errorf("to load the collections cost %d calls", calls)
	}
	if rule := one.viewRule(); rule != "id = 1" {
		t.Errorf("the rule is %q", rule)
	}
	if err := one.find(); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("after the load: %v", err)
	}
	one.must(session.Confirm(t.Context()))
	one.must(one.Save(record))
}

func TestWriteAssertsTheMark(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	notes := core.NewBaseCollection("notes")
	notes.Fields.Add(&core.TextField{Name: "title"})
	one.must(one.Save(notes))
	one.must(one.caches.Refresh(t.Context()))
	save := func(app core.App, title string) error {
		record := core.NewRecord(notes)
		record.Set("title", title)
		return app.Save(record)
	}
	one.begin()
	if calls := one.calls(func() { one.must(save(one, "a")) }); calls != 1 {
		t.Errorf("a write cost %d calls", calls)
	}
	session := one.begin()
	two.exec("UPDATE _params SET value = json_set(value, '$.meta.appName', 'Renamed') WHERE id = 'settings'")
	stored := one.stored.Load()
	if err := save(one, "b"); !errors.Is(err, d1.ErrStale) {
		t.Fatalf("a write by old settings: %v", err)
	}
	if one.stored.Load() != stored {
		t.Error("it counts as stored")
	}
	one.must(session.Renew(t.Context()))
	if name := one.Settings().Meta.AppName; name != "Renamed" {
		t.Errorf("the app's name is %q", name)
	}
	// The event's first write asserts still.
	two.exec("UPDATE _collections SET listRule = NULL")
	if err := save(one, "b"); !errors.Is(err, d1.ErrStale) {
		t.Fatalf("a write by old rules: %v", err)
	}
	one.must(session.Renew(t.Context()))
	one.must(save(one, "b"))
	one.must(save(one, "c"))

	session = one.begin()
	two.exec("UPDATE _collections SET listRule = ''")
	err := one.RunInTransaction(func(tx core.App) error { return save(tx, "d") })
	if !errors.Is(err, d1.ErrStale) || !session.Stale() {
		t.Errorf("a transaction by old rules: %v", err)
	}
	one.must(session.Renew(t.Context()))
	total, err := one.CountRecords("notes")
	if one.must(err); total != 3 {
		t.Errorf("%d notes", total)
	}
}

// Where a read may have been a replica's, the first write asserts the mark all the same.
func TestReplicas(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	one.caches.UseReplicas()
	session := one.begin()
	if err := one.find(); !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	one.must(session.Confirm(t.Context()))
	two.exec("UPDATE _collections SET viewRule = 'new' WHERE name = 'users'")
	record := core.NewRecord(one.collection("users"))
	record.Load(map[string]any{"email": "a@example.com", "password": "1234567890"})
	if err := one.SaveNoValidate(record); !errors.Is(err, d1.ErrStale) {
		t.Fatalf("a write by old rules: %v", err)
	}
	if calls := one.calls(func() { one.must(session.Renew(t.Context())) }); calls != 2 {
		t.Errorf("to read the primary's mark and load the collections cost %d calls", calls)
	}
	if rule := one.viewRule(); rule != "new" {
		t.Errorf("the rule is %q", rule)
	}
	one.must(one.SaveNoValidate(record))
}

func TestConfirm(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	session := one.begin()
	if calls := one.calls(func() {
		one.must(session.Confirm(t.Context()))
		one.must(session.Confirm(t.Context()))
	}); calls != 1 {
		t.Errorf("%d calls", calls)
	}
	two.exec("UPDATE _collections SET viewRule = 'x' WHERE name = 'users'")
	one.must(session.Confirm(t.Context()))
	session = one.begin()
	if err := session.Confirm(t.Context()); !errors.Is(err, d1.ErrStale) {
		t.Errorf("Confirm: %v", err)
	}
	lost := errors.New("Network connection lost")
	db.Before = func([]d1.Statement) error { return lost }
	if err := one.begin().Confirm(t.Context()); err == nil || errors.Is(err, d1.ErrStale) {
		t.Errorf("without a database: %v", err)
	}
}

// A cache that PocketBase fills for itself after a change of its own is not taken for older than it is, nor for newer.
func TestOwnChange(t *testing.T) {
	db := openStandIn(t)
	one := boot(t, db)
	session := one.begin()
	users, err := one.FindCollectionByNameOrId("users")
	one.must(err)
	users.ViewRule = types.Pointer("id != ''")
	one.must(one.Save(users))
	if calls := one.calls(func() { one.must(session.End(t.Context())) }); calls != 2 {
		t.Errorf("End cost %d calls", calls)
	}
	one.begin()
	if err := one.find(); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("the next event: %v", err)
	}
	if calls := one.calls(func() { one.must(one.begin().End(t.Context())) }); calls != 0 {
		t.Errorf("an event that changed nothing: %d calls", calls)
	}
}

func TestBoot(t *testing.T) {
	db := openStandIn(t)
	first := boot(t, db)
	mark, _ := first.caches.known()
	if len(mark) != 2*halfLength {
		t.Fatalf("the mark is %q", mark)
	}
	calls := first.calls(func() { boot(t, db) })
	plain := openStandIn(t)
	core1 := func() {
		app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: func(path string) (*dbx.DB, error) {
			if strings.HasSuffix(path, "auxiliary.db") {
				return dbx.NewFromDB(sql.OpenDB(d1.Open(openStandIn(t), d1.Options{DeferErrors: func(string) bool { return true }})), "sqlite"), nil
			}
			return dbx.NewFromDB(sql.OpenDB(d1.Open(plain, d1.Options{})), "sqlite"), nil
		}})
		first.must(errors.Join(app.Bootstrap(), app.RunAllMigrations()))
		_ = app.ClearBootstrap()
	}
	core1()
	plain.ResetCounts()
	core1()
	if without, _ := plain.Counts(); calls != without {
		t.Errorf("a boot costs %d calls, %d without the watermark", calls, without)
	}
	if again, _ := boot(t, db).caches.known(); again != mark {
		t.Error("a boot has changed the mark")
	}
	for _, damage := range []string{"DROP TABLE _pf_watermark", "DELETE FROM _pf_watermark", "DROP TRIGGER _pf_watermark_params_update"} {
		first.exec(damage)
		healed := boot(t, db)
		after, _ := healed.caches.known()
		if after == mark || after == "" {
			t.Errorf("%s: the mark is %q", damage, after)
		}
		healed.exec("UPDATE _params SET value = json_set(value, '$.meta.appName', 'After') WHERE id = 'settings'")
		session := healed.begin()
		if err := healed.find(); !errors.Is(err, d1.ErrStale) {
			t.Errorf("%s: %v", damage, err)
		}
		healed.must(session.Renew(t.Context()))
	}
	// The same while an isolate serves.
	for _, damage := range []string{"DROP TABLE _pf_watermark", "DELETE FROM _pf_watermark"} {
		serving := boot(t, db)
		serving.exec(damage)
		session := serving.begin()
		if err := serving.find(); !errors.Is(err, d1.ErrStale) {
			t.Errorf("%s: a read: %v", damage, err)
		}
		serving.must(session.Renew(t.Context()))
		if err := serving.find(); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("%s: after it: %v", damage, err)
		}
	}
}

// Every way in which PocketBase changes the tables changes the mark.
func TestTriggersStay(t *testing.T) {
	db := openStandIn(t)
	one := boot(t, db)
	read := func() string {
		mark, err := one.caches.query(t.Context(), one.caches.direct)
		one.must(err)
		return mark
	}
	posts := core.NewBaseCollection("posts")
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { posts.Fields.Add(&core.TextField{Name: "title"}); return one.Save(posts) }},
		{"change", func() error { posts.Fields.GetByName("title").SetName("name"); return one.Save(posts) }},
		{"rename", func() error { posts.Name = "articles"; return one.Save(posts) }},
		{"truncate", func() error {
			posts.ListRule = types.Pointer("")
			return errors.Join(one.TruncateCollection(posts), one.Save(posts))
		}},
		{"import", func() error {
			return one.ImportCollections([]map[string]any{{"name": "imported", "type": "base", "fields": []map[string]any{{"name": "x", "type": "text"}}}}, true)
		}},
		{"settings", func() error { one.Settings().Meta.AppName = "Other"; return one.Save(one.Settings()) }},
		{"delete", func() error {
			c, err := one.FindCollectionByNameOrId("imported")
			return errors.Join(err, one.Delete(c))
		}},
	} {
		before := read()
		one.must(step.do())
		after := read()
		if before == after {
			t.Errorf("%s: the mark stays", step.name)
		}
		settings := step.name == "settings"
		if (before[:halfLength] == after[:halfLength]) != settings || (before[halfLength:] != after[halfLength:]) != settings {
			t.Errorf("%s: %s became %s", step.name, before, after)
		}
	}
}

// A read that fills the caches and was overtaken by a load is sent again: caches do not go back in time.
func TestOvertakenRead(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	overtaken := false
	late := &lateBinding{Database: db, after: func(statement d1.Statement) {
		if one.caches.Fills(statement.SQL) && !overtaken {
			overtaken = true
			two.exec("UPDATE _collections SET viewRule = 'new' WHERE name = 'users'")
			one.must(one.caches.Refresh(t.Context()))
		}
	}}
	one.caches.binding = late
	one.begin().held()
	one.must(one.ReloadCachedCollections())
	if rule := one.viewRule(); !overtaken || rule != "new" {
		t.Errorf("the rule is %q", rule)
	}
}

// A transaction that began before a load does not fill the caches with what it has seen.
func TestOvertakenTransaction(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	one.begin()
	err := one.RunInTransaction(func(tx core.App) error {
		one.must(tx.ReloadCachedCollections())
		two.exec("UPDATE _collections SET viewRule = 'new' WHERE name = 'users'")
		one.must(one.caches.Refresh(t.Context()))
		return tx.ReloadCachedCollections()
	})
	if rule := one.viewRule(); !errors.Is(err, d1.ErrConflict) || rule != "new" {
		t.Errorf("%v, the rule is %q", err, rule)
	}
	one.must(one.RunInTransaction(func(tx core.App) error { return tx.ReloadCachedCollections() }))
}

// An event that began with caches that another event has loaded anew since has worked with the old ones.
func TestOvertakenEvent(t *testing.T) {
	for name, met := range map[string]func(*isolate) error{
		"read": (*isolate).find,
		"write": func(one *isolate) error {
			record := core.NewRecord(one.collection("users"))
			record.Load(map[string]any{"email": "a@example.com", "password": "1234567890"})
			return one.SaveNoValidate(record)
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openStandIn(t)
			one, two := boot(t, db), boot(t, db)
			overtaken := one.caches.Session()
			two.exec("UPDATE _collections SET viewRule = 'new' WHERE name = 'users'")
			other := one.begin()
			_ = one.find()
			one.must(other.Renew(t.Context()))
			one.session.Store(overtaken)
			if err := met(one); !errors.Is(err, d1.ErrStale) || !overtaken.Stale() {
				t.Fatalf("by old rules: %v", err)
			}
			if calls := one.calls(func() { one.must(overtaken.Renew(t.Context())) }); calls > 1 {
				t.Errorf("to find the caches loaded cost %d calls", calls)
			}
			if err := met(one); err != nil && !errors.Is(err, sql.ErrNoRows) {
				t.Error(err)
			}
		})
	}
}

// A commit whose answer is lost proves that the caches were in force, though they are not any more when its fate is asked for.
func TestLostAnswerAndLaterChange(t *testing.T) {
	for _, fault := range []string{"D1_ERROR: Network connection lost.", "D1_ERROR: internal error; reference = 0123456789abcdef"} {
		t.Run(fault, func(t *testing.T) {
			db := openStandIn(t)
			one, two := boot(t, db), boot(t, db)
			session := one.begin()
			lost, changed := false, false
			db.After = func(statements []d1.Statement) error {
				if size, _ := d1.TokenOf(statements); size == 0 || lost {
					return nil
				}
				lost = true
				return errors.New(fault)
			}
			db.Before = func([]d1.Statement) error {
				if lost && !changed {
					changed = true
					two.exec("UPDATE _collections SET viewRule = 'new' WHERE name = 'users'")
				}
				return nil
			}
			stored := one.stored.Load()
			_, err := one.DB().NewQuery("INSERT INTO users (id, email) VALUES ('a', 'a@example.com')").Execute()
			if err != nil || !changed || one.stored.Load() != stored+1 {
				t.Fatalf("%v, %d stored", err, one.stored.Load()-stored)
			}
			if session.Stale() {
				t.Error("the event is to be run again, though its work is stored")
			}
			one.begin()
			if err := one.find(); !errors.Is(err, d1.ErrStale) {
				t.Errorf("the next event: %v", err)
			}
		})
	}
}

// lateBinding does something else between an answer's making and its arrival.
type lateBinding struct {
	*standin.Database
	after func(d1.Statement)
}

func (b *lateBinding) Query(ctx context.Context, statement d1.Statement) (d1.Rows, error) {
	rows, err := b.Database.Query(ctx, statement)
	b.after(statement)
	return rows, err
}

func TestRefreshAtOnce(t *testing.T) {
	db := openStandIn(t)
	one, two := boot(t, db), boot(t, db)
	two.exec("UPDATE _collections SET viewRule = 'new' WHERE name = 'users'")
	errs := make(chan error)
	started := one.caches.started
	for range 20 {
		go func() { errs <- one.caches.Refresh(t.Context()) }()
	}
	for range 20 {
		one.must(<-errs)
	}
	if rule := one.viewRule(); rule != "new" {
		t.Errorf("the rule is %q", rule)
	}
	if loads := one.caches.started - started; loads != 1 {
		t.Errorf("%d loads", loads)
	}
}
