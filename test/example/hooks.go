package main

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Keys of the app's store.
const (
	storeBootstraps = "example.bootstraps"
	storeJobRuns    = "example.jobRuns"
)

func bindBootstrap(app core.App) {
	app.OnBootstrap().BindFunc(func(e *core.BootstrapEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		add(e.App, storeBootstraps, 1)
		return nil
	})
}

func bindJobs(app core.App) {
	app.Cron().MustAdd("exampleJob", "*/5 * * * *", func() {
		add(app, storeJobRuns, 1)
	})
	app.Cron().MustAdd("exampleNote", "0 3 * * *", func() {
		notes, err := app.FindCollectionByNameOrId("notes")
		if err != nil {
			app.Logger().Error("exampleNote", "error", err)
			return
		}
		note := core.NewRecord(notes)
		note.Set("title", "From a job")
		if err := app.Save(note); err != nil {
			app.Logger().Error("exampleNote", "error", err)
		}
	})
}

func bindMiddleware(r *router.Router[*core.RequestEvent]) {
	r.Bind(&hook.Handler[*core.RequestEvent]{
		Id: "exampleMiddleware",
		Func: func(e *core.RequestEvent) error {
			e.Response.Header().Set("X-Example", "middleware")
			if e.Request.Header.Get("X-Example-Refuse") != "" {
				return e.Error(http.StatusTeapot, "Refused by the middleware.", nil)
			}
			return e.Next()
		},
	})
}

func bindRecordHooks(app core.App) {
	app.OnRecordCreateRequest("notes").BindFunc(func(e *core.RecordRequestEvent) error {
		if e.Record.GetString("title") == "forbidden" {
			return e.BadRequestError("This title is taken by a hook.", nil)
		}
		return e.Next()
	})
	app.OnRecordCreate("notes").BindFunc(func(e *core.RecordEvent) error {
		e.Record.Set("slug", strings.ReplaceAll(strings.ToLower(e.Record.GetString("title")), " ", "-"))
		return e.Next()
	})
	app.OnRecordAfterCreateSuccess("notes").BindFunc(func(e *core.RecordEvent) error {
		audit, err := e.App.FindCachedCollectionByNameOrId("audit")
		if err != nil {
			return err
		}
		record := core.NewRecord(audit)
		record.Set("event", "created")
		record.Set("note", e.Record.Id)
		if err := e.App.Save(record); err != nil {
			return err
		}
		return e.Next()
	})
	app.OnRecordEnrich("notes").BindFunc(func(e *core.RecordEnrichEvent) error {
		e.Record.WithCustomData(true)
		e.Record.Set("shout", strings.ToUpper(e.Record.GetString("title")))
		return e.Next()
	})
}

// add raises the counter at key in the app's store.
func add(app core.App, key string, n int64) {
	app.Store().SetFunc(key, func(old any) any {
		count, _ := old.(int64)
		return count + n
	})
}

// stored returns the counter at key in the app's store.
func stored(app core.App, key string) int64 {
	count, _ := app.Store().Get(key).(int64)
	return count
}
