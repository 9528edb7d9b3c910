//go:build js && wasm

package host

import (
	"context"
	"runtime/pprof"
	"strconv"
	"unsafe"
)

//go:linkname profileLabel runtime/pprof.runtime_getProfLabel
func profileLabel() unsafe.Pointer

// Scope is one event's right to do I/O.
type Scope struct {
	id      int32
	context context.Context
	cancel  context.CancelCauseFunc
	label   unsafe.Pointer
	outcome Outcome
	waits   waits // of all goroutines, when it was last looked whether it is deadlocked

	repeatable func() bool
	guesses    map[*func(context.Context) error]struct{}

	// Attached is what belongs to the event besides, for who handles it.
	Attached any
}

// labels finds a scope by the label of its goroutines. A label that is not in it is one of the app's own, or of a scope that has ended.
var labels = map[unsafe.Pointer]*Scope{}

func newScope(id int32) *Scope {
	scope := &Scope{id: id}
	scope.context, scope.cancel = context.WithCancelCause(context.Background())
	scopes[id] = scope
	return scope
}

// maxIdle is how many goroutines are kept for further events.
const maxIdle = 64

type work struct {
	scope  *Scope
	packet []byte
}

// idle are the goroutines that wait for an event. A stack that has once grown for a request serves the next ones as it is: growing it
// anew was a tenth of what a request cost. (GODEBUG=gcshrinkstackoff=1, which runtime.mjs sets, keeps the collector from cutting it.)
var idle []chan work

// begin has a goroutine handle the scope's event. It does not block.
func (s *Scope) begin(packet []byte) {
	if last := len(idle) - 1; last >= 0 {
		next := idle[last]
		idle = idle[:last]
		next <- work{s, packet}
		return
	}
	next := make(chan work, 1)
	next <- work{s, packet}
	go func() {
		for w := range next {
			w.scope.run(w.packet)
			if len(idle) == maxIdle {
				return
			}
			idle = append(idle, next)
		}
	}()
}

// run handles the event. Goroutines that it leaves behind keep the scope until JavaScript ends it.
func (s *Scope) run(packet []byte) {
	// The label is a real one, since Go prints the labels of goroutines in its stack traces.
	s.context = pprof.WithLabels(s.context, pprof.Labels("scope", strconv.Itoa(int(s.id))))
	pprof.SetGoroutineLabels(s.context)
	s.label = profileLabel()
	labels[s.label] = s
	defer func() {
		s.cancel(context.Canceled)
		pprof.SetGoroutineLabels(context.Background())
	}()
	serve(s, packet)
}

// end forgets the scope: what its goroutines still start goes to the scope whose event is running then.
func (s *Scope) end() {
	s.cancel(context.Canceled)
	delete(scopes, s.id)
	delete(labels, s.label)
}

// Context ends when the event's client has gone (its cause is ErrDisconnected) and when the event has been handled.
func (s *Scope) Context() context.Context { return s.context }

// Call is the function Call with this scope, whatever the goroutine's own is.
func (s *Scope) Call(ctx context.Context, op Op, payload []byte) ([]byte, error) {
	return call(ctx, s.id, op, payload)
}

// Respond hands JavaScript the head of the response of the scope's event and its body, whole or as far as it is known;
// internal/httpbridge has the layout. Both may be used again when it returns.
func (s *Scope) Respond(head, body []byte) {
	hostRespond(s.id, unsafe.Pointer(unsafe.SliceData(head)), int32(len(head)), unsafe.Pointer(unsafe.SliceData(body)), int32(len(body)))
}

// Outcome tells what became of the event's work so far. What goroutines do that lost their scope is not in it.
func (s *Scope) Outcome() Outcome { return s.outcome }

// Cost tells how many calls of D1 the event has made so far, and how many statements they had.
func (s *Scope) Cost() (calls, statements int) {
	both := int64(hostCost(s.id))
	return int(both >> costBits), int(both & (1<<costBits - 1))
}

// NoteConflict counts a transaction of the goroutine's event that lost a race.
func NoteConflict() {
	if scope := labels[profileLabel()]; scope != nil {
		scope.outcome.Conflicts++
	}
}

// NoteTransaction counts a transaction of the goroutine's event that has ended: whether its steps were answered in the isolate.
func NoteTransaction(scratched bool) {
	switch scope := labels[profileLabel()]; {
	case scope == nil:
	case scratched:
		scope.outcome.Scratched++
	default:
		scope.outcome.Replayed++
	}
}

// NoteGuess counts a transaction of the goroutine's event that was not stored and whose steps were answered by guesses.
func NoteGuess() {
	if scope := labels[profileLabel()]; scope != nil {
		scope.outcome.Guesses++
	}
}

// Begin counts an attempt to handle the event, and sets the function that tells whether it would be handled anew if it failed now.
func (s *Scope) Begin(repeatable func() bool) {
	s.outcome.Runs++
	s.repeatable = repeatable
}

// Repeatable tells whether the goroutine's event would be handled anew if it failed now.
func Repeatable() bool {
	scope := labels[profileLabel()]
	return scope != nil && scope.repeatable != nil && scope.repeatable()
}

// Guessing keeps a function that asks whether what the goroutine's event relies on is right, until done is called.
func Guessing(prove func(context.Context) error) (done func()) {
	scope := labels[profileLabel()]
	if scope == nil {
		return func() {}
	}
	if scope.guesses == nil {
		scope.guesses = map[*func(context.Context) error]struct{}{}
	}
	key := &prove
	scope.guesses[key] = struct{}{}
	return func() { delete(scope.guesses, key) }
}

// ProveGuesses is to be called before the goroutine's event does something to the outside: what it relies on is proved first.
func ProveGuesses(ctx context.Context) error {
	scope := labels[profileLabel()]
	if scope == nil {
		return nil
	}
	for prove := range scope.guesses {
		if err := (*prove)(ctx); err != nil {
			return err
		}
	}
	return nil
}

// NoteEffect counts what the goroutine's event has done to the outside.
func NoteEffect() {
	if scope := labels[profileLabel()]; scope != nil {
		scope.outcome.Effects++
	}
}

// NoteFault counts a call of the goroutine's event that the database did not answer. A write may have been stored all the same.
func NoteFault(uncertain bool) {
	if scope := labels[profileLabel()]; scope != nil {
		scope.outcome.Faults++
		if uncertain {
			scope.outcome.Uncertain++
		}
	}
}

// NoteLogsFault counts a call of the goroutine's event that the logs' database did not answer.
func NoteLogsFault() {
	if scope := labels[profileLabel()]; scope != nil {
		scope.outcome.Unlogged++
	}
}

// Current is the goroutine's scope, nil where it has none.
func Current() *Scope { return labels[profileLabel()] }

// scopeOfCaller tells JavaScript whose goroutine has called it: the export runs on the stack of the goroutine that is in the call.
//
//go:wasmexport pocketflare_scope
func scopeOfCaller() int32 { return currentID() }

// currentID is the number of the goroutine's scope, 0 where it has none.
func currentID() int32 {
	if scope := labels[profileLabel()]; scope != nil {
		return scope.id
	}
	return 0
}
