package realtime

import (
	"context"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// authChanged has PocketBase look at the listeners whose auth record has changed or was deleted. What it decides is stored before the
// change is answered: nobody keeps an auth that was taken from him.
func (r *Realtime) authChanged(e *core.ModelEvent, collection *core.Collection, id string, handlers *hook.Hook[*core.ModelEvent]) {
	if !collection.IsAuth() || handlers == &r.captured.afterCreate {
		return
	}
	ctx := context.WithoutCancel(e.Context)
	if err := r.listeners.sync(ctx); err != nil {
		r.report("learn who listens", err)
		return
	}
	var clients []subscriptions.Client
	var standIns []*authClient
	for known := range r.listeners.byAuth[authKey(collection.Id, id)] {
		client := newAuthClient(collection, known.auth, e.Model)
		standIns, clients = append(standIns, client), append(clients, client)
	}
	if len(clients) == 0 {
		return
	}
	r.report("look at the auth of listeners", handlers.Trigger(newModelEvent(e, &withBroker{e.App, brokerOf(clients...)}, e.Model)))
	change := AuthChange{Collection: collection.Id, ID: id}
	var any bool
	for _, client := range standIns {
		change.Drop = change.Drop || client.auth == nil
		any = any || client.renewed || client.auth == nil
	}
	if any {
		r.report("change the auth of listeners", r.door.ChangeAuth(ctx, []AuthChange{change}))
	}
}

// newAuthClient makes a stand-in whose auth record has the model's token key if it is still the one that the client has signed in with.
func newAuthClient(collection *core.Collection, auth *Auth, model core.Model) *authClient {
	record := core.NewRecord(collection)
	record.Id = auth.ID
	record.SetTokenKey("")
	if current := asRecord(model); current != nil && digest(current.TokenKey()) == auth.Key {
		record.SetTokenKey(current.TokenKey())
	}
	return &authClient{DefaultClient: subscriptions.NewDefaultClient(), auth: record}
}

func asRecord(model core.Model) *core.Record {
	switch m := model.(type) {
	case *core.Record:
		return m
	case core.RecordProxy:
		return m.ProxyRecord()
	}
	return nil
}

// collectionChanges has PocketBase look at the listeners whose auth is of a collection that changes or was deleted.
func (r *Realtime) collectionChanges(e *core.CollectionEvent, handlers *hook.Hook[*core.CollectionEvent]) error {
	if !e.Collection.IsAuth() {
		return e.Next()
	}
	app := &collectionApp{App: e.App, realtime: r, collection: e.Collection}
	again := &core.CollectionEvent{App: app, Context: e.Context, Type: e.Type}
	again.Collection = e.Collection
	err := handlers.Trigger(again, func(*core.CollectionEvent) error { return e.Next() })
	for _, client := range app.clients {
		if client.auth == nil {
			change := AuthChange{Collection: e.Collection.Id, Drop: true}
			r.report("drop the auth of listeners", r.door.ChangeAuth(context.WithoutCancel(e.Context), []AuthChange{change}))
			break
		}
	}
	return err
}

// collectionApp is an app whose broker has the listeners with an auth of a collection. PocketBase asks for it only if there is a reason.
type collectionApp struct {
	core.App
	realtime   *Realtime
	collection *core.Collection
	clients    []*authClient
}

func (a *collectionApp) SubscriptionsBroker() *subscriptions.Broker {
	broker := subscriptions.NewBroker()
	if err := a.realtime.listeners.sync(context.Background()); err != nil {
		a.realtime.report("learn who listens", err)
		return broker
	}
	for _, known := range a.realtime.listeners.sets {
		if known.auth != nil && known.auth.Collection == a.collection.Id {
			client := newAuthClient(a.collection, known.auth, nil)
			a.clients = append(a.clients, client)
			broker.Register(client)
		}
	}
	return broker
}
