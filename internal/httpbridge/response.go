package httpbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// headLengthLimit is how much of a HEAD's body net/http gathers: only within it does it tell a length that the handler did not set.
const headLengthLimit = 2048

// maxStatus is the highest status that a Response of JavaScript can have; net/http has 999.
const maxStatus = 599

// sniffLength is how much of a body http.DetectContentType looks at.
const sniffLength = 512

var newlineToSpace = strings.NewReplacer("\n", " ", "\r", " ")

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// response gathers what a handler writes. It implements http.ResponseWriter and what http.ResponseController looks for.
type response struct {
	event   Event
	request *http.Request
	attempt int // how often the request was run, this time included
	header  http.Header

	status      int     // 0 until WriteHeader
	head        []byte  // the packed head, as it was at WriteHeader
	sniff       bool    // the head needs a Content-Type
	declared    int64   // the length that the handler declared, -1 for none
	written     int64   // the body's length so far
	buffer      *[]byte // what has not crossed yet
	streaming   bool    // the head has crossed
	lent        bool    // the body is an object's
	disowned    bool    // what was written does not hold
	err         error   // why nothing more can be written
	unconfirmed error   // why nothing may leave
	deadline    time.Time
	bodyReader  *requestBody
}

func newResponse(event Event, request *http.Request) *response {
	w := &response{event: event, request: request, header: make(http.Header, 12), declared: -1, buffer: buffers.Get().(*[]byte)}
	w.bodyReader = streamedBody(request)
	return w
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("invalid WriteHeader code " + strconv.Itoa(status))
	}
	if w.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return // superfluous, or an interim response, which a Worker cannot send
	}
	if status == http.StatusSwitchingProtocols || status > maxStatus {
		log.Printf("%s %s was to be answered with status %d, which a Worker cannot send; it is a 500", w.request.Method, w.request.URL.Path, status)
		status = http.StatusInternalServerError
	}
	w.status = status
	w.head = appendHead(w.head[:0], status)
	for name, values := range w.header {
		if suppressed(status, name) || !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		for _, value := range values {
			w.head = appendHeader(w.head, name, value)
		}
	}
	if declared := w.header.Get("Content-Length"); declared != "" {
		if n, err := strconv.ParseInt(declared, 10, 64); err == nil && n >= 0 {
			w.declared = n
		}
	}
	_, typed := w.header["Content-Type"] // a handler may set it to nil to have none
	w.sniff = w.bodyAllowed() && !typed && w.header.Get("Content-Encoding") == ""
}

// suppressed tells whether net/http leaves the header out of a response with this status.
func suppressed(status int, name string) bool {
	switch name {
	case "Content-Type":
		return status == http.StatusNotModified
	case "Content-Length":
		return !statusAllowsBody(status) || status == http.StatusResetContent
	case "Transfer-Encoding", "Trailer", "Connection", "Keep-Alive":
		return true // the platform's own
	}
	return false
}

func statusAllowsBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func (w *response) bodyAllowed() bool { return statusAllowsBody(w.status) }

func (w *response) isHead() bool { return w.request.Method == http.MethodHead }

// dropsBody tells whether what is written is left out: net/http sends a body with a 205, though the standard has none, and the platform refuses it.
func (w *response) dropsBody() bool { return w.isHead() || w.status == http.StatusResetContent }

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case len(p) == 0:
		return 0, nil
	case !w.bodyAllowed():
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.declared >= 0 && w.written > w.declared {
		return 0, http.ErrContentLength
	}
	w.sniffType(p)
	if w.dropsBody() {
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), BufferSize-len(*w.buffer))
		*w.buffer = append(*w.buffer, rest[:n]...)
		rest = rest[n:]
		if len(*w.buffer) == BufferSize {
			if err := w.send(); err != nil {
				return len(p) - len(rest), err
			}
		}
	}
	return len(p), nil
}

