package realtime

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// App is an app whose broker has a stand-in for every client, whichever isolate holds its connection.
type App struct {
	core.App
	realtime *Realtime
	captured *captured // takes PocketBase's handlers while apis.NewRouter binds them
}

// SubscriptionsBroker brings the broker up to date and returns it. Where the hubs cannot be asked it is as it was.
func (a *App) SubscriptionsBroker() *subscriptions.Broker {
	broker := a.App.SubscriptionsBroker()
	a.realtime.fill(broker)
	return broker
}

// captured are the handlers of PocketBase's realtime.
type captured struct {
	collectionUpdate      hook.Hook[*core.CollectionEvent]
	collectionAfterDelete hook.Hook[*core.CollectionEvent]
	afterCreate           hook.Hook[*core.ModelEvent]
	afterUpdate           hook.Hook[*core.ModelEvent]
	modelDelete           hook.Hook[*core.ModelEvent]
	afterDelete           hook.Hook[*core.ModelEvent]
	afterDeleteError      hook.Hook[*core.ModelErrorEvent]
}

// OnCollectionUpdate and those below are the app's own, but for PocketBase's realtime.
func (a *App) OnCollectionUpdate(tags ...string) *hook.TaggedHook[*core.CollectionEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.collectionUpdate, tags...)
	}
	return a.App.OnCollectionUpdate(tags...)
}

func (a *App) OnCollectionAfterDeleteSuccess(tags ...string) *hook.TaggedHook[*core.CollectionEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.collectionAfterDelete, tags...)
	}
	return a.App.OnCollectionAfterDeleteSuccess(tags...)
}

func (a *App) OnModelAfterCreateSuccess(tags ...string) *hook.TaggedHook[*core.ModelEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.afterCreate, tags...)
	}
	return a.App.OnModelAfterCreateSuccess(tags...)
}

func (a *App) OnModelAfterUpdateSuccess(tags ...string) *hook.TaggedHook[*core.ModelEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.afterUpdate, tags...)
	}
	return a.App.OnModelAfterUpdateSuccess(tags...)
}

func (a *App) OnModelDelete(tags ...string) *hook.TaggedHook[*core.ModelEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.modelDelete, tags...)
	}
	return a.App.OnModelDelete(tags...)
}

func (a *App) OnModelAfterDeleteSuccess(tags ...string) *hook.TaggedHook[*core.ModelEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.afterDelete, tags...)
	}
	return a.App.OnModelAfterDeleteSuccess(tags...)
}

func (a *App) OnModelAfterDeleteError(tags ...string) *hook.TaggedHook[*core.ModelErrorEvent] {
	if a.captured != nil {
		return hook.NewTaggedHook(&a.captured.afterDeleteError, tags...)
	}
	return a.App.OnModelAfterDeleteError(tags...)
}

// withBroker is an app with another broker, for one run of PocketBase's handlers.
type withBroker struct {
	core.App
	broker *subscriptions.Broker
}

func (a *withBroker) SubscriptionsBroker() *subscriptions.Broker { return a.broker }

func brokerOf(clients ...subscriptions.Client) *subscriptions.Broker {
	broker := subscriptions.NewBroker()
	for _, client := range clients {
		broker.Register(client)
	}
	return broker
}
