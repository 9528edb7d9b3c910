// Package firstrun makes a new deployment usable: it leads its owner to the page that creates the first superuser, or creates that
// superuser from environment variables, and gives a new database the settings that fit a Worker.
//
// It stands in for what PocketBase does at a terminal (the installer link that `serve` prints, the `superuser` command). An existing
// database, its superusers and its settings are never changed.
//
// It reads these variables:
//
//   - POCKETFLARE_SETUP_KEY: when set, GET /_pf opens the first-superuser page only as /_pf?key=<its value>;
//   - POCKETFLARE_ADMIN_EMAIL and POCKETFLARE_ADMIN_PASSWORD: the first superuser, created at boot when there is none;
//   - POCKETFLARE_APP_URL: the application URL (settings, meta.appURL) of a new database.
package firstrun

import (
	"log"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// The environment variables.
const (
	envSetupKey      = "POCKETFLARE_SETUP_KEY"
	envAdminEmail    = "POCKETFLARE_ADMIN_EMAIL"
	envAdminPassword = "POCKETFLARE_ADMIN_PASSWORD"
	envAppURL        = "POCKETFLARE_APP_URL"
)

const hookID = "pocketflareFirstRun"

// The app's own OnServe handlers have default priorities: the superuser exists before they run, the routes are bound after them.
const (
	beforeApp = -999
	afterApp  = 999
)

// Bind adds the first run to app. It must be called before the app is bootstrapped; env returns the value of a variable, "" if unset.
func Bind(app core.App, env func(name string) string) {
	app.OnModelCreate((&core.Param{}).TableName()).Bind(&hook.Handler[*core.ModelEvent]{
		Id:   hookID,
		Func: func(e *core.ModelEvent) error { return createSettings(e, env) },
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id:       hookID + "Superuser",
		Priority: beforeApp,
		Func: func(e *core.ServeEvent) error {
			if err := EnsureAdmin(e.App, env); err != nil {
				report(e.App, "The first superuser was not created", err)
			}
			return e.Next()
		},
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id:       hookID + "Routes",
		Priority: afterApp,
		Func: func(e *core.ServeEvent) error {
			bindRoutes(e.Router, env)
			return e.Next()
		},
	})
}

// EnsureAdmin creates the superuser that the variables describe, if they are set and there is no superuser. Bind has it done when the app
// begins to serve; whoever makes a database may do it earlier.
func EnsureAdmin(app core.App, env func(name string) string) error {
	if !hasAdminVariables(env) {
		return nil
	}
	return ensureAdmin(app, env)
}

// report tells both those who read the Worker's output and those who read PocketBase's logs.
func report(app core.App, message string, err error) {
	log.Printf("%s: %v", message, err)
	app.Logger().Error(message, "error", err)
}
