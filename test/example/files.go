package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/filesystem/blob"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// bindFileRoutes has the routes that use PocketBase's file systems from Go.
func bindFileRoutes(g *group) {
	g.POST("/files/{system}", func(e *core.RequestEvent) error {
		var steps []fileStep
		if err := e.BindBody(&steps); err != nil {
			return e.BadRequestError("", err)
		}
		return withFiles(e, func(files *filesystem.System) error {
			results := make([]map[string]any, len(steps))
			for i, step := range steps {
				results[i] = step.run(e.App, files)
			}
			return e.JSON(http.StatusOK, results)
		})
	})
	g.GET("/files/{system}/serve/{key...}", func(e *core.RequestEvent) error {
		return withFiles(e, func(files *filesystem.System) error {
			if err := files.Serve(e.Response, e.Request, e.Request.PathValue("key"), "served name.txt"); err != nil {
				return e.NotFoundError(tell(e.App, err), nil)
			}
			return nil
		})
	})
}

// afterUpload is past PocketBase's own handler (priority 99), which stores a record's files.
const afterUpload = 200

// bindRefusals refuses records by their titles: before their files are stored, and after it. What is downloaded with the query's rewrite is
// that content from then on.
func bindRefusals(app core.App) {
	app.OnRecordCreateRequest("documents").BindFunc(func(e *core.RecordRequestEvent) error {
		if e.Record.GetString("title") == "refused before" {
			return e.ForbiddenError("Refused by a hook.", nil)
		}
		return e.Next()
	})
	app.OnFileDownloadRequest("documents").BindFunc(func(e *core.FileDownloadRequestEvent) error {
		if content := e.Request.URL.Query().Get("rewrite"); content != "" {
			files, err := e.App.NewFilesystem()
			if err != nil {
				return err
			}
			defer files.Close()
			if err := files.Upload([]byte(content), e.ServedPath); err != nil {
				return err
			}
		}
		return e.Next()
	})
	refuse := &hook.Handler[*core.RecordEvent]{
		Priority: afterUpload,
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetString("title") == "refused after" {
				return errors.New("refused by a hook")
			}
			return e.Next()
		},
	}
	app.OnRecordCreateExecute("documents").Bind(refuse)
	app.OnRecordUpdateExecute("documents").Bind(refuse)
}

// withFiles opens the file system that the path names: "storage" or "backups".
func withFiles(e *core.RequestEvent, run func(*filesystem.System) error) error {
	open := e.App.NewFilesystem
	if e.Request.PathValue("system") == "backups" {
		open = e.App.NewBackupsFilesystem
	}
	files, err := open()
	if err != nil {
		return err
	}
	defer files.Close()
	return run(files)
}

// fileStep is one operation of a file system.
type fileStep struct {
	Do      string `json:"do"`
	Key     string `json:"key"`
	To      string `json:"to"`
	Name    string `json:"name"`    // of a file that is uploaded
	Content string `json:"content"` // what is written
	Bytes   []byte `json:"bytes"`   // or these
	Size    int    `json:"size"`    // or so many
	Count   int    `json:"count"`
	Keep    bool   `json:"keep"` // the name of a file that is uploaded again
	Offset  int64  `json:"offset"`

	Options *blob.WriterOptions `json:"options"`
}

func (s *fileStep) run(app core.App, files *filesystem.System) map[string]any {
	value, err := s.try(files)
	result := map[string]any{"do": s.Do, "key": s.Key, "value": value}
	if err != nil {
		result["error"] = tell(app, err)
		result["missing"] = errors.Is(err, filesystem.ErrNotFound)
	}
	return result
}

// tell is an error's text without what differs from one place to the next.
func tell(app core.App, err error) string {
	text := strings.ReplaceAll(err.Error(), app.DataDir(), "<data>")
	return text
}

// try returns a panic as an error: the local driver does so for keys that lead out of its directory.
func (s *fileStep) try(files *filesystem.System) (value any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			value, err = nil, fmt.Errorf("panic: %v", cause)
		}
	}()
	return s.do(files)
}

