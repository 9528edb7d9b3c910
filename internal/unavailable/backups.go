package unavailable

import (
	"errors"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

const backupsHookID = hookID + "Backups"

const (
	backupsPath    = "/api/backups"
	backupsMessage = "Backups are not available. Cloudflare keeps the last days of a D1 database: see D1 Time Travel."
)

// bindBackups refuses backups: there is no pb_data directory to put into an archive or to be replaced by one.
func bindBackups(app core.App) {
	refuse := &hook.Handler[*core.BackupEvent]{
		Id:       backupsHookID,
		Priority: afterApp,
		Func:     func(*core.BackupEvent) error { return errors.New(backupsMessage) },
	}
	app.OnBackupCreate().Bind(refuse)
	app.OnBackupRestore().Bind(refuse)
	bindRoutes(app, backupsHookID, func(e *core.RequestEvent) string {
		path := e.Request.URL.Path
		if !strings.HasPrefix(path, backupsPath) || (path != backupsPath && path[len(backupsPath)] != '/') {
			return ""
		}
		if e.Request.Method == http.MethodGet && path != backupsPath {
			return "" // a download: PocketBase checks its token, and finds nothing
		}
		return backupsMessage
	})
}
