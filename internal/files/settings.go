package files

import (
	"context"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// switches are whether the saved settings have S3 enabled.
type switches struct{ storage, backups bool }

func switchesOf(s *core.Settings) switches {
	return switches{s.S3.Enabled, s.Backups.S3.Enabled}
}

func (s switches) set(settings *core.Settings) {
	settings.S3.Enabled = s.storage
	settings.Backups.S3.Enabled = s.backups
}

// byForm marks the context of a save whose settings a superuser has given.
type byForm struct{}

// bindSettings has PocketBase believe that S3 is off, since the buckets are its disk, while the API shows and saves what the user has set.
func bindSettings(app core.App) {
	var saved switches
	app.OnSettingsReload().Bind(&hook.Handler[*core.SettingsReloadEvent]{
		Id:       hookID,
		Priority: afterApp,
		Func: func(e *core.SettingsReloadEvent) error {
			err := e.Next()
			if err == nil {
				saved = switchesOf(e.App.Settings())
				switches{}.set(e.App.Settings())
			}
			return err
		},
	})
	app.OnSettingsListRequest().Bind(&hook.Handler[*core.SettingsListRequestEvent]{
		Id:       hookID,
		Priority: beforeApp,
		Func: func(e *core.SettingsListRequestEvent) error {
			saved.set(e.Settings)
			return e.Next()
		},
	})
	app.OnSettingsUpdateRequest().Bind(&hook.Handler[*core.SettingsUpdateRequestEvent]{
		Id:       hookID,
		Priority: beforeApp,
		Func: func(e *core.SettingsUpdateRequestEvent) error {
			saved.set(e.OldSettings)
			if err := completeForm(e, saved); err != nil {
				return err
			}
			return e.Next()
		},
	})
	app.OnSettingsUpdateRequest().Bind(&hook.Handler[*core.SettingsUpdateRequestEvent]{
		Id:       hookID + "Save",
		Priority: afterApp,
		Func: func(e *core.SettingsUpdateRequestEvent) error {
			if e.App.IsTransactional() {
				return e.Next()
			}
			return saveForm(e, &saved)
		},
	})
	app.OnModelUpdateExecute("_params").Bind(&hook.Handler[*core.ModelEvent]{
		Id:       hookID,
		Priority: beforeApp,
		Func: func(e *core.ModelEvent) error {
			if settings, ok := e.Model.(*core.Settings); ok && e.Context.Value(byForm{}) == nil {
				saved.set(settings)
				defer switches{}.set(settings)
			}
			return e.Next()
		},
	})
}

// completeForm gives the switches that the form leaves out their saved values, in place of those that PocketBase believes.
func completeForm(e *core.SettingsUpdateRequestEvent, saved switches) error {
	type s3 struct {
		Enabled *bool `json:"enabled" form:"enabled"`
	}
	var form struct {
		S3      s3 `json:"s3" form:"s3"`
		Backups struct {
			S3 s3 `json:"s3" form:"s3"`
		} `json:"backups" form:"backups"`
	}
	if err := e.BindBody(&form); err != nil {
		return e.BadRequestError("An error occurred while loading the submitted data.", err)
	}
	if form.S3.Enabled == nil {
		e.NewSettings.S3.Enabled = saved.storage
	}
	if form.Backups.S3.Enabled == nil {
		e.NewSettings.Backups.S3.Enabled = saved.backups
	}
	return nil
}

// saveForm does what PocketBase does after the hooks, and shows what was saved.
func saveForm(e *core.SettingsUpdateRequestEvent, saved *switches) error {
	if err := e.App.SaveWithContext(context.WithValue(e.Request.Context(), byForm{}, true), e.NewSettings); err != nil {
		return e.BadRequestError("An error occurred while saving the new settings.", err)
	}
	settings, err := e.App.Settings().Clone()
	if err != nil {
		return e.InternalServerError("Failed to clone app settings.", err)
	}
	saved.set(settings)
	return e.JSON(http.StatusOK, settings)
}
