//go:build js && wasm

package worker

import (
	"os"
	"runtime/debug"
)

// Limits of the garbage collector while the app serves: collecting half as often as Go's default takes a few megabytes more and saves up to
// a tenth of a request; near the limit, which is far from an isolate's own, it collects as often as it must.
const (
	gcPercent     = 200
	gcMemoryLimit = 44 << 20
)

// makingGCPercent has the collector run more often than Go's default while a database is made: the migrations would leave megabytes behind
// that linear memory never gives back.
const makingGCPercent = 60

// setCollector sets them, unless the environment does. The program starts with GOGC=off: host.AwaitEvent.
func setCollector(percent int) {
	if os.Getenv("GOGC") == "off" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gcMemoryLimit)
	}
}
