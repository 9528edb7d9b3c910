package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const (
	storeBegun  = "example.begun."
	storeHangUp = "example.hangUp."
)

// bindHangUpRoutes has the routes that show what becomes of a request whose client has gone.
func bindHangUpRoutes(g *group) {
	g.GET("/hangup/wait/{id}", begin(waitForHangUp))
	g.GET("/hangup/query/{id}", begin(queryUntilHangUp))
	g.GET("/hangup/stream/{id}", begin(streamUntilHangUp))
	g.GET("/hangup/seen/{id}", func(e *core.RequestEvent) error {
		id, store := e.Request.PathValue("id"), e.App.Store()
		return e.JSON(http.StatusOK, map[string]any{"begun": store.Has(storeBegun + id), "seen": store.Get(storeHangUp + id)})
	})

	var lock sync.Mutex
	g.GET("/lock/hold", func(e *core.RequestEvent) error { return holdLock(e, &lock) })
	g.GET("/lock/wait", func(e *core.RequestEvent) error { return holdLock(e, &lock) })
	g.GET("/lock/stream", func(e *core.RequestEvent) error { return streamLocked(e, &lock) })
}

// begin notes that the request with the path's id has reached its handler.
func begin(handler func(*core.RequestEvent) error) func(*core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		e.App.Store().Set(storeBegun+e.Request.PathValue("id"), true)
		return handler(e)
	}
}

// waitForHangUp does nothing but wait for its context.
func waitForHangUp(e *core.RequestEvent) error {
	select {
	case <-e.Request.Context().Done():
		note(e, e.Request.Context().Err())
		return e.Request.Context().Err()
	case <-time.After(20 * time.Second):
		note(e, nil)
		return e.NoContent(http.StatusNoContent)
	}
}

// queryUntilHangUp asks the database over and over, with the request's context.
func queryUntilHangUp(e *core.RequestEvent) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var one int
		err := e.App.DB().NewQuery("SELECT 1").WithContext(e.Request.Context()).Row(&one)
		if err != nil {
			note(e, err)
			return err
		}
	}
	note(e, nil)
	return e.NoContent(http.StatusNoContent)
}

// streamUntilHangUp writes until that fails or its context ends.
func streamUntilHangUp(e *core.RequestEvent) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if _, err := e.Response.Write([]byte("tick\n")); err != nil {
			note(e, err)
			return err
		}
		if err := e.Flush(); err != nil {
			note(e, err)
			return err
		}
		select {
		case <-e.Request.Context().Done():
			note(e, e.Request.Context().Err())
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
	note(e, nil)
	return nil
}

// note keeps how the request with the path's id ended.
func note(e *core.RequestEvent, err error) {
	outcome := "never"
	if err != nil {
		outcome = err.Error()
	}
	e.App.Store().Set(storeHangUp+e.Request.PathValue("id"), outcome)
}

// streamLocked begins its response, holds the lock for the query's time, and goes on a little later.
func streamLocked(e *core.RequestEvent, lock *sync.Mutex) error {
	for _, step := range []func() error{
		func() error { return e.String(http.StatusOK, "begun,") },
		e.Flush,
		func() error { return holdLock(e, lock) },
		e.Flush,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	time.Sleep(300 * time.Millisecond)
	_, err := e.Response.Write([]byte(",ended"))
	return err
}

// holdLock takes the lock, and asks the database while it holds it for the query's time.
func holdLock(e *core.RequestEvent, lock *sync.Mutex) error {
	lock.Lock()
	defer lock.Unlock()
	hold := time.Duration(number(e, "hold", 0)) * time.Millisecond
	for deadline := time.Now().Add(hold); ; time.Sleep(10 * time.Millisecond) {
		var one int
		if err := e.App.DB().NewQuery("SELECT 1").WithContext(context.Background()).Row(&one); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return e.JSON(http.StatusOK, map[string]any{"held": true})
		}
	}
}
