// Command d1suite runs the suite of the D1 driver (internal/d1/d1test): built natively on SQLite, through the driver of
// stock PocketBase, and as a Worker on the D1 binding APP_DB. What each writes down must be the same.
package main

import "log"

// transcript is what a case wrote down.
type transcript struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
