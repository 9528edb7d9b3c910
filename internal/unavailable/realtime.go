package unavailable

import "github.com/pocketbase/pocketbase/core"

// bindRealtime refuses realtime connections and subscriptions that reach Go. realtime-do.mjs has the same message.
func bindRealtime(app core.App) {
	bindRoutes(app, hookID+"Realtime", func(e *core.RequestEvent) string {
		if e.Request.URL.Path == "/api/realtime" {
			return "Realtime is not available."
		}
		return ""
	})
}
