package files

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// plan is what a request for uploads is going to upload.
type plan struct {
	url   *url.URL // that was asked for
	files []plannedFile
}

type plannedFile struct {
	key   string // in the request's body, "documents+"
	field *core.FileField
	file  *filesystem.File
	known bool // whether the file's first bytes were given
}

type planKey struct{}

func planOf(r *http.Request) *plan {
	p, _ := r.Context().Value(planKey{}).(*plan)
	return p
}

// planUploads has a request for uploads handled as the request that it precedes.
func planUploads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, found := strings.CutPrefix(r.URL.Path, uploadsPath+"/collections/")
		if parts := strings.Split(path, "/"); found && len(parts) > 1 && parts[1] == "records" &&
			(r.Method == http.MethodPost && len(parts) == 2 || r.Method == http.MethodPatch && len(parts) == 3) {
			asked := r.URL
			r = r.WithContext(context.WithValue(r.Context(), planKey{}, &plan{url: asked}))
			r.URL = &url.URL{Path: "/api/collections/" + path, RawQuery: asked.RawQuery}
		}
		next.ServeHTTP(w, r)
	})
}

// add notes a description of a file, and gives a file in its place. What is no description stays.
func (p *plan) add(key string, field *core.FileField, value any) (any, error) {
	description, ok := value.(map[string]any)
	if !ok {
		return value, nil
	}
	name, _ := description["name"].(string)
	size, _ := description["size"].(float64)
	if name == "" || size < 1 || size != math.Trunc(size) || size > maxSafeInteger {
		return nil, validation.NewError(codeInvalidUpload, `A file is described by its "name" and its "size" in bytes, above 0.`)
	}
	text, _ := description["head"].(string)
	head, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, validation.NewError(codeInvalidUpload, `The "head" of a file is its first bytes in base64.`)
	}
	known := len(head) > 0
	if !known {
		head = []byte{0}
	}
	file, err := filesystem.NewFileFromBytes(head, name)
	if err != nil {
		return nil, err
	}
	file.Size = int64(size)
	p.files = append(p.files, plannedFile{key, field, file, known})
	return file, nil
}

const maxSafeInteger = 1<<53 - 1

// answer ends a request for uploads when the collection's rule has passed: hooks and the record's validation follow with the request that
// it precedes.
func (u uploads) answer(e *core.RecordRequestEvent) error {
	p := planOf(e.Request)
	if p == nil {
		return e.Next()
	}
	if len(p.files) == 0 {
		return e.BadRequestError(`No file is described. Send {"name", "size"} in the place of each file.`, nil)
	}
	if problems := p.validate(e); len(problems) > 0 {
		return e.BadRequestError("The files cannot be uploaded.", problems)
	}
	begun := map[string][]json.RawMessage{}
	for _, planned := range p.files {
		upload, err := u.begin(e, planned.file)
		var hostError *host.Error
		switch {
		case errors.As(err, &hostError) && hostError.Name == "DirectError":
			return e.Error(http.StatusServiceUnavailable, "Direct uploads do not work: the credentials are wrong. The Worker's log says how.", err)
		case err != nil:
			return e.InternalServerError("The upload could not be prepared.", err)
		}
		begun[planned.key] = append(begun[planned.key], upload)
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(http.StatusOK, map[string]any{"uploads": begun})
}

// validate has the fields look at the files: their number, sizes and, as far as their first bytes are known, types.
func (p *plan) validate(e *core.RecordRequestEvent) validation.Errors {
	problems := validation.Errors{}
	fields := map[*core.FileField]bool{} // whether the types are known
	for _, planned := range p.files {
		if !slices.Contains(e.Record.GetUnsavedFiles(planned.field.Name), planned.file) {
			problems[planned.field.Name] = validation.NewError(codeInvalidUpload, "The field would not take this file.")
		}
		known, seen := fields[planned.field]
		fields[planned.field] = planned.known && (known || !seen)
	}
	for field, typesKnown := range fields {
		looking := *field
		if !typesKnown {
			looking.MimeTypes = nil
		}
		if err := looking.ValidateValue(e.Request.Context(), e.App, e.Record); err != nil && problems[field.Name] == nil {
			problems[field.Name] = err
		}
	}
	return problems
}

// begin begins an upload.
//
//	request  string path of the bucket, string owner, string name, f64 size
//	reply    JSON for the client
func (u uploads) begin(e *core.RecordRequestEvent, file *filesystem.File) (json.RawMessage, error) {
	request, err := uploadRequest(e.RequestEvent)
	if err != nil {
		return nil, err
	}
	request = wire.AppendString(request, file.OriginalName)
	request = wire.AppendF64(request, float64(file.Size))
	return u.direct.Call(e.Request.Context(), host.OpUpload, request)
}
