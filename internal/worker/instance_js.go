//go:build js && wasm

package worker

import (
	"context"
	"log"
	"net/http"

	"pocketflare/internal/d1"
	"pocketflare/internal/host"
	"pocketflare/internal/httpbridge"
	"pocketflare/internal/logs"
	"pocketflare/internal/realtime"
	"pocketflare/internal/watermark"
)

// instance is an app that serves.
type instance struct {
	handler     http.Handler
	caches      *watermark.Caches
	realtime    *realtime.Realtime
	requestLogs *logs.Flusher
}

// event is a fetch event of an instance.
type event struct {
	*host.Scope
	*watermark.Session
}

// Confirm implements httpbridge.Event.
func (e event) Confirm(ctx context.Context, request *http.Request) error {
	if needsNoDatabase(request) {
		return nil
	}
	return e.Session.Confirm(ctx)
}

func (i *instance) serve(scope *host.Scope, packet []byte) {
	session := i.caches.Session()
	scope.Attached = &attached{session: session}
	httpbridge.Serve(event{scope, session}, packet, i.handler)
	if err := session.End(context.Background()); err != nil { // the next event does it
		log.Printf("What the request has changed could not be loaded: %v", err)
	}
	i.realtime.EventDone()
	i.requestLogs.RequestDone()
}

// attached is what an instance keeps for an event.
type attached struct {
	session *watermark.Session
	event   d1.Event
}

// currentAttached is that of the goroutine's event, nil if it has none.
func currentAttached() *attached {
	scope := host.Current()
	if scope == nil {
		return nil
	}
	own, _ := scope.Attached.(*attached)
	return own
}

// currentSession is that of the goroutine's event, nil if it has none.
func currentSession() *watermark.Session {
	if own := currentAttached(); own != nil {
		return own.session
	}
	return nil
}

// currentEvent is that of the goroutine's event, nil if it has none.
func currentEvent() *d1.Event {
	if own := currentAttached(); own != nil {
		return &own.event
	}
	return nil
}

// currentCost is what the goroutine's request has cost so far, nil if it has asked D1 for nothing.
func currentCost() *logs.Cost {
	scope := host.Current()
	if scope == nil {
		return nil
	}
	calls, statements := scope.Cost()
	if calls == 0 {
		return nil
	}
	outcome := scope.Outcome()
	cost := &logs.Cost{Calls: calls, Statements: statements, Runs: outcome.Runs}
	switch {
	case outcome.Replayed > 0:
		cost.Mode = "replay"
	case outcome.Scratched > 0:
		cost.Mode = "scratch"
	}
	return cost
}

// noteChanges tells the driver which events are going to change something.
func noteChanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if event := currentEvent(); event != nil {
			event.Changes = r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
		}
		next.ServeHTTP(w, r)
	})
}

// confirm waits until what the goroutine's event relies on is known to be right: what is in memory of the database, and what transactions
// were answered by guesses.
func confirm(ctx context.Context) error {
	if booting != nil {
		if err := booting.local.Settle(ctx, booting.data); err != nil {
			return err
		}
	}
	if session := currentSession(); session != nil {
		if err := session.Confirm(ctx); err != nil {
			return err
		}
	}
	return host.ProveGuesses(ctx)
}
