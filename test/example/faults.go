package main

import (
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// hoard keeps what the memory route has taken.
var hoard [][]byte

// bindFaultRoutes has the routes that bring the program down.
func bindFaultRoutes(g *group) {
	faults := g.Group("/fault")
	faults.GET("/panic", func(e *core.RequestEvent) error {
		go panic("a goroutine's panic that nobody recovers")
		time.Sleep(5 * time.Second)
		return e.NoContent(http.StatusNoContent)
	})
	faults.GET("/exit", func(e *core.RequestEvent) error {
		os.Exit(3)
		return nil
	})
	faults.GET("/deadlock", func(e *core.RequestEvent) error {
		var lock sync.Mutex
		lock.Lock()
		lock.Lock()
		return e.NoContent(http.StatusNoContent)
	})
	faults.GET("/memory", func(e *core.RequestEvent) error {
		const megabyte = 1 << 20
		block := make([]byte, number(e, "take", 1)*megabyte)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		hoard = append(hoard, block)
		return e.JSON(http.StatusOK, map[string]any{"blocks": len(hoard)})
	})
}
