package d1

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// How often and how long a call is sent again that failed by a fault of the platform. The pauses double, from 25 to 75 ms on, and
// vary, so that isolates that failed together do not come back together: 1.6 s in all on average.
const (
	maxAttempts  = 6
	firstPause   = 50 * time.Millisecond
	maxPause     = time.Second
	maxRetryTime = 10 * time.Second // after which no further attempt begins
)

// retries decides whether a call is sent again.
type retries struct {
	failed int       // attempts so far
	first  time.Time // when the first of them had failed
}

// again waits for the next attempt; false if there is none. While the database cannot be reached by anyone, a call gets one
// attempt, so that a request of several statements does not wait for each.
func (r *retries) again(ctx context.Context, db *connector) bool {
	if r.failed++; r.failed == 1 {
		r.first = db.options.Now()
	}
	if r.failed == maxAttempts || db.down.Load() || db.options.Now().Sub(r.first) > maxRetryTime {
		db.down.Store(true)
		return false
	}
	pause := min(firstPause<<(r.failed-1), maxPause)
	return db.options.Sleep(ctx, pause/2+rand.N(pause)) == nil
}

// send runs one statement, and again if the platform failed and that is safe: it stores nothing, or has not run.
func (db *connector) send(ctx context.Context, statement Statement, stores bool) (Rows, error) {
	for r := (retries{}); ; {
		rows, err := db.binding.Query(ctx, statement)
		if err == nil {
			db.reached()
			return rows, nil
		}
		if err = wrapError(err); !db.retry(ctx, &r, err, stores) {
			return nil, db.failed(ctx, err, stores)
		}
	}
}

// sendBatch is send for a batch.
func (db *connector) sendBatch(ctx context.Context, batch []Statement, stores bool) ([]Result, error) {
	for r := (retries{}); ; {
		results, err := db.binding.Batch(ctx, batch)
		if err == nil {
			db.reached()
			return results, nil
		}
		if err = wrapError(err); !db.retry(ctx, &r, err, stores) {
			return nil, db.failed(ctx, err, stores)
		}
	}
}

func (db *connector) retry(ctx context.Context, r *retries, err error, stores bool) bool {
	if isSQLite(err) {
		db.reached()
		return false
	}
	f := faultOf(err)
	return f.transient && (f.unrun || !stores) && r.again(ctx, db)
}

// reached notes that the database has answered.
func (db *connector) reached() {
	if db.down.Load() {
		db.down.Store(false)
	}
}

// failed is the error of a call that nothing more is done for. That of a caller who has gone stays as it is.
func (db *connector) failed(ctx context.Context, err error, stores bool) error {
	f := faultOf(err)
	switch {
	case isSQLite(err), ctx.Err() != nil:
		return err
	case stores && !f.unrun:
		err = fmt.Errorf("%w: %w", ErrUncertain, err)
	case f.transient:
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
	db.options.OnFault(err)
	return err
}

// sleep is Options.Sleep where nothing else is given.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
