package d1_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"

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
type databases struct{ app, logs *standin.Database }

func openDatabases(t testing.TB) *databases {
	return &databases{openStandIn(t, ":memory:"), openStandIn(t, ":memory:")}
}

func (d *databases) connect(path string) (*dbx.DB, error) {
	binding, options := d1.Binding(d.app), d1.Options{}
	if strings.HasSuffix(path, "auxiliary.db") {
		binding, options = d.logs, d1.Options{DeferErrors: true}
	}
	return dbx.NewFromDB(sql.OpenDB(d1.Open(binding, options)), "sqlite"), nil
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

func TestBoot(t *testing.T) {
	databases := openDatabases(t)
	newApp(t, databases.connect)
	t.Log(databases.app.Counts())
	t.Log(databases.logs.Counts())
	databases.app.ResetCounts()
	newApp(t, databases.connect)
	t.Log(databases.app.Counts())
}
