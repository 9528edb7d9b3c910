// Package files keeps PocketBase's files in R2: the buckets STORAGE and BACKUPS take the places of pb_data/storage and pb_data/backups.
//
// PocketBase uses its own local driver, over Go's os package, over a disk on which the buckets are mounted (disk.mjs). What the driver
// cannot know is done by hooks here:
//
//   - the parts of a form that are longer than a few hundred kilobytes go to the disk, not to Go's memory, and from there to their
//     keys without entering Go again (forms.go);
//   - a download is R2's stream: Go makes the head of the response and tells which bytes follow (download.go);
//   - with S3 credentials, clients upload to R2 and download from it themselves (direct.go, uploads.go, uploads_plan.go, links.go);
//   - S3 settings stay saved and are not used (settings.go).
package files

import (
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
)

const hookID = "pocketflareFiles"

// afterApp lets the app's own handlers, with their default priorities, have their say first; beforeApp is the opposite.
const (
	afterApp  = 999
	beforeApp = -999
)

// The bindings of the buckets.
const (
	storageBinding = "STORAGE"
	backupsBinding = "BACKUPS"
)

// Mount puts the buckets in the places of the app's directories: from then on what is there is in R2. The keys are PocketBase's own, after
// a prefix that may be empty.
func Mount(app core.App, prefix string) error {
	// Files that have no place yet are staged in the first.
	for _, bucket := range []struct{ directory, binding string }{{core.LocalStorageDirName, storageBinding}, {core.LocalBackupsDirName, backupsBinding}} {
		place, err := filepath.Abs(filepath.Join(app.DataDir(), bucket.directory))
		if err != nil {
			return err
		}
		if err := os.Symlink("r2:"+bucket.binding+"/"+prefix, place); err != nil {
			return err
		}
	}
	return nil
}

// Bind adds the hooks to an app whose buckets are mounted. It must be called before the app is bootstrapped. open runs
// host.OpFileOpen.
func Bind(app core.App, open Open, direct Direct) {
	bindForms(app)
	bindUploads(app, direct)
	bindDownloads(app, open, direct)
	bindSettings(app)
}
