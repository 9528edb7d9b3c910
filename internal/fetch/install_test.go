package fetch

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestInstall(t *testing.T) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	var urls []string
	Install(transport, roundTripper(func(r *http.Request) (*http.Response, error) {
		urls = append(urls, r.URL.String())
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	}))
	client := &http.Client{Transport: transport}
	for _, url := range []string{"http://example.com/a", "https://example.com/b"} {
		response, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	if got := strings.Join(urls, " "); got != "http://example.com/a https://example.com/b" {
		t.Errorf("sent: %s", got)
	}
	for _, url := range []string{"http://example.com/", "https://example.com/"} {
		clone := &http.Client{Transport: transport.Clone()}
		if _, err := clone.Get(url); !errors.Is(err, errNoDial) {
			t.Errorf("a clone asked for %s: %v", url, err)
		}
	}
}
