package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// bindFileHooks reads the files of scans before they are saved.
func bindFileHooks(app core.App) {
	app.OnRecordCreate("scans").BindFunc(func(e *core.RecordEvent) error {
		for _, file := range e.Record.GetUnsavedFiles("one") {
			content, err := file.Reader.Open()
			if err != nil {
				return err
			}
			defer content.Close()
			beginning := make([]byte, 4)
			if _, err := io.ReadFull(content, beginning); err != nil {
				return err
			}
			if strings.EqualFold(string(beginning), "bad!") {
				return router.NewBadRequestError("A hook has refused the file.", nil)
			}
			if _, err := content.Seek(0, io.SeekStart); err != nil {
				return err
			}
			sum := sha256.New()
			size, err := io.Copy(sum, content)
			if err != nil {
				return err
			}
			e.Record.Set("title", fmt.Sprintf("%s %d %d %x", file.OriginalName, file.Size, size, sum.Sum(nil)))
		}
		return e.Next()
	})
	app.OnFileDownloadRequest("scans").BindFunc(func(e *core.FileDownloadRequestEvent) error {
		switch e.Request.URL.Query().Get("hook") {
		case "refuse":
			return e.ForbiddenError("A hook has refused the download.", nil)
		case "policy":
			e.Response.Header().Set("Content-Security-Policy", "default-src 'none'")
		case "type":
			e.Response.Header().Set("Content-Type", "text/x-hook")
		}
		return e.Next()
	})
}
