package unavailable

import (
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

const filesHookID = hookID + "Files"

// beforeUpload precedes PocketBase's own handler (priority 99), which writes the files.
const beforeUpload = 98

// errUpload is the error of a file field that was given a file.
var errUpload = validation.NewError(
	"validation_file_storage_unavailable",
	"File storage is not available: configure S3 under Settings, File storage, or save the record without a file.",
)

// bindFiles refuses files unless the app's settings name an S3 bucket for them: the local disk is the memory of one isolate.
func bindFiles(app core.App) {
	refuseUpload := func(e *core.RecordEvent) error {
		if err := checkUploads(e.App, e.Record); err != nil {
			return err
		}
		return e.Next()
	}
	app.OnRecordCreateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: filesHookID, Priority: beforeUpload, Func: refuseUpload})
	app.OnRecordUpdateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: filesHookID, Priority: beforeUpload, Func: refuseUpload})

	app.OnFileDownloadRequest().Bind(&hook.Handler[*core.FileDownloadRequestEvent]{
		Id:       filesHookID,
		Priority: afterApp,
		Func: func(e *core.FileDownloadRequestEvent) error {
			if hasFileStorage(e.App) {
				return e.Next()
			}
			return notImplemented("File storage is not available: configure S3 under Settings, File storage.")
		},
	})

	app.OnRecordAuthWithOAuth2Request().Bind(&hook.Handler[*core.RecordAuthWithOAuth2RequestEvent]{
		Id:       filesHookID,
		Priority: afterApp,
		Func:     skipAvatar,
	})
}

func hasFileStorage(app core.App) bool {
	return app.Settings().S3.Enabled
}

// checkUploads returns a validation error for each file field of the record that holds a file which was not stored yet.
func checkUploads(app core.App, record *core.Record) error {
	if hasFileStorage(app) {
		return nil
	}
	var fields validation.Errors
	for _, field := range record.Collection().Fields {
		if field.Type() != core.FieldTypeFile || len(record.GetUnsavedFiles(field.GetName())) == 0 {
			continue
		}
		if fields == nil {
			fields = validation.Errors{}
		}
		fields[field.GetName()] = errUpload
	}
	if fields == nil {
		return nil
	}
	return fields
}

// skipAvatar keeps PocketBase from downloading a provider's avatar into a file field: without it a new user could not sign up.
func skipAvatar(e *core.RecordAuthWithOAuth2RequestEvent) error {
	name := e.Collection.OAuth2.MappedFields.AvatarURL
	field := e.Collection.Fields.GetByName(name)
	if e.Record != nil || field == nil || field.Type() != core.FieldTypeFile || hasFileStorage(e.App) {
		return e.Next()
	}
	if _, given := e.CreateData[name]; !given {
		if e.CreateData == nil {
			e.CreateData = map[string]any{}
		}
		e.CreateData[name] = "" // PocketBase maps only what was not given
	}
	return e.Next()
}
