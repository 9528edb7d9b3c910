package realtime

import (
	"context"
	"database/sql"
	"errors"
	"maps"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// setClient stands for all listeners of a set while PocketBase evaluates one event. What is sent to it is kept in its order.
type setClient struct {
	*subscriptions.DefaultClient // the set's subscriptions, shared: they are only read
	set                          *set
	version                      float64
	values                       map[string]any
	sent                         []subscriptions.Message
}

func newSetClient(known *set, version float64) *setClient {
	return &setClient{DefaultClient: known.topics, set: known, version: version, values: map[string]any{}}
}

func setsOf(clients []*setClient) []*set {
	sets := make([]*set, len(clients))
	for i, client := range clients {
		sets[i] = client.set
	}
	return sets
}

// signIn gives it the set's auth record, which was loaded meanwhile.
func (c *setClient) signIn() {
	if c.set.record != nil {
		c.values[apis.RealtimeClientAuthKey] = c.set.record
	}
}

func (c *setClient) Get(key string) any                 { return c.values[key] }
func (c *setClient) Set(key string, value any)          { c.values[key] = value }
func (c *setClient) Unset(key string)                   { delete(c.values, key) }
func (c *setClient) Send(message subscriptions.Message) { c.sent = append(c.sent, message) }

// messages are what was sent, for the hub.
func (c *setClient) messages() []Message {
	messages := make([]Message, len(c.sent))
	for i, message := range c.sent {
		messages[i] = Message{Shard: c.set.shard, Set: c.set.number, Version: c.version, Name: message.Name, Data: message.Data}
	}
	return messages
}

// authClient stands for the listeners with an auth while PocketBase looks whether they may keep it. It listens to nothing.
type authClient struct {
	*subscriptions.DefaultClient
	auth    *core.Record
	renewed bool
}

func (c *authClient) Get(key string) any {
	if key == apis.RealtimeClientAuthKey && c.auth != nil {
		return c.auth
	}
	return nil
}

func (c *authClient) Set(key string, _ any) {
	if key == apis.RealtimeClientAuthKey {
		c.renewed = true
	}
}

func (c *authClient) Unset(key string) {
	if key == apis.RealtimeClientAuthKey {
		c.auth = nil
	}
}

// client stands for one client.
type client struct {
	*subscriptions.DefaultClient
	realtime *Realtime
	state    ClientState
	auth     *core.Record
	loaded   bool // auth is what state tells
	changed  bool // what the hub knows is not so any more
	local    map[string]any
	shared   bool // it is one of the app's broker, so its changes are stored as they come
	storing  bool
}

var _ subscriptions.Client = (*client)(nil)

func (r *Realtime) newClient(state ClientState, ip string) *client {
	c := &client{DefaultClient: subscriptions.NewDefaultClient(), realtime: r, state: state, local: map[string]any{}}
	c.DefaultClient.Subscribe(state.Subscriptions...)
	maps.Copy(c.local, state.Values)
	c.local[apis.RealtimeClientIPKey] = ip
	return c
}

func (c *client) Id() string { return c.state.ID }

func (c *client) Subscribe(list ...string) {
	c.DefaultClient.Subscribe(list...)
	c.touch()
}

func (c *client) Unsubscribe(list ...string) {
	c.DefaultClient.Unsubscribe(list...)
	c.touch()
}

// Send hands the message to the client's hub, beside what the goroutine does. It is the app's own message, which may come before a commit.
func (c *client) Send(message subscriptions.Message) {
	if c.IsDiscarded() || c.realtime.door.Leave(context.Background()) != nil {
		return
	}
	c.realtime.deliverer.send(Message{Client: c.state.ID, Name: message.Name, Data: message.Data})
}

// Discard ends the client's connection.
func (c *client) Discard() {
	if c.IsDiscarded() {
		return
	}
	c.DefaultClient.Discard()
	go func() {
		c.realtime.report("close a connection", c.realtime.door.Close(context.Background(), c.state.ID))
	}()
}

// touch notes that the hub has to be told.
func (c *client) touch() {
	c.changed = true
	if !c.shared || c.storing {
		return
	}
	c.storing = true
	go func() {
		c.realtime.door.Turn(context.Background()) // with what else its handler does
		c.storing = false
		c.realtime.report("store a client", c.store(context.Background()))
	}()
}

// store tells the hub if there is anything to tell.
func (c *client) store(ctx context.Context) error {
	if !c.changed {
		return nil
	}
	c.changed = false
	return c.realtime.door.Update(ctx, c.stored())
}

// Get gives the auth record too, which is read when it is first asked for.
func (c *client) Get(key string) any {
	if key != apis.RealtimeClientAuthKey {
		return c.local[key]
	}
	c.realtime.report("load the auth record of a listener", c.load())
	if c.auth == nil {
		return nil
	}
	return c.auth
}

// load reads the auth record, if that was not done yet.
func (c *client) load() (err error) {
	if !c.loaded {
		c.auth, err = c.realtime.authRecord(c.state.Auth)
		c.loaded = err == nil
	}
	return err
}

func (c *client) Set(key string, value any) {
	defer c.touch()
	if key != apis.RealtimeClientAuthKey {
		c.local[key] = value
		return
	}
	c.loaded = true
	c.auth, _ = value.(*core.Record)
}

func (c *client) Unset(key string) {
	defer c.touch()
	if key != apis.RealtimeClientAuthKey {
		delete(c.local, key)
		return
	}
	c.loaded, c.auth = true, nil
}

// stored is the state that the hub is to have.
func (c *client) stored() *ClientState {
	state := &ClientState{ID: c.state.ID, Auth: c.state.Auth, Subscriptions: []string{}, Values: map[string]any{}}
	for subscription := range c.DefaultClient.Subscriptions() {
		state.Subscriptions = append(state.Subscriptions, subscription)
	}
	if c.loaded {
		state.Auth = authOf(c.auth)
	}
	for key, value := range c.local {
		if keeps(value) && key != apis.RealtimeClientIPKey {
			state.Values[key] = value
		}
	}
	return state
}

// sameAs tells whether the stand-in is still as the hub has it.
func (c *client) sameAs(state ClientState) bool {
	if c.changed || len(c.state.Subscriptions) != len(state.Subscriptions) {
		return c.changed
	}
	for i, subscription := range state.Subscriptions {
		if c.state.Subscriptions[i] != subscription {
			return false
		}
	}
	return (c.state.Auth == nil) == (state.Auth == nil) && (state.Auth == nil || *c.state.Auth == *state.Auth)
}

// keeps tells whether a value is the same when the hub gives it back.
func keeps(value any) bool {
	switch value.(type) {
	case string, bool, float64:
		return true
	}
	return false
}

func authOf(record *core.Record) *Auth {
	if record == nil {
		return nil
	}
	return &Auth{Collection: record.Collection().Id, ID: record.Id, Key: digest(record.TokenKey())}
}

// authRecord is the record of an auth, nil if it is not valid any more.
func (r *Realtime) authRecord(auth *Auth) (*core.Record, error) {
	if auth == nil {
		return nil, nil
	}
	record, err := r.app.FindRecordById(auth.Collection, auth.ID)
	if errors.Is(err, sql.ErrNoRows) || err == nil && digest(record.TokenKey()) != auth.Key {
		return nil, nil
	}
	return record, err
}
