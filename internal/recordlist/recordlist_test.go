package recordlist

import (
	"encoding/json/jsontext"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
)

// list asks an app for a list of records as a superuser and returns the answer's body.
func list(t *testing.T, app *tests.TestApp, path string) string {
	t.Helper()
	router, err := apis.NewRouter(app)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := router.BuildMux()
	if err != nil {
		t.Fatal(err)
	}
	superuser, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, "test@example.com")
	if err != nil {
		t.Fatal(err)
	}
	token, err := superuser.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.Header.Set("Authorization", token)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != 200 {
		t.Fatalf("%s: %d %s", path, recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

// sorted is the JSON with its keys in order.
func sorted(t *testing.T, text string) string {
	t.Helper()
	value := jsontext.Value(text)
	if err := value.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func newApp(t *testing.T) *tests.TestApp {
	t.Helper()
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	return app
}

// TestLikePocketBase compares the lists of all collections of PocketBase's test data with PocketBase's own, letter by letter where PocketBase
// itself has an order: it has none when fields are picked.
func TestLikePocketBase(t *testing.T) {
	stock, app := newApp(t), newApp(t)
	Bind(app)
	collections, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, collection := range collections {
		for _, query := range []string{
			"", "?perPage=2&page=2", "?skipTotal=1", "?filter=" + url.QueryEscape("id = 'none'"),
			"?fields=id,collectionName", "?fields=*,expand.*", "?expand=" + url.QueryEscape("rel_one,rel_many,self_rel_one,self_rel_many"),
		} {
			path := "/api/collections/" + collection.Name + "/records" + query
			want, got := list(t, stock, path), list(t, app, path)
			if got != want && (!strings.Contains(query, "fields=") || sorted(t, got) != sorted(t, want)) {
				t.Errorf("%s:\n%s\nwant\n%s", path, got, want)
			}
			compared += len(want)
		}
	}
	if compared < 50_000 {
		t.Errorf("only %d bytes were compared", compared)
	}
}

func TestHandlersSeePocketBasesItems(t *testing.T) {
	app := newApp(t)
	Bind(app)
	app.OnRecordsListRequest().BindFunc(func(e *core.RecordsListRequestEvent) error {
		before := e.Result.Items.(*[]*core.Record)
		err := e.Next()
		if after, ok := e.Result.Items.(*[]*core.Record); !ok || after != before {
			t.Errorf("after the response: %T", e.Result.Items)
		}
		return err
	})
	list(t, app, "/api/collections/demo1/records")
}

func TestItemsOfAHandlersOwn(t *testing.T) {
	app := newApp(t)
	Bind(app)
	app.OnRecordsListRequest().BindFunc(func(e *core.RecordsListRequestEvent) error {
		e.Result.Items = []string{"mine"}
		return e.Next()
	})
	if body := list(t, app, "/api/collections/demo1/records?skipTotal=1"); body != `{"items":["mine"],"page":1,"perPage":30,"totalItems":-1,"totalPages":-1}` {
		t.Error(body)
	}
}
