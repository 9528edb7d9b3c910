// Package realtime lets PocketBase's realtime reach listeners whose connections this process does not hold.
//
// Connections live in the Worker, and hubs (Durable Objects) know who listens to what; docs/realtime.md tells the whole. PocketBase's own
// code decides what reaches whom. Its handlers are taken from the app's hooks as apis.NewRouter binds them, and run on stand-ins:
//
//   - one for each distinct set of auth and subscriptions, when a record has changed: after the commit, beside the response. Before a
//     delete they run first, as PocketBase has it, since rules may depend on what is about to go;
//   - one for the client of a request, when it subscribes or comes back from an OAuth2 provider;
//   - one for each client, in the broker that [App.SubscriptionsBroker] gives to the app's own code.
//
// What is sent to a stand-in goes to the hubs. What an event knows of the listeners comes with its own commits (internal/realtime/door.mjs),
// so a write costs nothing but a look where nobody listens.
package realtime

import (
	"context"
	"sync"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// State is what an event knows of the listeners.
type State int32

// The states. Untold may be set besides: the hubs were not told of all the event's commits.
const (
	StateNone  State = 0 // nobody listens
	StateKnown State = 1 // the sets that were read last are still true
	StateStale State = 2 // they have changed, or nothing is known
	Untold     State = 4
)

// knowledge is the state without Untold.
func (s State) knowledge() State { return s &^ Untold }

// Door is the way to the hubs. Its calls belong to the goroutine's event.
type Door interface {
	// State tells what the goroutine's event knows, without asking anyone.
	State() State
	// Event tells the goroutine's event from others.
	Event() int32
	// LastCommit names the last commit of the goroutine's event; 0 is none.
	LastCommit() int32
	// Changes gives what has changed in the sets since it was last called.
	Changes(context.Context) ([]Change, error)
	// Client gives what the hub knows of a client, nil if there is none.
	Client(ctx context.Context, id string) (*ClientState, error)
	// Clients gives all clients.
	Clients(context.Context) ([]ClientState, error)
	// Update stores a client's state. Every write that begins later knows of it.
	Update(context.Context, *ClientState) error
	// Deliver hands messages to the hubs, and tells them of the event's commits.
	Deliver(context.Context, []Delivery) error
	// ChangeAuth drops or renews the auth of listeners.
	ChangeAuth(context.Context, []AuthChange) error
	// Close ends a client's connection.
	Close(ctx context.Context, id string) error
	// Open joins the event's connection, whose client has the id, to its hub.
	Open(ctx context.Context, id string) error
	// Next waits for what the hub has for the event's connection, nil when it has ended.
	Next(context.Context) (*Frame, error)
	// HangUp ends the event's connection to the hub.
	HangUp(context.Context) error
	// HoldConnections tells whether connections are to be answered by PocketBase, or without it.
	HoldConnections(bool)
	// Leave is to be called before something leaves for good that no commit has proved: it confirms what the event relies on, and has
	// the event not be handled anew from then on. On an error nothing may leave: the event fails, or begins again.
	Leave(context.Context) error
	// Turn returns when every other goroutine has run until it waits.
	Turn(context.Context)
}

// Change is what has changed in a hub's sets.
type Change struct {
	Shard   int       `json:"shard"`
	Version float64   `json:"version"` // 0 if the hub has no listeners any more
	All     bool      `json:"all"`     // Added is everything there is
	Added   []Set     `json:"added"`
	Removed []float64 `json:"removed"`
}

// Set is what one or many listeners of a hub have in common.
type Set struct {
	Number        float64  `json:"number"`
	Auth          *Auth    `json:"auth"`
	Subscriptions []string `json:"subscriptions"`
}

// Auth tells whose listeners they are.
type Auth struct {
	Collection string `json:"collection"` // its id
	ID         string `json:"id"`
	Key        string `json:"key"` // a digest of the record's token key
}

// Origin is where a client has connected from.
type Origin struct {
	Address string      `json:"address"`
	Headers [][2]string `json:"headers"` // that may tell the address
}

// ClientState is what a hub knows of a client.
type ClientState struct {
	ID            string         `json:"id"`
	Origin        Origin         `json:"origin,omitzero"`
	Auth          *Auth          `json:"auth"`
	Subscriptions []string       `json:"subscriptions"`
	Values        map[string]any `json:"values"` // what handlers have stored with it
}

// Delivery is messages that tell of a commit: they come after those of earlier commits and before those of later ones, of all isolates.
type Delivery struct {
	Commit   int32 // as LastCommit names it
	Messages []Message
}

// Message is for the listeners of a set, or for one client.
type Message struct {
	Client  string // empty for a set's
	Shard   int
	Set     float64
	Version float64 // of the sets when the message was made
	Name    string  // the subscription
	Data    []byte
}

// Frame is a message for a client, or its new state.
type Frame struct {
	State *ClientState `json:"state"`
	Name  string       `json:"name"`
	Data  string       `json:"data"`
}

// AuthChange is what has become of an auth record, or with ID "" of all records of a collection.
type AuthChange struct {
	Collection string `json:"collection"`
	ID         string `json:"id,omitempty"`
	Drop       bool   `json:"drop"` // otherwise the record has changed
}

// Realtime is the realtime of one app.
type Realtime struct {
	app       *App
	door      Door
	listeners listeners
	captured  captured
	deliverer deliverer
	deletes   map[core.Model][]*setClient // stand-ins of who is to be told of a delete, while it is under way
	brokerMu  sync.Mutex
}

// New makes the realtime of an app. The app's own code should have App() in place of the app.
func New(app core.App, door Door) *Realtime {
	r := &Realtime{door: door, deletes: map[core.Model][]*setClient{}}
	r.app = &App{App: app, realtime: r}
	r.deliverer.door, r.deliverer.report = door, r.report
	r.listeners.init(app, door)
	return r
}

// App is the app with a broker that knows the clients of every isolate.
func (r *Realtime) App() core.App { return r.app }

// EventDone is to be called when an event has been handled, in its goroutine.
func (r *Realtime) EventDone() { r.deliverer.eventDone() }

// NewRouter is apis.NewRouter for the app, with realtime that reaches every isolate.
func (r *Realtime) NewRouter() (*router.Router[*core.RequestEvent], error) {
	r.app.captured = &r.captured
	made, err := apis.NewRouter(r.app)
	r.app.captured = nil
	if err != nil {
		return nil, err
	}
	r.bindApps()
	r.bindEvents()
	r.bindConnect()
	made.Bind(r.middleware())
	return made, nil
}
