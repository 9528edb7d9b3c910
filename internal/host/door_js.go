//go:build js && wasm

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"pocketflare/internal/wire"
)

// WebAssembly here has one thread, and a goroutine gives way only where it blocks: the maps below need no lock.

//go:wasmimport pocketflare submit
func hostSubmit(scope, op int32, payload unsafe.Pointer, length int32) (call int32)

//go:wasmimport pocketflare ask
func hostAsk(what int32, payload unsafe.Pointer, length int32) (replyLength int32)

//go:wasmimport pocketflare take
func hostTake(to unsafe.Pointer)

//go:wasmimport pocketflare respond
func hostRespond(scope int32, head unsafe.Pointer, headLength int32, body unsafe.Pointer, bodyLength int32)

//go:wasmimport pocketflare ready
func hostReady(message unsafe.Pointer, length int32)

//go:wasmimport pocketflare listeners
func hostListeners(scope int32) int32

//go:wasmimport pocketflare commit
func hostCommit(scope int32) int32

// costBits are those of the number that hold the statements; the calls are above them.
const costBits = 26

//go:wasmimport pocketflare cost
func hostCost(scope int32) float64

//go:wasmimport pocketflare holds
func hostHolds(holds int32)

//go:wasmimport pocketflare ended
func hostEnded() (scope int32)

//go:wasmimport pocketflare stuck
func hostStuck(scope int32)

//go:wasmimport pocketflare mark
func hostMark(phase int32)

// The kinds of events that JavaScript reports.
const (
	eventBegin   = 1 // a scope begins with a packet: id is the scope's
	eventReply   = 2 // an operation has answered: id is the call's
	eventFailed  = 3 // an operation has thrown
	eventCancel  = 4 // nobody waits for a scope any more: id is the scope's
	eventTimer   = 5 // the next timer is due
	eventStall   = 6 // nor has it since eventWait: is it deadlocked?
	eventFault   = 7 // the file storage has failed a call of a scope
	eventCollect = 8 // much memory will be needed at once: what is garbage should not stand in its way
	eventWait    = 9 // a scope has started nothing for long: who waits for what?
)

// ErrDisconnected is the cause with which a request's context ends when its client has gone.
var ErrDisconnected = errors.New("host: the client has disconnected")

type reply struct {
	data []byte
	err  error
}

var (
	calls  = map[int32]chan reply{}
	scopes = map[int32]*Scope{}
	serve  func(scope *Scope, packet []byte)
)

// event is how JavaScript enters Go. It runs outside of any goroutine's turn, so it must not block; what it woke runs when it has returned.
//
//go:wasmexport pocketflare_event
func event(kind, id, length int32) {
	forgetEnded()
	switch kind {
	case eventBegin:
		scope := newScope(id)
		scope.begin(take(length))
	case eventReply, eventFailed:
		done, waiting := calls[id]
		if !waiting {
			return // the caller's context ended first
		}
		delete(calls, id)
		data := take(length)
		if kind == eventReply {
			done <- reply{data: data}
			return
		}
		r := wire.NewReader(data)
		done <- reply{err: &Error{Name: r.String(), Message: r.String()}}
	case eventCancel:
		if scope := scopes[id]; scope != nil {
			scope.cancel(ErrDisconnected)
		}
	case eventFault:
		if scope := scopes[id]; scope != nil {
			scope.outcome.Unstored++
		}
	case eventWait, eventStall:
		go examine(id, kind == eventStall)
	case eventCollect:
		go runtime.GC()
	}
}

// forgetEnded forgets the scopes that can do no more I/O. Go asks for them each time it goes on: to be told of each would cost more.
func forgetEnded() {
	for id := hostEnded(); id != 0; id = hostEnded() {
		if scope := scopes[id]; scope != nil {
			scope.end()
		}
	}
}

// maxTrace is how much of a trace of all goroutines is looked at.
const maxTrace = 1 << 20

// examine looks at what a scope waits for. If it has looked before, it tells JavaScript, and prints the stacks, if the scope's goroutines
// wait for what no timer and no I/O of theirs will bring, and what nobody else has got meanwhile.
func examine(id int32, again bool) {
	scope := scopes[id]
	if scope == nil {
		return
	}
	buffer := make([]byte, maxTrace)
	length := runtime.Stack(buffer, true)
	trace := string(buffer[:length])
	if again {
		if stacks, deadlocked := stuck(trace, length < maxTrace, id, scope.waits); deadlocked {
			fmt.Fprintf(os.Stderr, "deadlocked goroutines:\n\n%s", stacks)
			hostStuck(id)
			return
		}
	}
	scope.waits = waitsIn(trace)
}

