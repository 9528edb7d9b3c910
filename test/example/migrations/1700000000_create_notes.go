// Package migrations has the example app's own collections.
package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"
)

func init() {
	migrations.Register(func(app core.App) error {
		notes := core.NewBaseCollection("notes")
		notes.ListRule = types.Pointer("")
		notes.ViewRule = types.Pointer("")
		notes.CreateRule = types.Pointer("")
		notes.UpdateRule = types.Pointer("")
		notes.DeleteRule = types.Pointer("")
		notes.Fields.Add(
			&core.TextField{Name: "title", Required: true, Max: 200},
			&core.TextField{Name: "slug"},
			&core.NumberField{Name: "count"},
		)
		return app.Save(notes)
	}, func(app core.App) error {
		notes, err := app.FindCollectionByNameOrId("notes")
		if err != nil {
			return err
		}
		return app.Delete(notes)
	})
}
