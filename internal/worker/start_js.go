//go:build js && wasm

package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
	_ "time/tzdata" // a Worker has no files of time zones

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1limits"
	"pocketflare/internal/fetch"
	"pocketflare/internal/files"
	"pocketflare/internal/firstrun"
	"pocketflare/internal/host"
	"pocketflare/internal/logs"
	"pocketflare/internal/oauth2avatar"
	"pocketflare/internal/realtime"
	"pocketflare/internal/recordlist"
	"pocketflare/internal/unavailable"
)

// bootAttempts is how often a step of the boot is tried that lost a race for an empty database against other isolates.
const bootAttempts = 4

// The program's main may send requests, or take http.DefaultTransport, draw random numbers and tell the time before it calls Start.
func init() {
	time.Local = time.UTC // Go names the local zone "UTC+0" here, which is not read back from a column of times
	rand.Reader = &randomBytes{source: rand.Reader}
	fetch.Install(http.DefaultTransport.(*http.Transport), fetch.New(callFetch))
}

// Start runs the app as a Worker. It returns only when the app could not be started.
func Start(app *pocketbase.PocketBase) error {
	i, err := boot(app)
	if err != nil {
		host.Fail(err)
		return err
	}
	host.Serve(i.serve)
	return nil
}

// boot makes the app one that serves. What needs no event is done before there is one.
func boot(app *pocketbase.PocketBase) (*instance, error) {
	host.Mark(host.PhaseBootstrap)
	races, migrating := 0, false
	mayGuess := func() bool { return migrating && races == 0 || host.Repeatable() } // a boot's steps are repeated as well
	databases := newDatabases(app, mayGuess, func() { races++ })
	if err := adopt(app, databases.connect); err != nil {
		return nil, err
	}
	live, requestLogs, err := bind(app)
	if err != nil {
		return nil, err
	}
	if err := host.AwaitEvent(); err != nil {
		return nil, err
	}
	setCollector(gcPercent)
	objects, migrated := databases.size()
	migrating = databases.scratch && !migrated
	if !migrated {
		setCollector(makingGCPercent)
	}
	steps := func() error {
		return databases.caches.Boot(context.Background(), func() error { return bootstrap(app, &races) })
	}
	made := databases.scratch && objects == 0 && databases.makeLocally(func() error {
		err := steps()
		if err == nil {
			_ = firstrun.EnsureAdmin(app, os.Getenv) // where that fails it is tried again, and reported, when the app begins to serve
		}
		return err
	})
	if !made {
		if err := steps(); err != nil {
			return nil, err
		}
	}
	host.Mark(host.PhaseRouter)
	handler, err := newHandler(app, live, currentCost)
	if err != nil {
		return nil, err
	}
	setCollector(gcPercent)
	migrating = false
	return &instance{noteChanges(handler), databases.caches, live, requestLogs}, nil
}

// bind gives the app the Worker's files and realtime, and binds what else it is to do otherwise here.
func bind(app *pocketbase.PocketBase) (*realtime.Realtime, *logs.Flusher, error) {
	if err := files.Mount(app, ""); err != nil {
		return nil, nil, fmt.Errorf("mount the buckets: %w", err)
	}
	direct, err := newDirect()
	if err != nil {
		return nil, nil, err
	}
	files.Bind(app, openFile, direct)
	live := realtime.New(app.App, realtime.HostDoor{Confirm: confirm})
	app.App = live.App()
	unavailable.Bind(app)
	recordlist.Bind(app)
	d1limits.Bind(app)
	oauth2avatar.Bind(app, http.DefaultTransport)
	firstrun.Bind(app, os.Getenv)
	return live, logs.New(app, host.Sleep), nil
}

// bootstrap opens the app's databases, runs its migrations and loads what it keeps in memory.
func bootstrap(app core.App, races *int) error {
	if _, err := repeatLostRaces(races, app.Bootstrap); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	lost, err := repeatLostRaces(races, app.RunAllMigrations)
	if err == nil && lost { // another isolate has run them since the bootstrap loaded what it found
		err = errors.Join(app.ReloadCachedCollections(), app.ReloadSettings())
	}
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

// callFetch is host.Call for outgoing requests, after which an event's request cannot be run again.
func callFetch(ctx context.Context, op host.Op, payload []byte) ([]byte, error) {
	if op == host.OpFetch {
		if err := confirm(ctx); err != nil {
			return nil, err
		}
		host.NoteEffect()
	}
	return host.Call(ctx, op, payload)
}

// openFile is files.Open in the scope of the goroutine.
func openFile(ctx context.Context, request []byte) ([]byte, error) {
	return host.Call(ctx, host.OpFileOpen, request)
}

// newDirect are the direct transfers of this instance.
func newDirect() (files.Direct, error) {
	state, err := host.Ask(host.AskDirect, nil)
	if err != nil {
		return files.Direct{}, fmt.Errorf("direct transfers: %w", err)
	}
	return files.NewDirect(state, os.Getenv, host.Call)
}

// repeatLostRaces runs a step of the boot again when other isolates, which boot on the same empty database, were first: it then finds
// what they have made. A race that was lost may show as any error, so races counts them; outside of a transaction, where PocketBase makes
// its settings, it is a constraint's.
func repeatLostRaces(races *int, step func() error) (lost bool, err error) {
	for range bootAttempts {
		before := *races
		err = step()
		if err == nil || *races == before && !errors.Is(err, d1.ErrConflict) && !errors.Is(err, d1.CodeConstraint) {
			return lost, err
		}
		lost = true
	}
	return lost, err
}
