package realtime

import (
	"context"
	"net"
	"net/http"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"pocketflare/internal/httpbridge"
)

const unreachable = "The realtime hub cannot be reached; try again in a moment."

// middleware has PocketBase's realtime handlers find the client that a request speaks of.
func (r *Realtime) middleware() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id: hookID,
		Func: func(e *core.RequestEvent) error {
			switch e.Request.URL.Path {
			case "/api/realtime", "/api/oauth2-redirect":
				return r.withClient(e)
			}
			return e.Next()
		},
	}
}

// withClient answers a request with the client in the broker that PocketBase asks, and stores what has become of it.
func (r *Realtime) withClient(e *core.RequestEvent) error {
	id, err := clientID(e)
	switch {
	case err != nil:
		return e.BadRequestError(err.Error()+".", nil)
	case id == "":
		return e.Next()
	}
	state, err := r.door.Client(e.Request.Context(), id)
	if err != nil {
		return e.Error(http.StatusServiceUnavailable, unreachable, err)
	}
	app := e.App
	defer func() { e.App = app }()
	if state == nil {
		e.App = &withBroker{app, brokerOf()}
		return e.Next()
	}
	state.ID = id
	standIn := r.newClient(*state, r.addressOf(e.App, state.Origin))
	if err := standIn.load(); err != nil { // it is no guest
		return e.Error(http.StatusServiceUnavailable, "The client's auth record cannot be read; try again in a moment.", err)
	}
	e.App = &withBroker{app, brokerOf(standIn)}
	err = e.Next()
	r.report("store a realtime client", standIn.store(context.WithoutCancel(e.Request.Context())))
	return err
}

// clientID is the client's id in a request to subscribe, or in one that comes from an OAuth2 provider; empty if there is none that could be.
// The error is of a form that must not be decoded.
func clientID(e *core.RequestEvent) (string, error) {
	var form struct {
		ClientID string `json:"clientId" form:"clientId"`
		State    string `json:"state" form:"state"`
	}
	if e.Request.Method == http.MethodPost {
		if e.Request.ParseMultipartForm(router.DefaultMaxMemory) == nil {
			if err := httpbridge.CheckForm(e.Request.Form); err != nil {
				return "", err
			}
		}
		if err := e.BindBody(&form); err != nil {
			return "", nil // PocketBase says so
		}
	} else {
		form.State = e.Request.URL.Query().Get("state")
	}
	id := form.ClientID
	if e.Request.URL.Path != "/api/realtime" {
		id = form.State
	}
	if len(id) > 255 {
		return "", nil
	}
	return id, nil
}

// addressOf is the address that a client has connected from, with the proxies that the settings trust.
func (r *Realtime) addressOf(app core.App, origin Origin) string {
	request := &http.Request{RemoteAddr: net.JoinHostPort(origin.Address, "0"), Header: http.Header{}}
	for _, header := range origin.Headers {
		request.Header.Add(header[0], header[1])
	}
	event := &core.RequestEvent{App: app}
	event.Request = request
	return event.RealIP()
}

// subscribing gives the app's handlers a broker with all clients.
func (r *Realtime) subscribing(e *core.RealtimeSubscribeRequestEvent) error {
	if one, ok := e.App.(*withBroker); ok {
		e.App = one.App
	}
	return e.Next()
}

// subscribed stores the subscriptions in the hub before PocketBase does in the stand-in and answers.
func (r *Realtime) subscribed(e *core.RealtimeSubscribeRequestEvent) error {
	standIn, ok := e.Client.(*client)
	if !ok {
		return e.Next()
	}
	state := standIn.stored()
	state.Auth = authOf(e.Auth)
	state.Subscriptions = slices.DeleteFunc(slices.Clone(e.Subscriptions), func(subscription string) bool { return subscription == "" })
	slices.Sort(state.Subscriptions)
	state.Subscriptions = slices.Compact(state.Subscriptions)
	if err := r.door.Update(e.Request.Context(), state); err != nil {
		return e.Error(http.StatusServiceUnavailable, unreachable, err)
	}
	err := e.Next()
	standIn.changed = false
	return err
}

// fill brings a broker up to date with the clients of all isolates. Clients that the app has registered itself stay.
func (r *Realtime) fill(broker *subscriptions.Broker) {
	var states []ClientState
	if r.door.State().knowledge() != StateNone {
		var err error
		if states, err = r.door.Clients(context.Background()); err != nil {
			r.report("learn who is connected", err)
			return
		}
	}
	r.brokerMu.Lock()
	defer r.brokerMu.Unlock()
	connected := make(map[string]bool, len(states))
	for _, state := range states {
		connected[state.ID] = true
		known, _ := broker.ClientById(state.ID)
		if standIn, ok := known.(*client); ok && standIn.sameAs(state) {
			continue
		}
		standIn := r.newClient(state, r.addressOf(r.app.App, state.Origin))
		standIn.shared = true
		broker.Register(standIn)
	}
	for id, known := range broker.Clients() {
		if standIn, ok := known.(*client); ok && !connected[id] {
			standIn.DefaultClient.Discard()
			broker.Unregister(id)
		}
	}
}
