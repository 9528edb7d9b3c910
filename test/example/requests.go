package main

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

type group = router.RouterGroup[*core.RequestEvent]

// bindRequestRoutes has the routes that show how one request and its response cross.
func bindRequestRoutes(g *group) {
	g.Any("/echo/{rest...}", echo)
	g.GET("/state", state)
	g.GET("/headers", manyHeaders)
	g.GET("/status/{code}", status)
	g.GET("/length", withLength)
	g.GET("/environment/{name}", environment)
	g.GET("/zone/{name...}", zone)
	g.GET("/fetch", fetch)
	g.GET("/error", func(e *core.RequestEvent) error {
		return e.ForbiddenError("Not for you.", map[string]any{"reason": "example"})
	})
	g.GET("/panic", func(*core.RequestEvent) error {
		panic("the handler's panic")
	})
	g.GET("/sleep/{milliseconds}", sleep)
	g.GET("/sleeping", func(e *core.RequestEvent) error {
		return e.String(http.StatusOK, strconv.Itoa(int(sleeping.Load())))
	})
}

// echo answers with what Go's side has seen of the request.
func echo(e *core.RequestEvent) error {
	body, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return e.BadRequestError("The body could not be read.", err)
	}
	return e.JSON(http.StatusOK, map[string]any{
		"method":           e.Request.Method,
		"uri":              e.Request.RequestURI,
		"path":             e.Request.URL.Path,
		"rawPath":          e.Request.URL.RawPath,
		"query":            e.Request.URL.RawQuery,
		"rest":             e.Request.PathValue("rest"),
		"host":             e.Request.Host,
		"proto":            e.Request.Proto,
		"headers":          e.Request.Header,
		"contentLength":    e.Request.ContentLength,
		"transferEncoding": e.Request.TransferEncoding,
		"remoteAddr":       e.Request.RemoteAddr,
		"remoteIP":         e.RemoteIP(),
		"realIP":           e.RealIP(),
		"tls":              e.IsTLS(),
		"body":             string(body),
		"bodyLength":       len(body),
	})
}

// state answers with what the app has counted since its isolate booted.
func state(e *core.RequestEvent) error {
	return e.JSON(http.StatusOK, map[string]any{
		"bootstraps": stored(e.App, storeBootstraps),
		"jobRuns":    stored(e.App, storeJobRuns),
	})
}

func manyHeaders(e *core.RequestEvent) error {
	h := e.Response.Header()
	http.SetCookie(e.Response, &http.Cookie{Name: "a", Value: "1", Expires: time.Unix(1900000000, 0), Path: "/"})
	http.SetCookie(e.Response, &http.Cookie{Name: "b", Value: "two, with a comma", HttpOnly: true})
	http.SetCookie(e.Response, &http.Cookie{Name: "c", Value: "", MaxAge: -1})
	h.Add("Vary", "Origin")
	h.Add("Vary", "Accept-Language, X-One")
	h.Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
	h.Set("Expires", "Thu, 22 Oct 2015 07:28:00 GMT")
	h.Add("Link", `</one>; rel="preload", </two>; rel="next"`)
	h.Add("Link", `</three>; rel="last"`)
	h.Set("X-Latin", "caf\xc3\xa9")
	h.Set("X-Empty", "")
	return e.String(http.StatusOK, "headers")
}

func status(e *core.RequestEvent) error {
	code, err := strconv.Atoi(e.Request.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		return e.BadRequestError("No such status.", nil)
	}
	if code == http.StatusNoContent || code == http.StatusNotModified {
		e.Response.Header().Set("ETag", `"example"`)
		return e.NoContent(code)
	}
	if code >= 300 && code < 400 {
		return e.Redirect(code, "/example/echo/redirected?from="+strconv.Itoa(code))
	}
	return e.String(code, "status "+strconv.Itoa(code))
}

// withLength announces its length itself, as a download does.
func withLength(e *core.RequestEvent) error {
	e.Response.Header().Set("Content-Length", "11")
	e.Response.Header().Set("Content-Type", "text/plain")
	e.Response.WriteHeader(http.StatusOK)
	_, err := io.WriteString(e.Response, "hello world")
	return err
}

func environment(e *core.RequestEvent) error {
	value, ok := os.LookupEnv(e.Request.PathValue("name"))
	return e.JSON(http.StatusOK, map[string]any{"value": value, "set": ok})
}

// zone tells when it is noon in a zone on a day in summer.
func zone(e *core.RequestEvent) error {
	location, err := time.LoadLocation(e.Request.PathValue("name"))
	if err != nil {
		return e.NotFoundError(err.Error(), nil)
	}
	return e.JSON(http.StatusOK, map[string]any{"noon": time.Date(2026, time.July, 1, 12, 0, 0, 0, location).UTC()})
}

// fetch asks another server and answers with what it said.
func fetch(e *core.RequestEvent) error {
	request, err := http.NewRequestWithContext(e.Request.Context(), http.MethodGet, e.Request.URL.Query().Get("url"), nil)
	if err != nil {
		return e.BadRequestError("No such URL.", err)
	}
	request.Header.Set("X-From", "example")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return e.Error(http.StatusBadGateway, "The other server did not answer: "+err.Error(), nil)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return e.Error(http.StatusBadGateway, "The other server's answer broke off: "+err.Error(), nil)
	}
	return e.JSON(http.StatusOK, map[string]any{
		"status":  response.StatusCode,
		"headers": response.Header,
		"length":  len(body),
		"start":   string(body[:min(len(body), 200)]),
	})
}

// sleeping is how many requests sleep.
var sleeping atomic.Int32

func sleep(e *core.RequestEvent) error {
	sleeping.Add(1)
	defer sleeping.Add(-1)
	milliseconds, _ := strconv.Atoi(e.Request.PathValue("milliseconds"))
	started := time.Now()
	time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	return e.JSON(http.StatusOK, map[string]any{"slept": time.Since(started).Milliseconds()})
}
