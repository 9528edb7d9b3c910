package d1_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
)

// Isolates that start at the same moment on an empty database all come up, with one set of secrets.
func TestFirstBootsAtOnce(t *testing.T) {
	databases := openDatabases(t)
	apps := make([]*core.BaseApp, 3)
	errs := make([]error, len(apps))
	var wg sync.WaitGroup
	for i := range apps {
		var races atomic.Int32
		apps[i] = core.NewBaseApp(core.BaseAppConfig{
			DataDir: t.TempDir(), DBConnect: databases.isolate(func() { races.Add(1) }),
		})
		wg.Go(func() {
			errs[i] = errors.Join(untilWon(&races, apps[i].Bootstrap), untilWon(&races, apps[i].RunAllMigrations))
		})
	}
	wg.Wait()
	secrets := map[string]bool{}
	for i, app := range apps {
		if errs[i] != nil {
			t.Fatalf("app %d: %v", i, errs[i])
		}
		defer func() { _ = app.ClearBootstrap() }()
		users, err := app.FindCollectionByNameOrId("users")
		if err != nil {
			t.Fatal(err)
		}
		secrets[users.AuthToken.Secret] = true
		if err := app.ReloadSettings(); err != nil {
			t.Error(err)
		}
	}
	if len(secrets) != 1 {
		t.Errorf("%d secrets", len(secrets))
	}
	for _, table := range []string{"_collections", "_params", "_migrations"} {
		var total, different int
		row := apps[0].DB().NewQuery("SELECT count(*), count(DISTINCT " + map[string]string{"_collections": "name", "_params": "id", "_migrations": "file"}[table] + ") FROM " + table)
		if err := row.Row(&total, &different); err != nil || total != different || total == 0 {
			t.Errorf("%s: %d rows, %d different, %v", table, total, different, err)
		}
	}
}

// untilWon repeats a step of the boot that lost a race, which may show as any error. PocketBase makes its settings outside of
// a transaction: there it is a unique violation.
func untilWon(races *atomic.Int32, step func() error) error {
	var err error
	for range 8 {
		before := races.Load()
		err = step()
		if err == nil || races.Load() == before && !errors.Is(err, d1.ErrConflict) && !errors.Is(err, d1.CodeConstraint) {
			return err
		}
	}
	return err
}
