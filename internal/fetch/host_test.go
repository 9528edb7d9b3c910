package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// standIn does what fetch.mjs does, over a real net/http transport, so that a Transport over it can be compared with that one.
type standIn struct {
	mu    sync.Mutex
	open  map[uint32]*standInExchange
	calls map[host.Op]int
}

type standInExchange struct {
	cancel context.CancelFunc
	writer *io.PipeWriter
	head   chan []byte
	failed chan error
	body   io.ReadCloser // once the head is there, where it is to be read
	headed bool
}

func newStandIn() *standIn {
	return &standIn{open: map[uint32]*standInExchange{}, calls: map[host.Op]int{}}
}

func (s *standIn) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// call answers as host.Call does: ctx ends the wait, not the operation.
func (s *standIn) call(ctx context.Context, op host.Op, payload []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.calls[op]++
	s.mu.Unlock()
	type reply struct {
		data []byte
		err  error
	}
	done := make(chan reply, 1)
	payload = bytes.Clone(payload)
	go func() {
		data, err := s.run(op, payload)
		done <- reply{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *standIn) run(op host.Op, payload []byte) ([]byte, error) {
	r := wire.NewReader(payload)
	number := r.U32()
	if op == host.OpFetch {
		return s.start(number, r)
	}
	s.mu.Lock()
	x := s.open[number]
	s.mu.Unlock()
	if x == nil {
		if op == host.OpFetchClose {
			return nil, nil
		}
		return nil, &host.Error{Name: "Error", Message: "the request has ended"}
	}
	switch op {
	case host.OpFetchBody:
		return s.read(number, x)
	case host.OpFetchWrite:
		part := []byte(r.Rest())
		if len(part) == 0 {
			return nil, x.writer.Close()
		}
		_, err := x.writer.Write(part)
		return nil, err
	case host.OpFetchClose:
		s.forget(number)
		x.cancel()
		return nil, nil
	}
	return nil, errors.New("no such operation")
}

func (s *standIn) forget(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x := s.open[number]; x != nil && x.writer != nil {
		_ = x.writer.CloseWithError(io.ErrClosedPipe)
	}
	delete(s.open, number)
}

func (s *standIn) start(number uint32, r *wire.Reader) ([]byte, error) {
	ctx, cancel := context.WithCancel(context.Background())
	x := &standInExchange{cancel: cancel, head: make(chan []byte, 1), failed: make(chan error, 1)}
	request, err := http.NewRequestWithContext(ctx, r.String(), r.String(), nil)
	if err != nil {
		cancel()
		return nil, err
	}
	decode := r.U8() == 1
	for count := r.U32(); count > 0; count-- {
		name := r.String()
		request.Header[name] = append(request.Header[name], r.String())
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header["User-Agent"] = nil
	}
	if decode {
		request.Header.Del("Accept-Encoding") // so that the transport decodes
	}
	switch r.U8() {
	case bodyWhole:
		whole := []byte(r.Rest())
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(whole)), int64(len(whole))
	case bodySized:
		request.ContentLength = int64(r.F64())
		request.Body, x.writer = io.Pipe()
	case bodyChunked:
		request.ContentLength = -1
		request.Body, x.writer = io.Pipe()
	}
	s.mu.Lock()
	s.open[number] = x
	s.mu.Unlock()
	go x.send(request, decode)
	if x.writer != nil {
		return nil, nil
	}
	return s.read(number, x)
}

func (x *standInExchange) send(request *http.Request, decode bool) {
	transport := &http.Transport{DisableCompression: !decode}
	context.AfterFunc(request.Context(), transport.CloseIdleConnections)
	response, err := transport.RoundTrip(request)
	if err != nil {
		x.failed <- &host.Error{Name: "Error", Message: "Network connection lost."}
		return
	}
	head := wire.AppendU32(nil, uint32(response.StatusCode))
	_, text, _ := strings.Cut(response.Status, " ")
	head = wire.AppendString(head, text)
	flags, whole := byte(0), []byte(nil)
	if response.Uncompressed {
		flags |= flagDecoded
		response.Header.Set("Content-Encoding", "gzip")
		response.Header.Set("Content-Length", "7") // workerd leaves both
	}
	switch {
	case response.Body == http.NoBody || request.Method == http.MethodHead:
	case response.ContentLength >= 0 && response.ContentLength <= 64<<10:
		whole, _ = io.ReadAll(response.Body)
	default:
		flags |= flagStream
		x.body = response.Body
	}
	head = append(head, flags)
	count := 0
	for _, values := range response.Header {
		count += len(values)
	}
	head = wire.AppendU32(head, uint32(count))
	for name, values := range response.Header {
		for _, value := range values {
			head = wire.AppendString(wire.AppendString(head, name), value)
		}
	}
	x.head <- append(head, whole...)
}

func (s *standIn) read(number uint32, x *standInExchange) ([]byte, error) {
	if !x.headed {
		select {
		case head := <-x.head:
			x.headed = true
			if x.body == nil {
				s.forget(number)
			}
			return head, nil
		case err := <-x.failed:
			s.forget(number)
			return nil, err
		}
	}
	part := make([]byte, 64<<10)
	n, err := x.body.Read(part)
	if n > 0 {
		return part[:n], nil
	}
	s.forget(number)
	if err == io.EOF {
		return nil, nil
	}
	return nil, &host.Error{Name: "Error", Message: "Network connection lost."}
}
