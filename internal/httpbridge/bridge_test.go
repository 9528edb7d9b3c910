package httpbridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// fakeEvent is JavaScript's side of the bridge: it gathers the response and hands out the parts of a body.
type fakeEvent struct {
	ctx     context.Context
	parts   [][]byte // the request's body
	readErr error    // after the parts
	stalled bool     // operations answer only when their context ends

	head     []byte
	body     bytes.Buffer
	streamed bool
	closed   bool
	closeErr string
	writeErr error
	outcome  host.Outcome
	pauses   int

	changes     int // of what the handler has in memory, that Confirm finds out
	renewed     int
	renewErr    error
	confirmed   int
	unconfirmed error
	stale       bool
}

func (e *fakeEvent) Confirm(context.Context, *http.Request) error {
	e.confirmed++
	if e.unconfirmed != nil {
		return e.unconfirmed
	}
	if e.stale = e.stale || e.changes > 0 && e.renewed < e.changes; e.stale {
		return errStale
	}
	return nil
}

func (e *fakeEvent) Stale() bool { return e.stale }

func (e *fakeEvent) Renew(context.Context) error {
	e.stale = false
	e.renewed++
	return e.renewErr
}

var errStale = errors.New("stale")

func (e *fakeEvent) Outcome() host.Outcome { return e.outcome }

func (e *fakeEvent) Begin(func() bool) {}

func (e *fakeEvent) Context() context.Context { return e.ctx }

func (e *fakeEvent) Respond(head, body []byte) {
	if e.head != nil {
		panic("a second response")
	}
	e.head = bytes.Clone(head)
	e.streamed = head[4] == 1
	e.body.Write(body)
}

func (e *fakeEvent) Call(ctx context.Context, op host.Op, payload []byte) ([]byte, error) {
	if e.stalled {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch op {
	case host.OpBodyRead:
		if len(e.parts) == 0 {
			return nil, e.readErr
		}
		part := e.parts[0]
		e.parts = e.parts[1:]
		return bytes.Clone(part), nil
	case host.OpBodyWrite:
		if !e.streamed {
			panic("a part of a body that does not stream")
		}
		e.body.Write(payload)
		return nil, e.writeErr
	case host.OpSleep:
		e.pauses++
	case host.OpBodyClose:
		e.closed = true
		e.closeErr = wire.NewReader(bytes.Clone(payload)).String()
	}
	return nil, nil
}

// response is what the client would get.
func (e *fakeEvent) response(t *testing.T, method string) *http.Response {
	t.Helper()
	status := int(wire.NewReader(e.head).U32())
	header := http.Header{}
	fields := strings.Split(string(e.head[headStart:]), "\n")
	for i := 0; i+1 < len(fields); i += 2 {
		header.Add(fields[i], fields[i+1])
	}
	if !e.streamed && header.Get("Content-Length") == "" && method != http.MethodHead && statusAllowsBody(status) {
		header.Set("Content-Length", fmt.Sprint(e.body.Len())) // the platform does it for a whole body
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(e.body.Bytes()))}
}

func packet(method, target string, header string, kind byte, whole string) []byte {
	head := strings.Join([]string{method, "http", "example.com", "203.0.113.7", target}, "\n") + header
	return append(append(wire.AppendString(nil, head), kind), whole...)
}

