//go:build !js

package worker

import "github.com/pocketbase/pocketbase"

// Start runs the app as its own program: built natively, an app is a stock PocketBase.
func Start(app *pocketbase.PocketBase) error {
	return app.Start()
}
