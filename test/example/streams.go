package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

const (
	storeWritten = "example.written."
	storeTaken   = "example.taken."
	chunkBytes   = 64 << 10
)

// bindStreamRoutes has the routes whose responses are longer than one write.
func bindStreamRoutes(g *group) {
	g.GET("/stream/flusher", streamFlusher)
	g.GET("/stream/controller", streamController)
	g.GET("/stream/silent", streamSilent)
	g.GET("/stream/fails", streamFails)
	g.GET("/stream/bytes/{megabytes}", streamBytes)
	g.POST("/stream/taken/{id}", func(e *core.RequestEvent) error {
		add(e.App, storeTaken+e.Request.PathValue("id"), 1)
		return e.NoContent(http.StatusNoContent)
	})
	g.GET("/stream/written/{id}", func(e *core.RequestEvent) error {
		return e.JSON(http.StatusOK, map[string]any{"written": stored(e.App, storeWritten+e.Request.PathValue("id"))})
	})
}

// streamFlusher sends chunk after chunk, each flushed by http.Flusher and followed by a pause or, if the query has an id, by a wait until
// the client has said that it has got it.
func streamFlusher(e *core.RequestEvent) error {
	flusher, ok := e.Response.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(http.Flusher)
	if !ok {
		return e.InternalServerError("The response is no http.Flusher.", nil)
	}
	return streamChunks(e, func() error {
		flusher.Flush()
		return nil
	})
}

// streamController does the same with http.ResponseController.
func streamController(e *core.RequestEvent) error {
	return streamChunks(e, http.NewResponseController(e.Response).Flush)
}

func streamChunks(e *core.RequestEvent, flush func() error) error {
	chunks, pause := number(e, "chunks", 5), number(e, "pause", 100)
	id := e.Request.URL.Query().Get("id")
	e.Response.Header().Set("Content-Type", "text/event-stream")
	e.Response.WriteHeader(http.StatusOK)
	for i := range chunks {
		if _, err := fmt.Fprintf(e.Response, "data: %d\n\n", i); err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
		time.Sleep(time.Duration(pause) * time.Millisecond)
		for id != "" && stored(e.App, storeTaken+id) <= int64(i) && e.Request.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
}

// streamSilent flushes its headers and says nothing for a while.
func streamSilent(e *core.RequestEvent) error {
	e.Response.Header().Set("Content-Type", "text/plain")
	e.Response.WriteHeader(http.StatusOK)
	if err := e.Flush(); err != nil {
		return err
	}
	time.Sleep(time.Duration(number(e, "pause", 1000)) * time.Millisecond)
	_, err := io.WriteString(e.Response, "at last")
	return err
}

// streamFails breaks its response off after it has begun.
func streamFails(e *core.RequestEvent) error {
	e.Response.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(e.Response, "the beginning")
	_ = e.Flush()
	panic(http.ErrAbortHandler)
}

// streamBytes writes as fast as its client reads, and counts what it could write under the query's id.
func streamBytes(e *core.RequestEvent) error {
	megabytes, _ := strconv.Atoi(e.Request.PathValue("megabytes"))
	id := e.Request.URL.Query().Get("id")
	chunk := make([]byte, chunkBytes)
	for i := range chunk {
		chunk[i] = byte('a' + i%26)
	}
	if e.Request.URL.Query().Has("length") {
		e.Response.Header().Set("Content-Length", strconv.Itoa(megabytes<<20))
	}
	e.Response.Header().Set("Content-Type", "application/octet-stream")
	for range megabytes << 20 / chunkBytes {
		if _, err := e.Response.Write(chunk); err != nil {
			return err
		}
		add(e.App, storeWritten+id, chunkBytes)
	}
	return nil
}

const storeRead = "example.read."

// bindUploadRoutes has the routes that read long bodies.
func bindUploadRoutes(g *group) {
	g.POST("/upload", upload).Bind(apis.BodyLimit(128 << 20))
	g.POST("/upload/limited", upload)
	g.POST("/upload/ignored", func(e *core.RequestEvent) error {
		return e.String(http.StatusOK, "not read")
	}).Bind(apis.BodyLimit(128 << 20))
	g.POST("/upload/duplex", duplex)
	g.GET("/upload/read/{id}", func(e *core.RequestEvent) error {
		return e.JSON(http.StatusOK, map[string]any{"read": stored(e.App, storeRead+e.Request.PathValue("id"))})
	})
}

// upload counts and sums the body's bytes as they come, with a pause after each chunk if the query asks for one.
func upload(e *core.RequestEvent) error {
	pause := time.Duration(number(e, "pause", 0)) * time.Millisecond
	id := e.Request.URL.Query().Get("id")
	buffer := make([]byte, chunkBytes)
	var length, sum, largest int
	for {
		n, err := e.Request.Body.Read(buffer)
		for _, b := range buffer[:n] {
			sum += int(b)
		}
		length, largest = length+n, max(largest, n)
		add(e.App, storeRead+id, int64(n))
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		time.Sleep(pause)
	}
	return e.JSON(http.StatusOK, map[string]any{"length": length, "sum": sum, "largestRead": largest})
}

// duplex sends each piece of the body back as it arrives.
func duplex(e *core.RequestEvent) error {
	controller := http.NewResponseController(e.Response)
	_ = controller.EnableFullDuplex()
	e.Response.Header().Set("Content-Type", "application/octet-stream")
	buffer := make([]byte, 1024)
	for {
		n, err := e.Request.Body.Read(buffer)
		if n > 0 {
			if _, err := e.Response.Write(buffer[:n]); err != nil {
				return err
			}
			if err := controller.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// number returns a number of the request's query.
func number(e *core.RequestEvent, name string, fallback int) int {
	value, err := strconv.Atoi(e.Request.URL.Query().Get(name))
	if err != nil {
		return fallback
	}
	return value
}
