package worker

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// maxReread is how much of a body that is neither JSON nor a plain form is kept so that it can be read again.
const maxReread = 1 << 20

var errReadOnce = errors.New("a body of more than 1 MB that is not JSON can be read only once")

// limitRereads keeps large bodies from being held in memory while they stream through. PocketBase keeps a copy of all that is read of a
// body, in memory and then in a temporary file, which here is memory too. It reads again only what it has not parsed: JSON.
func limitRereads() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "pocketflareRereads",
		Priority: math.MinInt,
		Func: func(e *core.RequestEvent) error {
			body, ok := e.Request.Body.(*router.RereadableReadCloser)
			kind := e.Request.Header.Get("Content-Type")
			if ok && !strings.HasPrefix(kind, "application/json") && !strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
				e.Request.Body = &limitedRereader{ReadCloser: body.ReadCloser}
			}
			return e.Next()
		},
	}
}

// limitedRereader is a body whose first maxReread bytes can be read again.
type limitedRereader struct {
	io.ReadCloser // the body itself
	again         bytes.Reader
	kept          []byte // what was read of the body, while it is not too much
	lost          bool   // it was too much
}

var _ router.Rereader = (*limitedRereader)(nil)

func (r *limitedRereader) Read(p []byte) (int, error) {
	if r.again.Len() > 0 {
		return r.again.Read(p)
	}
	n, err := r.ReadCloser.Read(p)
	if !r.lost && len(r.kept)+n > maxReread {
		r.kept, r.lost = nil, true
	}
	if !r.lost {
		r.kept = append(r.kept, p[:n]...)
	}
	if err == io.EOF {
		r.Reread()
	}
	return n, err
}

// Reread implements router.Rereader: the next read starts from the beginning.
func (r *limitedRereader) Reread() {
	if r.lost {
		r.ReadCloser = readOnce{r.ReadCloser}
		return
	}
	r.again.Reset(r.kept)
}

// readOnce is the rest of a body whose beginning was not kept.
type readOnce struct{ io.Closer }

func (readOnce) Read([]byte) (int, error) { return 0, errReadOnce }
