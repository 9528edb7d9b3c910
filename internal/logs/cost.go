package logs

import (
	"maps"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Cost is what a request has cost when it is logged: in its entry, as meta.d1.
type Cost struct {
	Calls      int    // of D1, until the handlers were done
	Statements int    // that they had
	Mode       string // how its transactions were answered, if it had any: scratch or replay
	Runs       int    // how often the request was run
}

// entry is what is logged of it: a map, which is encoded without reflection.
func (c *Cost) entry() map[string]any {
	entry := map[string]any{"calls": c.Calls, "statements": c.Statements}
	if c.Mode != "" {
		entry["mode"] = c.Mode
	}
	if c.Runs > 1 {
		entry["runs"] = c.Runs
	}
	return entry
}

// Costs is the middleware that has PocketBase log them. cost tells that of the goroutine's request, nil for none.
func Costs(cost func() *Cost) *hook.Handler[*core.RequestEvent] {
	return &hook.Handler[*core.RequestEvent]{
		Id:       "pocketflareCosts",
		Priority: apis.DefaultActivityLoggerMiddlewarePriority + 1,
		Func: func(e *core.RequestEvent) error {
			err := e.Next()
			if e.App.Settings().Logs.MaxDays > 0 {
				noteCost(e, cost())
			}
			return err
		},
	}
}

// noteCost puts it beside what the app itself has put there.
func noteCost(e *core.RequestEvent, cost *Cost) {
	if cost == nil {
		return
	}
	meta := map[string]any{"d1": cost.entry()}
	switch own := e.Get(apis.RequestEventKeyLogMeta).(type) {
	case nil:
	case map[string]any:
		if _, taken := own["d1"]; taken {
			return
		}
		maps.Copy(meta, own)
	default:
		return
	}
	e.Set(apis.RequestEventKeyLogMeta, meta)
}
