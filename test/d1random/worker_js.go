//go:build js && wasm

package main

import (
	"database/sql"
	"encoding/json"
	"net/http"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/d1random"
	"pocketflare/internal/d1/d1test"
	"pocketflare/internal/host"
	"pocketflare/internal/httpbridge"
)

// run answers a program with what its steps said on an empty database.
func run() error {
	db := sql.OpenDB(d1.Open(d1.HostBinding("APP_DB"), d1.Options{}))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var program d1random.Program
		if err := json.NewDecoder(r.Body).Decode(&program); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := d1test.Empty(r.Context(), db); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if err := json.NewEncoder(w).Encode(said(d1random.Run(r.Context(), db, program))); err != nil {
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

// said keeps each outcome's bytes, which JSON's strings would not.
func said(outcomes []string) [][]byte {
	raw := make([][]byte, len(outcomes))
	for i, outcome := range outcomes {
		raw[i] = []byte(outcome)
	}
	return raw
}