// TestLikeNetHTTP gives the same handlers to net/http's server and to the bridge.
func TestLikeNetHTTP(t *testing.T) {
	handlers := map[string]http.HandlerFunc{
		"nothing": func(w http.ResponseWriter, r *http.Request) {},
		"text":    func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") },
		"html":    func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<!doctype html><p>") },
		"typed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{}")
		},
		"untyped": func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			fmt.Fprint(w, "hello")
		},
		"encoded": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, "not really")
		},
		"cookies": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT")
			w.Header().Add("Set-Cookie", "b=2")
			w.Header().Add("Vary", "Origin")
			w.Header().Add("Vary", "Accept")
			w.Header().Set("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
		},
		"late header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Early", "1")
			w.WriteHeader(http.StatusCreated)
			w.Header().Set("X-Late", "1")
			w.WriteHeader(http.StatusTeapot)
		},
		"newline": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Line", " a\r\nX-Injected: b ") },
		"bad name": func(w http.ResponseWriter, r *http.Request) {
			w.Header()["X Bad"] = []string{"1"}
			w.Header()["X-Good"] = []string{"1"}
		},
		"no content": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			w.WriteHeader(http.StatusNoContent)
			_, err := fmt.Fprint(w, "hello")
			if !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("a body with 204: %v", err)
			}
		},
		"not modified": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		},
		"length": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			fmt.Fprint(w, "hello")
			_, err := fmt.Fprint(w, "!")
			if !errors.Is(err, http.ErrContentLength) {
				t.Errorf("a body that is too long: %v", err)
			}
		},
		"large": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "300000")
			for range 3 {
				if n, err := w.Write(bytes.Repeat([]byte("x"), 100_000)); n != 100_000 || err != nil {
					t.Errorf("write: %d, %v", n, err)
				}
			}
		},
		"interim":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(103); w.WriteHeader(202) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", 307) },
		"error":    func(w http.ResponseWriter, r *http.Request) { http.Error(w, "wrong", 418) },
		"file": func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "a.css", time.Unix(1e9, 0), strings.NewReader("a { color: red }"))
		},
	}
	for name, handler := range handlers {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			t.Run(name+" "+method, func(t *testing.T) {
				server := httptest.NewServer(handler)
				defer server.Close()
				request, _ := http.NewRequest(method, server.URL, nil)
				transport := &http.Transport{DisableCompression: true}
				defer transport.CloseIdleConnections()
				want, err := transport.RoundTrip(request)
				if err != nil {
					t.Fatal(err)
				}
				event := &fakeEvent{ctx: t.Context()}
				Serve(event, packet(method, "/", "", BodyNone, ""), handler)
				got := event.response(t, method)

				want.Header.Del("Date")
				want.Header.Del("Connection")
				if got.StatusCode != want.StatusCode || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
					t.Errorf("got %d %v\nwant %d %v", got.StatusCode, got.Header, want.StatusCode, want.Header)
				}
				gotBody, _ := io.ReadAll(got.Body)
				wantBody, _ := io.ReadAll(want.Body)
				if !bytes.Equal(gotBody, wantBody) {
					t.Errorf("body: %d bytes, want %d", len(gotBody), len(wantBody))
				}
			})
		}
	}
}

func TestRequest(t *testing.T) {
	header := "\nx-two\na\nx-two\nb\nhost\nignored\ncontent-length\n7\ncookie\na=1; b=2"
	event := &fakeEvent{ctx: t.Context(), parts: [][]byte{[]byte("abc"), []byte("defg")}}
	Serve(event, packet("PUT", "/a%2Fb?q=%20", header, BodyStream, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, r.Host, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI, r.RemoteAddr, r.ContentLength, string(body), err,
			r.Header["X-Two"], r.Header["Host"], len(r.Cookies()), r.TLS == nil)
		want := fmt.Sprint("PUT", "example.com", "/a/b", "/a%2Fb", "q=%20", "/a%2Fb?q=%20", "203.0.113.7:0", 7, "abcdefg", nil,
			[]string{"a", "b"}, []string(nil), 2, true)
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}))
}

func TestWholeBody(t *testing.T) {
	event := &fakeEvent{ctx: t.Context()}
	Serve(event, packet("POST", "/", "", BodyWhole, "hello"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if string(body) != "hello" || err != nil || r.ContentLength != 5 {
			t.Errorf("body %q of %d bytes, %v", body, r.ContentLength, err)
		}
	}))
}

func TestMalformedTarget(t *testing.T) {
	event := &fakeEvent{ctx: t.Context()}
	Serve(event, packet("GET", "/%zz", "", BodyNone, ""), http.NotFoundHandler())
	if response := event.response(t, "GET"); response.StatusCode != 400 || event.body.String() != "400 Bad Request" {
		t.Errorf("%d %s", response.StatusCode, event.body.String())
	}
}

func TestStreaming(t *testing.T) {
	event := &fakeEvent{ctx: t.Context()}
	Serve(event, packet("GET", "/", "", BodyNone, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		fmt.Fprint(w, "one ")
		if err := control.Flush(); err != nil || event.body.String() != "one " || !event.streamed {
			t.Errorf("after the first flush: %q, %v", event.body.String(), err)
		}
		fmt.Fprint(w, "two")
		if event.body.String() != "one " {
			t.Error("written before the flush")
		}
		if err := errors.Join(control.Flush(), control.SetWriteDeadline(time.Time{}), control.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
		if _, _, err := control.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("hijack: %v", err)
		}
	}))
	if event.body.String() != "one two" || !event.closed || event.closeErr != "" {
		t.Errorf("%q, closed %v %q", event.body.String(), event.closed, event.closeErr)
	}
}

func TestPanics(t *testing.T) {
	for _, test := range []struct {
		name, closeErr string
		status         int
		handler        http.HandlerFunc
	}{
		{"before the first byte", "", 500, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }},
		{"what was not sent is dropped", "", 500, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "half")
			panic(http.ErrAbortHandler)
		}},
		{"in a stream", "the handler has aborted the response", 200, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"a stream that is too short", "the handler wrote less than the Content-Length that it declared", 200, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			w.(http.Flusher).Flush()
		}},
	} {
		event := &fakeEvent{ctx: t.Context()}
		Serve(event, packet("GET", "/", "", BodyNone, ""), test.handler)
		if got := event.response(t, "GET").StatusCode; got != test.status || event.closeErr != test.closeErr || event.body.Len() > 0 {
			t.Errorf("%s: %d, %q, %q", test.name, got, event.closeErr, event.body.String())
		}
	}
}

