package realtime

import (
	"math"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

const appHookID = hookID + "App"

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

// RunInTransaction gives fn an app with the same broker, and so does AuxRunInTransaction.
func (a *App) RunInTransaction(fn func(tx core.App) error) error {
	return a.App.RunInTransaction(func(tx core.App) error { return fn(a.realtime.over(tx)) })
}

func (a *App) AuxRunInTransaction(fn func(tx core.App) error) error {
	return a.App.AuxRunInTransaction(func(tx core.App) error { return fn(a.realtime.over(tx)) })
}

// over is the app with a broker that knows the clients of every isolate, where app is PocketBase's own: the app itself, or a transaction's.
func (r *Realtime) over(app core.App) core.App {
	if base, ok := app.(*core.BaseApp); ok {
		return &App{App: base, realtime: r}
	}
	return app
}

// bindApps gives the handlers of what is saved and deleted such an app: PocketBase makes their events itself, with its own. Those of
// records and collections take it over from the models'.
func (r *Realtime) bindApps() {
	app := r.app.App
	for _, changed := range []*hook.TaggedHook[*core.ModelEvent]{
		app.OnModelValidate(),
		app.OnModelCreate(), app.OnModelCreateExecute(), app.OnModelAfterCreateSuccess(),
		app.OnModelUpdate(), app.OnModelUpdateExecute(), app.OnModelAfterUpdateSuccess(),
		app.OnModelDelete(), app.OnModelDeleteExecute(), app.OnModelAfterDeleteSuccess(),
	} {
		changed.Bind(&hook.Handler[*core.ModelEvent]{Id: appHookID, Priority: math.MinInt, Func: func(e *core.ModelEvent) error {
			e.App = r.over(e.App)
			return e.Next()
		}})
	}
	for _, failed := range []*hook.TaggedHook[*core.ModelErrorEvent]{
		app.OnModelAfterCreateError(), app.OnModelAfterUpdateError(), app.OnModelAfterDeleteError(),
	} {
		failed.Bind(&hook.Handler[*core.ModelErrorEvent]{Id: appHookID, Priority: math.MinInt, Func: func(e *core.ModelErrorEvent) error {
			e.App = r.over(e.App)
			return e.Next()
		}})
	}
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
