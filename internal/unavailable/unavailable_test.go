package unavailable_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"pocketflare/internal/unavailable"
)

// newApp returns PocketBase's app for tests, with its test data and its own mailer.
func newApp(t testing.TB) *tests.TestApp {
	t.Helper()
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	app.OnMailerSend().UnbindAll() // there it collects messages
	unavailable.Bind(app)
	return app
}

// tokenOf returns a token of the superuser or user of the test data.
func tokenOf(t testing.TB, collection, email string) string {
	t.Helper()
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	record, err := app.FindAuthRecordByEmail(collection, email)
	if err != nil {
		t.Fatal(err)
	}
	token, err := record.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRoutes(t *testing.T) {
	superuser := map[string]string{"Authorization": tokenOf(t, core.CollectionNameSuperusers, "test@example.com")}
	user := map[string]string{"Authorization": tokenOf(t, "users", "test@example.com")}
	const (
		noBackups = `"message":"Backups are not available.`
	)
	scenarios := []tests.ApiScenario{
		{Name: "backups as guest", Method: http.MethodGet, URL: "/api/backups", ExpectedStatus: 401, ExpectedContent: []string{`"data":{}`}},
		{Name: "backups as user", Method: http.MethodPost, URL: "/api/backups", Headers: user, ExpectedStatus: 403, ExpectedContent: []string{`"data":{}`}},
		{Name: "list backups", Method: http.MethodGet, URL: "/api/backups", Headers: superuser, ExpectedStatus: 501, ExpectedContent: []string{noBackups}},
		{Name: "create backup", Method: http.MethodPost, URL: "/api/backups", Headers: superuser, ExpectedStatus: 501, ExpectedContent: []string{noBackups}},
		{Name: "upload backup", Method: http.MethodPost, URL: "/api/backups/upload", Headers: superuser, ExpectedStatus: 501, ExpectedContent: []string{noBackups}},
		{Name: "restore backup", Method: http.MethodPost, URL: "/api/backups/a.zip/restore", Headers: superuser, ExpectedStatus: 501, ExpectedContent: []string{noBackups}},
		{Name: "delete backup", Method: http.MethodDelete, URL: "/api/backups/a.zip", Headers: superuser, ExpectedStatus: 501, ExpectedContent: []string{noBackups}},
		{Name: "download backup", Method: http.MethodGet, URL: "/api/backups/a.zip", ExpectedStatus: 403, ExpectedContent: []string{`"data":{}`}},
		{Name: "another path", Method: http.MethodGet, URL: "/api/backupsother", Headers: superuser, ExpectedStatus: 404, ExpectedContent: []string{`"data":{}`}},
		{Name: "file token", Method: http.MethodPost, URL: "/api/files/token", Headers: user, ExpectedStatus: 200, ExpectedContent: []string{`"token":"`}},
		{Name: "health", Method: http.MethodGet, URL: "/api/health", ExpectedStatus: 200, ExpectedContent: []string{`"code":200`}},
	}
	for _, scenario := range scenarios {
		scenario.TestAppFactory = func(t testing.TB) *tests.TestApp { return newApp(t) }
		scenario.Test(t)
	}
}

type sentMail struct{ messages []*mailer.Message }

func (s *sentMail) Send(message *mailer.Message) error {
	s.messages = append(s.messages, message)
	return nil
}

func TestMail(t *testing.T) {
	sent := &sentMail{}
	scenarios := []struct {
		name string
		smtp bool
		app  func(e *core.MailerEvent) error // the app's own handler
		want string                          // in the error
		sent int
	}{
		{name: "sendmail", want: "no mail provider is configured"},
		{name: "SMTP", smtp: true, want: "no mail provider is configured"},
		{name: "the app sends it", app: func(e *core.MailerEvent) error { return sent.Send(e.Message) }, sent: 1},
		{name: "the app sets a mailer", app: func(e *core.MailerEvent) error { e.Mailer = sent; return e.Next() }, sent: 1},
		{name: "the app only looks", app: func(e *core.MailerEvent) error { return e.Next() }, want: "no mail provider is configured"},
		{name: "the app fails", app: func(e *core.MailerEvent) error { return errors.New("no") }, want: "no"},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			app := newApp(t)
			defer app.Cleanup()
			sent.messages = nil
			app.Settings().SMTP.Enabled = s.smtp
			if s.app != nil {
				app.OnMailerSend().BindFunc(s.app)
			}
			err := app.NewMailClient().Send(&mailer.Message{Subject: "hello"})
			if (err == nil) != (s.want == "") || (err != nil && !strings.Contains(err.Error(), s.want)) {
				t.Errorf("error %v", err)
			}
			if len(sent.messages) != s.sent {
				t.Errorf("%d messages", len(sent.messages))
			}
		})
	}
}

