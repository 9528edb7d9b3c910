// Package oauth2avatar downloads the avatar of a user who signs up with OAuth2, where the collection maps it to a file field.
//
// PocketBase downloads it with a client that dials on its own, so that it can check each address that a name resolves to. A
// Worker has no sockets: that dial always fails. This package does the download before PocketBase would, through a transport
// that it is given, and hands the file over as if the app had submitted it; PocketBase then leaves its own attempt out. A download
// that fails is logged, and the user signs up without an avatar, as in PocketBase.
//
// Addresses cannot be checked after the name was resolved, so the URL and every redirect are checked by what they name
// (CheckHost). A name that resolves to a private address is not found that way; a deployed Worker cannot reach one.
package oauth2avatar

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"
)

const (
	hookID = "pocketflareOAuth2Avatar"

	// The app's own hooks run first: they may still change the avatar's URL, or set the field themselves.
	afterApp = 9999

	// As PocketBase's.
	timeout = 10 * time.Second
)

// Bind has app download avatars through transport.
func Bind(app core.App, transport http.RoundTripper) {
	client := &http.Client{Transport: guard{transport}}
	app.OnRecordAuthWithOAuth2Request().Bind(&hook.Handler[*core.RecordAuthWithOAuth2RequestEvent]{
		Id:       hookID,
		Priority: afterApp,
		Func:     func(e *core.RecordAuthWithOAuth2RequestEvent) error { return handle(e, client) },
	})
}

func handle(e *core.RecordAuthWithOAuth2RequestEvent, client *http.Client) error {
	field := avatarField(e)
	if field == nil {
		return e.Next()
	}
	// What the app's hooks see after this one is what they left.
	data, collection := e.CreateData, e.Collection
	defer func() { e.CreateData, e.Collection = data, collection }()

	file, err := download(e.Request.Context(), client, e.OAuth2User.AvatarURL, sizeLimit(field))
	if err != nil {
		e.App.Logger().Warn("Failed to retrieve OAuth2 avatar", slog.String("error", err.Error()))
		e.Collection = withoutAvatar(collection)
		return e.Next()
	}
	e.CreateData = maps.Clone(data)
	if e.CreateData == nil {
		e.CreateData = map[string]any{}
	}
	e.CreateData[field.Name] = file
	return e.Next()
}

// avatarField gives the field for which PocketBase would download the avatar, nil where it would not.
func avatarField(e *core.RecordAuthWithOAuth2RequestEvent) *core.FileField {
	if e.Record != nil || e.Collection == nil || e.OAuth2User == nil || e.OAuth2User.AvatarURL == "" {
		return nil
	}
	if e.Collection.Name == core.CollectionNameSuperusers {
		return nil // nobody becomes one this way
	}
	name := e.Collection.OAuth2.MappedFields.AvatarURL
	if _, submitted := e.CreateData[name]; submitted || name == "" {
		return nil
	}
	field, _ := e.Collection.Fields.GetByName(name).(*core.FileField)
	return field
}

// withoutAvatar is a copy of the collection that maps no avatar.
func withoutAvatar(collection *core.Collection) *core.Collection {
	changed := *collection
	changed.OAuth2.MappedFields.AvatarURL = ""
	return &changed
}

// sizeLimit is one byte more than the field takes, so that a larger file fails the field's validation without being read whole.
func sizeLimit(field *core.FileField) int64 {
	largest := field.MaxSize
	if largest <= 0 {
		largest = core.DefaultFileFieldMaxSize
	}
	return min(largest+1, apis.DefaultMaxBodySize)
}

func download(ctx context.Context, client *http.Client, url string, limit int64) (*filesystem.File, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return nil, fmt.Errorf("failed to download url %s (%d)", url, response.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, limit))
	if err != nil {
		return nil, err
	}
	return filesystem.NewFileFromBytes(data, path.Base(url))
}
