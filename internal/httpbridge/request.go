package httpbridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

var errPacket = errors.New("httpbridge: malformed request packet")

// headFields is the number of lines in a request's head before its headers.
const headFields = 5

// parseRequest makes the request that net/http's server would have made.
func parseRequest(event Event, packet []byte) (*http.Request, error) {
	r := wire.NewReader(packet)
	head := r.String()
	kind := r.U8()
	if r.Err != nil {
		return nil, r.Err
	}
	var fields [headFields]string
	for i := range fields {
		var found bool
		if fields[i], head, found = strings.Cut(head, "\n"); !found && i < headFields-1 {
			return nil, errPacket
		}
	}
	method, scheme, authority, address, target := fields[0], fields[1], fields[2], fields[3], fields[4]
	location, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	request := &http.Request{
		Method:        method,
		URL:           location,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        parseHeader(head),
		Host:          authority,
		RemoteAddr:    net.JoinHostPort(address, "0"),
		RequestURI:    target,
		ContentLength: -1,
		Body:          http.NoBody,
	}
	if scheme == "https" {
		request.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: authority}
	}
	if declared := request.Header.Get("Content-Length"); declared != "" {
		if n, err := strconv.ParseInt(declared, 10, 64); err == nil {
			request.ContentLength = n
		}
	}
	switch kind {
	case BodyNone:
		request.ContentLength = 0
	case BodyWhole:
		whole := packet[len(packet)-r.Len():]
		request.ContentLength = int64(len(whole))
		request.Body = io.NopCloser(bytes.NewReader(whole))
	case BodyStream:
		if request.ContentLength < 0 {
			request.TransferEncoding = []string{"chunked"}
		}
		request.Body = &requestBody{event: event, request: request}
	}
	if err := limitDepth(request); err != nil {
		return nil, err
	}
	return request.WithContext(event.Context()), nil
}

func parseHeader(head string) http.Header {
	header := make(http.Header, strings.Count(head, "\n")/2+1)
	for head != "" {
		var name, value string
		name, head, _ = strings.Cut(head, "\n")
		value, head, _ = strings.Cut(head, "\n")
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "Host" || name == "Transfer-Encoding" {
			continue // net/http moves them to fields of the request
		}
		header[name] = append(header[name], value)
	}
	return header
}

// requestBody reads a streamed body part by part, when the handler asks for it.
type requestBody struct {
	event    Event
	part     []byte // what is left of the part that was read last
	err      error
	deadline time.Time

	request *http.Request
	first   *firstPart // once it has come
	passed  bool       // the handler has got it
}

// firstPart is what the first read of a body gave.
type firstPart struct {
	part []byte
	err  error
}

// goOnFrom takes over what an earlier attempt has read.
func (b *requestBody) goOnFrom(earlier *requestBody) {
	if b != nil && earlier != nil {
		b.first = earlier.first
	}
}

// unread tells whether the handler has got nothing of the body, so that another attempt can have it.
func (b *requestBody) unread() bool { return b == nil || !b.passed }

// streamedBody is the request's body if it streams.
func streamedBody(request *http.Request) *requestBody {
	reader := request.Body
	if guarded, ok := reader.(*depthReader); ok {
		reader = guarded.ReadCloser
	}
	body, _ := reader.(*requestBody)
	return body
}

func (b *requestBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(b.part) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		b.part, b.err = b.next()
	}
	n := copy(p, b.part)
	b.part = b.part[n:]
	return n, nil
}

// next gives the next part. The first one is handed out when it is known that the handler may go on with it: then it cannot be run
// again any more. To find that out takes no longer than the part itself.
func (b *requestBody) next() ([]byte, error) {
	if b.passed {
		return b.receive()
	}
	if b.first == nil {
		confirmed := make(chan error, 1)
		go func() { confirmed <- b.event.Confirm(b.event.Context(), b.request) }()
		part, err := b.receive()
		b.first = &firstPart{part, err}
		if err := <-confirmed; err != nil {
			return nil, err
		}
	}
	b.passed = true
	return b.first.part, b.first.err
}

// receive waits for the client's next part.
func (b *requestBody) receive() ([]byte, error) {
	ctx, cancel := withDeadline(b.event.Context(), b.deadline)
	defer cancel()
	part, err := b.event.Call(ctx, host.OpBodyRead, nil)
	switch {
	case err == nil && len(part) == 0:
		return nil, io.EOF
	case err == nil:
		return part, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, os.ErrDeadlineExceeded
	default:
		return nil, io.ErrUnexpectedEOF // as net/http when the client hangs up
	}
}

func (b *requestBody) Close() error {
	b.part = nil
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return nil
}

// withDeadline limits ctx where deadline is not zero.
func withDeadline(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	if deadline.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline)
}