// What PocketBase answers when a mail cannot be sent.
func TestMailFlows(t *testing.T) {
	superuser := map[string]string{"Authorization": tokenOf(t, core.CollectionNameSuperusers, "test@example.com")}
	user := map[string]string{"Authorization": tokenOf(t, "users", "test@example.com")}
	noOTPs := func(t testing.TB, app *tests.TestApp, _ *http.Response) {
		total, err := app.CountRecords(core.CollectionNameOTPs)
		for deadline := time.Now().Add(20 * time.Second); total > 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			total, err = app.CountRecords(core.CollectionNameOTPs) // it is deleted when its mail has failed, after the answer
		}
		if err != nil || total != 0 {
			t.Errorf("%d OTPs, error %v", total, err)
		}
	}
	scenarios := []tests.ApiScenario{
		{
			Name: "password reset", Method: http.MethodPost, URL: "/api/collections/users/request-password-reset",
			Body: strings.NewReader(`{"email":"test@example.com"}`), Delay: 100 * time.Millisecond, ExpectedStatus: 204,
		},
		{
			Name: "verification", Method: http.MethodPost, URL: "/api/collections/users/request-verification",
			Body: strings.NewReader(`{"email":"test@example.com"}`), Delay: 100 * time.Millisecond, ExpectedStatus: 204,
		},
		{
			Name: "one-time password", Method: http.MethodPost, URL: "/api/collections/users/request-otp",
			Body: strings.NewReader(`{"email":"test@example.com"}`), Delay: 200 * time.Millisecond, ExpectedStatus: 200,
			ExpectedContent: []string{`"otpId":"`}, AfterTestFunc: noOTPs,
		},
		{
			Name: "email change", Method: http.MethodPost, URL: "/api/collections/users/request-email-change", Headers: user,
			Body: strings.NewReader(`{"newEmail":"new@example.com"}`), ExpectedStatus: 400,
			ExpectedContent: []string{`"message":"Failed to request email change."`},
		},
		{
			Name: "test mail", Method: http.MethodPost, URL: "/api/settings/test/email", Headers: superuser,
			Body: strings.NewReader(`{"template":"verification","email":"a@example.com"}`), ExpectedStatus: 400,
			ExpectedContent: []string{`Failed to send the test email. Raw error: \nno mail provider is configured`},
		},
	}
	for _, scenario := range scenarios {
		scenario.TestAppFactory = func(t testing.TB) *tests.TestApp { return newApp(t) }
		scenario.Test(t)
	}
}

func TestBackupsFromGo(t *testing.T) {
	app := newApp(t)
	defer app.Cleanup()
	if err := app.CreateBackup(context.Background(), "a.zip"); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("create: %v", err)
	}
	if err := app.RestoreBackup(context.Background(), "a.zip"); err == nil || !strings.Contains(err.Error(), "not available") {
		t.Errorf("restore: %v", err)
	}
	if app.Store().Has(core.StoreKeyActiveBackup) {
		t.Error("a backup is still under way")
	}
}

func TestCronJobRunsOnDemand(t *testing.T) {
	ran := make(chan struct{}, 1)
	scenario := tests.ApiScenario{
		Name: "run a job", Method: http.MethodPost, URL: "/api/crons/mine", ExpectedStatus: 204,
		Headers: map[string]string{"Authorization": tokenOf(t, core.CollectionNameSuperusers, "test@example.com")},
		TestAppFactory: func(t testing.TB) *tests.TestApp {
			app := newApp(t)
			app.Cron().MustAdd("mine", "0 0 1 1 *", func() { ran <- struct{}{} })
			return app
		},
		AfterTestFunc: func(t testing.TB, app *tests.TestApp, _ *http.Response) {
			select {
			case <-ran:
			case <-time.After(20 * time.Second):
				t.Error("the job did not run")
			}
			if app.Cron().HasStarted() {
				t.Error("the ticker runs")
			}
		},
	}
	scenario.Test(t)
}

// Binding a handler with the id of another replaces it: a hook whose number of handlers grows did not have it.
func TestProcessHooksAreUnbound(t *testing.T) {
	const watcher = "__pbNotifyWatcherSystemHook__"
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: t.TempDir(), HideStartBanner: true})
	unavailable.Bind(app)
	expectUnbound(t, "cron", app.OnServe(), "__pbCronStart__")
	expectUnbound(t, "modernc", app.OnBootstrap(), pocketbase.ModerncDepsCheckHookId)
	expectUnbound(t, "bootstrap", app.OnBootstrap(), watcher)
	expectUnbound(t, "terminate", app.OnTerminate(), watcher)
	expectUnbound(t, "model create", app.OnModelAfterCreateSuccess(), watcher)
	expectUnbound(t, "model update", app.OnModelAfterUpdateSuccess(), watcher)
	expectUnbound(t, "collection create", app.OnCollectionAfterCreateSuccess(), watcher)
	expectUnbound(t, "collection update", app.OnCollectionAfterUpdateSuccess(), watcher)
	expectUnbound(t, "collection delete", app.OnCollectionAfterDeleteSuccess(), watcher)
}

type anyHook[T hook.Resolver] interface {
	Bind(*hook.Handler[T]) string
	Unbind(...string)
	Length() int
}

func expectUnbound[T hook.Resolver](t *testing.T, name string, hooks anyHook[T], id string) {
	t.Helper()
	before := hooks.Length()
	hooks.Bind(&hook.Handler[T]{Id: id, Func: func(e T) error { return e.Next() }})
	if hooks.Length() != before+1 {
		t.Errorf("%s: %s is still bound", name, id)
	}
	hooks.Unbind(id)
}

func TestNoWatcherAtBoot(t *testing.T) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	unavailable.Bind(app)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	defer app.ClearBootstrap()
	if _, err := os.Stat(filepath.Join(app.DataDir(), core.LocalNotifyDirName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the notify directory: %v", err)
	}
}
