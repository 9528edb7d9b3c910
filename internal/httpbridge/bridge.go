// Package httpbridge turns a Worker's fetch events into calls of a net/http handler, and what the handler writes into responses.
//
// The handler sees what net/http's own server would give it: the same request fields, context, body errors, content sniffing,
// suppressed headers and http.ResponseController. What differs:
//
//   - a body that ends within BufferSize bytes without a Flush is sent with its length; net/http does so up to 2 KB;
//   - a 205 is sent without its body, which the standard forbids;
//   - a status that is 101 or above 599 is sent as 500, and logged;
//   - a header that the client sends more than once arrives as one, its values joined by commas;
//   - . and .. in a path are gone when it arrives, also where they are encoded; methods that the Fetch standard does not know are refused with 501;
//   - Hijack, server push and trailers do not exist in a Worker: they answer http.ErrNotSupported or are left out;
//   - a connection cannot be dropped: where net/http would do so before the first byte, the answer is an empty 500.
//
// Layout of a request packet (package wire):
//
//	string  head: method, scheme, host, client address, path with query, then name and value of each header, joined by newlines
//	u8      body: BodyNone, BodyWhole (the rest of the packet) or BodyStream (read by host.OpBodyRead)
//	rest    the whole body
//
// Layout of a response head:
//
//	u32     status
//	u8      0 if the body is whole; 1 if it is a stream, of which this is the first part; 2 if it is made of the object that the event
//	        has opened: u32 number of segments, and of each its text, f64 offset and f64 length
//	rest    name and value of each header, joined by newlines
package httpbridge

