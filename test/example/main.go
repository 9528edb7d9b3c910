// Command example is an app of the kind that users write: hooks, routes, middleware, migrations and a job of its own.
// The tests run it on the Worker and, built natively, as a stock PocketBase.
package main

import (
	"log"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/worker"
	_ "pocketflare/test/example/migrations"
)

func main() {
	beforeStart()
	app := pocketbase.New()

	bindBootstrap(app)
	bindBoot(app)
	bindRecordHooks(app)
	bindRefusals(app)
	bindFileHooks(app)
	bindJobs(app)
	bindRealtimeHooks(app)

	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		bindMiddleware(e.Router)
		group := e.Router.Group("/example")
		bindRequestRoutes(group)
		bindStreamRoutes(group)
		bindOutgoingRoutes(group)
		bindUploadRoutes(group)
		bindHangUpRoutes(group)
		bindLaterRoutes(group)
		bindDatabaseRoutes(group)
		bindFaultRoutes(group)
		bindRealtimeRoutes(group)
		bindFileRoutes(group)
		bindStartRoutes(group)
		bindUIExtension(e)
		return e.Next()
	})

	if err := worker.Start(app); err != nil {
		log.Fatal(err)
	}
}
