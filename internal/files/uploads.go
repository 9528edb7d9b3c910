package files

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// A direct upload has three steps:
//
//  1. The client sends what it is going to send to a route of records to the same path below uploadsPath, with a description in the place
//     of each file: {"name", "size", "head"}, the last being the file's first bytes in base64. PocketBase handles this as it would the
//     request itself, up to the collection's rule. Then the file fields look at the files, and the answer has a token and signed URLs for
//     each: {"uploads": {"<key>": [{"token", "expires", "parts": [{"size", "url"}]}]}}.
//  2. The client sends the files' parts to the URLs.
//  3. The client sends the request with the tokens in the places of the files. PocketBase sees the files of a form.

const (
	uploadsPath = "/api/pocketflare/uploads"

	tokenPrefix = "pocketflare_upload_"

	createPattern = "POST /api/collections/{collection}/records"
	updatePattern = "PATCH /api/collections/{collection}/records/{id}"

	codeInvalidUpload = "validation_invalid_upload"
)

func bindUploads(app core.App, direct Direct) {
	u := uploads{direct}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: hookID + "Uploads",
		Func: func(e *core.ServeEvent) error {
			e.Router.Any(uploadsPath, u.unknown) // net/http would redirect it, and browsers' preflights with it
			e.Router.Any(uploadsPath+"/{path...}", u.unknown)
			e.Router.DELETE(uploadsPath, u.abort)
			if !direct.on {
				return e.Next()
			}
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: hookID + "Uploads", Priority: afterApp + 1, Func: u.resolve})
			if err := e.Next(); err != nil {
				return err
			}
			e.Server.Handler = planUploads(e.Server.Handler)
			return nil
		},
	})
	if !direct.on {
		return
	}
	answer := &hook.Handler[*core.RecordRequestEvent]{Id: hookID + "Uploads", Priority: beforeApp, Func: u.answer}
	app.OnRecordCreateRequest().Bind(answer)
	app.OnRecordUpdateRequest().Bind(answer)
	app.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{Id: hookID + "Uploads", Priority: beforeApp, Func: refuseTokens})
}

// refuseTokens refuses uploads in a batch: PocketBase would read all of a file into memory.
func refuseTokens(e *core.BatchRequestEvent) error {
	for _, request := range e.Batch {
		for _, value := range request.Body {
			if _, err := replaceEach(value, refuseToken); err != nil {
				return e.BadRequestError("A direct upload cannot be used in a batch. Send its record's request by itself.", nil)
			}
		}
	}
	return e.Next()
}

func refuseToken(value any) (any, error) {
	if isToken(value) {
		return nil, errors.New("a token")
	}
	return value, nil
}

func isToken(value any) bool {
	text, ok := value.(string)
	return ok && strings.HasPrefix(text, tokenPrefix)
}

// uploads are the direct uploads of an app.
type uploads struct{ direct Direct }

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

// unknown answers a request that is not for uploads to records, or all of them where there are none.
func (u uploads) unknown(e *core.RequestEvent) error {
	if !u.direct.on {
		return u.direct.off()
	}
	return e.NotFoundError("Ask for uploads by POST "+uploadsPath+"/collections/<collection>/records, or by PATCH with the record's id.", nil)
}

