// Command d1suite runs the suite of the D1 driver (internal/d1/d1test): built natively on SQLite, through the driver of
// stock PocketBase, and as a Worker on the D1 binding APP_DB. What each writes down must be the same.
package main

import (
	"log"

	"pocketflare/internal/d1/d1test"
)

// randomCases is how many cases of random statements follow the suite.
const randomCases = 25

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

func cases() []d1test.Case {
	all := append(d1test.Cases(), d1test.SearchCases()...)
	for seed := range uint64(randomCases) {
		all = append(all, d1test.Random(seed))
	}
	return all
}
