// Package fetch carries the requests of Go's http clients out of the Worker, through the fetch of the event that they belong to.
//
// A Transport behaves as net/http's own: redirects and cookies are the client's, compressed responses are decoded where the
// request did not ask for an encoding itself, a request's context ends the exchange at any point, bodies stream both ways with
// backpressure. What differs, because the platform decides it:
//
//   - the Host header is always the URL's;
//   - GET and HEAD carry no body, and there are only the methods that the Fetch standard knows;
//   - no protocol upgrades, trailers, proxies or client certificates;
//   - a header that a response repeats arrives as one value, joined by ", ", but for Set-Cookie;
//   - "Cache-Control: no-cache" and "Pragma: no-cache" are added, so that Cloudflare's cache answers nothing.
//
// Layout of a request packet (package wire), host.OpFetch:
//
//	u32     number of the exchange
//	string  method
//	string  URL
//	u8      1 if a compressed response is to be decoded
//	u32     number of header fields, then for each: string name, string value
//	u8      body: none, whole (the rest of the packet), sized (f64: its length) or chunked; the last two follow by OpFetchWrite
//
// The reply is the response's head; where the body is sized or chunked the reply is empty, and the head is the first reply of
// host.OpFetchBody. Layout of a head:
//
//	u32     status
//	string  its text
//	u8      flags: 1 the body was decoded, 2 the body is to be read by host.OpFetchBody
//	u32     number of header fields, then for each: string name, string value
//	rest    the body, where it is not to be read
//
// OpFetchBody and OpFetchClose take the number of the exchange; OpFetchWrite takes it with a part of the body as the rest, an
// empty one to end it. An empty reply of OpFetchBody is the end of the body.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// Call runs an operation of the host: host.Call.
type Call func(ctx context.Context, op host.Op, payload []byte) ([]byte, error)

// Transport is an http.RoundTripper over the Worker's fetch. It is safe for concurrent use.
type Transport struct {
	call Call
}

// New makes a transport over the host's operations.
func New(call Call) *Transport {
	return &Transport{call: call}
}

// Error is a request that failed outside of Go: no connection, a refused URL, a response that broke off.
type Error struct {
	Host  string // the URL's
	Cause error
}

func (e *Error) Error() string { return fmt.Sprintf("fetch %s: %v", e.Host, e.Cause) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// RoundTrip sends the request and returns when the response's head is there. Errors are an *Error, what the request's body gave,
// or the cause of the end of the request's context.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := prepare(request)
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	x := t.begin(request)
	head, err := x.send(request, body)
	if err != nil {
		x.abandon()
		return nil, err
	}
	response, err := x.parseHead(head, request)
	if err != nil {
		x.abandon()
		return nil, err
	}
	return response, nil
}

// prepare checks the request and reads the start of its body.
func prepare(request *http.Request) (*requestBody, error) {
	if err := check(request); err != nil {
		return nil, err
	}
	if err := context.Cause(request.Context()); err != nil {
		return nil, err
	}
	return openBody(request)
}

func check(request *http.Request) error {
	switch {
	case request.URL == nil:
		return errors.New("fetch: nil Request.URL")
	case request.Header == nil:
		return errors.New("fetch: nil Request.Header")
	case request.URL.Scheme != "http" && request.URL.Scheme != "https":
		return fmt.Errorf("fetch: unsupported protocol scheme %q", request.URL.Scheme)
	case request.URL.Host == "":
		return errors.New("fetch: no Host in request URL")
	case request.Header.Get("Upgrade") != "":
		return &Error{request.URL.Host, errors.New("protocol upgrades do not exist in a Worker")}
	}
	for name, values := range request.Header {
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				return fmt.Errorf("fetch: invalid value of header %q", name) // the value may be secret
			}
		}
	}
	return nil
}

// lastNumber is the number of the newest exchange; JavaScript tells all of a Go runtime's apart by it.
var lastNumber atomic.Uint32

// exchange is one request and its response.
type exchange struct {
	call   Call
	number uint32
	host   string

	ctx    context.Context // ends with the request's, and with the exchange
	cancel context.CancelCauseFunc
	stop   func() bool // no longer give up the exchange when ctx ends
}

var errFinished = errors.New("fetch: the exchange has ended")

func (t *Transport) begin(request *http.Request) *exchange {
	x := &exchange{call: t.call, number: lastNumber.Add(1), host: request.URL.Host}
	x.ctx, x.cancel = context.WithCancelCause(request.Context())
	x.stop = context.AfterFunc(x.ctx, x.close)
	return x
}

// do runs an operation that takes the exchange's number alone.
func (x *exchange) do(op host.Op) ([]byte, error) {
	return x.submit(op, wire.AppendU32(nil, x.number))
}

func (x *exchange) submit(op host.Op, payload []byte) ([]byte, error) {
	reply, err := x.call(x.ctx, op, payload)
	if err == nil {
		return reply, nil
	}
	if cause := context.Cause(x.ctx); cause != nil {
		return nil, cause
	}
	return nil, &Error{x.host, err}
}

// send sends the request and returns the response's head. A body that is not part of the packet is sent, and closed, meanwhile.
func (x *exchange) send(request *http.Request, body *requestBody) ([]byte, error) {
	head, err := x.submit(host.OpFetch, packRequest(x.number, request, body))
	if !body.streams() {
		return head, err
	}
	if err != nil {
		body.close()
		return nil, err
	}
	go x.upload(body)
	return x.do(host.OpFetchBody)
}

// upload writes the body part by part. A body that fails fails the exchange; a server that answers without reading all does not.
func (x *exchange) upload(body *requestBody) {
	// Closing the body ends a read that nobody waits for any more.
	stop := context.AfterFunc(x.ctx, body.close)
	defer func() {
		if stop() {
			body.close()
		}
	}()
	payload := wire.AppendU32(nil, x.number)
	for {
		part, err := body.next()
		if err != nil {
			x.cancel(err)
			return
		}
		payload = append(payload[:4], part...)
		if _, err := x.submit(host.OpFetchWrite, payload); err != nil || len(part) == 0 {
			return
		}
	}
}

// finish ends an exchange that has nothing more to read at the host.
func (x *exchange) finish() {
	x.stop()
	x.cancel(errFinished)
}

// abandon ends an exchange that may have something left at the host, which is given up.
func (x *exchange) abandon() {
	x.cancel(errFinished)
}

// close gives up what is left at the host. It runs in a goroutine of its own, when ctx has ended.
func (x *exchange) close() {
	_, _ = x.call(context.WithoutCancel(x.ctx), host.OpFetchClose, wire.AppendU32(nil, x.number))
}
