package worker

import (
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"testing/fstest"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/ui"
	"golang.org/x/crypto/acme/autocert"

	"pocketflare/internal/logs"
)

// newHandler makes the http.Handler of an app whose migrations have run, as apis.Serve does, without a listener: the router with CORS,
// then OnServe. cost tells what the goroutine's request has cost so far.
func newHandler(app core.App, routing routing, cost func() *logs.Cost) (http.Handler, error) {
	serveUIExtensions()
	routes, err := routing.NewRouter()
	if err != nil {
		return nil, err
	}
	routes.Bind(disownLost())
	routes.Bind(limitRereads())
	routes.Bind(logs.Costs(cost))
	routes.Bind(apis.CORS(apis.CORSConfig{
		AllowOrigins: []string{"*"},
		AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete},
	}))

	routes.GET("/_/{path...}", apis.Static(ui.DistDirFS, false)) // what is no asset of the Worker does not exist

	before := len(routes.Middlewares)
	event := &core.ServeEvent{
		App:    app,
		Router: routes,
		// What a hook may set of the server that listens elsewhere is there to be set; nothing listens here.
		Server:      &http.Server{TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
		CertManager: &autocert.Manager{Prompt: autocert.AcceptTOS},
	}
	err = app.OnServe().Trigger(event, func(e *core.ServeEvent) error {
		routing.Routed(foreign(e.Router.Middlewares[before:]))
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

// routing makes the router; internal/realtime is one.
type routing interface {
	// NewRouter is apis.NewRouter for the app.
	NewRouter() (*router.Router[*core.RequestEvent], error)
	// Routed is called with the number of middlewares that the app has bound for all routes.
	Routed(middlewares int)
}

// foreign counts the middlewares that are not ours.
func foreign(middlewares []*hook.Handler[*core.RequestEvent]) int {
	count := 0
	for _, middleware := range middlewares {
		if !strings.HasPrefix(middleware.Id, "pocketflare") {
			count++
		}
	}
	return count
}

// serveUIExtensions has PocketBase serve what an app registers in ServeEvent.UIExtensions. It does so only where the admin UI is part of
// the program; here that is an asset of the Worker, so an empty one stands in.
func serveUIExtensions() {
	if ui.DistDirFS == nil {
		ui.DistDirFS = fstest.MapFS{}
	}
}
