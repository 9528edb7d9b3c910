package main

import (
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const storeLater = "example.later."

// bindLaterRoutes has the routes that show what becomes of a goroutine that outlives its request.
func bindLaterRoutes(g *group) {
	g.POST("/later/{id}", func(e *core.RequestEvent) error {
		id, pause := e.Request.PathValue("id"), time.Duration(number(e, "after", 0))*time.Millisecond
		go func() {
			time.Sleep(pause)
			outcome := "stored"
			if err := storeTwice(e.App, id); err != nil {
				outcome = err.Error()
			}
			e.App.Store().Set(storeLater+id, outcome)
		}()
		return e.NoContent(http.StatusNoContent)
	})
	g.GET("/later/{id}", func(e *core.RequestEvent) error {
		return e.JSON(http.StatusOK, map[string]any{"outcome": e.App.Store().Get(storeLater + e.Request.PathValue("id"))})
	})
}

// storeTwice stores a note in a transaction that makes do without another one, which is there already.
func storeTwice(app core.App, id string) error {
	notes, err := app.FindCollectionByNameOrId("notes")
	if err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		for _, title := range []string{"first", "second"} {
			note := core.NewRecord(notes)
			note.Set("id", id)
			note.Set("title", title)
			if err := tx.SaveNoValidate(note); err != nil && title == "first" {
				return err
			}
		}
		return nil
	})
}
