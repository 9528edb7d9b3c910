package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// The flags of a response's head.
const (
	flagDecoded = 1
	flagStream  = 2
)

// parseHead makes the response that net/http would have made.
func (x *exchange) parseHead(head []byte, request *http.Request) (*http.Response, error) {
	r := wire.NewReader(head)
	status := int(r.U32())
	text := r.String()
	flags := r.U8()
	header := make(http.Header)
	for count := r.U32(); count > 0 && r.Err == nil; count-- {
		name := textproto.CanonicalMIMEHeaderKey(r.String())
		header[name] = append(header[name], r.String())
	}
	if r.Err != nil {
		return nil, &Error{x.host, r.Err}
	}
	if text == "" {
		text = http.StatusText(status)
	}
	response := &http.Response{
		Status:     strings.TrimSuffix(fmt.Sprintf("%d %s", status, text), " "),
		StatusCode: status,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     header,
		Request:    request,
	}
	if flags&flagDecoded != 0 {
		header.Del("Content-Encoding")
		header.Del("Content-Length")
		response.Uncompressed = true
	}
	if coding := header.Get("Transfer-Encoding"); coding != "" {
		header.Del("Transfer-Encoding")
		response.TransferEncoding = []string{coding}
	}
	response.ContentLength = contentLength(header)
	if flags&flagStream != 0 {
		response.Body = &responseBody{x: x, left: response.ContentLength}
		return response, nil
	}
	x.finish()
	whole := r.Rest()
	response.Body = http.NoBody
	if whole != "" {
		response.Body = io.NopCloser(strings.NewReader(whole))
	}
	if request.Method != http.MethodHead {
		response.ContentLength = int64(len(whole))
	}
	return response, nil
}

// contentLength is -1 where it is not known.
func contentLength(header http.Header) int64 {
	n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// responseBody reads a streamed body part by part, when it is asked for more. Read and Close may run at the same time.
type responseBody struct {
	x    *exchange
	left int64 // bytes that the response promised and that have not come; negative where it promised nothing

	reading sync.Mutex // held by Read
	part    []byte     // what is left of the part that was read last

	ending sync.Mutex // guards err
	err    error
}

func (b *responseBody) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	if err := b.ended(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(b.part) == 0 {
		part, err := b.next()
		if err != nil {
			return 0, b.end(err)
		}
		b.part = part
	}
	n := copy(p, b.part)
	b.part = b.part[n:]
	return n, nil
}

func (b *responseBody) next() ([]byte, error) {
	part, err := b.x.do(host.OpFetchBody)
	if err != nil {
		return nil, err
	}
	if len(part) == 0 && b.left > 0 {
		return nil, &Error{b.x.host, io.ErrUnexpectedEOF}
	}
	if len(part) == 0 {
		return nil, io.EOF
	}
	b.left -= int64(len(part))
	return part, nil
}

func (b *responseBody) ended() error {
	b.ending.Lock()
	defer b.ending.Unlock()
	return b.err
}

// end notes why there is nothing more to read, unless something else has ended the body before.
func (b *responseBody) end(err error) error {
	b.ending.Lock()
	defer b.ending.Unlock()
	if b.err != nil {
		return b.err
	}
	b.err = err
	if err == io.EOF {
		b.x.finish()
	} else {
		b.x.abandon()
	}
	return err
}

// Close gives up what has not been read.
func (b *responseBody) Close() error {
	_ = b.end(http.ErrBodyReadAfterClose)
	return nil
}
