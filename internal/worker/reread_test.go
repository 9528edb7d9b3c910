package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"pocketflare/internal/logs"
)

func TestLimitRereads(t *testing.T) {
	app := newTestApp(t)
	read := func(e *core.RequestEvent) string {
		body, err := io.ReadAll(e.Request.Body)
		if errors.Is(err, errReadOnce) {
			return "once"
		}
		return fmt.Sprint(len(body), err)
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.POST("/twice", func(re *core.RequestEvent) error {
			first := read(re)
			re.Request.Body.(router.Rereader).Reread()
			second := read(re)
			re.Request.Body.(router.Rereader).Reread()
			return re.String(http.StatusOK, first+", "+second+", "+read(re))
		})
		e.Router.POST("/half", func(re *core.RequestEvent) error {
			half := make([]byte, 5)
			n, err := io.ReadFull(re.Request.Body, half)
			re.Request.Body.(router.Rereader).Reread()
			return re.String(http.StatusOK, fmt.Sprint(n, err)+", "+read(re))
		})
		return e.Next()
	})
	handler, err := newHandler(app, plain{app}, func() *logs.Cost { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path, kind string
		size       int
		want       string
	}{
		{"/twice", "application/octet-stream", 10, "10 <nil>, 10 <nil>, 10 <nil>"},
		{"/twice", "application/octet-stream", 0, "0 <nil>, 0 <nil>, 0 <nil>"},
		{"/twice", "application/octet-stream", maxReread, "1048576 <nil>, 1048576 <nil>, 1048576 <nil>"},
		{"/twice", "application/octet-stream", maxReread + 1, "1048577 <nil>, once, once"},
		{"/twice", "application/json", maxReread + 1, "1048577 <nil>, 1048577 <nil>, 1048577 <nil>"},
		{"/half", "text/plain", 10, "5 <nil>, 10 <nil>"},
	} {
		request := httptest.NewRequest(http.MethodPost, test.path, bytes.NewReader(make([]byte, test.size)))
		request.Header.Set("Content-Type", test.kind)
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		if got := recorder.Body.String(); got != test.want {
			t.Errorf("%s, %d bytes of %s: %s, want %s", test.path, test.size, test.kind, got, test.want)
		}
	}
}
