package unavailable

import (
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

// PocketBase's own hooks that make sense only in a process that stays alive and has a disk.
const (
	cronStartHookID     = "__pbCronStart__"               // ticks every minute
	notifyWatcherHookID = "__pbNotifyWatcherSystemHook__" // watches files by which processes on one disk tell each other of changes
)

// unbindProcess removes PocketBase's hooks that need a process. Jobs remain registered: POST /api/crons/{id} runs them.
func unbindProcess(app core.App) {
	app.OnServe().Unbind(cronStartHookID)
	app.OnBootstrap().Unbind(notifyWatcherHookID, pocketbase.ModerncDepsCheckHookId) // there is no modernc driver
	app.OnTerminate().Unbind(notifyWatcherHookID)
	app.OnModelAfterCreateSuccess().Unbind(notifyWatcherHookID)
	app.OnModelAfterUpdateSuccess().Unbind(notifyWatcherHookID)
	app.OnCollectionAfterCreateSuccess().Unbind(notifyWatcherHookID)
	app.OnCollectionAfterUpdateSuccess().Unbind(notifyWatcherHookID)
	app.OnCollectionAfterDeleteSuccess().Unbind(notifyWatcherHookID)
}