func TestStatusesOutOfReach(t *testing.T) {
	for sent, want := range map[int]int{101: 500, 599: 599, 600: 500, 799: 500} {
		event := &fakeEvent{ctx: t.Context()}
		Serve(event, packet("GET", "/", "", BodyNone, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(sent)
			fmt.Fprint(w, "why")
		}))
		if got := event.response(t, "GET").StatusCode; got != want || event.body.String() != "why" {
			t.Errorf("%d: %d %q", sent, got, event.body.String())
		}
	}
}

func TestClientThatHangsUp(t *testing.T) {
	t.Run("while it sends", func(t *testing.T) {
		event := &fakeEvent{ctx: t.Context(), parts: [][]byte{[]byte("half")}, readErr: errors.New("disconnected")}
		Serve(event, packet("POST", "/", "\ncontent-length\n8", BodyStream, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); string(body) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q, %v", body, err)
			}
		}))
	})
	t.Run("while it reads", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		event := &fakeEvent{ctx: ctx}
		Serve(event, packet("GET", "/", "", BodyNone, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			cancel()
			<-r.Context().Done()
			n := 0
			for ; n < 3; n++ {
				if _, err := w.Write(make([]byte, BufferSize)); err != nil {
					break
				}
			}
			if n != 0 {
				t.Errorf("%d writes went to nobody", n)
			}
		}))
	})
}

func TestDeadlines(t *testing.T) {
	event := &fakeEvent{ctx: t.Context(), stalled: true}
	Serve(event, packet("POST", "/", "", BodyStream, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if err := errors.Join(control.Flush(), control.SetWriteDeadline(time.Now().Add(time.Millisecond))); err != nil {
			t.Error(err)
		}
		if _, err := w.Write(make([]byte, BufferSize)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
		event.stalled = false
	}))
}

func TestLostRaces(t *testing.T) {
	const whole = `{"title":"a"}`
	for _, test := range []struct {
		name         string
		losses       int // attempts that lose a race
		effects      int // what each attempt does to the outside
		kind         byte
		status, runs int
		says         string
	}{
		{"none", 0, 0, BodyWhole, 200, 1, ""},
		{"one", 1, 0, BodyWhole, 200, 2, ""},
		{"as many as are tried again", 3, 0, BodyWhole, 200, 4, ""},
		{"too many", 4, 0, BodyWhole, 409, 4, "was not stored"},
		{"after an effect", 1, 1, BodyWhole, 409, 1, "remains"},
		{"with a body that was read", 1, 0, BodyStream, 409, 1, "was not stored"},
		{"without a body", 1, 0, BodyNone, 200, 2, ""},
	} {
		event := &fakeEvent{ctx: t.Context(), parts: [][]byte{[]byte(whole)}}
		runs := 0
		Serve(event, packet("POST", "/", "", test.kind, whole), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || test.kind != BodyNone && string(body) != whole {
				t.Errorf("%s: body %q, %v", test.name, body, err)
			}
			runs++
			event.outcome.Effects += test.effects
			if runs <= test.losses {
				event.outcome.Conflicts++
				http.Error(w, "failed", 400)
			}
		}))
		got := event.response(t, "POST").StatusCode
		if !strings.Contains(event.body.String(), test.says) {
			t.Errorf("%s: %s", test.name, event.body.String())
		}
		if got != test.status || runs != test.runs || event.pauses != min(runs, 4)-1 {
			t.Errorf("%s: %d after %d runs and %d pauses", test.name, got, runs, event.pauses)
		}
	}
}

