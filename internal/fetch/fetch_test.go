package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pocketflare/internal/host"
)

func newServer(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		var code int
		_, _ = fmt.Sscan(r.PathValue("code"), &code)
		w.Header().Set("ETag", `"x"`)
		w.WriteHeader(code)
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Expires: time.Unix(2e9, 0)})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		http.Redirect(w, r, "/echo?from=redirect", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprintf(z, "asked for %q", r.Header.Get("Accept-Encoding"))
		z.Close()
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(bytes.Repeat([]byte("0123456789"), 100_000))
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Length", "7")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "refused")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	})
	mux.HandleFunc("/wait", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Early", "yes")
		if r.URL.Query().Has("head") {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		// The server sees that its client has gone while it reads the body, or when it has read all of it.
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			<-r.Context().Done()
		}
	})
	mux.HandleFunc("/talk", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		buffer := make([]byte, 100)
		for {
			n, err := r.Body.Read(buffer)
			if err != nil {
				return
			}
			_, _ = w.Write(bytes.ToUpper(buffer[:n]))
			_ = http.NewResponseController(w).Flush()
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	names := []string{}
	for name, values := range r.Header {
		names = append(names, fmt.Sprintf("%s=%q", name, values))
	}
	sort.Strings(names)
	w.Header().Add("X-Multi", "one, two")
	w.Header().Set("X-Unicode", "é")
	head := body[:min(len(body), 20)]
	fmt.Fprintf(w, "%s %s %s %v %d %q", r.Method, r.RequestURI, strings.Join(names, " "), r.TransferEncoding, len(body), head)
}

// summary is what a client sees of an exchange, but for what differs from one run to the next.
func summary(response *http.Response, err error) string {
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			return fmt.Sprintf("failed: %s, timeout %v", failed.Op, failed.Timeout())
		}
		return "failed: " + err.Error()
	}
	defer response.Body.Close()
	body, bodyErr := io.ReadAll(response.Body)
	response.Header.Del("Date")
	return fmt.Sprintf("%s %s length %d coding %v uncompressed %v\n%v\n%d bytes: %.500q, %v, from %s",
		response.Proto, response.Status, response.ContentLength, response.TransferEncoding, response.Uncompressed,
		response.Header, len(body), body, bodyErr, response.Request.URL.RequestURI())
}

type unsized struct{ io.Reader }