// take fetches the bytes that JavaScript set aside for the event.
func take(length int32) []byte {
	if length == 0 {
		return nil
	}
	data := make([]byte, length)
	hostTake(unsafe.Pointer(&data[0]))
	return data
}

// Call hands op with its packed payload to the goroutine's scope and waits for the reply, a buffer that is the caller's own.
//
// The payload may be used again when Call has returned. The error is an *Error where JavaScript threw, and ctx.Err() where ctx ended
// first; the operation itself then goes on, and its reply is dropped.
func Call(ctx context.Context, op Op, payload []byte) ([]byte, error) {
	return call(ctx, currentID(), op, payload)
}

func call(ctx context.Context, scope int32, op Op, payload []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id := hostSubmit(scope, int32(op), unsafe.Pointer(unsafe.SliceData(payload)), int32(len(payload)))
	done := make(chan reply, 1)
	calls[id] = done
	if ctx.Done() == nil {
		r := <-done
		return r.data, r.err
	}
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		delete(calls, id)
		return nil, ctx.Err()
	}
}

// Ask has JavaScript answer at once, without I/O. The reply is the caller's own; the payload may be used again.
func Ask(what Op, payload []byte) ([]byte, error) {
	length := hostAsk(int32(what), unsafe.Pointer(unsafe.SliceData(payload)), int32(len(payload)))
	if length >= 0 {
		return take(length), nil
	}
	r := wire.NewReader(take(^length))
	return nil, &Error{Name: r.String(), Message: r.String()}
}

// Sleep waits for d. Unlike time.Sleep it keeps the goroutine's scope alive meanwhile.
func Sleep(ctx context.Context, d time.Duration) error {
	_, err := Call(ctx, OpSleep, wire.AppendF64(nil, float64(d)/float64(time.Millisecond)))
	return err
}

// Listeners tells what the goroutine's event knows of who listens; internal/realtime has the values.
func Listeners() int32 { return hostListeners(currentID()) }

// LastCommit names the last commit of the goroutine's event for internal/realtime; 0 if there is none that listeners have to hear of.
func LastCommit() int32 { return hostCommit(currentID()) }

// HoldConnections tells JavaScript whether realtime connections are Go's to answer. It is to be called before Serve.
func HoldConnections(holds bool) {
	if holds {
		hostHolds(1)
	} else {
		hostHolds(0)
	}
}

// EventID is the number of the goroutine's event, 0 where it has none.
func EventID() int32 { return currentID() }

// A Phase is a step of the boot that Server-Timing tells.
type Phase int32

// The phases that Go reports when they begin.
const (
	PhaseBootstrap Phase = 1 // the app opens its databases and loads settings and collections
	PhaseRouter    Phase = 2 // migrations, OnServe and the router
)

// Mark tells JavaScript that a phase of the boot begins.
func Mark(phase Phase) { hostMark(int32(phase)) }

// AwaitEvent waits for the first event. Before it there is neither I/O nor time: internal/host/clock.mjs.
//
// The collector reads the time. So runtime.mjs has it off until then, unless the environment sets it.
func AwaitEvent() error {
	_, err := Call(context.Background(), OpEvent, nil)
	if os.Getenv("GOGC") == "off" {
		debug.SetGCPercent(100)
	}
	return err
}

// Serve tells JavaScript that Go is ready for events and has fn handle each in a goroutine of its own. It never returns. Nobody hears it before
// the first event: AwaitEvent comes first.
func Serve(fn func(scope *Scope, packet []byte)) {
	serve = fn
	go holdStack(heldStack / len(stackFrame{}))
	hostReady(nil, 0)
	select {}
}

// Fail tells JavaScript that Go cannot start, and why. The program should end after it.
func Fail(err error) {
	message := []byte(err.Error())
	if len(message) == 0 {
		message = []byte("unknown error")
	}
	hostReady(unsafe.Pointer(&message[0]), int32(len(message)))
}
