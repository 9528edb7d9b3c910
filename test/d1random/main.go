// Command d1random runs random programs of SQL (internal/d1/d1random): built as a Worker it runs what it is sent on the D1
// binding APP_DB; built natively it makes programs from seeds, sends each there, runs it on SQLite through the driver of stock
// PocketBase, and tells what differs.
package main

import "log"

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
