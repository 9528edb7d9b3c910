package worker

import (
	"net/http/httptest"
	"testing"
)

func TestNeedsNoDatabase(t *testing.T) {
	for _, test := range []struct {
		method, path, preflight string
		want                    bool
	}{
		{"GET", "/api/health", "", true},
		{"HEAD", "/api/health", "", true},
		{"OPTIONS", "/api/collections/posts/records", "POST", true},
		{"OPTIONS", "/mine", "", false},
		{"POST", "/api/health", "", false},
		{"GET", "/api/health/more", "", false},
		{"GET", "/api/collections/posts/records", "", false},
	} {
		request := httptest.NewRequest(test.method, test.path, nil)
		if test.preflight != "" {
			request.Header.Set("Access-Control-Request-Method", test.preflight)
		}
		if got := needsNoDatabase(request); got != test.want {
			t.Errorf("%s %s: %v", test.method, test.path, got)
		}
	}
}
