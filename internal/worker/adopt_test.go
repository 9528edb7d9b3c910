package worker

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

func TestAdopt(t *testing.T) {
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: t.TempDir()})

	var calls []string
	note := func(name string) func(e *core.BootstrapEvent) error {
		return func(e *core.BootstrapEvent) error {
			calls = append(calls, name)
			return e.Next()
		}
	}
	app.OnBootstrap().BindFunc(note("second"))
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{Func: note("first"), Priority: -1000})
	app.OnRecordCreate("posts").BindFunc(func(e *core.RecordEvent) error {
		calls = append(calls, "created "+e.Record.GetString("title"))
		return e.Next()
	})
	app.Cron().MustAdd("mine", "* * * * *", func() {})
	app.Store().Set("key", "value")
	app.Settings().Meta.AppName = "set before the start"

	var paths []string
	if err := adopt(app, func(path string) (*dbx.DB, error) {
		paths = append(paths, path)
		return core.DefaultDBConnect(path)
	}); err != nil {
		t.Fatal(err)
	}

	if got := app.Settings().Meta.AppName; got != "set before the start" {
		t.Errorf("settings: %q", got)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.ClearBootstrap() })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	if len(paths) != 4 {
		t.Errorf("the connection was asked for %d times: %v", len(paths), paths)
	}
	if app.Store().Get("key") != "value" {
		t.Error("the store was lost")
	}
	ids := []string{}
	for _, job := range app.Cron().Jobs() {
		ids = append(ids, job.Id())
	}
	for _, id := range []string{"mine", "__pbDBOptimize__", "__pbLogsCleanup__"} {
		if !slices.Contains(ids, id) {
			t.Errorf("no cron job %q in %v", id, ids)
		}
	}

	posts := core.NewBaseCollection("posts")
	posts.Fields.Add(&core.TextField{Name: "title"})
	if err := app.Save(posts); err != nil {
		t.Fatal(err)
	}
	post := core.NewRecord(posts)
	post.Set("title", "hello")
	if err := app.Save(post); err != nil {
		t.Fatal(err)
	}
	if want := []string{"first", "second", "created hello"}; !reflect.DeepEqual(calls, want) {
		t.Errorf("hooks: %v, want %v", calls, want)
	}
	// PocketBase's own hooks reach the app in its new state: a second save is an update through the same database.
	post.Set("title", "again")
	if err := app.Save(post); err != nil {
		t.Fatal(err)
	}
}

// TestAdoptFindsEveryHook fails when PocketBase gets a hook that adopt would not take over.
func TestAdoptFindsEveryHook(t *testing.T) {
	appType := reflect.TypeFor[*core.BaseApp]()
	for i := range appType.NumMethod() {
		method := appType.Method(i)
		for j := range method.Type.NumOut() {
			out := method.Type.Out(j).String()
			isHook := len(out) > 6 && (out[:6] == "*hook.")
			if isHook != isHookMethod(method) {
				t.Errorf("%s returns %s", method.Name, out)
			}
		}
	}
}

func TestAdoptRefusesOtherApps(t *testing.T) {
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: t.TempDir()})
	app.App = struct{ core.App }{app.App}
	if err := adopt(app, func(string) (*dbx.DB, error) { return nil, errors.New("unused") }); err == nil {
		t.Error("no error for an app that cannot be adopted")
	}
}
