package worker

import (
	"errors"
	"math"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"pocketflare/internal/d1"
	"pocketflare/internal/httpbridge"
)

// disownLost takes back the answer of a handler that wrote it inside of a transaction whose commit then failed. On SQLite a commit
// hardly ever does; here it is where a transaction learns that it has lost a race.
func disownLost() *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "pocketflareDisown",
		Priority: math.MinInt,
		Func: func(e *core.RequestEvent) error {
			err := e.Next()
			if err != nil && (errors.Is(err, d1.ErrConflict) || errors.Is(err, d1.ErrUncertain) || errors.Is(err, d1.ErrUnavailable)) {
				httpbridge.Disown(e.Response)
			}
			return err
		},
	}
}