import (
	"context"
	"errors"
	"log"
	"math/rand/v2"
	"net/http"
	"runtime/debug"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// BufferSize is the number of bytes of a response body that are gathered before they cross to JavaScript.
const BufferSize = 64 << 10

// maxAttempts is how often a request is run at most.
const maxAttempts = 4

// strictAttempt is the attempt from which on no transaction is answered by a guess.
const strictAttempt = 3

// The kinds of request bodies.
const (
	BodyNone   = 0
	BodyWhole  = 1
	BodyStream = 2
)

// Scope is what of a fetch event of the Worker does I/O; *host.Scope is one.
type Scope interface {
	// Context ends when the client has gone or the event has been handled.
	Context() context.Context

	// Call runs an operation in the event's scope.
	Call(ctx context.Context, op host.Op, payload []byte) ([]byte, error)

	// Respond starts the response. Both buffers may be used again when it returns.
	Respond(head, body []byte)

	// Outcome tells what became of the event's work so far.
	Outcome() host.Outcome

	// Begin begins an attempt, with the function that tells whether the event would be handled anew if it failed now.
	Begin(repeatable func() bool)
}

// Event is a fetch event, and what its handler has in memory of a database that others write to as well.
type Event interface {
	Scope

	// Confirm waits until it is known whether what the handler has in memory of the database is in force, so that the answer may
	// leave. It fails if it is not, or if that cannot be found out.
	Confirm(ctx context.Context, request *http.Request) error

	// Stale tells whether it has turned out not to be: then nothing of the handler's work has reached the outside.
	Stale() bool

	// Renew brings it up to date for another attempt.
	Renew(ctx context.Context) error
}

// Memoryless is an event whose handler has nothing of a database in memory.
type Memoryless struct{ Scope }

// Confirm implements Event.
func (Memoryless) Confirm(context.Context, *http.Request) error { return nil }

// Stale implements Event.
func (Memoryless) Stale() bool { return false }

// Renew implements Event.
func (Memoryless) Renew(context.Context) error { return nil }

// Serve has handler answer the event whose request packet is given.
//
// A request that failed because a transaction of it lost a race against another isolate's, and that has done nothing to the outside, is
// run again, and so is one whose handler worked with collections or settings that had been replaced in the database. Where that is not
// possible or does not help, the answer is a 409 that says so. Where it failed because the database did not answer, it is a 503,
// whatever the handler has made of it.
func Serve(event Event, packet []byte, handler http.Handler) {
	var earlier *requestBody
	for attempt := 1; ; attempt++ {
		request, err := parseRequest(event, packet)
		if err != nil {
			badRequest(event, err)
			return
		}
		w := newResponse(event, request)
		w.bodyReader.goOnFrom(earlier)
		w.attempt = attempt
		running := true // what goroutines do that outlive the handler fails for them alone
		event.Begin(func() bool { return running && attempt < strictAttempt && w.repeatable() })
		before := event.Outcome()
		returned := run(handler, w, request)
		running = false
		unconfirmed := w.confirm()
		outcome := event.Outcome()
		switch {
		case event.Stale():
			if outcome.Uncertain > 0 {
				unavailable(w, outcome)
				return
			}
			if !w.repeatable() || attempt == maxAttempts {
				w.replace(http.StatusConflict, staleMessage(outcome))
				return
			}
			if err := event.Renew(event.Context()); err != nil {
				log.Printf("The collections or settings, which have changed, could not be loaded: %v", err)
				unavailable(w, outcome)
				return
			}
		case !returned:
			w.abort()
			return
		case unconfirmed != nil, outcome.Faults > before.Faults && (w.failed() || mistaken(w, outcome)):
			unavailable(w, outcome)
			return
		case outcome.Unstored > before.Unstored && w.failed():
			unstored(w, outcome)
			return
		case outcome.Unlogged > before.Unlogged && w.failed():
			unlogged(w)
			return
		case outcome.Conflicts == before.Conflicts || !w.failed() && !w.misled(before, outcome):
			if attempt > 1 {
				log.Printf("%s %s was run %d times, since changes of others came in between", request.Method, request.URL.Path, attempt)
			}
			w.finish()
			return
		case !w.repeatable() || attempt == maxAttempts || pause(event, attempt) != nil:
			w.replace(http.StatusConflict, conflictMessage(outcome))
			return
		}
		earlier = w.bodyReader
		w.release()
	}
}

// misled tells whether the handler may have answered what it would not have, had it known what a transaction really found.
func (w *response) misled(before, outcome host.Outcome) bool {
	return outcome.Guesses > before.Guesses && !w.streaming
}

// run calls the handler. It returns false if the handler panicked.
func run(handler http.Handler, w *response, request *http.Request) (returned bool) {
	defer func() {
		if returned {
			return
		}
		if cause := recover(); cause != nil && !isAbort(cause) {
			log.Printf("http: panic serving %s %s: %v\n%s", request.Method, request.URL.Path, cause, debug.Stack())
		}
	}()
	handler.ServeHTTP(w, request)
	return true
}

func isAbort(cause any) bool {
	err, ok := cause.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// pause waits before another attempt, longer each time and never in step with others that lost the same race.
func pause(event Event, attempt int) error {
	milliseconds := float64(attempt) * (5 + 20*rand.Float64())
	_, err := event.Call(event.Context(), host.OpSleep, wire.AppendF64(nil, milliseconds))
	return err
}

// What is said to a client whose request failed for a reason that its handler does not know.
const (
	unavailableMessage = "The database cannot be reached. Nothing was stored; try again in a moment."
	partialMessage     = "The database cannot be reached. What the request did before that remains."
	uncertainMessage   = "The database did not answer. It is not known whether the change was stored; look before you try again."
)

// conflictMessage is for a request of which a transaction lost a race, and that could not be run again.
func conflictMessage(outcome host.Outcome) string {
	if outcome.Effects > 0 {
		return "The request conflicted with concurrent changes. What it did before that remains; look before you try again."
	}
	return "The request conflicted with concurrent changes and was not stored. Try again."
}

// staleMessage is for a request that met a change of what it worked with and could not be run again.
func staleMessage(outcome host.Outcome) string {
	if outcome.Effects > 0 {
		return "The collections or settings were changed while the request ran. What it did before that remains; look before you try again."
	}
	return "The collections or settings were changed while the request ran. Nothing was stored. Try again."
}

// mistaken tells whether a user may have been taken for a guest, which is what PocketBase does where it cannot look for the user of a
// token, in a request that has done nothing yet.
func mistaken(w *response, outcome host.Outcome) bool {
	return !w.streaming && outcome.Effects == 0 && w.request.Header.Get("Authorization") != ""
}

// unavailable answers a request that failed because the database did not answer.
func unavailable(w *response, outcome host.Outcome) {
	switch {
	case outcome.Uncertain > 0:
		w.replace(http.StatusServiceUnavailable, uncertainMessage)
	case outcome.Effects > 0:
		w.replace(http.StatusServiceUnavailable, partialMessage)
	default:
		w.header.Set("Retry-After", "1")
		w.replace(http.StatusServiceUnavailable, unavailableMessage)
	}
}

// unstored answers a request that failed because the file storage did not answer.
func unstored(w *response, outcome host.Outcome) {
	if outcome.Effects > 0 {
		w.replace(http.StatusServiceUnavailable, storageMessage+" What the request did before that remains.")
		return
	}
	w.header.Set("Retry-After", "1")
	w.replace(http.StatusServiceUnavailable, storageMessage+" Nothing was stored; try again in a moment.")
}

// storageMessage is said to a client whose request failed for the file storage.
const storageMessage = "The file storage cannot be reached."

// unlogged answers a request that failed because the logs' database did not answer: one that reads or empties the logs.
func unlogged(w *response) {
	w.header.Set("Retry-After", "1")
	w.replace(http.StatusServiceUnavailable, "The database of the logs cannot be reached; try again in a moment.")
}

// badRequest answers a request that net/http cannot parse as its server does, or that must not come to the handler.
func badRequest(event Event, err error) {
	text := "400 Bad Request"
	if errors.Is(err, errDepth) {
		text += ": " + err.Error()
	}
	head := appendHeader(appendHead(nil, http.StatusBadRequest), "Content-Type", "text/plain; charset=utf-8")
	event.Respond(head, []byte(text))
}
