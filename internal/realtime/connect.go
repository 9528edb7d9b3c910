package realtime

import (
	"context"
	"maps"
	"math"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// Connections are the Worker's to answer unless the app has handlers that run when a client connects or when a message is sent to it:
// then PocketBase's own handler holds them, and is joined to the hub here.

// heldClient is the client of a connection that this isolate holds. Messages that are sent to it go to the connection.
type heldClient struct{ *client }

var _ subscriptions.Client = heldClient{}

func (c heldClient) Send(message subscriptions.Message) { c.DefaultClient.Send(message) }

func (c heldClient) Discard() { c.DefaultClient.Discard() }

// bindConnect makes connections that PocketBase answers known to the hub.
func (r *Realtime) bindConnect() {
	hooks := r.app.App.OnRealtimeConnectRequest()
	hooks.Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{Id: hookID, Priority: math.MinInt, Func: r.connecting})
	hooks.Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{Id: hookID + "Join", Priority: math.MaxInt, Func: r.connected})
}

// ownConnectHandlers is how many handlers bindConnect binds.
const ownConnectHandlers = 2

// Routed is to be called when the app's routes and handlers are complete; middlewares is the number of those that the app has added for
// all routes.
func (r *Realtime) Routed(middlewares int) {
	app := r.app.App
	r.door.HoldConnections(middlewares > 0 || app.OnRealtimeConnectRequest().Length() > ownConnectHandlers || app.OnRealtimeMessageSend().Length() > 0)
}

// connecting gives the app's handlers a client that the hub will know.
func (r *Realtime) connecting(e *core.RealtimeConnectRequestEvent) error {
	made := r.newClient(ClientState{ID: e.Client.Id()}, e.RealIP())
	e.Client = heldClient{made}
	return e.Next()
}

// connected joins the connection to the hub while PocketBase holds it.
func (r *Realtime) connected(e *core.RealtimeConnectRequestEvent) error {
	ctx := e.Request.Context()
	if err := r.door.Open(ctx, e.Client.Id()); err != nil {
		return e.Error(http.StatusServiceUnavailable, unreachable, err)
	}
	app := e.App
	e.App = &withBroker{app, brokerOf()} // where PocketBase registers the client: others have stand-ins
	defer func() {
		e.App = app
		r.report("end a realtime connection", r.door.HangUp(context.WithoutCancel(ctx)))
	}()
	held, ours := e.Client.(heldClient)
	if ours {
		held.shared = true
		if held.changed {
			r.report("store a realtime client", held.store(ctx))
		}
	}
	go r.relay(ctx, e.Client)
	return e.Next()
}

// relay gives a held connection what the hub has for it.
func (r *Realtime) relay(ctx context.Context, to subscriptions.Client) {
	for {
		frame, err := r.door.Next(ctx)
		if err != nil || frame == nil {
			to.Discard()
			return
		}
		if frame.State == nil {
			to.Send(subscriptions.Message{Name: frame.Name, Data: []byte(frame.Data)})
		} else if held, ours := to.(heldClient); ours {
			held.apply(frame.State)
		}
	}
}

// apply takes what another isolate has made of the client.
func (c *client) apply(state *ClientState) {
	c.state.Auth, c.state.Subscriptions, c.state.Values = state.Auth, state.Subscriptions, state.Values
	c.DefaultClient.Unsubscribe()
	c.DefaultClient.Subscribe(state.Subscriptions...)
	maps.Copy(c.local, state.Values)
	if authOf(c.auth) == nil || state.Auth == nil || *authOf(c.auth) != *state.Auth {
		c.auth, c.loaded = nil, false
	}
}
