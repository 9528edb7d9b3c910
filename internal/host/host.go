// Package host is the door between Go and the Worker's JavaScript.
//
// Go asks for I/O by handing an operation to a scope: the right of one event (a fetch, a scheduled run) to do I/O. JavaScript runs
// the operation in that event's own request context and answers with one buffer. Everything crosses packed (package wire) and is
// told apart by a number: no JavaScript value is ever held in Go, so nothing leaks.
//
// A goroutine finds its scope by its profile label, which the goroutines that it starts inherit. A goroutine whose scope has ended,
// or that never had one, uses the scope whose event is running now; where no event is running, its operation waits for the next.
//
// runtime.mjs is the other side.
package host

// Op is the number of an operation that JavaScript runs for Go. operations.mjs maps each to its function.
type Op int32

// The operations.
const (
	OpD1         Op = 1  // a D1 call: internal/d1
	OpFetch      Op = 2  // an outgoing request: internal/fetch
	OpFetchBody  Op = 3  // a part of an outgoing request's response
	OpSleep      Op = 4  // a sleep that keeps its scope alive: f64 milliseconds
	OpBodyRead   Op = 5  // the next part of the event's request body; empty at its end
	OpBodyWrite  Op = 6  // a part of the event's response body
	OpBodyClose  Op = 7  // the end of the event's response body: string error, empty for none
	OpFetchWrite Op = 8  // a part of an outgoing request's body
	OpFetchClose Op = 9  // gives up an outgoing request
	OpFileOpen   Op = 10 // opens an object for the event's response: internal/files
	OpFileLink   Op = 11 // signs the download of an object
	OpUpload     Op = 12 // begins a direct upload
	OpClaim      Op = 13 // claims a direct upload for the event
	OpAbort      Op = 14 // gives a direct upload up
	OpRealtime   Op = 20 // a call of the realtime hubs: internal/realtime
	OpConnection Op = 21 // a call about the event's own connection to a hub
	OpScratch    Op = 30 // an empty SQLite in the isolate: internal/d1
	OpEvent      Op = 31 // nothing, but that there is an event
)

// What Ask asks.
const (
	AskScratch     Op = 1 // the isolate's SQLite: internal/d1
	AskDirect      Op = 2 // whether there are direct transfers: internal/files
	AskEnvironment Op = 3 // the environment variables for which there was no room
)

// Outcome is what became of an event's work so far, for who decides whether it may be run again.
type Outcome struct {
	Runs      int // how often its handling was begun
	Conflicts int // transactions that lost a race and were not stored
	Scratched int // transactions whose steps were answered in the isolate
	Replayed  int // transactions whose steps were answered by the database
	Guesses   int // of these, those whose steps were answered in the isolate: the reason may be a wrong answer
	Effects   int // what has reached the outside: stored writes, outgoing requests
	Faults    int // calls of the database that failed for good because it could not be reached
	Uncertain int // of those, writes that may have been stored
	Unstored  int // calls of the file storage that failed for good because it could not be reached
	Unlogged  int // calls of the logs' database that failed for good because it could not be reached
}

// Error is what JavaScript threw.
type Error struct {
	Name    string // the class, "TypeError"
	Message string
}

func (e *Error) Error() string {
	if e.Name == "" || e.Name == "Error" {
		return e.Message
	}
	return e.Name + ": " + e.Message
}
