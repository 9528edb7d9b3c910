package main

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// started is what the program did before its server started.
var started struct {
	Began   time.Time      `json:"began"`
	Secret  string         `json:"secret"`
	Slept   int            `json:"slept"` // milliseconds
	Fired   chan time.Time `json:"-"`
	Body    string         `json:"body"`
	Garbage []byte         `json:"-"`
}

// beforeStart does what an app may do in its main before the server starts, as EXAMPLE_AT_START says.
func beforeStart() {
	switch os.Getenv("EXAMPLE_AT_START") {
	case "time":
		started.Began = time.Now()
	case "random":
		secret := make([]byte, 16)
		rand.Read(secret)
		started.Secret = hex.EncodeToString(secret)
	case "allocate":
		for range 64 {
			started.Garbage = make([]byte, 256<<10)
		}
	case "sleep":
		time.Sleep(50 * time.Millisecond)
		started.Slept = 50
	case "timer":
		started.Fired = make(chan time.Time, 1)
		time.AfterFunc(300*time.Millisecond, func() { started.Fired <- time.Now() })
	case "request":
		askOutside()
	case "panic":
		panic("the app does not like to start")
	}
}

// bindBoot has the app ask another server when it has bootstrapped, if EXAMPLE_AT_START says so.
func bindBoot(app core.App) {
	app.OnBootstrap().BindFunc(func(e *core.BootstrapEvent) error {
		err := e.Next()
		if err == nil && os.Getenv("EXAMPLE_AT_START") == "boot" {
			askOutside()
		}
		return err
	})
}

func askOutside() {
	response, err := http.Get(os.Getenv("EXAMPLE_START_URL"))
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	started.Body = string(body)
}

// bindStartRoutes has the route that tells it.
func bindStartRoutes(g *group) {
	g.GET("/started", func(e *core.RequestEvent) error {
		answer := map[string]any{"started": started, "now": time.Now(), "number": mathrand.Uint64()}
		if started.Fired != nil {
			answer["fired"] = <-started.Fired
		}
		return e.JSON(http.StatusOK, answer)
	})
}