func (s *fileStep) do(files *filesystem.System) (any, error) {
	switch s.Do {
	case "exists":
		return files.Exists(s.Key)
	case "attributes":
		return s.attributes(files)
	case "read":
		return s.read(files)
	case "upload":
		return nil, files.Upload(s.content(), s.Key)
	case "upload many":
		for i := range s.Count {
			if err := files.Upload(s.content(), fmt.Sprintf("%s%05d", s.Key, i)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case "upload file":
		file, err := filesystem.NewFileFromBytes(s.content(), s.Name)
		if err != nil {
			return nil, err
		}
		return file.Size, files.UploadFile(file, s.Key)
	case "upload again":
		return s.uploadAgain(files)
	case "upload form":
		header, err := s.form()
		if err != nil {
			return nil, err
		}
		return header.Size, files.UploadMultipart(header, s.Key)
	case "write":
		return s.write(files)
	case "copy":
		began := time.Now()
		err := files.Copy(s.Key, s.To)
		return map[string]any{"milliseconds": time.Since(began).Milliseconds(), "memory": memory()}, err
	case "rewrite":
		return s.rewrite(files)
	case "delete":
		return nil, files.Delete(s.Key)
	case "delete prefix":
		failed := files.DeletePrefix(s.Key)
		return len(failed), errors.Join(failed...)
	case "list":
		return s.list(files)
	case "is empty":
		return files.IsEmptyDir(s.Key), nil
	case "thumb":
		return nil, files.CreateThumb(s.Key, s.To, s.Name)
	}
	return nil, errors.New("no such step")
}

// memory is what Go has of the system, in megabytes.
func memory() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys >> 20
}

func (s *fileStep) content() []byte {
	if s.Size == 0 {
		return append([]byte(s.Content), s.Bytes...)
	}
	content := make([]byte, s.Size)
	for i := range content {
		content[i] = byte(i*7 + i>>8)
	}
	return content
}

func (s *fileStep) attributes(files *filesystem.System) (any, error) {
	a, err := files.Attributes(s.Key)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"cacheControl": a.CacheControl, "contentDisposition": a.ContentDisposition, "contentEncoding": a.ContentEncoding,
		"contentLanguage": a.ContentLanguage, "contentType": a.ContentType, "metadata": a.Metadata, "size": a.Size, "md5": a.MD5,
		"recent": isRecent(a.ModTime), "created": a.CreateTime.IsZero(), "etag": a.ETag != "",
	}, nil
}

// isRecent is for times of this run, which a slow machine makes long; one of another zone or in another unit is farther away.
func isRecent(t time.Time) bool { return time.Since(t).Abs() < 10*time.Minute }

func (s *fileStep) read(files *filesystem.System) (any, error) {
	r, err := files.GetReader(s.Key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if _, err := r.Seek(s.Offset, io.SeekStart); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	shown := string(content[:min(len(content), 100)])
	return map[string]any{"type": r.ContentType(), "size": r.Size(), "recent": isRecent(r.ModTime()), "length": len(content), "content": shown}, r.Close()
}

func (s *fileStep) uploadAgain(files *filesystem.System) (any, error) {
	file, err := files.GetReuploadableFile(s.Key, s.Keep)
	if err != nil {
		return nil, err
	}
	name := file.Name
	if !s.Keep {
		name = name[:max(len(name)-15, 0)] // without what is random
	}
	return map[string]any{"name": name, "original": file.OriginalName, "size": file.Size}, files.UploadFile(file, s.To)
}

func (s *fileStep) form() (*multipart.FileHeader, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", s.Name)
	if err != nil {
		return nil, err
	}
	_, _ = part.Write(s.content())
	_ = form.Close()
	read, err := multipart.NewReader(&body, form.Boundary()).ReadForm(1 << 10)
	if err != nil {
		return nil, err
	}
	return read.File["file"][0], nil
}

// write writes in pieces.
func (s *fileStep) write(files *filesystem.System) (any, error) {
	w, err := files.NewWriter(s.Key, s.Options)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(w, bytes.NewReader(s.content()))
	return n, errors.Join(err, w.Close())
}

// rewrite copies by reading and writing: with the byte at the offset changed if that is not negative, and the content appended. When the first
// piece was read the file is replaced by the name, if there is one.
func (s *fileStep) rewrite(files *filesystem.System) (any, error) {
	r, err := files.GetReader(s.Key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	w, err := files.NewWriter(s.To, &blob.WriterOptions{ContentType: "text/plain"})
	if err != nil {
		return nil, err
	}
	buffer := make([]byte, max(s.Count, 1))
	for at := int64(0); ; {
		n, err := r.Read(buffer)
		if i := s.Offset - at; i >= 0 && i < int64(n) {
			buffer[i]++
		}
		if at == 0 && s.Name != "" {
			if err := files.Upload([]byte(s.Name), s.Key); err != nil {
				return nil, errors.Join(err, w.Close())
			}
		}
		at += int64(n)
		if _, err := w.Write(buffer[:n]); err != nil {
			return at, errors.Join(err, w.Close())
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return at, errors.Join(err, w.Close())
		}
	}
	_, err = io.WriteString(w, s.Content)
	return nil, errors.Join(err, w.Close())
}

func (s *fileStep) list(files *filesystem.System) (any, error) {
	objects, err := files.List(s.Key)
	if err != nil {
		return nil, err
	}
	listed := make([]map[string]any, 0, 20)
	recent := true
	for i, o := range objects {
		recent = recent && isRecent(o.ModTime)
		if i < 10 || i >= len(objects)-10 {
			listed = append(listed, map[string]any{"key": o.Key, "size": o.Size, "directory": o.IsDir, "md5": o.MD5})
		}
	}
	return map[string]any{"count": len(objects), "objects": listed, "recent": recent}, nil
}
