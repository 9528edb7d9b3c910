//go:build !js

package main

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1/d1test"
)

// run prints the transcripts of all cases as JSON.
func run() error {
	var all []transcript
	for _, c := range cases() {
		text, err := onSQLite(c)
		if err != nil {
			return err
		}
		all = append(all, transcript{c.Name, text})
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

func onSQLite(c d1test.Case) (string, error) {
	directory, err := os.MkdirTemp("", "d1suite")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(directory)
	db, err := core.DefaultDBConnect(filepath.Join(directory, "data.db"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	return c.Transcript(db.DB()), nil
}
