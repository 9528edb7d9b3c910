package files

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/filesystem/blob"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"pocketflare/internal/httpbridge"
)

// formMemory is how many bytes of a form's files stay in Go's memory; PocketBase's own 16 MB would double while they are read.
const formMemory = 256 << 10

// beforeUpload precedes PocketBase's own handler (priority 99), which stores the files.
const beforeUpload = 98

func bindForms(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: hookID,
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: hookID, Priority: afterApp, Func: parseForm})
			return e.Next()
		},
	})
	refer := &hook.Handler[*core.RecordEvent]{Id: hookID, Priority: beforeUpload, Func: referToForms}
	app.OnRecordCreateExecute().Bind(refer)
	app.OnRecordUpdateExecute().Bind(refer)
}

// parseForm reads the form of a request to one of PocketBase's own routes, before PocketBase does it with more memory, and removes what
// the form has put on the disk when it has been handled.
func parseForm(e *core.RequestEvent) error {
	if !takesForm(e.Request) || e.Request.MultipartForm != nil {
		return e.Next()
	}
	if err := e.Request.ParseMultipartForm(formMemory); err != nil {
		var known *router.ApiError
		if errors.As(err, &known) {
			return known
		}
		// PocketBase meets the same error, and tells it in the words of the route. What is left of the form would pass for a whole one.
		e.Request.Body = brokenBody{e.Request.Body, err}
		return e.Next()
	}
	// The response need not wait for it.
	defer func(form *multipart.Form) { go form.RemoveAll() }(e.Request.MultipartForm)
	if err := httpbridge.CheckForm(e.Request.Form); err != nil {
		return e.BadRequestError(err.Error()+".", nil)
	}
	return e.Next()
}

// brokenBody is the body of a form that could not be read.
type brokenBody struct {
	io.Closer
	err error
}

// Read implements io.Reader.
func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

func takesForm(r *http.Request) bool {
	path := r.URL.Path
	return (r.Method == http.MethodPost || r.Method == http.MethodPatch || r.Method == http.MethodPut) &&
		strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") &&
		(path == "/api/batch" || path == "/api/backups/upload" || strings.HasPrefix(path, "/api/collections/"))
}

// referToForms has files of forms that are on the disk stored by reference.
func referToForms(e *core.RecordEvent) error {
	for _, field := range e.Record.Collection().Fields {
		if field.Type() != core.FieldTypeFile {
			continue
		}
		for _, file := range e.Record.GetUnsavedFiles(field.GetName()) {
			if reader, ok := file.Reader.(*filesystem.MultipartReader); ok {
				file.Reader = formReader{reader}
			}
		}
	}
	return e.Next()
}

// formReader opens a part of a form.
type formReader struct{ *filesystem.MultipartReader }

// Open implements filesystem.FileReader.
func (r formReader) Open() (io.ReadSeekCloser, error) {
	part, err := r.MultipartReader.Open()
	if err != nil {
		return nil, err
	}
	file, ok := part.(*os.File)
	if !ok {
		return part, nil // it is in memory
	}
	reference, err := os.Readlink(file.Name())
	if err != nil {
		return part, nil // it is on a disk of another kind
	}
	return &formFile{File: file, reference: reference}, nil
}

// formFile is a file on the disk that a bucket can take its bytes from. Who copies it to a bucket writes a reference in its place, a secret
// of the disk's, which the disk follows: the bytes do not pass through Go.
type formFile struct {
	*os.File
	reference string
}

// WriteTo implements io.WriterTo.
func (f *formFile) WriteTo(w io.Writer) (int64, error) {
	if _, ok := w.(*blob.Writer); !ok {
		return f.File.WriteTo(w)
	}
	if at, err := f.File.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		return f.File.WriteTo(w)
	}
	n, err := io.WriteString(w, f.reference)
	return int64(n), err
}
