package files

import (
	"context"
	"log"
	"net/http"
	"strconv"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// envDownloadMin is the variable with the size in bytes from which on downloads are redirected to R2. Without it none is.
const envDownloadMin = "POCKETFLARE_DIRECT_DOWNLOAD_MIN"

// Direct is transfers between clients and R2 that do not pass through the Worker.
type Direct struct {
	// Call is host.Call: the operations OpFileLink, OpUpload, OpClaim and OpAbort.
	Call func(ctx context.Context, op host.Op, payload []byte) ([]byte, error)

	on      bool
	problem string // why not, where it was meant to be
	min     int64  // the size from which on downloads are redirected; 0 for none
}

// NewDirect reads the state that host.AskDirect gives, and the environment.
func NewDirect(state []byte, env func(string) string, call func(ctx context.Context, op host.Op, payload []byte) ([]byte, error)) (Direct, error) {
	in := wire.NewReader(state)
	d := Direct{Call: call, on: in.U8() == 1, problem: in.String()}
	switch setting := env(envDownloadMin); {
	case d.on:
		d.min = downloadMin(setting)
	case setting != "" && d.problem == "":
		log.Printf("%s is set, but without R2_ACCESS_KEY_ID and what belongs to it no download is redirected", envDownloadMin)
	}
	return d, in.Err
}

func downloadMin(setting string) int64 {
	if setting == "" {
		return 0
	}
	size, err := strconv.ParseInt(setting, 10, 64)
	if err != nil || size < 1 {
		log.Printf("%s is %q and has to be a number of bytes above 0; no download is redirected", envDownloadMin, setting)
		return 0
	}
	return size
}

// off is the answer where there are no direct transfers.
func (d Direct) off() *router.ApiError {
	message := "Direct uploads are off. They need an R2 API token as secrets: R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and R2_STORAGE_BUCKET"
	if d.problem != "" {
		message += "; of those, " + d.problem
	}
	return router.NewApiError(http.StatusNotImplemented, message+".", nil)
}

// ownerOf names who has sent a request, for the uploads that are theirs: "" is a guest.
func ownerOf(auth *core.Record) string {
	if auth == nil {
		return ""
	}
	return auth.Collection().Id + "/" + auth.Id
}
