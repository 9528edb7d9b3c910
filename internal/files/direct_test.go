package files

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"pocketflare/internal/wire"
)

func TestNewDirect(t *testing.T) {
	on := wire.AppendString([]byte{1}, "")
	for _, test := range []struct {
		name    string
		state   []byte
		setting string
		on      bool
		min     int64
	}{
		{"on", on, "", true, 0},
		{"with redirects", on, "1000", true, 1000},
		{"with none", on, "0", true, 0},
		{"negative", on, "-5", true, 0},
		{"with a unit", on, "10 MB", true, 0},
		{"off", wire.AppendString([]byte{0}, "no key"), "1000", false, 0},
	} {
		d, err := NewDirect(test.state, func(string) string { return test.setting }, nil)
		if err != nil || d.on != test.on || d.min != test.min {
			t.Errorf("%s: %v, %v, %d", test.name, err, d.on, d.min)
		}
	}
	if _, err := NewDirect(nil, func(string) string { return "" }, nil); err == nil {
		t.Error("an empty state is no error")
	}
}

func TestOffSaysWhatToAdd(t *testing.T) {
	err := Direct{problem: "R2_ENDPOINT has to be an origin"}.off()
	if err.Status != http.StatusNotImplemented || !strings.Contains(err.Message, "R2_SECRET_ACCESS_KEY") || !strings.Contains(err.Message, "R2_ENDPOINT has to be an origin") {
		t.Errorf("%d %s", err.Status, err.Message)
	}
}

func TestMayLink(t *testing.T) {
	for _, test := range []struct {
		name            string
		method          string
		request, header http.Header
		want            bool
	}{
		{"plain", "GET", nil, nil, true},
		{"a range", "GET", http.Header{"Range": {"bytes=5-"}}, nil, true},
		{"a suffix", "GET", http.Header{"Range": {"bytes=-5"}}, nil, true},
		{"several ranges", "GET", http.Header{"Range": {"bytes=0-1,3-4"}}, nil, false},
		{"no range", "GET", http.Header{"Range": {"bytes=a"}}, nil, false},
		{"HEAD", "HEAD", nil, nil, false},
		{"a condition", "GET", http.Header{"If-None-Match": {`"a"`}}, nil, false},
		{"a condition of a range", "GET", http.Header{"Range": {"bytes=5-"}, "If-Range": {`"a"`}}, nil, true},
		{"authorization", "GET", http.Header{"Authorization": {"a"}}, nil, false},
		{"a hook's type", "GET", nil, http.Header{"Content-Type": {"text/plain"}}, true},
		{"a hook's policy", "GET", nil, http.Header{"Content-Security-Policy": {"sandbox"}}, false},
	} {
		r := httptest.NewRequest(test.method, "/", nil)
		for name, values := range test.request {
			r.Header[name] = values
		}
		if got := (Direct{min: 1}).mayLink(r, test.header); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		if (Direct{}).mayLink(r, test.header) {
			t.Errorf("%s: linked without a size", test.name)
		}
	}
}

func TestPlanUploads(t *testing.T) {
	for _, test := range []struct {
		method, target, want string
		planned              bool
	}{
		{"POST", "/api/pocketflare/uploads/collections/films/records?expand=a", "/api/collections/films/records?expand=a", true},
		{"PATCH", "/api/pocketflare/uploads/collections/films/records/x", "/api/collections/films/records/x", true},
		{"POST", "/api/pocketflare/uploads/collections/films/records/x", "", false},
		{"PATCH", "/api/pocketflare/uploads/collections/films/records", "", false},
		{"PATCH", "/api/pocketflare/uploads/collections/films/records/x/y", "", false},
		{"DELETE", "/api/pocketflare/uploads/collections/films/records/x", "", false},
		{"OPTIONS", "/api/pocketflare/uploads/collections/films/records", "", false},
		{"POST", "/api/pocketflare/uploads/collections/films/auth-with-password", "", false},
		{"POST", "/api/pocketflare/uploads/settings", "", false},
		{"POST", "/api/collections/films/records", "", false},
	} {
		var seen *http.Request
		handler := planUploads(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }))
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(test.method, test.target, nil))
		want := test.want
		if !test.planned {
			want = test.target
		}
		if planned := planOf(seen) != nil; planned != test.planned || seen.URL.String() != want {
			t.Errorf("%s %s: %v, %s", test.method, test.target, planned, seen.URL)
		}
		if test.planned && planOf(seen).url.String() != test.target {
			t.Errorf("%s: logged as %s", test.target, planOf(seen).url)
		}
	}
}

func TestReplaceEach(t *testing.T) {
	double := func(value any) (any, error) {
		if text, ok := value.(string); ok {
			return text + text, nil
		}
		return value, nil
	}
	for _, test := range []struct{ value, want any }{
		{"a", []any{"aa"}},
		{[]any{"a", 1.0, "b"}, []any{"aa", 1.0, "bb"}},
		{[]string{"a", "b"}, []any{"aa", "bb"}},
		{nil, []any{nil}},
	} {
		if got, err := replaceEach(test.value, double); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v: %v, %v", test.value, got, err)
		}
	}
}

func TestPlanAdd(t *testing.T) {
	p := &plan{}
	field := &core.FileField{Name: "film"}
	value, err := p.add("film+", field, map[string]any{"name": "noextension", "size": 5e9, "head": "iVBORw0KGgo="})
	file, ok := value.(*filesystem.File)
	if err != nil || !ok || file.Size != 5e9 || file.OriginalName != "noextension" || !strings.HasSuffix(file.Name, ".png") {
		t.Fatalf("%v, %+v", err, value)
	}
	if len(p.files) != 1 || p.files[0].key != "film+" || p.files[0].file != file || !p.files[0].known {
		t.Errorf("%+v", p.files)
	}
	if value, err := p.add("film+", field, "kept.mp4"); err != nil || value != "kept.mp4" || len(p.files) != 1 {
		t.Errorf("%v, %v", value, err)
	}
	for _, bad := range []map[string]any{{}, {"name": "a"}, {"size": 1.0}, {"name": "a", "size": 0.0}, {"name": "a", "size": 0.5}, {"name": "a", "size": 1e17}, {"name": "a", "size": 1.0, "head": "?"}} {
		if _, err := p.add("film", field, bad); err == nil {
			t.Errorf("%v is no error", bad)
		}
	}
}
