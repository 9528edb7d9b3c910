package logs

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
)

// What a request has cost stands beside what the app has to say of it, and in the place of nothing.
func TestCosts(t *testing.T) {
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	app.Settings().Logs.MaxDays = 5
	cost := &Cost{Calls: 2, Statements: 5, Mode: "scratch", Runs: 1}
	logged := map[string]any{"calls": 2, "statements": 5, "mode": "scratch"}
	for name, c := range map[string]struct {
		cost      *Cost
		own, want any
	}{
		"nothing else":        {cost, nil, map[string]any{"d1": logged}},
		"beside other meta":   {cost, map[string]any{"a": 1}, map[string]any{"a": 1, "d1": logged}},
		"the app's own d1":    {cost, map[string]any{"d1": 1}, map[string]any{"d1": 1}},
		"meta that is a text": {cost, "text", "text"},
		"no cost":             {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := &core.RequestEvent{App: app}
			e.Request, e.Response = httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
			if c.own != nil {
				e.Set(apis.RequestEventKeyLogMeta, c.own)
			}
			if err := Costs(func() *Cost { return c.cost }).Func(e); err != nil {
				t.Fatal(err)
			}
			if got := e.Get(apis.RequestEventKeyLogMeta); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v", got)
			}
		})
	}
}
