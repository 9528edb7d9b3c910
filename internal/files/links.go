package files

import (
	"log"
	"net/http"
	"regexp"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// How long the link to a download can be used. Who has it needs nothing else, so that of a protected file is as short as its token.
const (
	publicLink    = time.Hour
	protectedLink = 3 * time.Minute
)

// ownHeaders are those of an ordinary download that S3 cannot be told to send. A hook that sets one of them wants it to be sent.
var ownHeaders = []string{"Content-Security-Policy", "Content-Encoding", "Content-Language", "Etag", "Expires", "Last-Modified"}

// conditions are headers that may make an answer without a body: those are given here.
var conditions = []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"}

// singleRange is what S3 understands as net/http does.
var singleRange = regexp.MustCompile(`^bytes=(\d+-\d*|-[1-9]\d*)$`)

// mayLink tells whether a request can be answered with a redirect to R2, if the object is large enough.
func (d Direct) mayLink(r *http.Request, header http.Header) bool {
	if d.min == 0 || r.Method != http.MethodGet {
		return false // an answer to HEAD has no body anyway
	}
	if r.Header.Get("Authorization") != "" {
		return false // it may be sent on, and S3 refuses what has two signatures
	}
	if ranges := r.Header.Get("Range"); ranges != "" && !singleRange.MatchString(ranges) {
		return false
	}
	return !hasAny(r.Header, conditions) && !hasAny(header, ownHeaders)
}

func hasAny(header http.Header, names []string) bool {
	for _, name := range names {
		if _, ok := header[name]; ok {
			return true
		}
	}
	return false
}

// redirect sends the client to R2 for the object, with the headers that an ordinary download would have. It returns false if that is not
// possible: then the headers are as they were.
//
//	request  string path, f64 seconds, string Content-Type, string Content-Disposition, string Cache-Control
//	reply    the URL
func (d Direct) redirect(e *core.FileDownloadRequestEvent, object *object) bool {
	lifetime := publicLink
	if e.FileField != nil && e.FileField.Protected {
		lifetime = protectedLink
	}
	header := e.Response.Header()
	request := wire.AppendString(nil, object.path)
	request = wire.AppendF64(request, lifetime.Seconds())
	for _, name := range []string{"Content-Type", "Content-Disposition", "Cache-Control"} {
		request = wire.AppendString(request, header.Get(name))
	}
	url, err := d.Call(e.Request.Context(), host.OpFileLink, request)
	if err != nil {
		log.Printf("A download is not redirected: %v", err)
		return false
	}
	for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Security-Policy", "Etag"} {
		header.Del(name)
	}
	header.Set("Cache-Control", "no-store") // the link is good for a while only
	header.Set("Location", string(url))
	e.Response.WriteHeader(http.StatusFound)
	return true
}
