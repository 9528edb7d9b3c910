package worker

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/router"

	"pocketflare/internal/logs"
)

func newTestApp(t *testing.T) *tests.TestApp {
	t.Helper()
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	return app
}

func get(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	request := httptest.NewRequest(method, path, nil)
	request.Header.Set("Origin", "https://example.com")
	request.Header.Set("Access-Control-Request-Method", "PATCH")
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestNewHandler(t *testing.T) {
	app := newTestApp(t)
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Server.TLSConfig.MinVersion = tls.VersionTLS13 // what an app sets that listens elsewhere
		e.CertManager.Email = "mine@example.com"
		e.Router.GET("/mine", func(re *core.RequestEvent) error { return re.String(http.StatusTeapot, "mine") })
		e.UIExtensions = append(e.UIExtensions, core.UIExtension{
			Name: "demo",
			FS:   fstest.MapFS{"main.js": {Data: []byte("hello()")}},
		})
		return e.Next()
	})
	handler, err := newHandler(app, plain{app}, func() *logs.Cost { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/api/health", 200, "API is healthy"},
		{"GET", "/mine", http.StatusTeapot, "mine"},
		{"GET", "/nothing", 404, "wasn't found"},
		{"GET", "/_/nothing.js", 404, "File not found"},
		{"OPTIONS", "/api/health", 204, ""},
		{"GET", "/_/extensions.js", 200, "hello()"},
		{"GET", "/_/extensions/demo/main.js", 200, "hello()"},
	} {
		response := get(handler, test.method, test.path)
		if response.Code != test.status || !strings.Contains(response.Body.String(), test.body) {
			t.Errorf("%s %s: %d %s", test.method, test.path, response.Code, response.Body)
		}
		if origin := response.Header().Get("Access-Control-Allow-Origin"); origin != "*" {
			t.Errorf("%s %s: Access-Control-Allow-Origin %q", test.method, test.path, origin)
		}
	}
}

func TestNewHandlerWithoutNext(t *testing.T) {
	app := newTestApp(t)
	app.OnServe().BindFunc(func(e *core.ServeEvent) error { return nil })
	if _, err := newHandler(app, plain{app}, func() *logs.Cost { return nil }); err == nil || !strings.Contains(err.Error(), "e.Next()") {
		t.Errorf("error: %v", err)
	}
}

// plain routes as PocketBase does.
type plain struct{ app core.App }

func (p plain) NewRouter() (*router.Router[*core.RequestEvent], error) { return apis.NewRouter(p.app) }

func (plain) Routed(int) {}
