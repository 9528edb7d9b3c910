package worker

import (
	"errors"
	"net/http"
	"testing/fstest"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/ui"
)

// newHandler makes the http.Handler of an app whose migrations have run, as apis.Serve does, without a listener: the router with CORS,
// then OnServe. newRouter is apis.NewRouter for the app.
func newHandler(app core.App, newRouter func() (*router.Router[*core.RequestEvent], error)) (http.Handler, error) {
	serveUIExtensions()
	routes, err := newRouter()
	if err != nil {
		return nil, err
	}
	routes.Bind(disownLost())
	routes.Bind(limitRereads())
	routes.Bind(apis.CORS(apis.CORSConfig{
		AllowOrigins: []string{"*"},
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete},
	}))

	routes.GET("/_/{path...}", apis.Static(ui.DistDirFS, false)) // what is no asset of the Worker does not exist

	event := &core.ServeEvent{App: app, Router: routes, Server: &http.Server{}}
	err = app.OnServe().Trigger(event, func(e *core.ServeEvent) error {
		handler, err := e.Router.BuildMux()
		e.Server.Handler = handler
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case event.Server.Handler == nil:
		return nil, errors.New("no router was built: an OnServe hook does not call e.Next()")
	}
	return event.Server.Handler, nil
}

// serveUIExtensions has PocketBase serve what an app registers in ServeEvent.UIExtensions. It does so only where the admin UI is part of
// the program; here that is an asset of the Worker, so an empty one stands in.
func serveUIExtensions() {
	if ui.DistDirFS == nil {
		ui.DistDirFS = fstest.MapFS{}
	}
}