// TestAsNetHTTP sends each request through net/http's transport and through this one, and compares all that a client sees.
func TestAsNetHTTP(t *testing.T) {
	server := newServer(t)
	large := strings.Repeat("0123456789", 50_000)
	for name, test := range map[string]struct {
		method, path string
		body         func() io.Reader
		change       func(r *http.Request)
	}{
		"get":             {method: "GET", path: "/echo?a=%C3%A9&b=+#fragment"},
		"escaped path":    {method: "GET", path: "/echo?x=%2F"},
		"empty method":    {path: "/echo"},
		"delete":          {method: "DELETE", path: "/echo"},
		"post nothing":    {method: "POST", path: "/echo"},
		"post small":      {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader("small") }},
		"post large":      {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader(large) }},
		"post 64 KB":      {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader(large[:65536]) }},
		"post 64 KB - 1":  {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader(large[:65535]) }},
		"chunked":         {method: "PUT", path: "/echo", body: func() io.Reader { return unsized{strings.NewReader("unsized")} }},
		"chunked large":   {method: "PUT", path: "/echo", body: func() io.Reader { return unsized{strings.NewReader(large)} }},
		"chunked nothing": {method: "DELETE", path: "/echo", body: func() io.Reader { return unsized{strings.NewReader("")} }},
		"redirect":        {method: "POST", path: "/redirect", body: func() io.Reader { return strings.NewReader("again") }},
		"204":             {method: "GET", path: "/status/204"},
		"304":             {method: "GET", path: "/status/304"},
		"404":             {method: "GET", path: "/status/404"},
		"599":             {method: "GET", path: "/status/599"},
		"head":            {method: "HEAD", path: "/echo"},
		"head large":      {method: "HEAD", path: "/large"},
		"large":           {method: "GET", path: "/large"},
		"gzip":            {method: "GET", path: "/gzip"},
		"gzip raw":        {method: "GET", path: "/gzip", change: func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") }},
		"gzip range":      {method: "GET", path: "/gzip", change: func(r *http.Request) { r.Header.Set("Range", "bytes=0-") }},
		"headers": {method: "GET", path: "/echo", change: func(r *http.Request) {
			r.Header = http.Header{"X-Two": {"a", "b, c"}, "X-Empty": {""}, "User-Agent": {"own"}, "Content-Length": {"7"}}
		}},
		"no agent":   {method: "GET", path: "/echo", change: func(r *http.Request) { r.Header["User-Agent"] = nil }},
		"basic auth": {method: "GET", path: "/echo", change: func(r *http.Request) { r.URL.User = url.UserPassword("u", "p") }},
		"too short": {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader("short") },
			change: func(r *http.Request) { r.ContentLength = 6 }},
		"too long": {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader("too long") },
			change: func(r *http.Request) { r.ContentLength = 6 }},
		"large and too short": {method: "POST", path: "/echo", body: func() io.Reader { return strings.NewReader(large) },
			change: func(r *http.Request) { r.ContentLength = 600_000 }},
		// An answer would race with net/http's look at what follows the promised length.
		"large and too long": {method: "POST", path: "/wait", body: func() io.Reader { return strings.NewReader(large) },
			change: func(r *http.Request) { r.ContentLength = 400_000 }},
		"bad header": {method: "GET", path: "/echo", change: func(r *http.Request) { r.Header.Set("X-A", "a\nb") }},
		"bad scheme": {method: "GET", path: "/echo", change: func(r *http.Request) { r.URL.Scheme = "ftp" }},
		"cut":        {method: "GET", path: "/cut", change: func(r *http.Request) { r.Header.Set("X-Compare", "head") }},
	} {
		t.Run(name, func(t *testing.T) {
			stand := newStandIn()
			send := func(transport http.RoundTripper) string {
				var body io.Reader
				if test.body != nil {
					body = test.body()
				}
				request, err := http.NewRequest(test.method, server.URL+test.path, body)
				if err != nil {
					t.Fatal(err)
				}
				if test.change != nil {
					test.change(request)
				}
				client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
				got := summary(client.Do(request))
				// How many bytes arrive before a break is luck, and its error is each transport's own.
				if head, _, broken := strings.Cut(got, "100000 bytes"); broken {
					return head
				}
				return got
			}
			want := send(&http.Transport{})
			got := send(New(stand.call))
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			waitFor(t, "all exchanges to end", func() bool { return stand.count() == 0 })
		})
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 500 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("waited in vain for %s", what)
}

