// Package unavailable makes what a Worker does not offer yet answer with a clear error, where PocketBase's own way would hang, or
// would lose data in a memory that no request shares with the next.
//
// Each file is one of these: backups, mail, and what needs a process that stays alive. It uses PocketBase's hooks
// and middlewares only, so an adapter takes a file's place by not binding it.
package unavailable

import (
	"net/http"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

const hookID = "pocketflareUnavailable"

// afterApp lets the app's own handlers, with their default priorities, have their say first.
const afterApp = 999

// Bind adds all of it to app. It must be called before the app is bootstrapped.
func Bind(app core.App) {
	unbindProcess(app)
	bindBackups(app)
	bindMail(app)
}

// bindRoutes answers with an error those requests to PocketBase's own routes for which refuse gives a message. The routes' own
// checks of who asks come first.
func bindRoutes(app core.App, id string, refuse func(*core.RequestEvent) string) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: id,
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id:       id,
				Priority: afterApp,
				Func: func(e *core.RequestEvent) error {
					if message := refuse(e); message != "" {
						return notImplemented(message)
					}
					return e.Next()
				},
			})
			return e.Next()
		},
	})
}

func notImplemented(message string) error {
	return apis.NewApiError(http.StatusNotImplemented, message, nil)
}
