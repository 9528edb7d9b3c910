package migrations

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"
)

// The second migration refers to the first one's collection and stores a record.
func init() {
	migrations.Register(func(app core.App) error {
		notes, err := app.FindCollectionByNameOrId("notes")
		if err != nil {
			return err
		}
		audit := core.NewBaseCollection("audit")
		audit.ListRule = types.Pointer("")
		audit.Fields.Add(
			&core.TextField{Name: "event", Required: true},
			&core.RelationField{Name: "note", CollectionId: notes.Id, CascadeDelete: true},
			&core.AutodateField{Name: "created", OnCreate: true},
		)
		audit.AddIndex("idx_audit_event", false, "event", "")
		if err := app.Save(audit); err != nil {
			return err
		}
		record := core.NewRecord(audit)
		record.Set("event", "migrated")
		return app.Save(record)
	}, func(app core.App) error {
		audit, err := app.FindCollectionByNameOrId("audit")
		if err != nil {
			return err
		}
		return app.Delete(audit)
	})
}
