package d1_test

import (
	"errors"
	"sync"
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
		apps[i] = core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: databases.connect})
		wg.Go(func() {
			errs[i] = errors.Join(untilWon(apps[i].Bootstrap), untilWon(apps[i].RunAllMigrations))
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

func untilWon(step func() error) error {
	for range 8 {
		if err := step(); !errors.Is(err, d1.ErrConflict) {
			return err
		}
	}
	return d1.ErrConflict
}
