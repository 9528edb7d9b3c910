package firstrun_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"pocketflare/internal/firstrun"
)

func TestSetupPage(t *testing.T) {
	const installer = "/_/#/pbinstall/"
	scenarios := []struct {
		name      string
		env       variables
		superuser bool
		url       string
		status    int
		location  string // a prefix
		message   []string
	}{
		{name: "empty database", url: "/_pf", status: 302, location: installer},
		{name: "existing database", superuser: true, url: "/_pf", status: 302, location: "/_/"},
		{name: "right key", env: variables{"POCKETFLARE_SETUP_KEY": "s3 cret&"}, url: "/_pf?key=s3+cret%26", status: 302, location: installer},
		{name: "no key", env: variables{"POCKETFLARE_SETUP_KEY": "secret"}, url: "/_pf", status: 403, message: []string{"POCKETFLARE_SETUP_KEY", "/_pf?key="}},
		{name: "wrong key", env: variables{"POCKETFLARE_SETUP_KEY": "secret"}, url: "/_pf?key=Secret", status: 403, message: []string{"POCKETFLARE_SETUP_KEY"}},
		{name: "key of another length", env: variables{"POCKETFLARE_SETUP_KEY": "secret"}, url: "/_pf?key=secrets", status: 403},
		{name: "empty key", env: variables{"POCKETFLARE_SETUP_KEY": "secret"}, url: "/_pf?key=", status: 403},
		{name: "a key that was not asked for", url: "/_pf?key=secret", status: 302, location: installer},
		{name: "existing database, no key", env: variables{"POCKETFLARE_SETUP_KEY": "secret"}, superuser: true, url: "/_pf", status: 302, location: "/_/"},
		{
			name: "superuser from variables", url: "/_pf", status: 302, location: "/_/",
			env: variables{"POCKETFLARE_ADMIN_EMAIL": "a@example.com", "POCKETFLARE_ADMIN_PASSWORD": "1234567890"},
		},
		{
			name: "invalid email", url: "/_pf", status: 500, message: []string{"POCKETFLARE_ADMIN_EMAIL"},
			env: variables{"POCKETFLARE_ADMIN_EMAIL": "nobody", "POCKETFLARE_ADMIN_PASSWORD": "1234567890"},
		},
		{
			name: "both invalid", url: "/_pf", status: 500, message: []string{"POCKETFLARE_ADMIN_EMAIL", "POCKETFLARE_ADMIN_PASSWORD"},
			env: variables{"POCKETFLARE_ADMIN_EMAIL": "nobody", "POCKETFLARE_ADMIN_PASSWORD": "short"},
		},
		{
			name: "password missing", url: "/_pf", status: 500, message: []string{"POCKETFLARE_ADMIN_PASSWORD"},
			env: variables{"POCKETFLARE_ADMIN_EMAIL": "a@example.com"},
		},
		{
			name: "installer's address", url: "/_pf", status: 500, message: []string{"POCKETFLARE_ADMIN_EMAIL"},
			env: variables{"POCKETFLARE_ADMIN_EMAIL": core.DefaultInstallerEmail, "POCKETFLARE_ADMIN_PASSWORD": "1234567890"},
		},
		{
			name: "invalid variables need the key as well", url: "/_pf", status: 403,
			env: variables{"POCKETFLARE_ADMIN_EMAIL": "nobody", "POCKETFLARE_ADMIN_PASSWORD": "1234567890", "POCKETFLARE_SETUP_KEY": "secret"},
		},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			app, handler := bootEmpty(t, s.env, nil)
			if s.superuser {
				addSuperuser(t, app, "owner@example.com")
			}
			recorder := get(handler, s.url)
			if recorder.Code != s.status {
				t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
			}
			if got := recorder.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
			if s.status != http.StatusFound {
				message := errorMessage(t, recorder)
				for _, word := range s.message {
					if !strings.Contains(message, word) {
						t.Errorf("%q is not in %q", word, message)
					}
				}
				return
			}
			location := recorder.Header().Get("Location")
			token, found := strings.CutPrefix(location, s.location)
			if !found || (token != "") != (s.location == installer) {
				t.Fatalf("Location %q", location)
			}
			if token != "" {
				checkSetupToken(t, app, handler, token)
			}
		})
	}
}

