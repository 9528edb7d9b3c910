package main

import (
	"log"

	"github.com/pocketbase/pocketbase"

	"pocketflare/internal/worker"
)

func main() {
	app := pocketbase.New()

	// Hooks, routes, middleware and migrations go here, as in any PocketBase app.

	if err := worker.Start(app); err != nil {
		log.Fatal(err)
	}
}
