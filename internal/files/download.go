package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"pocketflare/internal/httpbridge"
	"pocketflare/internal/wire"
)

// Open asks for an object by its path on the disk. The request is the path, u8 1 if its bytes are wanted too, and the Range header;
// the reply is empty where there is none, else f64 its size, f64 its time in milliseconds, its ETag and its type.
type Open func(ctx context.Context, request []byte) (reply []byte, err error)

func bindDownloads(app core.App, open Open, direct Direct) {
	app.OnFileDownloadRequest().Bind(&hook.Handler[*core.FileDownloadRequestEvent]{
		Id:       hookID,
		Priority: afterApp,
		Func: func(e *core.FileDownloadRequestEvent) error {
			if e.App.IsTransactional() {
				return e.Next() // its answer waits for the commit
			}
			if err := serve(e, open, direct); err != nil {
				return e.NotFoundError("", err)
			}
			return nil
		},
	})
}

// serve answers as filesystem.System.Serve does, and adds an ETag. Its bytes do not enter Go.
func serve(e *core.FileDownloadRequestEvent, open Open, direct Direct) error {
	path, err := filepath.Abs(filepath.Join(e.App.DataDir(), core.LocalStorageDirName, e.ServedPath))
	if err != nil {
		return err
	}
	object, err := openObject(e.Request, open, path)
	if err != nil {
		return err
	}
	defer object.Close()

	header := e.Response.Header()
	mayLink := object.size >= direct.min && direct.mayLink(e.Request, header)
	setMissing(header, "Content-Disposition", disposition(e.Request, object.contentType)+"; filename="+strconv.Quote(e.ServedName))
	setMissing(header, "Content-Type", typeByExtension(e.ServedPath, object.contentType))
	setMissing(header, "Content-Security-Policy", "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox")
	setMissing(header, "Cache-Control", "max-age=2592000, stale-while-revalidate=86400")
	setMissing(header, "Etag", object.etag)
	if mayLink && direct.redirect(e, object) {
		return nil
	}
	object.servedType = header.Get("Content-Type")
	http.ServeContent(rangeWriter{e.Response, e.Request, object}, e.Request, e.ServedName, object.modified, object)
	return nil
}

func setMissing(header http.Header, name, value string) {
	if _, ok := header[name]; !ok {
		header.Set(name, value)
	}
}

// inlineTypes are shown by browsers; others are downloaded. The list is PocketBase's.
var inlineTypes = []string{
	"image/png", "image/jpg", "image/jpeg", "image/gif", "image/webp", "image/x-icon", "image/bmp",
	"video/webm", "video/mp4", "video/3gpp", "video/quicktime", "video/x-ms-wmv",
	"audio/basic", "audio/aiff", "audio/mpeg", "audio/midi", "audio/mp3", "audio/wave",
	"audio/wav", "audio/x-wav", "audio/x-mpeg", "audio/x-m4a", "audio/aac",
	"application/pdf", "application/x-pdf",
}

func disposition(r *http.Request, contentType string) string {
	forced, _ := strconv.ParseBool(r.URL.Query().Get("download"))
	if !forced && slices.Contains(inlineTypes, contentType) {
		return "inline"
	}
	return "attachment"
}

// extensionTypes are what PocketBase sends for files whose bytes do not tell their type.
var extensionTypes = map[string]string{
	".svg":  "image/svg+xml",
	".css":  "text/css",
	".js":   "text/javascript",
	".mjs":  "text/javascript",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}

func typeByExtension(key, contentType string) string {
	if known, ok := extensionTypes[filepath.Ext(key)]; ok {
		return known
	}
	return contentType
}

// object is an object that is to be served. It implements httpbridge.Object: its bytes need not be read here.
type object struct {
	path        string
	size        int64
	modified    time.Time
	etag        string
	contentType string
	servedType  string // what the response tells

	position int64
	file     *os.File // once it is read
}

func openObject(r *http.Request, open Open, path string) (*object, error) {
	request := wire.AppendString(nil, path)
	request = append(request, wanted(r))
	request = wire.AppendString(request, r.Header.Get("Range"))
	reply, err := open(r.Context(), request)
	switch {
	case err != nil:
		return nil, fmt.Errorf("failed to open %s: %w", path, err)
	case len(reply) == 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	in := wire.NewReader(reply)
	o := &object{path: path, size: int64(in.F64()), modified: time.UnixMilli(int64(in.F64())), etag: in.String(), contentType: in.String()}
	return o, in.Err
}

// wanted is 1 where the request will most likely be answered with the object's bytes.
func wanted(r *http.Request) byte {
	if r.Method == http.MethodHead || r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
		return 0
	}
	return 1
}

// Lend implements httpbridge.Object.
func (o *object) Lend(length int64) ([]httpbridge.Segment, bool) {
	return []httpbridge.Segment{{Offset: o.position, Length: length}}, o.file == nil
}

// Read implements io.Reader, for what takes the bytes after all.
func (o *object) Read(p []byte) (int, error) {
	if o.file == nil {
		file, err := os.Open(o.path)
		if err != nil {
			return 0, err
		}
		o.file = file
	}
	n, err := o.file.ReadAt(p[:min(int64(len(p)), max(o.size-o.position, 0))], o.position)
	o.position += int64(n)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Seek implements io.Seeker.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.position
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return 0, errors.New("files: seek before the start")
	}
	o.position = offset
	return offset, nil
}

// Close implements io.Closer.
func (o *object) Close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}