// checkSetupToken creates the first superuser as the admin UI's page does.
func checkSetupToken(t *testing.T, app core.App, handler http.Handler, token string) {
	t.Helper()
	body := `{"email":"first@example.com","password":"1234567890","passwordConfirm":"1234567890"}`
	request := httptest.NewRequest(http.MethodPost, "/api/collections/_superusers/records", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	if got := superusers(t, app); len(got) != 1 || got[0] != "first@example.com" {
		t.Errorf("superusers %v", got)
	}
	if location := get(handler, "/_pf").Header().Get("Location"); location != "/_/" {
		t.Errorf("afterwards /_pf leads to %q", location)
	}
}

func TestSetupPageInParallel(t *testing.T) {
	app, handler := bootEmpty(t, nil, nil)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if recorder := get(handler, "/_pf"); recorder.Code != http.StatusFound {
				t.Errorf("status %d: %s", recorder.Code, recorder.Body)
			}
		})
	}
	group.Wait()
	if got := superusers(t, app); len(got) != 1 || got[0] != core.DefaultInstallerEmail {
		t.Errorf("superusers %v", got)
	}
}

func TestSetupKeyIsNotLogged(t *testing.T) {
	app, handler := bootEmpty(t, variables{"POCKETFLARE_SETUP_KEY": "secret"}, nil)
	get(handler, "/_pf?key=secret")
	get(handler, "/_pf?key=secre")
	get(handler, "/api/health")
	logs := waitForLogs(t, app, "/api/health")
	if strings.Contains(logs, "secre") {
		t.Errorf("the key is in the logs: %s", logs)
	}
}

func TestAdminVariables(t *testing.T) {
	const installer = core.DefaultInstallerEmail
	valid := variables{"POCKETFLARE_ADMIN_EMAIL": "admin@example.com", "POCKETFLARE_ADMIN_PASSWORD": "1234567890"}
	scenarios := []struct {
		name     string
		env      variables
		existing []string
		want     []string
	}{
		{name: "none set", want: nil},
		{name: "both set", env: valid, want: []string{"admin@example.com"}},
		{name: "the installer does not count", env: valid, existing: []string{installer}, want: []string{"admin@example.com"}},
		{name: "another superuser exists", env: valid, existing: []string{"owner@example.com"}, want: []string{"owner@example.com"}},
		{name: "invalid", env: variables{"POCKETFLARE_ADMIN_EMAIL": "nobody", "POCKETFLARE_ADMIN_PASSWORD": "1234567890"}, want: nil},
		{name: "only one set", env: variables{"POCKETFLARE_ADMIN_PASSWORD": "1234567890"}, want: nil},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			app, _ := bootEmpty(t, s.env, func(app core.App) {
				app.OnBootstrap().BindFunc(func(e *core.BootstrapEvent) error {
					if err := e.Next(); err != nil {
						return err
					}
					for _, email := range s.existing {
						addSuperuser(t, e.App, email)
					}
					return nil
				})
			})
			if got := superusers(t, app); strings.Join(got, " ") != strings.Join(s.want, " ") {
				t.Errorf("superusers %v", got)
			}
		})
	}
}

func TestAdminPasswordWorksAndIsNotChanged(t *testing.T) {
	dir := t.TempDir()
	env := variables{"POCKETFLARE_ADMIN_EMAIL": "admin@example.com", "POCKETFLARE_ADMIN_PASSWORD": "first password"}
	first, _ := boot(t, dir, env, nil)
	first.(*core.BaseApp).ClearBootstrap()
	env["POCKETFLARE_ADMIN_PASSWORD"] = "second password"
	app, _ := boot(t, dir, env, nil)
	record, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, "admin@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if !record.ValidatePassword("first password") || record.ValidatePassword("second password") {
		t.Error("the password was changed")
	}
}

func TestQueriesAtBoot(t *testing.T) {
	scenarios := []struct {
		name string
		env  variables
		want int
	}{
		{name: "no variable", want: 0},
		{name: "a superuser", env: variables{"POCKETFLARE_ADMIN_EMAIL": "admin@example.com", "POCKETFLARE_ADMIN_PASSWORD": "1234567890"}, want: 1},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			queries := 0
			bootEmpty(t, s.env, func(app core.App) {
				app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
					Priority: -9999,
					Func: func(e *core.ServeEvent) error {
						addSuperuser(t, e.App, "owner@example.com")
						e.App.ConcurrentDB().(*dbx.DB).QueryLogFunc = func(context.Context, time.Duration, string, *sql.Rows, error) { queries++ }
						e.App.NonconcurrentDB().(*dbx.DB).ExecLogFunc = func(context.Context, time.Duration, string, sql.Result, error) { queries++ }
						return e.Next()
					},
				})
			})
			if queries != s.want {
				t.Errorf("%d queries", queries)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	const stockURL = "http://localhost:8090"
	trusted := []string{"CF-Connecting-IP"}
	scenarios := []struct {
		name    string
		value   string
		prepare func(core.App)
		url     string
		headers []string
	}{
		{name: "unset", value: "", url: stockURL, headers: trusted},
		{name: "set", value: "https://example.com/", url: "https://example.com", headers: trusted},
		{name: "with a path", value: "https://example.com/app", url: "https://example.com/app", headers: trusted},
		{name: "with a port", value: "http://localhost:8787", url: "http://localhost:8787", headers: trusted},
		{name: "no scheme", value: "example.com", url: stockURL, headers: trusted},
		{name: "not a URL", value: "https://exa mple", url: stockURL, headers: trusted},
		{name: "another scheme", value: "ftp://example.com", url: stockURL, headers: trusted},
		{
			name: "the app's own headers stay", url: stockURL, headers: []string{"X-Real-IP"},
			prepare: func(app core.App) { app.Settings().TrustedProxy.Headers = []string{"X-Real-IP"} },
		},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			app, _ := boot(t, t.TempDir(), variables{"POCKETFLARE_APP_URL": s.value}, s.prepare)
			check := func(settings *core.Settings) {
				t.Helper()
				if settings.Meta.AppURL != s.url {
					t.Errorf("appURL %q", settings.Meta.AppURL)
				}
				if strings.Join(settings.TrustedProxy.Headers, " ") != strings.Join(s.headers, " ") || settings.TrustedProxy.UseLeftmostIP {
					t.Errorf("trustedProxy %+v", settings.TrustedProxy)
				}
			}
			check(app.Settings())
			stored := core.NewBaseApp(core.BaseAppConfig{DataDir: app.DataDir()})
			if err := stored.Bootstrap(); err != nil {
				t.Fatal(err)
			}
			defer stored.ClearBootstrap()
			check(stored.Settings())
		})
	}
}