// resolve puts files in the places of what stands for them in the body of a request for a record.
func (u uploads) resolve(e *core.RequestEvent) error {
	p := planOf(e.Request)
	if p != nil {
		defer func() { e.Request.URL = p.url }() // it is logged
	}
	if e.Request.Pattern != createPattern && e.Request.Pattern != updatePattern {
		return e.Next()
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil {
		return e.Next()
	}
	info, err := e.RequestInfo()
	if err != nil {
		return e.Next() // PocketBase meets the same error
	}
	problems := validation.Errors{}
	for _, field := range collection.Fields {
		field, ok := field.(*core.FileField)
		if !ok {
			continue
		}
		for _, key := range []string{field.Name, "+" + field.Name, field.Name + "+"} {
			value, found := info.Body[key]
			if !found {
				continue
			}
			replace := func(item any) (any, error) { return u.claim(e, item) }
			if p != nil {
				replace = func(item any) (any, error) { return p.add(key, field, item) }
			}
			replaced, err := replaceEach(value, replace)
			var invalid validation.Error
			switch {
			case errors.As(err, &invalid):
				problems[key] = invalid
			case err != nil:
				return e.InternalServerError("The upload could not be looked at.", err)
			case hasFile(replaced):
				info.Body[key] = withForm(e, key, replaced)
			}
		}
	}
	if len(problems) > 0 {
		return e.BadRequestError("An upload cannot be used.", problems)
	}
	return e.Next()
}

// replaceEach replaces a value, or each of several.
func replaceEach(value any, replace func(any) (any, error)) ([]any, error) {
	var items []any
	switch value := value.(type) {
	case []any:
		items = value
	case []string:
		for _, item := range value {
			items = append(items, item)
		}
	default:
		items = []any{value}
	}
	replaced := make([]any, len(items))
	for i, item := range items {
		var err error
		if replaced[i], err = replace(item); err != nil {
			return nil, err
		}
	}
	return replaced, nil
}

func hasFile(values []any) bool {
	return slices.ContainsFunc(values, func(value any) bool { _, ok := value.(*filesystem.File); return ok })
}

// withForm adds the files of the request's form, which PocketBase would put in the places of those that are there already.
func withForm(e *core.RequestEvent, key string, values []any) []any {
	form := e.Request.MultipartForm
	if form == nil || len(form.File[key]) == 0 {
		return values
	}
	files, err := e.FindUploadedFiles(key)
	if err != nil {
		return values // PocketBase meets the same error
	}
	delete(form.File, key)
	for _, file := range files {
		values = append(values, file)
	}
	return values
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
		if known, seen := fields[planned.field]; !seen || known {
			fields[planned.field] = planned.known
		}
	}
	for field := range maps.Keys(fields) {
		looking := *field
		if !fields[field] {
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

// uploadRequest begins with the place of the bucket and the owner.
func uploadRequest(e *core.RequestEvent) ([]byte, error) {
	path, err := filepath.Abs(filepath.Join(e.App.DataDir(), core.LocalStorageDirName))
	return wire.AppendString(wire.AppendString(nil, path), ownerOf(e.Auth)), err
}

// claim gives the file in the place of an upload's token. What is no token stays.
//
//	request  string path of the bucket, string owner, string token
//	reply    string path of the file, string name, f64 size
func (u uploads) claim(e *core.RequestEvent, value any) (any, error) {
	if !isToken(value) {
		return value, nil
	}
	request, err := uploadRequest(e)
	if err != nil {
		return nil, err
	}
	reply, err := u.direct.Call(e.Request.Context(), host.OpClaim, wire.AppendString(request, value.(string)))
	if err != nil {
		return nil, uploadError(err)
	}
	in := wire.NewReader(reply)
	path, name, size := in.String(), in.String(), int64(in.F64())
	if in.Err != nil {
		return nil, in.Err
	}
	return uploadedFile(path, name, size)
}

// uploadError is what a client is told of a token that cannot be used.
func uploadError(err error) error {
	var hostError *host.Error
	if errors.As(err, &hostError) && hostError.Name == "UploadError" {
		return validation.NewError(codeInvalidUpload, hostError.Message)
	}
	return err
}

// headSize is how much of a file tells its type.
const headSize = 3072

func uploadedFile(path, name string, size int64) (*filesystem.File, error) {
	reader := uploadReader(path)
	content, err := reader.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	head := make([]byte, min(size, headSize))
	if _, err := io.ReadFull(content, head); err != nil {
		return nil, err
	}
	file, err := filesystem.NewFileFromBytes(head, name) // a name without an extension gets that of its type
	if err != nil {
		return nil, err
	}
	file.Reader, file.Size = reader, size
	return file, nil
}

// uploadReader opens an upload that has been claimed, by its path on the disk.
type uploadReader string

// Open implements filesystem.FileReader.
func (r uploadReader) Open() (io.ReadSeekCloser, error) {
	file, err := os.Open(string(r))
	if err != nil {
		return nil, err
	}
	reference, err := os.Readlink(string(r))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &formFile{File: file, reference: reference}, nil
}

// abort gives an upload up whose token is in the body: {"token"}.
//
//	request  string path of the bucket, string owner, string token
func (u uploads) abort(e *core.RequestEvent) error {
	if !u.direct.on {
		return u.direct.off()
	}
	var form struct {
		Token string `json:"token" form:"token"`
	}
	if err := e.BindBody(&form); err != nil || !isToken(form.Token) {
		return e.BadRequestError("The body has to be the token of an upload: {\"token\": …}.", err)
	}
	request, err := uploadRequest(e)
	if err != nil {
		return err
	}
	if _, err := u.direct.Call(e.Request.Context(), host.OpAbort, wire.AppendString(request, form.Token)); err != nil {
		var invalid validation.Error
		if err = uploadError(err); errors.As(err, &invalid) {
			return e.BadRequestError("The upload cannot be given up.", validation.Errors{"token": invalid})
		}
		return e.InternalServerError("The upload could not be given up.", err)
	}
	return e.NoContent(http.StatusNoContent)
}
