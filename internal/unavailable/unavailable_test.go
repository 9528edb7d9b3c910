package unavailable_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/auth"
	"github.com/pocketbase/pocketbase/tools/filesystem"
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
		noBackups  = `"message":"Backups are not available.`
		noRealtime = `{"data":{},"message":"Realtime is not available.","status":501}`
		noFiles    = `"message":"File storage is not available: configure S3`
		file       = "/api/files/_pb_users_auth_/4q1xlclmfloku33/300_1SEi6Q6U72.png"
	)
	scenarios := []tests.ApiScenario{
		{Name: "realtime connect", Method: http.MethodGet, URL: "/api/realtime", ExpectedStatus: 501, ExpectedContent: []string{noRealtime}},
		{
			Name: "realtime subscribe", Method: http.MethodPost, URL: "/api/realtime", Body: strings.NewReader(`{"clientId":"a","subscriptions":["b"]}`),
			ExpectedStatus: 501, ExpectedContent: []string{noRealtime},
		},
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
		{Name: "download file", Method: http.MethodGet, URL: file, ExpectedStatus: 501, ExpectedContent: []string{noFiles}},
		{Name: "download unknown file", Method: http.MethodGet, URL: file + "x", ExpectedStatus: 404, ExpectedContent: []string{`"data":{}`}},
		{Name: "health", Method: http.MethodGet, URL: "/api/health", ExpectedStatus: 200, ExpectedContent: []string{`"code":200`}},
	}
	for _, scenario := range scenarios {
		scenario.TestAppFactory = func(t testing.TB) *tests.TestApp { return newApp(t) }
		scenario.Test(t)
	}
}

func TestUploadThroughAPI(t *testing.T) {
	superuser := tokenOf(t, core.CollectionNameSuperusers, "test@example.com")
	upload := func(fields map[string]string, files ...string) (*bytes.Buffer, map[string]string) {
		body, writer, err := tests.MockMultipartData(fields, files...)
		if err != nil {
			t.Fatal(err)
		}
		return body, map[string]string{"Content-Type": writer.FormDataContentType(), "Authorization": superuser}
	}
	const refused = `"code":"validation_file_storage_unavailable"`
	create, createHeaders := upload(map[string]string{"text": "a"}, "file_one", "file_many", "file_many")
	update, updateHeaders := upload(map[string]string{"text": "a"}, "file_one")
	plain, plainHeaders := upload(map[string]string{"text": "a"})
	scenarios := []tests.ApiScenario{
		{
			Name: "create", Method: http.MethodPost, URL: "/api/collections/demo1/records", Body: create, Headers: createHeaders, ExpectedStatus: 400,
			ExpectedContent: []string{`"data":{"file_many":{` + refused, `"file_one":{` + refused, `"message":"Failed to create record."`},
		},
		{
			Name: "update", Method: http.MethodPatch, URL: "/api/collections/demo1/records/84nmscqy84lsi1t", Body: update, Headers: updateHeaders,
			ExpectedStatus: 400, ExpectedContent: []string{`"data":{"file_one":{` + refused, `"message":"Failed to update record."`},
		},
		{
			Name: "create without files", Method: http.MethodPost, URL: "/api/collections/demo1/records", Body: plain, Headers: plainHeaders,
			ExpectedStatus: 200, ExpectedContent: []string{`"text":"a"`},
		},
	}
	for _, scenario := range scenarios {
		scenario.TestAppFactory = func(t testing.TB) *tests.TestApp { return newApp(t) }
		scenario.Test(t)
	}
}

func TestUploadFromGo(t *testing.T) {
	app := newApp(t)
	defer app.Cleanup()
	collection, err := app.FindCollectionByNameOrId("demo1")
	if err != nil {
		t.Fatal(err)
	}
	file, err := filesystem.NewFileFromBytes([]byte("content"), "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	saves := map[string]func(core.Model) error{"Save": app.Save, "SaveNoValidate": app.SaveNoValidate}
	for name, save := range saves {
		record := core.NewRecord(collection)
		record.Set("file_one", file)
		var fields validation.Errors
		if err := save(record); !errors.As(err, &fields) || fields["file_one"] == nil || len(fields) != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if !record.IsNew() {
			t.Errorf("%s: the record was stored", name)
		}
		if _, err := os.Stat(filepath.Join(app.DataDir(), "storage", record.BaseFilesPath())); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the file was stored: %v", name, err)
		}
	}
	app.Settings().S3.Enabled = true // at an address where nobody listens
	app.Settings().S3.Endpoint = "http://127.0.0.1:1"
	app.Settings().S3.Bucket, app.Settings().S3.Region = "bucket", "region"
	app.Settings().S3.AccessKey, app.Settings().S3.Secret = "key", "secret"
	record := core.NewRecord(collection)
	record.Set("file_one", file)
	var fields validation.Errors
	if err := app.Save(record); err == nil || errors.As(err, &fields) {
		t.Errorf("with S3 the upload was not tried: %v", err)
	}
}

func TestOAuth2Avatar(t *testing.T) {
	scenarios := []struct {
		name   string
		s3     bool
		mapped string
		given  map[string]any
		want   any
	}{
		{name: "a file field", mapped: "avatar", want: ""},
		{name: "given by the client", mapped: "avatar", given: map[string]any{"avatar": "x"}, want: "x"},
		{name: "a text field", mapped: "name", want: nil},
		{name: "not mapped", mapped: "", want: nil},
		{name: "with S3", s3: true, mapped: "avatar", want: nil},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			app := newApp(t)
			defer app.Cleanup()
			app.Settings().S3.Enabled = s.s3
			users, err := app.FindCollectionByNameOrId("users")
			if err != nil {
				t.Fatal(err)
			}
			users.OAuth2.MappedFields.AvatarURL = s.mapped
			event := &core.RecordAuthWithOAuth2RequestEvent{
				RequestEvent: &core.RequestEvent{App: app},
				OAuth2User:   &auth.AuthUser{AvatarURL: "https://example.com/a.png"},
				CreateData:   s.given,
			}
			event.Collection = users
			err = app.OnRecordAuthWithOAuth2Request().Trigger(event, func(e *core.RecordAuthWithOAuth2RequestEvent) error {
				if got := e.CreateData[s.mapped]; got != s.want {
					t.Errorf("the new user's field is %v", got)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
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
		if total, err := app.CountRecords(core.CollectionNameOTPs); err != nil || total != 0 {
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
			case <-time.After(time.Second):
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
