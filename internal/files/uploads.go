package files

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

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
	var known *router.ApiError
	switch {
	case errors.As(err, &known):
		return known
	case err != nil: // as PocketBase, which would take a form that has failed once for an empty one
		return e.BadRequestError("", err)
	}
	problems := validation.Errors{}
	for _, field := range collection.Fields {
		field, ok := field.(*core.FileField)
		if !ok {
			continue
		}
		for _, key := range []string{field.Name, "+" + field.Name, field.Name + "+"} {
			err := u.resolveKey(e, info, p, field, key)
			var invalid validation.Error
			switch {
			case errors.As(err, &invalid):
				problems[key] = invalid
			case err != nil:
				return e.InternalServerError("The upload could not be looked at.", err)
			}
		}
	}
	if len(problems) > 0 {
		return e.BadRequestError("An upload cannot be used.", problems)
	}
	return e.Next()
}

// resolveKey puts files in the place of a key's value: those that a plan describes, or those that tokens claim.
func (u uploads) resolveKey(e *core.RequestEvent, info *core.RequestInfo, p *plan, field *core.FileField, key string) error {
	value, found := info.Body[key]
	if !found {
		return nil
	}
	replace := func(item any) (any, error) { return u.claim(e, item) }
	if p != nil {
		replace = func(item any) (any, error) { return p.add(key, field, item) }
	}
	replaced, err := replaceEach(value, replace)
	if err == nil && hasFile(replaced) {
		info.Body[key] = withForm(e, key, replaced)
	}
	return err
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
