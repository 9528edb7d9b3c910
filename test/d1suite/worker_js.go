//go:build js && wasm

package main

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"strconv"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/d1test"
	"pocketflare/internal/host"
	"pocketflare/internal/httpbridge"
)

// run answers GET /<n> with the transcript of case n, and with 404 past the last. ?mode=<m> chooses a mode of transactions.
func run() error {
	db := sql.OpenDB(d1.Open(d1.HostBinding("APP_DB"), d1.Options{TokenWrites: true}))
	all := cases()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil || n < 0 || n >= len(all) {
			http.NotFound(w, r)
			return
		}
		mode, err := strconv.Atoi(r.URL.Query().Get("mode"))
		if err != nil || mode < 0 || mode >= len(d1test.Modes) {
			http.NotFound(w, r)
			return
		}
		text, err := d1test.Modes[mode].Transcript(all[n], d1.HostScratch(), func(options d1.Options) (*sql.DB, error) {
			return sql.OpenDB(d1.Open(d1.HostBinding("APP_DB"), options)), d1test.Empty(r.Context(), db)
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := json.NewEncoder(w).Encode(transcript{all[n].Name, text}); err != nil {
			panic(http.ErrAbortHandler)
		}
	})
	if err := host.AwaitEvent(); err != nil {
		return err
	}
	host.Serve(func(scope *host.Scope, packet []byte) {
		httpbridge.Serve(httpbridge.Memoryless{Scope: scope}, packet, handler)
	})
	return nil
}
