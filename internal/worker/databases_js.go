//go:build js && wasm

package worker

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/host"
	"pocketflare/internal/watermark"
)

// The bindings of the two databases that PocketBase keeps as files.
const (
	dataBinding = "APP_DB"
	logsBinding = "LOGS_DB"

	logsFile = "auxiliary.db"
)

// deletesLogs tells PocketBase's removal of old log entries, whose result it ignores: each time it loads its settings, so at each boot.
func deletesLogs(sql string) bool {
	return strings.HasPrefix(sql, "DELETE FROM `_logs` WHERE `created` <= ")
}

// concernsLogs tells whether a statement is about PocketBase's own table in the logs' database, and not about a table of the app's there.
func concernsLogs(sql string) bool {
	return strings.HasPrefix(sql, "INSERT INTO `_logs` ") || logsTable.MatchString(sql)
}

var logsTable = regexp.MustCompile(`\b_logs\b`)

// databases are those of an app: what PocketBase keeps in two files.
type databases struct {
	data, logs driver.Connector
	caches     *watermark.Caches
	local      *d1.Local
	scratch    bool // the steps of transactions are answered in the isolate
}

// newDatabases gives the databases of an app. mayGuess tells whether a transaction may be answered by guesses, onConflict is called when one
// has lost a race.
func newDatabases(app core.App, mayGuess func() bool, onConflict func()) *databases {
	options := d1.Options{
		OnStored: host.NoteEffect,
		OnConflict: func() {
			onConflict()
			host.NoteConflict()
		},
		OnFault: func(err error) {
			host.NoteFault(errors.Is(err, d1.ErrUncertain))
			log.Printf("%s: %v", dataBinding, err)
		},
		OnTransaction: host.NoteTransaction,
		MaxStatements: countSetting(os.Getenv, "POCKETFLARE_D1_MAX_STATEMENTS", 0),
		TokenWrites:   switchSetting(os.Getenv, "POCKETFLARE_D1_WRITE_TOKENS", true),
		Sleep:         host.Sleep,
	}
	scratch := switchSetting(os.Getenv, "POCKETFLARE_D1_SCRATCH", true)
	if scratch {
		options.Scratch, options.ReadOften = d1.HostScratch(), []string{"_collections", core.DefaultMigrationsTable}
		options.Event = currentEvent
		options.MayGuess, options.Guessing, options.OnWrongGuess = mayGuess, host.Guessing, host.NoteGuess
	}
	binding := d1.NewLocal(d1.HostBinding(dataBinding), d1.HostScratch())
	options.Local = binding
	own := d1.Options{OnFault: options.OnFault, Sleep: options.Sleep}
	d := &databases{caches: watermark.New(app, binding, own, currentSession), local: binding, scratch: scratch}
	if switchSetting(os.Getenv, "POCKETFLARE_D1_SESSIONS", false) {
		d.caches.UseReplicas()
	}
	options.Caches = d.caches
	d.data = d1.Open(d.caches.Watch(), options)
	d.caches.OnCollections(func() { d1.ForgetColumns(d.data) })
	d.logs = d1.Open(d1.HostBinding(logsBinding), d1.Options{
		DeferErrors: concernsLogs,
		NoWait:      deletesLogs,
		OnFault: func(err error) {
			host.NoteLogsFault()
			log.Printf("%s: %v", logsBinding, err)
		},
		Sleep: host.Sleep,
	})
	return d
}

// size tells how many tables, indexes and so on the database has, and whether PocketBase has made its own.
func (d *databases) size() (objects int, migrated bool) {
	db := sql.OpenDB(d.data)
	defer db.Close()
	if db.QueryRow(sizeQuery).Scan(&objects, &migrated) != nil {
		return -1, true // PocketBase's own first question meets the error again
	}
	return objects, migrated
}

const sizeQuery = "SELECT count(*) AS objects, count(CASE name WHEN '_migrations' THEN 1 END) AS migrated FROM sqlite_master" +
	" WHERE name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*'"

// makeLocally makes the database of a first boot in the isolate and stores it by one batch, so that the boot's many steps cost no round trips.
// It reports whether that went well; if not, nothing is stored: another isolate was first, the steps do what is for D1 alone, or fail on their own.
func (d *databases) makeLocally(steps func() error) bool {
	ctx := context.Background()
	if err := d.local.Open(ctx); err != nil {
		return false // there is no memory for it
	}
	booting = d
	err := steps()
	booting = nil
	if err == nil {
		err = d.local.Store(ctx, d.data)
	}
	if err == nil {
		return true
	}
	if !errors.Is(err, d1.ErrConflict) {
		log.Printf("The database could not be made in one step, and is made step by step: %v", err)
	}
	d.local.Close()
	d1.ForgetColumns(d.data)
	return false
}

// booting is what a first boot makes in the isolate, while it does.
var booting *databases

// connect is the app's core.DBConnectFunc. PocketBase opens each file twice, for its two pools.
func (d *databases) connect(path string) (*dbx.DB, error) {
	if filepath.Base(path) == logsFile {
		return dbx.NewFromDB(sql.OpenDB(d.logs), "sqlite"), nil
	}
	return dbx.NewFromDB(sql.OpenDB(d.data), "sqlite"), nil
}
