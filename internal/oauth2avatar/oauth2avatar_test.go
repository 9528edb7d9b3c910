package oauth2avatar_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/auth"
	"github.com/pocketbase/pocketbase/tools/logger"
	"golang.org/x/oauth2"

	"pocketflare/internal/oauth2avatar"
)

const avatarHost = "avatars.example.com"

// provider signs everyone in as the user that it holds.
type provider struct {
	auth.BaseProvider
	user auth.AuthUser
}

func (p *provider) FetchToken(string, ...oauth2.AuthCodeOption) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "abc"}, nil
}

func (p *provider) FetchAuthUser(*oauth2.Token) (*auth.AuthUser, error) {
	user := p.user
	return &user, nil
}

// internet leads avatarHost to a test server, and fails for other hosts. It notes the hosts that were asked for.
type internet struct {
	server *url.URL
	asked  []string
}

func newInternet(t testing.TB) *internet {
	mux := http.NewServeMux()
	mux.HandleFunc("/avatar.png", func(w http.ResponseWriter, r *http.Request) {
		var picture bytes.Buffer
		_ = png.Encode(&picture, image.NewGray(image.Rect(0, 0, 1, 1)))
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(picture.Bytes())
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 1000))
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/avatar.png", http.StatusFound)
	})
	mux.HandleFunc("/inward", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/avatar.png", http.StatusFound)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &internet{server: address}
}

func (i *internet) RoundTrip(request *http.Request) (*http.Response, error) {
	i.asked = append(i.asked, request.URL.Host)
	if request.URL.Host != avatarHost {
		return nil, errors.New("no such host")
	}
	request = request.Clone(request.Context())
	request.URL.Scheme, request.URL.Host = i.server.Scheme, i.server.Host
	return http.DefaultTransport.RoundTrip(request)
}

