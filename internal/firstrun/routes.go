package firstrun

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

const (
	adminUIPath = "/_/"

	// setupPath is the admin UI's page for the first superuser; the token follows.
	setupPath = adminUIPath + "#/pbinstall/"

	// setupTokenDuration is that of the link that PocketBase prints.
	setupTokenDuration = 30 * time.Minute
)

// bindRoutes adds /_pf, and / where the app has nothing there: it is called when the app's own routes are known.
func bindRoutes(r *router.Router[*core.RequestEvent], env func(string) string) {
	if !r.HasRoute(http.MethodGet, "/_pf") && !r.HasRoute("", "/_pf") {
		r.GET("/_pf", func(e *core.RequestEvent) error { return openSetup(e, env) }).
			// PocketBase's request logs have the whole URL, and so the setup key
			Unbind(apis.DefaultActivityLoggerMiddlewareId)
	}
	if !hasRootRoute(r) {
		r.GET("/{$}", func(e *core.RequestEvent) error { return e.Redirect(http.StatusFound, adminUIPath) }).
			Bind(apis.SkipSuccessActivityLog())
	}
}

// hasRootRoute reports whether one of the app's own routes answers GET /. HasRoute takes "/" and "/{path...}" for the same.
func hasRootRoute(r *router.Router[*core.RequestEvent]) bool {
	for _, method := range []string{"", http.MethodGet} {
		if r.HasRoute(method, "/") || r.HasRoute(method, "/{$}") {
			return true
		}
	}
	return false
}

// openSetup answers GET /_pf: an empty database leads to the page for the first superuser, any other to the admin UI.
func openSetup(e *core.RequestEvent, env func(string) string) error {
	e.Response.Header().Set("Cache-Control", "no-store")
	exists, err := hasSuperuser(e.App)
	if err != nil {
		return setupFailed(e, err)
	}
	if exists {
		return e.Redirect(http.StatusFound, adminUIPath)
	}
	if key := env(envSetupKey); key != "" && !equal(key, e.Request.URL.Query().Get("key")) {
		return e.ForbiddenError("This database has no superuser yet, and its setup is protected. Open /_pf?key=… with the value of "+envSetupKey+".", nil)
	}
	if hasAdminVariables(env) {
		if err := ensureAdmin(e.App, env); err != nil {
			return setupFailed(e, err)
		}
		return e.Redirect(http.StatusFound, adminUIPath)
	}
	token, err := setupToken(e.App)
	switch {
	case err != nil:
		return setupFailed(e, err)
	case token == "":
		return e.Redirect(http.StatusFound, adminUIPath)
	}
	return e.Redirect(http.StatusFound, setupPath+token)
}

// setupToken gives the token of the installer's account, "" if there is a superuser after all. It looks in a transaction, since what was read
// before may come from a replica of the database that does not know the first superuser yet.
func setupToken(app core.App) (token string, err error) {
	err = app.RunInTransaction(func(tx core.App) error {
		exists, err := hasSuperuser(tx)
		if err != nil || exists {
			return err
		}
		installer, err := findOrCreateInstaller(tx)
		if err != nil {
			return err
		}
		token, err = installer.NewStaticAuthToken(setupTokenDuration)
		return err
	})
	return token, err
}

func setupFailed(e *core.RequestEvent, err error) error {
	report(e.App, "The first run could not be prepared", err)
	var variable variableError
	if errors.As(err, &variable) {
		return e.InternalServerError("The first superuser was not created: "+variable.Error(), nil)
	}
	return e.InternalServerError("The first run could not be prepared. The Worker's log says why.", err)
}

// equal compares without telling by its time how much was right.
func equal(a, b string) bool {
	sumA, sumB := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(sumA[:], sumB[:]) == 1
}