func TestLostRaceThatTheHandlerMended(t *testing.T) {
	event := &fakeEvent{ctx: t.Context()}
	Serve(event, packet("POST", "/", "", BodyNone, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event.outcome.Conflicts++
		fmt.Fprint(w, "mended")
	}))
	if event.body.String() != "mended" {
		t.Errorf("%q", event.body.String())
	}
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name          string
		outcome       host.Outcome
		status        int // that the handler answers
		authorization string
		wantStatus    int
		want          string
	}{
		{"a read", host.Outcome{Faults: 1}, 404, "", 503, unavailableMessage},
		{"a write that may be stored", host.Outcome{Faults: 1, Effects: 1, Uncertain: 1}, 400, "", 503, uncertainMessage},
		{"after something was stored", host.Outcome{Faults: 1, Effects: 1}, 400, "", 503, partialMessage},
		{"the user of a token", host.Outcome{Faults: 1}, 200, "token", 503, unavailableMessage},
		{"what the handler has mended", host.Outcome{Faults: 1}, 200, "", 200, "mended"},
		{"after what was done", host.Outcome{Faults: 1, Effects: 1}, 200, "token", 200, "mended"},
		{"with a conflict", host.Outcome{Faults: 1, Conflicts: 1}, 400, "", 503, unavailableMessage},
		{"none", host.Outcome{Effects: 1}, 400, "token", 400, "mended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			event := &fakeEvent{ctx: t.Context()}
			header := ""
			if test.authorization != "" {
				header = "\nAuthorization\n" + test.authorization
			}
			Serve(event, packet("GET", "/", header, BodyNone, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				event.outcome = test.outcome
				w.Header().Set("Access-Control-Allow-Origin", "*")
				w.WriteHeader(test.status)
				fmt.Fprint(w, "mended")
			}))
			response := event.response(t, "GET")
			if response.StatusCode != test.wantStatus || !strings.Contains(event.body.String(), test.want) {
				t.Errorf("%d %s", response.StatusCode, event.body.String())
			}
			if response.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a browser would not show it")
			}
			if again := response.Header.Get("Retry-After") != ""; again != (test.want == unavailableMessage) {
				t.Errorf("Retry-After: %v", again)
			}
		})
	}
}

type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A handler that answered before it lost is run again, and one that did not lose keeps its answer.
func TestDisown(t *testing.T) {
	for _, losses := range []int{0, 1, 9} {
		event := &fakeEvent{ctx: t.Context()}
		runs := 0
		Serve(event, packet("POST", "/", "", BodyNone, ""), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			runs++
			fmt.Fprint(w, "done")
			if runs <= losses {
				event.outcome.Conflicts++
				Disown(wrapper{wrapper{w}})
			}
		}))
		want := map[int]int{0: 200, 1: 200, 9: 409}[losses]
		if got := event.response(t, "POST").StatusCode; got != want || runs != min(losses+1, maxAttempts) {
			t.Errorf("%d losses: %d after %d runs", losses, got, runs)
		}
	}
}

// TestStale has the handler work with what was replaced.
func TestStale(t *testing.T) {
	large := strings.Repeat("x", 1000)
	write := func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "answer") }
	for _, test := range []struct {
		name    string
		event   fakeEvent
		kind    byte
		handler http.HandlerFunc
		status  int
		body    string
		runs    int
	}{
		{"in force", fakeEvent{}, BodyNone, write, 200, "answer", 1},
		{"replaced", fakeEvent{changes: 1}, BodyNone, write, 200, "answer", 2},
		{"replaced twice", fakeEvent{changes: 2}, BodyNone, write, 200, "answer", 3},
		{"replaced all the time", fakeEvent{changes: 100}, BodyNone, write, 409, "Nothing was stored", maxAttempts},
		{"after an effect", fakeEvent{changes: 1, outcome: host.Outcome{Effects: 1}}, BodyNone, write, 409, "remains", 1},
		{"after what may have had one", fakeEvent{changes: 1, outcome: host.Outcome{Effects: 1, Uncertain: 1}}, BodyNone, write, 503, "not known", 1},
		{"that could not be loaded", fakeEvent{changes: 1, renewErr: errors.New("no")}, BodyNone, write, 503, "Nothing was stored", 1},
		{"unknown", fakeEvent{unconfirmed: errors.New("no")}, BodyNone, write, 503, "Nothing was stored", 1},
		{"a panic", fakeEvent{changes: 1}, BodyNone, func(w http.ResponseWriter, r *http.Request) { panic("no") }, 500, "", 2},
		{"a stream", fakeEvent{changes: 1}, BodyNone, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "one,")
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "two")
		}, 200, "one,two", 2},
		{"a large answer", fakeEvent{changes: 1}, BodyNone, func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(make([]byte, 2*BufferSize))
		}, 200, string(make([]byte, 2*BufferSize)), 2},
		{"a body that streams", fakeEvent{changes: 1, parts: [][]byte{[]byte(large), []byte("end")}}, BodyStream, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%d %v", len(body), err)
		}, 200, "1003 <nil>", 2},
		{"a body that is whole", fakeEvent{changes: 1}, BodyWhole, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", body, err)
		}, 200, "whole <nil>", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			event := &test.event
			event.ctx = t.Context()
			runs := 0
			Serve(event, packet("POST", "/", "", test.kind, "whole"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				runs++
				test.handler(w, r)
			}))
			if status := event.response(t, "POST").StatusCode; status != test.status || !strings.Contains(event.body.String(), test.body) {
				t.Errorf("%d %.100s", status, event.body.String())
			}
			if runs != test.runs {
				t.Errorf("run %d times, want %d", runs, test.runs)
			}
		})
	}
}