func TestSignUp(t *testing.T) {
	for _, test := range []struct {
		name       string
		avatarURL  string
		createData string
		field      string // what the avatar is mapped to, "avatar" if empty
		change     func(app core.App, users *core.Collection)

		status   int
		content  []string
		asked    []string
		warnings int
	}{
		{name: "a file field", avatarURL: "https://" + avatarHost + "/avatar.png", status: 200,
			content: []string{`"avatar":"avatar_`, `.png"`, `"avatarURL":"https://avatars.example.com/avatar.png"`, `"isNew":true`},
			asked:   []string{avatarHost}},
		{name: "a redirect", avatarURL: "https://" + avatarHost + "/moved", status: 200,
			content: []string{`"avatar":"moved_`}, asked: []string{avatarHost, avatarHost}},
		{name: "a redirect to a private address", avatarURL: "https://" + avatarHost + "/inward", status: 200,
			content: []string{`"avatar":""`}, asked: []string{avatarHost}, warnings: 1},
		{name: "a private address", avatarURL: "http://127.0.0.1/avatar.png", status: 200,
			content: []string{`"avatar":""`, `"avatarURL":"http://127.0.0.1/avatar.png"`}, warnings: 1},
		{name: "a server that is not there", avatarURL: "https://gone.example.com/avatar.png", status: 200,
			content: []string{`"avatar":""`}, asked: []string{"gone.example.com"}, warnings: 1},
		{name: "a picture that is not there", avatarURL: "https://" + avatarHost + "/404", status: 200,
			content: []string{`"avatar":""`}, asked: []string{avatarHost}, warnings: 1},
		{name: "no picture", status: 200, content: []string{`"avatar":""`}},
		{name: "a text field", avatarURL: "https://" + avatarHost + "/avatar.png", field: "name", status: 200,
			content: []string{`"avatar":""`, `"name":"https://avatars.example.com/avatar.png"`}},
		{name: "submitted by the app", avatarURL: "https://" + avatarHost + "/avatar.png", createData: `{"avatar":""}`, status: 200,
			content: []string{`"avatar":""`}},
		{name: "a picture that is too large", avatarURL: "https://" + avatarHost + "/large", status: 400,
			content: []string{`"avatar":{"code":"validation_file_size_limit"`}, asked: []string{avatarHost},
			change: func(_ core.App, users *core.Collection) {
				users.Fields.GetByName("avatar").(*core.FileField).MaxSize = 100
			}},
		{name: "a create rule that looks at the field, with a picture", avatarURL: "https://" + avatarHost + "/avatar.png", status: 200,
			content: []string{`"avatar":"avatar_`}, asked: []string{avatarHost}, change: requireAvatar("true")},
		{name: "a create rule that looks at the field, without", avatarURL: "https://" + avatarHost + "/404", status: 200,
			content: []string{`"avatar":""`}, asked: []string{avatarHost}, warnings: 1, change: requireAvatar("false")},
		{name: "the app's own hook runs before", avatarURL: "https://elsewhere.example.com/", status: 200,
			content: []string{`"avatar":"avatar_`}, asked: []string{avatarHost},
			change: func(app core.App, _ *core.Collection) {
				app.OnRecordAuthWithOAuth2Request().BindFunc(func(e *core.RecordAuthWithOAuth2RequestEvent) error {
					e.OAuth2User.AvatarURL = "https://" + avatarHost + "/avatar.png"
					collection := e.Collection
					if err := e.Next(); err != nil {
						return err
					}
					if len(e.CreateData) > 0 || e.Collection != collection {
						return errors.New("the app's hook sees what was changed after it")
					}
					return nil
				})
			}},
	} {
		network := newInternet(t)
		createData := test.createData
		if createData == "" {
			createData = "{}"
		}
		scenario := tests.ApiScenario{
			Name:            test.name,
			Method:          http.MethodPost,
			URL:             "/api/collections/users/auth-with-oauth2",
			Body:            strings.NewReader(`{"provider":"avatar-test","code":"1","createData":` + createData + `}`),
			ExpectedStatus:  test.status,
			ExpectedContent: test.content,
			BeforeTestFunc: func(t testing.TB, app *tests.TestApp, e *core.ServeEvent) {
				oauth2avatar.Bind(app, network)
				app.Settings().Logs.MaxDays = 1
				auth.Providers["avatar-test"] = func() auth.Provider {
					return &provider{user: auth.AuthUser{Id: "1", Email: "new@example.com", AvatarURL: test.avatarURL}}
				}
				enableOAuth2(t, app, test.field, test.change)
			},
			AfterTestFunc: func(t testing.TB, app *tests.TestApp, _ *http.Response) {
				if strings.Join(network.asked, " ") != strings.Join(test.asked, " ") {
					t.Errorf("asked %v, want %v", network.asked, test.asked)
				}
				if n := warnings(t, app); n != test.warnings {
					t.Errorf("%d warnings", n)
				}
			},
			ExpectedEvents: map[string]int{"OnRecordAuthWithOAuth2Request": 1},
		}
		scenario.Test(t)
		delete(auth.Providers, "avatar-test")
	}
}

// warnings counts what PocketBase's logs say of avatars: two would mean that PocketBase tried too.
func warnings(t testing.TB, app core.App) int {
	ctx := context.WithValue(t.Context(), logger.BlockKey, true)
	if err := app.Logger().Handler().(*logger.BatchHandler).WriteAll(ctx); err != nil {
		t.Fatal(err)
	}
	var count int
	err := app.LogQuery().Select("COUNT(*)").AndWhere(dbx.HashExp{"message": "Failed to retrieve OAuth2 avatar"}).Row(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// requireAvatar sets a create rule that asks whether the request has an avatar.
func requireAvatar(isSet string) func(core.App, *core.Collection) {
	return func(_ core.App, users *core.Collection) {
		rule := "@request.body.avatar:isset = " + isSet
		users.CreateRule = &rule
	}
}

func enableOAuth2(t testing.TB, app core.App, field string, change func(core.App, *core.Collection)) {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		t.Fatal(err)
	}
	if field == "" {
		field = "avatar"
	}
	users.MFA.Enabled = false
	users.OAuth2.Enabled = true
	users.OAuth2.Providers = []core.OAuth2ProviderConfig{{Name: "avatar-test", ClientId: "1", ClientSecret: "2"}}
	users.OAuth2.MappedFields = core.OAuth2KnownFields{AvatarURL: field}
	if change != nil {
		change(app, users)
	}
	if err := app.Save(users); err != nil {
		t.Fatal(err)
	}
}