// Object is the content of a response that JavaScript has at hand: its bytes need not cross.
type Object interface {
	// Lend tells what the next length bytes to be read are. It returns false where they must be read after all.
	Lend(length int64) (segments []Segment, ok bool)
}

// Segment is a part of a body: a text, then bytes of the object that the event has opened.
type Segment struct {
	Text           []byte
	Offset, Length int64
}

// ReadFrom implements io.ReaderFrom. Where the whole body is made of an Object, JavaScript sends it.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok || w.written > 0 || w.streaming || w.err != nil || w.status == 0 || w.declared != limited.N || w.dropsBody() || !w.bodyAllowed() {
		return io.Copy(writerOnly{w}, r)
	}
	object, ok := limited.R.(Object)
	if !ok {
		return io.Copy(writerOnly{w}, r)
	}
	segments, ok := object.Lend(limited.N)
	if !ok {
		return io.Copy(writerOnly{w}, r)
	}
	if w.err = w.confirm(); w.err != nil {
		return 0, w.err
	}
	w.lent, w.streaming, w.written = true, true, limited.N
	setKind(w.head, bodyObject)
	w.event.Respond(w.head, packSegments(segments))
	return limited.N, nil
}

func packSegments(segments []Segment) []byte {
	packed := wire.AppendU32(nil, uint32(len(segments)))
	for _, segment := range segments {
		packed = wire.AppendBytes(packed, segment.Text)
		packed = wire.AppendF64(wire.AppendF64(packed, float64(segment.Offset)), float64(segment.Length))
	}
	return packed
}

// writerOnly hides ReadFrom.
type writerOnly struct{ io.Writer }

func (w *response) sniffType(first []byte) {
	if !w.sniff {
		return
	}
	w.sniff = false
	w.head = appendHeader(w.head, "Content-Type", http.DetectContentType(first[:min(len(first), sniffLength)]))
}

// send moves what was gathered to JavaScript. Once the body streams, it waits until the client takes it.
func (w *response) send() error {
	if w.err != nil {
		return w.err
	}
	defer func() { *w.buffer = (*w.buffer)[:0] }()
	if !w.streaming {
		if w.err = w.confirm(); w.err != nil {
			return w.err
		}
		w.streaming = true
		setKind(w.head, bodyStream)
		w.event.Respond(w.head, *w.buffer)
		return nil
	}
	if len(*w.buffer) == 0 {
		return nil
	}
	ctx, cancel := withDeadline(w.event.Context(), w.deadline)
	defer cancel()
	_, err := w.event.Call(ctx, host.OpBodyWrite, *w.buffer)
	if errors.Is(err, context.DeadlineExceeded) {
		err = os.ErrDeadlineExceeded
	}
	w.err = err
	return err
}

// finish ends the response when the handler has returned.
func (w *response) finish() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	defer w.release()
	if w.lent {
		return
	}
	if w.streaming {
		message := ""
		if w.send() == nil && w.declared > w.written && !w.isHead() {
			message = "the handler wrote less than the Content-Length that it declared"
		}
		w.close(message)
		return
	}
	if w.isHead() && w.declared < 0 && w.written > 0 && w.written <= headLengthLimit {
		w.head = appendHeader(w.head, "Content-Length", strconv.FormatInt(w.written, 10))
	}
	w.head = w.appendTransactions(w.head)
	w.event.Respond(w.head, *w.buffer)
}

// appendTransactions tells in the head how the transactions of the request were answered, and how often it was run: beside the
// figures of timing.mjs.
func (w *response) appendTransactions(head []byte) []byte {
	outcome, mode := w.event.Outcome(), "direct"
	switch {
	case outcome.Replayed > 0:
		mode = "replay"
	case outcome.Scratched > 0:
		mode = "scratch"
	case w.attempt == 1:
		return head
	}
	return appendHeader(head, "Server-Timing", fmt.Sprintf(`pf_tx;desc="mode=%s runs=%d"`, mode, w.attempt))
}

