package main

import (
	"embed"
	"io/fs"
	"os"

	"github.com/pocketbase/pocketbase/core"
)

//go:embed ui
var extensionFiles embed.FS

// bindUIExtension registers an extension of the admin UI, when EXAMPLE_UI_EXTENSION asks for it.
func bindUIExtension(e *core.ServeEvent) {
	if os.Getenv("EXAMPLE_UI_EXTENSION") == "" {
		return
	}
	files, err := fs.Sub(extensionFiles, "ui")
	if err != nil {
		panic(err)
	}
	e.UIExtensions = append(e.UIExtensions, core.UIExtension{Name: "example", FS: files})
}
