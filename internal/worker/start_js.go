//go:build js && wasm

package worker

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1limits"
	"pocketflare/internal/fetch"
	"pocketflare/internal/files"
	"pocketflare/internal/firstrun"
	"pocketflare/internal/host"
	"pocketflare/internal/httpbridge"
	"pocketflare/internal/logs"
	"pocketflare/internal/oauth2avatar"
	"pocketflare/internal/realtime"
	"pocketflare/internal/recordlist"
	"pocketflare/internal/unavailable"
	"pocketflare/internal/watermark"
)

// The bindings of the two databases that PocketBase keeps as files.
const (
	dataBinding = "APP_DB"
	logsBinding = "LOGS_DB"

	logsFile = "auxiliary.db"
)

// deletesLogs tells PocketBase's removal of old log entries, whose result it ignores: each time it loads its settings, so at each boot.
func deletesLogs(sql string) bool {
	return strings.HasPrefix(sql, "DELETE FROM `_logs` WHERE `created` <= ")
}

// bootAttempts is how often a step of the boot is tried that lost a race for an empty database against other isolates.
const bootAttempts = 4

// The program's main may send requests, or take http.DefaultTransport, and draw random numbers before it calls Start.
func init() {
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

func boot(app *pocketbase.PocketBase) (*instance, error) {
	host.Mark(host.PhaseBootstrap)
	setCollector(gcPercent)
	races, migrating := 0, false
	mayGuess := func() bool { return migrating && races == 0 || host.Repeatable() } // a boot's steps are repeated as well
	databases := newDatabases(app, mayGuess, func() { races++ })
	if err := adopt(app, databases.connect); err != nil {
		return nil, err
	}
	if err := files.Mount(app, ""); err != nil {
		return nil, fmt.Errorf("mount the buckets: %w", err)
	}
	direct, err := newDirect()
	if err != nil {
		return nil, err
	}
	files.Bind(app, openFile, direct)
	live := realtime.New(app.App, realtime.HostDoor{Confirm: confirm})
	app.App = live.App()
	unavailable.Bind(app)
	recordlist.Bind(app)
	d1limits.Bind(app)
	oauth2avatar.Bind(app, http.DefaultTransport)
	firstrun.Bind(app, os.Getenv)
	requestLogs := logs.New(app, host.Sleep)
	if err := host.AwaitEvent(); err != nil {
		return nil, err
	}
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

// Limits of the garbage collector while the app serves: collecting half as often as Go's default takes a few megabytes more and saves up to
// a tenth of a request; near the limit, which is far from an isolate's own, it collects as often as it must.
const (
	gcPercent     = 200
	gcMemoryLimit = 44 << 20
)

// makingGCPercent has the collector run more often than Go's default while a database is made: the migrations would leave megabytes behind
// that linear memory never gives back.
const makingGCPercent = 60

// setCollector sets them, unless the environment does.
func setCollector(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gcMemoryLimit)
	}
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

// databases are those of an app: what PocketBase keeps in two files.
type databases struct {
	data, logs driver.Connector
	caches     *watermark.Caches
	local      *d1.Local
	scratch    bool // the steps of transactions are answered in the isolate
}

// newDatabases gives the databases of an app. mayGuess tells whether a transaction may be answered by guesses, onConflict is called when one
// has lost a race.
func newDatabases(app core.App, mayGuess func() bool, onConflict func()) *databases {
	options := d1.Options{
		OnStored: host.NoteEffect,
		OnConflict: func() {
			onConflict()
			host.NoteConflict()
		},
		OnFault: func(err error) {
			host.NoteFault(errors.Is(err, d1.ErrUncertain))
			log.Printf("%s: %v", dataBinding, err)
		},
		OnTransaction: host.NoteTransaction,
		MaxStatements: countSetting(os.Getenv, "POCKETFLARE_D1_MAX_STATEMENTS", 0),
		TokenWrites:   switchSetting(os.Getenv, "POCKETFLARE_D1_WRITE_TOKENS", true),
		Sleep:         host.Sleep,
	}
	scratch := switchSetting(os.Getenv, "POCKETFLARE_D1_SCRATCH", true)
	if scratch {
		options.Scratch, options.ReadOften = d1.HostScratch(), []string{"_collections", core.DefaultMigrationsTable}
		options.Event = currentEvent
		options.MayGuess, options.Guessing, options.OnWrongGuess = mayGuess, host.Guessing, host.NoteGuess
	}
	binding := d1.NewLocal(d1.HostBinding(dataBinding), d1.HostScratch())
	options.Local = binding
	own := d1.Options{OnFault: options.OnFault, Sleep: options.Sleep}
	d := &databases{caches: watermark.New(app, binding, own, currentSession), local: binding, scratch: scratch}
	if switchSetting(os.Getenv, "POCKETFLARE_D1_SESSIONS", false) {
		d.caches.UseReplicas()
	}
	options.Caches = d.caches
	d.data = d1.Open(d.caches.Watch(), options)
	d.caches.OnCollections(func() { d1.ForgetColumns(d.data) })
	d.logs = d1.Open(d1.HostBinding(logsBinding), d1.Options{
		DeferErrors: true,
		NoWait:      deletesLogs,
		OnFault:     func(err error) { log.Printf("%s: %v", logsBinding, err) },
		Sleep:       host.Sleep,
	})
	return d
}

// size tells how many tables, indexes and so on the database has, and whether PocketBase has made its own.
func (d *databases) size() (objects int, migrated bool) {
	db := sql.OpenDB(d.data)
	defer db.Close()
	if db.QueryRow(sizeQuery).Scan(&objects, &migrated) != nil {
		return -1, true // PocketBase's own first question meets the error again
	}
	return objects, migrated
}

const sizeQuery = "SELECT count(*) AS objects, count(CASE name WHEN '_migrations' THEN 1 END) AS migrated FROM sqlite_master" +
	" WHERE name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*'"

// makeLocally makes the database of a first boot in the isolate and stores it by one batch, so that the boot's many steps cost no round trips.
// It reports whether that went well; if not, nothing is stored: another isolate was first, the steps do what is for D1 alone, or fail on their own.
func (d *databases) makeLocally(steps func() error) bool {
	ctx := context.Background()
	if err := d.local.Open(ctx); err != nil {
		return false // there is no memory for it
	}
	booting = d
	err := steps()
	booting = nil
	if err == nil {
		err = d.local.Store(ctx, d.data)
	}
	if err == nil {
		return true
	}
	if !errors.Is(err, d1.ErrConflict) {
		log.Printf("The database could not be made in one step, and is made step by step: %v", err)
	}
	d.local.Close()
	d1.ForgetColumns(d.data)
	return false
}

// booting is what a first boot makes in the isolate, while it does.
var booting *databases

// connect is the app's core.DBConnectFunc. PocketBase opens each file twice, for its two pools.
func (d *databases) connect(path string) (*dbx.DB, error) {
	if filepath.Base(path) == logsFile {
		return dbx.NewFromDB(sql.OpenDB(d.logs), "sqlite"), nil
	}
	return dbx.NewFromDB(sql.OpenDB(d.data), "sqlite"), nil
}
