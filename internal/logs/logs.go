// Package logs stores what PocketBase has logged soon after the responses that it is about, without delaying them.
//
// PocketBase queues its log entries in the process and writes them when there are 200, or when none was added for three seconds. A
// Worker may be frozen or gone by then. So each request that ends makes sure that a write is due half a second later, in a goroutine
// of its own whose sleep keeps the request's scope alive; all entries that are queued by then, of this request and of others, are
// written in one transaction. PocketBase's own two occasions remain.
//
// The rows, their truncation, levels and retention are PocketBase's own: only the moment of the write is chosen here, and the
// INSERT is not built anew for each entry.
package logs

import (
	"context"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/logger"
	"github.com/pocketbase/pocketbase/tools/routine"
)

const (
	// delay is how long entries are gathered for one write.
	delay = 500 * time.Millisecond

	// lease is how long a scheduled write is trusted to come: a scope that is cancelled takes its sleeping goroutine with it.
	lease = 5 * time.Second

	// straggle is how long after its request an entry may reach the queue: PocketBase adds it in a goroutine of its own.
	straggle = 50 * time.Millisecond
)

// Flusher writes an app's queued log entries. It is safe for concurrent use.
type Flusher struct {
	app   core.App
	sleep func(context.Context, time.Duration) error

	due         atomic.Int64 // when the scheduled write's lease ends, in Unix nanoseconds; 0 when none is scheduled
	lastRequest atomic.Int64 // when the last request ended, in Unix nanoseconds

	mu      sync.Mutex
	lost    int   // entries that could not be written since the last report
	lostErr error // why the first of them was lost
}

// New returns the Flusher of app, which is to be made before the app is bootstrapped. sleep waits, and keeps the scope of the
// goroutine that calls it alive meanwhile.
func New(app core.App, sleep func(context.Context, time.Duration) error) *Flusher {
	f := &Flusher{app: app, sleep: sleep}
	app.OnModelAfterCreateError(core.LogsTableName).Bind(&hook.Handler[*core.ModelErrorEvent]{
		Id: "pocketflareLogs",
		Func: func(e *core.ModelErrorEvent) error {
			if !e.App.IsTransactional() { // otherwise PocketBase prints it
				f.noteLost(e.Error)
			}
			return e.Next()
		},
	})
	bindInsert(app)
	return f
}

// RequestDone schedules a write of the log entries of a request that has been handled, unless one is due. It is called on the
// request's goroutine, whose scope the write then belongs to.
func (f *Flusher) RequestDone() {
	if f.app.Settings().Logs.MaxDays == 0 {
		return // nothing is logged
	}
	now := time.Now().UnixNano()
	f.lastRequest.Store(now)
	f.schedule(now)
}

// schedule starts a write, unless one is due.
func (f *Flusher) schedule(now int64) {
	current := f.due.Load()
	if now < current {
		return
	}
	due := now + int64(lease)
	if f.due.CompareAndSwap(current, due) {
		routine.FireAndForget(func() { f.writeLater(due) })
	}
}

// writeLater is the scheduled write. It gives way to the next before it writes, so that no request's scope has to live for the
// entries of those that come after it.
func (f *Flusher) writeLater(due int64) {
	ctx := context.Background() // the request's own ends with its response
	if err := f.sleep(ctx, delay); err != nil {
		log.Printf("Log entries are written early: %v", err)
	}
	written := time.Now().UnixNano()
	f.due.CompareAndSwap(due, 0)
	f.Flush(ctx)
	if f.lastRequest.Load() > written-int64(straggle) { // it counted on this write, and its entry may have come too late
		f.schedule(time.Now().UnixNano())
	}
}

// Flush writes all queued entries now, and returns when they are stored. Entries that cannot be written are dropped, as by
// PocketBase; how many and why is printed. It must not be called inside of a transaction of the auxiliary database.
func (f *Flusher) Flush(ctx context.Context) {
	handler, ok := f.app.Logger().Handler().(*logger.BatchHandler)
	if !ok {
		return // not bootstrapped
	}
	if err := handler.WriteAll(context.WithValue(ctx, logger.BlockKey, true)); err != nil {
		log.Printf("Log entries could not be written: %v", err)
	}
	f.reportLost()
}

func (f *Flusher) noteLost(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost == 0 {
		f.lostErr = err
	}
	f.lost++
}

func (f *Flusher) reportLost() {
	f.mu.Lock()
	lost, err := f.lost, f.lostErr
	f.lost, f.lostErr = 0, nil
	f.mu.Unlock()
	if lost > 0 {
		log.Printf("%d log entries could not be written: %v", lost, err)
	}
}
