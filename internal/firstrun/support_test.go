package firstrun_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/logger"

	_ "github.com/pocketbase/pocketbase/migrations"

	"pocketflare/internal/firstrun"
)

type variables map[string]string

func (v variables) get(name string) string { return v[name] }

// emptyDatabase is the directory of a database that was booted once without any variable.
var emptyDatabase string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "firstrun")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := errors.Join(app.Bootstrap(), app.RunAllMigrations(), app.ClearBootstrap()); err != nil {
		panic(err)
	}
	emptyDatabase = dir
	return m.Run()
}

// boot starts an app as the Worker does and returns what serves its requests.
func boot(t testing.TB, dir string, env variables, prepare func(core.App)) (core.App, http.Handler) {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if prepare != nil {
		prepare(app)
	}
	firstrun.Bind(app, env.get)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { app.ClearBootstrap() })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	router, err := apis.NewRouter(app)
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler
	err = app.OnServe().Trigger(&core.ServeEvent{App: app, Router: router}, func(e *core.ServeEvent) error {
		handler, err = e.Router.BuildMux()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return app, handler
}

func bootEmpty(t testing.TB, env variables, prepare func(core.App)) (core.App, http.Handler) {
	t.Helper()
	dir, err := tests.TempDirClone(emptyDatabase)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return boot(t, dir, env, prepare)
}

func get(handler http.Handler, url string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, url, nil))
	return recorder
}

func addSuperuser(t testing.TB, app core.App, email string) {
	t.Helper()
	collection, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(collection)
	record.SetEmail(email)
	record.SetPassword("1234567890")
	if err := app.Save(record); err != nil {
		t.Fatal(err)
	}
}

func superusers(t testing.TB, app core.App) []string {
	t.Helper()
	records, err := app.FindAllRecords(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	emails := []string{}
	for _, record := range records {
		emails = append(emails, record.Email())
	}
	return emails
}

// errorMessage checks that the body is an error in PocketBase's form, and returns its message.
func errorMessage(t testing.TB, recorder *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Data    map[string]any
		Message string
		Status  int
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("not JSON: %v: %s", err, recorder.Body)
	}
	if body.Data == nil || body.Status != recorder.Code {
		t.Fatalf("not an error as PocketBase's: %s", recorder.Body)
	}
	return body.Message
}

// waitForLogs returns all stored log entries as JSON, once one of them has the text.
func waitForLogs(t *testing.T, app core.App, text string) string {
	t.Helper()
	handler := app.Logger().Handler().(*logger.BatchHandler)
	for range 1000 {
		if err := handler.WriteAll(context.WithValue(context.Background(), logger.BlockKey, true)); err != nil {
			t.Fatal(err)
		}
		var entries []*core.Log
		if err := app.LogQuery().All(&entries); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), text) {
			return string(raw)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q was not logged", text)
	return ""
}