func TestSmallExchangeIsOneCall(t *testing.T) {
	server, stand := newServer(t), newStandIn()
	client := &http.Client{Transport: New(stand.call)}
	response, err := client.Post(server.URL+"/echo", "text/plain", strings.NewReader("small"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(response.Body)
	response.Body.Close()
	if len(stand.calls) != 1 || stand.calls[host.OpFetch] != 1 {
		t.Errorf("calls: %v", stand.calls)
	}
}

func TestContextEndsTheExchange(t *testing.T) {
	server := newServer(t)
	reason := errors.New("not wanted any more")
	for name, test := range map[string]struct {
		path string
		body io.Reader
	}{
		"before the head":    {path: "/wait"},
		"in the body":        {path: "/wait?head"},
		"while body is sent": {path: "/wait", body: unsized{endless{}}},
	} {
		t.Run(name, func(t *testing.T) {
			stand := newStandIn()
			ctx, cancel := context.WithCancelCause(context.Background())
			time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
			request, _ := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+test.path, test.body)
			response, err := New(stand.call).RoundTrip(request)
			if err == nil {
				_, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			if !errors.Is(err, reason) {
				t.Errorf("error: %v", err)
			}
			waitFor(t, "the exchange to end", func() bool { return stand.count() == 0 })
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return len(p), nil
}

func TestClientTimeout(t *testing.T) {
	server, stand := newServer(t), newStandIn()
	client := &http.Client{Transport: New(stand.call), Timeout: 50 * time.Millisecond}
	_, err := client.Get(server.URL + "/wait")
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("before the head: %v", err)
	}
	client.Timeout = time.Second // in which the head has to come
	response, err := client.Get(server.URL + "/wait?head")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("in the body: %v", err)
	}
	waitFor(t, "all exchanges to end", func() bool { return stand.count() == 0 })
}

func TestCloseGivesUpTheRest(t *testing.T) {
	server, stand := newServer(t), newStandIn()
	client := &http.Client{Transport: New(stand.call)}
	response, err := client.Get(server.URL + "/large")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if _, err := response.Body.Read(make([]byte, 10)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("read after close: %v", err)
	}
	waitFor(t, "the exchange to end", func() bool { return stand.count() == 0 })
}

func TestBothDirectionsAtOnce(t *testing.T) {
	server, stand := newServer(t), newStandIn()
	reader, writer := io.Pipe()
	go func() { _, _ = writer.Write([]byte("first ")) }()
	request, _ := http.NewRequest(http.MethodPost, server.URL+"/talk", reader)
	response, err := New(stand.call).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	buffer := make([]byte, 100)
	for _, next := range []string{"second", "third"} {
		n, err := response.Body.Read(buffer)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		_, _ = writer.Write([]byte(next))
	}
	n, _ := response.Body.Read(buffer)
	if string(buffer[:n]) != "THIRD" {
		t.Errorf("got %q", buffer[:n])
	}
	writer.Close()
	if rest, err := io.ReadAll(response.Body); len(rest) > 0 || err != nil {
		t.Errorf("rest: %q, %v", rest, err)
	}
}

func TestEarlyAnswerToAnUnreadBody(t *testing.T) {
	server, stand := newServer(t), newStandIn()
	body := &closeCounter{Reader: endless{}}
	request, _ := http.NewRequest(http.MethodPost, server.URL+"/early", body)
	response, err := New(stand.call).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusForbidden || string(text) != "refused" || err != nil {
		t.Errorf("%s %q %v", response.Status, text, err)
	}
	waitFor(t, "the body to be closed", func() bool { return body.closed.Load() > 0 })
}

func TestErrors(t *testing.T) {
	server := newServer(t)
	broken := errors.New("the body's own")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + listener.Addr().String()
	listener.Close()

	for name, test := range map[string]struct {
		url    string
		body   io.Reader
		change func(r *http.Request)
		want   string
	}{
		"no connection": {url: gone, want: "fetch " + gone[7:] + ": Network connection lost."},
		"broken body":   {url: server.URL + "/echo", body: failing{broken}, want: broken.Error()},
		"broken in the middle": {url: server.URL + "/echo", want: broken.Error(),
			body: io.MultiReader(strings.NewReader(strings.Repeat("x", 100_000)), failing{broken})},
		"no host":     {url: "http:///path", want: "fetch: no Host in request URL"},
		"upgrade":     {url: gone, want: "protocol upgrades", change: func(r *http.Request) { r.Header.Set("Upgrade", "websocket") }},
		"secret kept": {url: gone, want: `invalid value of header "X-Key"`, change: func(r *http.Request) { r.Header.Set("X-Key", "secret\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			stand := newStandIn()
			body := &closeCounter{Reader: test.body}
			var reader io.Reader
			if test.body != nil {
				reader = body
			}
			request, _ := http.NewRequest(http.MethodPost, test.url, reader)
			if test.change != nil {
				test.change(request)
			}
			_, err := New(stand.call).RoundTrip(request)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error: %v", err)
			}
			if test.body != nil {
				waitFor(t, "the body to be closed", func() bool { return body.closed.Load() > 0 })
			}
			waitFor(t, "the exchange to end", func() bool { return stand.count() == 0 })
		})
	}
}

// closeCounter counts how often a request's body was closed.
type closeCounter struct {
	io.Reader
	closed atomic.Int32
}

func (c *closeCounter) Close() error {
	c.closed.Add(1)
	return nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