func TestExistingSettingsStay(t *testing.T) {
	app, _ := bootEmpty(t, variables{"POCKETFLARE_APP_URL": "https://example.com"}, nil)
	if url := app.Settings().Meta.AppURL; url != "http://localhost:8090" {
		t.Errorf("appURL %q", url)
	}
	if headers := app.Settings().TrustedProxy.Headers; len(headers) != 0 {
		t.Errorf("trusted headers %v", headers)
	}
}

// Two isolates find no settings at the same time; one of them stores its own first.
func TestSettingsRace(t *testing.T) {
	app, _ := boot(t, t.TempDir(), variables{"POCKETFLARE_APP_URL": "https://example.com"}, func(app core.App) {
		app.OnModelCreateExecute("_params").BindFunc(func(e *core.ModelEvent) error {
			_, err := e.App.DB().NewQuery(`INSERT INTO _params (id, value) VALUES ('settings', '{"meta":{"appURL":"https://other.example.com"}}')`).Execute()
			if err != nil {
				return err
			}
			return e.Next()
		})
	})
	if url := app.Settings().Meta.AppURL; url != "https://other.example.com" {
		t.Errorf("appURL %q", url)
	}
}

func TestSettingsFailureFailsTheBoot(t *testing.T) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	app.Settings().Meta.SenderAddress = "nobody"
	firstrun.Bind(app, variables{}.get)
	if err := app.Bootstrap(); err == nil || !strings.Contains(err.Error(), "senderAddress") {
		t.Errorf("error %v", err)
	}
	app.ClearBootstrap()
}

func TestRoot(t *testing.T) {
	hello := func(e *core.RequestEvent) error { return e.String(http.StatusOK, "hello") }
	scenarios := []struct {
		name   string
		method string
		path   string // the app's own route
		url    string
		status int
		body   string
	}{
		{name: "nothing there", url: "/", status: 302},
		{name: "other paths stay unknown", url: "/missing", status: 404},
		{name: "its own GET /", method: "GET", path: "/", url: "/", status: 200, body: "hello"},
		{name: "its own /", path: "/", url: "/", status: 200, body: "hello"},
		{name: "its own GET /{$}", method: "GET", path: "/{$}", url: "/", status: 200, body: "hello"},
		{name: "its own static files", method: "GET", path: "/{path...}", url: "/", status: 200, body: "hello"},
		{name: "its own catch-all", path: "/{any...}", url: "/", status: 200, body: "hello"},
		{name: "its own POST /", method: "POST", path: "/", url: "/", status: 302},
		{name: "a route elsewhere", method: "GET", path: "/hello", url: "/", status: 302},
		{name: "one segment", method: "GET", path: "/{name}", url: "/", status: 302},
		{name: "its own /_pf", method: "GET", path: "/_pf", url: "/_pf", status: 200, body: "hello"},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			_, handler := bootEmpty(t, nil, func(app core.App) {
				app.OnServe().BindFunc(func(e *core.ServeEvent) error {
					if s.path != "" {
						e.Router.Route(s.method, s.path, hello)
					}
					return e.Next()
				})
			})
			recorder := get(handler, s.url)
			if recorder.Code != s.status || (s.body != "" && recorder.Body.String() != s.body) {
				t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
			}
			if s.status == http.StatusFound && recorder.Header().Get("Location") != "/_/" {
				t.Errorf("Location %q", recorder.Header().Get("Location"))
			}
		})
	}
}
