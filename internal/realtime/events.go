package realtime

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"golang.org/x/sync/errgroup"
)

const hookID = "pocketflareRealtime"

// PocketBase's own priorities: early after a change, as late as possible before a delete.
const (
	early = -99
	late  = 99
)

// evaluations is how many sets are evaluated at the same time. What they ask the database at once travels together.
const evaluations = 100

func (r *Realtime) bindEvents() {
	app := r.app.App
	bind(app.OnModelAfterCreateSuccess(), early, func(e *core.ModelEvent) error { return r.saved(e, &r.captured.afterCreate) })
	bind(app.OnModelAfterUpdateSuccess(), early, func(e *core.ModelEvent) error { return r.saved(e, &r.captured.afterUpdate) })
	bind(app.OnModelDelete(), late, r.deleting)
	bind(app.OnModelAfterDeleteSuccess(), early, r.deleted)
	bind(app.OnModelAfterDeleteError(), early, func(e *core.ModelErrorEvent) error {
		delete(r.deletes, e.Model)
		return e.Next()
	})
	bind(app.OnCollectionUpdate(), early, func(e *core.CollectionEvent) error { return r.collectionChanges(e, &r.captured.collectionUpdate) })
	bind(app.OnCollectionAfterDeleteSuccess(), early, func(e *core.CollectionEvent) error {
		return r.collectionChanges(e, &r.captured.collectionAfterDelete)
	})
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{Id: hookID, Priority: math.MinInt, Func: r.subscribing})
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{Id: hookID + "Store", Priority: math.MaxInt, Func: r.subscribed})
}

func bind[T hook.Tagger](to *hook.TaggedHook[T], priority int, handler func(T) error) {
	to.Bind(&hook.Handler[T]{Id: hookID, Priority: priority, Func: handler})
}

// saved has PocketBase tell of a record that was created or updated.
func (r *Realtime) saved(e *core.ModelEvent, handlers *hook.Hook[*core.ModelEvent]) error {
	if r.door.State().knowledge() == StateNone {
		return e.Next()
	}
	collection, id := recordOf(e.App, e.Model)
	if collection == nil {
		return e.Next()
	}
	r.authChanged(e, collection, id, handlers)
	stale := r.door.State().knowledge() == StateStale
	clients := r.clientsFor(collection, id)
	if stale || len(clients) > 0 {
		later := newModelEvent(e, e.App, copyOf(e.Model))
		r.beside(func() []Message {
			if stale && r.sync() {
				clients = r.clientsFor(collection, id)
			}
			return r.evaluate(later, handlers, r.loaded(clients))
		})
	}
	return e.Next()
}

// beside makes messages in a goroutine and delivers them, in the place that the event's queue has now.
func (r *Realtime) beside(evaluate func() []Message) {
	place := r.deliverer.begin()
	go func() { r.deliverer.finish(place, evaluate()) }()
}

// sync brings what is known of the listeners up to date, and tells whether it could.
func (r *Realtime) sync() bool {
	err := r.listeners.sync(context.Background())
	r.report("learn who listens", err)
	return err == nil
}

// clientsFor are stand-ins for the sets that listen to a record, as far as is known.
func (r *Realtime) clientsFor(collection *core.Collection, id string) []*setClient {
	sets := r.listeners.interested(collection, id)
	clients := make([]*setClient, len(sets))
	for i, known := range sets {
		clients[i] = newSetClient(known, r.listeners.versions[known.shard])
	}
	return clients
}

// loaded gives stand-ins their auth records; none of them back if that cannot be.
func (r *Realtime) loaded(clients []*setClient) []*setClient {
	if err := r.listeners.load(setsOf(clients)); err != nil {
		r.report("load the auth records of listeners", err)
		return nil
	}
	for _, client := range clients {
		client.signIn()
	}
	return clients
}

// evaluate runs PocketBase's handlers for each stand-in and gives what was sent to them.
func (r *Realtime) evaluate(e *core.ModelEvent, handlers *hook.Hook[*core.ModelEvent], clients []*setClient) []Message {
	if len(clients) == 0 {
		return nil
	}
	group := new(errgroup.Group)
	group.SetLimit(evaluations)
	for _, client := range clients {
		group.Go(func() error {
			return handlers.Trigger(newModelEvent(e, &withBroker{e.App, brokerOf(client)}, e.Model))
		})
	}
	r.report("tell listeners of a record", group.Wait())
	r.door.Turn(context.Background()) // PocketBase sends in goroutines
	var messages []Message
	for _, client := range clients {
		messages = append(messages, client.messages()...)
	}
	return messages
}

// deleting has PocketBase evaluate who is to be told of a delete, before it.
func (r *Realtime) deleting(e *core.ModelEvent) error {
	if r.door.State().knowledge() == StateNone {
		return e.Next()
	}
	collection, id := recordOf(e.App, e.Model)
	if collection == nil || !r.sync() {
		return e.Next()
	}
	if collection.IsAuth() { // until it is gone, its listeners hear what it may see, such as what the delete cascades to
		r.report("load the auth record of listeners", r.listeners.load(slices.Collect(maps.Keys(r.listeners.byAuth[authKey(collection.Id, id)]))))
	}
	if clients := r.loaded(r.clientsFor(collection, id)); len(clients) > 0 {
		r.evaluate(e, &r.captured.modelDelete, clients)
		r.deletes[e.Model] = clients // they keep what PocketBase has found out
	}
	return e.Next()
}

// deleted has PocketBase tell of it.
func (r *Realtime) deleted(e *core.ModelEvent) error {
	clients := r.deletes[e.Model]
	delete(r.deletes, e.Model)
	if r.door.State().knowledge() == StateNone {
		return e.Next()
	}
	if collection, id := recordOf(e.App, e.Model); collection != nil {
		r.authChanged(e, collection, id, &r.captured.afterDelete)
	}
	if clients != nil {
		later := newModelEvent(e, e.App, copyOf(e.Model))
		r.beside(func() []Message { return r.evaluate(later, &r.captured.afterDelete, clients) })
	}
	return e.Next()
}

func newModelEvent(e *core.ModelEvent, app core.App, model core.Model) *core.ModelEvent {
	made := &core.ModelEvent{App: app, Context: context.WithoutCancel(e.Context), Type: e.Type}
	made.Model = model
	return made
}

// recordOf is the collection and the id of a model that is a record, or has the table of a collection.
func recordOf(app core.App, model core.Model) (*core.Collection, string) {
	switch m := model.(type) {
	case *core.Record:
		return m.Collection(), m.Id
	case core.RecordProxy:
		record := m.ProxyRecord()
		return record.Collection(), record.Id
	}
	id, ok := model.PK().(string)
	if table := model.TableName(); ok && table != core.LogsTableName {
		if collection, err := app.FindCachedCollectionByNameOrId(table); err == nil {
			return collection, id
		}
	}
	return nil, ""
}

// copyOf is a record as it is now, whatever the app's handlers make of it later.
func copyOf(model core.Model) core.Model {
	switch m := model.(type) {
	case *core.Record:
		return m.Clone()
	case core.RecordProxy:
		return m.ProxyRecord().Clone()
	}
	return model
}
