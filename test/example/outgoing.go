package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// bindOutgoingRoutes has the routes that send requests of their own to other servers.
func bindOutgoingRoutes(g *group) {
	outgoing := g.Group("/outgoing")
	outgoing.POST("/send", send)
	outgoing.Any("/proxy", proxy)
	outgoing.GET("/parallel", parallel)

	var kept keptResponse
	outgoing.GET("/keep", kept.keep)
	outgoing.GET("/kept", kept.read)
}

// outgoingRequest is what /send is to send, and how to read the response.
type outgoingRequest struct {
	Method   string      `json:"method"`
	URL      string      `json:"url"`
	Header   http.Header `json:"header"`
	Body     string      `json:"body"`
	Size     int64       `json:"size"`     // in place of a body: one of so many bytes
	Chunked  bool        `json:"chunked"`  // the body's length is not told
	BreakAt  int64       `json:"breakAt"`  // the body fails after so many bytes
	Timeout  int         `json:"timeout"`  // the client's, in milliseconds
	Cancel   int         `json:"cancel"`   // the context ends after so many milliseconds
	ReadOnly int64       `json:"readOnly"` // close the response's body after so many bytes
	NoFollow bool        `json:"noFollow"` // take a redirect for the response
	Pause    int         `json:"pause"`    // milliseconds to wait before the response's body is read
}

var errBroken = errors.New("the body is broken")

func (o *outgoingRequest) reader() io.Reader {
	var body io.Reader
	switch {
	case o.Size > 0:
		body = io.LimitReader(pattern{}, o.Size)
	case o.Body != "":
		body = bytes.NewReader([]byte(o.Body))
	default:
		return nil
	}
	if o.BreakAt > 0 {
		body = io.MultiReader(io.LimitReader(body, o.BreakAt), broken{})
	}
	return body
}

type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// send sends the request that it is told and answers with all that Go's client sees of the response.
func send(e *core.RequestEvent) error {
	var order outgoingRequest
	if err := e.BindBody(&order); err != nil {
		return e.BadRequestError("No such request.", err)
	}
	ctx := e.Request.Context()
	if order.Cancel > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		time.AfterFunc(time.Duration(order.Cancel)*time.Millisecond, cancel)
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, order.Method, order.URL, order.reader())
	if err != nil {
		return e.BadRequestError("No such request.", err)
	}
	if order.Size > 0 && !order.Chunked {
		request.ContentLength = order.Size
	}
	if order.Header != nil {
		request.Header = order.Header
	}
	client := &http.Client{Timeout: time.Duration(order.Timeout) * time.Millisecond}
	if order.NoFollow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	started := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return e.JSON(http.StatusOK, failure("do", err, started))
	}
	defer response.Body.Close()
	time.Sleep(time.Duration(order.Pause) * time.Millisecond)
	body := io.Reader(response.Body)
	if order.ReadOnly > 0 {
		body = io.LimitReader(body, order.ReadOnly)
	}
	sum, start := sha256.New(), &prefix{}
	length, err := io.Copy(io.MultiWriter(sum, start), body)
	if err != nil {
		return e.JSON(http.StatusOK, failure("read", err, started))
	}
	return e.JSON(http.StatusOK, map[string]any{
		"status":           response.Status,
		"header":           response.Header,
		"contentLength":    response.ContentLength,
		"transferEncoding": response.TransferEncoding,
		"uncompressed":     response.Uncompressed,
		"url":              response.Request.URL.String(),
		"length":           length,
		"sum":              fmt.Sprintf("%x", sum.Sum(nil)),
		"start":            string(start.bytes),
	})
}

// prefix keeps the first 500 bytes that are written.
type prefix struct{ bytes []byte }

func (p *prefix) Write(part []byte) (int, error) {
	p.bytes = append(p.bytes, part[:min(len(part), 500-len(p.bytes))]...)
	return len(part), nil
}

func failure(step string, err error, started time.Time) map[string]any {
	var timeout net.Error
	return map[string]any{
		"failed":   step,
		"error":    err.Error(),
		"timeout":  errors.As(err, &timeout) && timeout.Timeout(),
		"canceled": errors.Is(err, context.Canceled),
		"broken":   errors.Is(err, errBroken),
		"after":    time.Since(started).Milliseconds(),
	}
}

// proxy passes its own request on and streams the response back.
func proxy(e *core.RequestEvent) error {
	request, err := http.NewRequestWithContext(e.Request.Context(), e.Request.Method, e.Request.URL.Query().Get("url"), e.Request.Body)
	if err != nil {
		return e.BadRequestError("No such request.", err)
	}
	request.ContentLength = e.Request.ContentLength
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return e.Error(http.StatusBadGateway, err.Error(), nil)
	}
	defer response.Body.Close()
	e.Response.WriteHeader(response.StatusCode)
	buffer := make([]byte, 32<<10)
	for {
		n, err := response.Body.Read(buffer)
		if _, err := e.Response.Write(buffer[:n]); err != nil {
			return err
		}
		if err := e.Flush(); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parallel sends several requests at once, each from a goroutine of its own.
func parallel(e *core.RequestEvent) error {
	answers := make([]string, number(e, "count", 4))
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			response, err := http.Get(fmt.Sprintf("%s&number=%d", e.Request.URL.Query().Get("url"), i))
			if err != nil {
				answers[i] = err.Error()
				return
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			answers[i] = string(body)
		})
	}
	all.Wait()
	return e.JSON(http.StatusOK, answers)
}

// keptResponse is a response that one request of the app has started and another reads.
type keptResponse struct {
	response *http.Response
	release  chan struct{}
}

func (k *keptResponse) keep(e *core.RequestEvent) error {
	response, err := http.Get(e.Request.URL.Query().Get("url"))
	if err != nil {
		return err
	}
	k.release = make(chan struct{})
	k.response = response
	if e.Request.URL.Query().Has("leave") {
		return e.NoContent(http.StatusNoContent)
	}
	<-k.release
	return e.NoContent(http.StatusNoContent)
}

func (k *keptResponse) read(e *core.RequestEvent) error {
	if k.response == nil {
		return e.NotFoundError("Nothing is kept.", nil)
	}
	started := time.Now()
	response := k.response
	k.response = nil
	length, err := io.Copy(io.Discard, response.Body)
	response.Body.Close()
	close(k.release)
	if err != nil {
		return e.JSON(http.StatusOK, failure("read", err, started))
	}
	return e.JSON(http.StatusOK, map[string]any{"length": length})
}
