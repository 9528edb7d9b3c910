//go:build js && wasm

// Command alone is PocketBase in WebAssembly with nothing around it that a request would pay for: its handler is called in a loop, answers
// of D1 come from memory, and writes go nowhere. Of this project there is only what makes PocketBase's own work less (internal/recordlist,
// and internal/logs for the entries of the request logs) and the driver. What a request takes here no adapter can save.
//
// POST /?n=1000&method=GET&path=/api/health answers with the microseconds of one request. alone.mjs is the other side.
package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"

	"pocketflare/internal/d1"
	"pocketflare/internal/host"
	"pocketflare/internal/httpbridge"
	"pocketflare/internal/logs"
	"pocketflare/internal/recordlist"
)

// posts is how many records a list shows.
const posts = 30

func main() {
	if err := run(); err != nil {
		host.Fail(err)
		log.Fatal(err)
	}
}

func run() error {
	if err := host.AwaitEvent(); err != nil {
		return err
	}
	memory := newMemory(d1.HostBinding("APP_DB"))
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: "/pb_data", DBConnect: func(path string) (*dbx.DB, error) {
		binding, options := memory, d1.Options{}
		if strings.HasSuffix(path, "auxiliary.db") {
			binding = newMemory(d1.HostBinding("LOGS_DB"))
			binding.on = true // the logs' writes go nowhere from the start
			options.DeferErrors = func(string) bool { return true }
		}
		return dbx.NewFromDB(sql.OpenDB(d1.Open(binding, options)), "sqlite"), nil
	}})
	recordlist.Bind(app)
	logs.New(app, host.Sleep)
	if err := app.Bootstrap(); err != nil {
		return err
	}
	if err := app.RunAllMigrations(); err != nil {
		return err
	}
	last, err := seed(app)
	if err != nil {
		return err
	}
	router, err := apis.NewRouter(app)
	if err != nil {
		return err
	}
	handler, err := router.BuildMux()
	if err != nil {
		return err
	}
	debug.SetGCPercent(200) // both as the Worker has them
	debug.SetMemoryLimit(64 << 20)
	memory.on = true
	host.Serve(func(scope *host.Scope, packet []byte) {
		httpbridge.Serve(httpbridge.Memoryless{Scope: scope}, packet, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			measure(w, r, handler, last)
		}))
	})
	return nil
}

// seed makes what the measured requests ask for, and gives the id of a post.
func seed(app core.App) (string, error) {
	collection := core.NewBaseCollection("posts")
	collection.ListRule, collection.ViewRule, collection.CreateRule = types.Pointer(""), types.Pointer(""), types.Pointer("")
	collection.Fields.Add(
		&core.TextField{Name: "title", Required: true}, &core.TextField{Name: "body"},
		&core.NumberField{Name: "n"}, &core.BoolField{Name: "active"},
		&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	if err := app.Save(collection); err != nil {
		return "", err
	}
	var id string
	for n := range posts {
		record := core.NewRecord(collection)
		record.Load(map[string]any{"title": fmt.Sprintf("Post number %d", n), "body": strings.Repeat("The quick brown fox. ", 11), "n": n, "active": n%2 == 0})
		if err := app.Save(record); err != nil {
			return "", err
		}
		id = record.Id
	}
	return id, nil
}

// measure calls the handler as often as it is asked to, and tells how long one call took. {id} in the path is a post's.
func measure(w http.ResponseWriter, r *http.Request, handler http.Handler, id string) {
	query := r.URL.Query()
	n, err := strconv.Atoi(query.Get("n"))
	body, readErr := io.ReadAll(r.Body)
	if err != nil || readErr != nil || n < 1 {
		http.Error(w, "n is the number of requests, the body that of each", http.StatusBadRequest)
		return
	}
	path := strings.ReplaceAll(query.Get("path"), "{id}", id)
	start := time.Now()
	for range n {
		request := httptest.NewRequest(query.Get("method"), path, bytes.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		runtime.Gosched() // to the goroutines of the request's log entry
		if answer.Code != http.StatusOK {
			http.Error(w, answer.Body.String(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprintf(w, "%.1f", float64(time.Since(start).Microseconds())/float64(n))
}
