package firstrun

import (
	"fmt"
	"net/url"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/ozzo-validation/v4/is"
	"github.com/pocketbase/pocketbase/core"
)

// clientAddressHeader is set by Cloudflare on every request, and cannot be sent by a client.
const clientAddressHeader = "CF-Connecting-IP"

// createSettings runs when PocketBase stores the settings of a database that has none, which is what makes a database new.
// No query is spent on it, and a database that has settings never comes here.
func createSettings(e *core.ModelEvent, env func(string) string) error {
	settings, ok := e.Model.(*core.Settings)
	if !ok || e.App.IsTransactional() { // in a transaction a migration carries the settings of an old PocketBase over
		return e.Next()
	}
	if err := applyAppURL(settings, env(envAppURL)); err != nil {
		report(e.App, "The application URL was not set", err)
	}
	if len(settings.TrustedProxy.Headers) == 0 {
		settings.TrustedProxy.Headers = []string{clientAddressHeader}
	}
	if err := e.Next(); err != nil && !settingsExist(e.App, settings) {
		return err
	}
	return nil // where another isolate was quicker, PocketBase loads what that one has stored
}

func settingsExist(app core.App, settings *core.Settings) bool {
	param := &core.Param{}
	return app.ModelQuery(param).Model(settings.PK(), param) == nil
}

func applyAppURL(settings *core.Settings, value string) error {
	if value == "" {
		return nil
	}
	if err := checkURL(value); err != nil {
		return fmt.Errorf("%s: %w; set the URL in the admin UI under Settings, Application", envAppURL, err)
	}
	settings.Meta.AppURL = strings.TrimRight(value, "/")
	return nil
}

// checkURL accepts what PocketBase's settings accept, if it says http or https: links in mails need the scheme.
func checkURL(value string) error {
	parsed, err := url.Parse(value)
	if err != nil || (parsed.Scheme != "https" && parsed.Scheme != "http") || validation.Validate(value, is.URL) != nil {
		return fmt.Errorf("%q is not a URL such as https://example.com", value)
	}
	return nil
}