// confirm waits until the answer may leave; what has begun to stream has been confirmed.
func (w *response) confirm() error {
	if w.streaming || w.unconfirmed != nil {
		return w.unconfirmed
	}
	w.unconfirmed = w.event.Confirm(w.event.Context(), w.request)
	return w.unconfirmed
}

// repeatable tells whether the request can be run again.
func (w *response) repeatable() bool {
	return w.event.Outcome().Effects == 0 && !w.streaming && w.bodyReader.unread()
}

// failed tells whether the handler has answered with an error, or takes its answer back, and nothing was sent yet.
func (w *response) failed() bool {
	return !w.streaming && (w.status >= http.StatusBadRequest || w.disowned)
}

// Disown takes back what was written to w: a handler that answers inside of a transaction has said too much if its commit fails.
// It matters only where the request lost a race or the database did not answer.
func Disown(w http.ResponseWriter) {
	for {
		switch inner := w.(type) {
		case *response:
			inner.disowned = true
			return
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return
		}
	}
}

// abort ends the response of a handler that panicked: a stream breaks off, and what has not begun is an empty 500.
func (w *response) abort() {
	defer w.release()
	if w.lent {
		return
	}
	if w.streaming {
		w.close("the handler has aborted the response")
		return
	}
	w.event.Respond(appendHead(nil, http.StatusInternalServerError), nil)
}

// replace answers with an error in PocketBase's form in place of what the handler wrote, of which nothing was sent yet. What the handler
// said about cross-origin requests stays, so that a browser shows it to its page.
func (w *response) replace(status int, message string) {
	defer w.release()
	head := appendHeader(appendHead(nil, status), "Content-Type", "application/json")
	for name, values := range w.header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" || name == "Retry-After" {
			for _, value := range values {
				head = appendHeader(head, name, value)
			}
		}
	}
	var body []byte
	if !w.isHead() {
		body, _ = json.Marshal(map[string]any{"data": struct{}{}, "message": message, "status": status}) // that cannot fail
	}
	w.event.Respond(w.appendTransactions(head), body)
}

// close ends the stream. Nobody is left to hear of an error.
func (w *response) close(message string) {
	_, _ = w.event.Call(context.Background(), host.OpBodyClose, wire.AppendString(nil, message))
}

func (w *response) release() {
	*w.buffer = (*w.buffer)[:0]
	buffers.Put(w.buffer)
	w.buffer = new([]byte)
	w.err = http.ErrHandlerTimeout // a goroutine that outlived the handler writes to nobody
}

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what was written so far. The body is a stream from now on; a HEAD's is an empty one.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.bodyAllowed() || w.status == http.StatusResetContent {
		return nil
	}
	return w.send()
}

// SetWriteDeadline limits how long a write waits for the client; the zero time is no limit.
func (w *response) SetWriteDeadline(deadline time.Time) error {
	w.deadline = deadline
	return nil
}

// SetReadDeadline limits how long a read of the request's body waits for the client; the zero time is no limit.
func (w *response) SetReadDeadline(deadline time.Time) error {
	if w.bodyReader != nil {
		w.bodyReader.deadline = deadline
	}
	return nil
}

// EnableFullDuplex changes nothing: a Worker reads and writes at the same time anyway.
func (w *response) EnableFullDuplex() error { return nil }

func appendHead(b []byte, status int) []byte {
	return append(wire.AppendU32(b, uint32(status)), 0)
}

// The kinds of response bodies.
const (
	bodyStream = 1
	bodyObject = 2
)

func setKind(head []byte, kind byte) { head[4] = kind }

const headStart = 5 // where the headers begin

func appendHeader(b []byte, name, value string) []byte {
	if len(b) > headStart {
		b = append(b, '\n')
	}
	b = append(append(b, name...), '\n')
	if strings.ContainsAny(value, "\r\n") {
		value = newlineToSpace.Replace(value)
	}
	return append(b, strings.TrimSpace(value)...)
}
