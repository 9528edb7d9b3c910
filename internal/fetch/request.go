package fetch

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"pocketflare/internal/wire"
)

// bufferSize is the number of bytes of a request's body that are read at a time; a body that ends within it travels with its head.
const bufferSize = 64 << 10

// userAgent is what net/http sends where a request has none.
const userAgent = "Go-http-client/1.1"

// The kinds of request bodies.
const (
	bodyNone    = 0
	bodyWhole   = 1
	bodySized   = 2
	bodyChunked = 3
)

// ownHeaders are fields of a request's Header that net/http ignores: they have fields of their own, or come from the body.
var ownHeaders = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Trailer": true, "User-Agent": true,
}

// packRequest makes the packet of host.OpFetch.
func packRequest(number uint32, request *http.Request, body *requestBody) []byte {
	b := wire.AppendU32(make([]byte, 0, 1024+len(body.start)), number)
	method := request.Method
	if method == "" {
		method = http.MethodGet
	}
	b = wire.AppendString(b, method)
	b = wire.AppendString(b, requestURL(request))

	fields := headerFields(request)
	decode := asksGzip(request)
	if decode {
		b = append(b, 1)
		fields = append(fields, [2]string{"Accept-Encoding", "gzip"})
	} else {
		b = append(b, 0)
	}
	b = wire.AppendU32(b, uint32(len(fields)))
	for _, field := range fields {
		b = wire.AppendString(b, field[0])
		b = wire.AppendString(b, field[1])
	}

	b = append(b, body.kind)
	switch body.kind {
	case bodyWhole:
		b = append(b, body.start...)
	case bodySized:
		b = wire.AppendF64(b, float64(body.length))
	}
	return b
}

// requestURL is the URL without what does not travel: user, password and fragment.
func requestURL(request *http.Request) string {
	target := request.URL.RequestURI()
	if !strings.HasPrefix(target, "/") {
		return target // it was opaque
	}
	return request.URL.Scheme + "://" + request.URL.Host + target
}

func headerFields(request *http.Request) [][2]string {
	fields := make([][2]string, 0, len(request.Header)+2)
	for name, values := range request.Header {
		if ownHeaders[name] {
			continue
		}
		for _, value := range values {
			fields = append(fields, [2]string{name, value})
		}
	}
	agent := userAgent
	if values, set := request.Header["User-Agent"]; set {
		agent = ""
		if len(values) > 0 {
			agent = values[0]
		}
	}
	if agent != "" {
		fields = append(fields, [2]string{"User-Agent", agent})
	}
	return fields
}

// asksGzip tells whether net/http would ask for a compressed response and decode it.
func asksGzip(request *http.Request) bool {
	return request.Header.Get("Accept-Encoding") == "" && request.Header.Get("Range") == "" && request.Method != http.MethodHead
}

// requestBody is a request's body with its start already read.
type requestBody struct {
	kind   byte
	length int64 // where kind is bodySized
	start  []byte
	reader io.ReadCloser
	sent   int64
	buffer []byte
}

// openBody reads the start of the request's body, and closes the body if that is all of it.
func openBody(request *http.Request) (*requestBody, error) {
	body := &requestBody{reader: request.Body, length: request.ContentLength}
	if request.Body == nil || request.Body == http.NoBody {
		return body, nil
	}
	// net/http takes a length of 0 for unknown where there is a body.
	if body.length <= 0 {
		return body, body.openChunked()
	}
	return body, body.openSized()
}

// openChunked reads what the body gives first: what it gives later may depend on the response.
func (b *requestBody) openChunked() error {
	b.buffer = make([]byte, bufferSize)
	part, err := b.next()
	if err != nil {
		return err
	}
	if len(part) == 0 {
		b.close()
		return nil
	}
	b.kind, b.start = bodyChunked, part
	return nil
}

// openSized reads the whole body if it fits the buffer.
func (b *requestBody) openSized() error {
	b.buffer = make([]byte, min(b.length+1, bufferSize)) // one more than there should be, to see the end
	n, err := io.ReadFull(b.reader, b.buffer)
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		if int64(n) != b.length {
			return b.lengthError(int64(n))
		}
		b.kind = bodyWhole
		b.close()
	case err != nil:
		return err
	case int64(n) > b.length:
		return b.lengthError(int64(n))
	default:
		b.kind = bodySized
	}
	b.start = b.buffer[:n]
	return nil
}

func (b *requestBody) lengthError(n int64) error {
	return fmt.Errorf("fetch: ContentLength=%d with Body length %d", b.length, n)
}

// streams tells whether the body is sent in parts.
func (b *requestBody) streams() bool { return b.kind == bodySized || b.kind == bodyChunked }

// next gives the next part, which is valid until the next call, or none at the body's end.
func (b *requestBody) next() ([]byte, error) {
	part := b.start
	b.start = nil
	if len(part) == 0 {
		// A read of nothing without an error is no end.
		n, err := io.ReadAtLeast(b.reader, b.buffer, 1)
		if err != nil && err != io.EOF {
			return nil, err
		}
		part = b.buffer[:n]
	}
	b.sent += int64(len(part))
	if b.kind == bodySized && (b.sent > b.length || len(part) == 0 && b.sent < b.length) {
		return nil, b.lengthError(b.sent)
	}
	return part, nil
}

func (b *requestBody) close() { b.reader.Close() }
