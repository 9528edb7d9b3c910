package d1

import (
	"context"
	"database/sql/driver"
	"log"
	"sync"
)

// later is a binding on which some statements are not waited for. What is sent after one waits for it.
type later struct {
	Binding
	mu   sync.Mutex
	last *laterResult // nil when there is none to wait for
}

// Query implements Binding.
func (l *later) Query(ctx context.Context, statement Statement) (Rows, error) {
	l.wait(ctx)
	return l.Binding.Query(ctx, statement)
}

// Batch implements Binding.
func (l *later) Batch(ctx context.Context, statements []Statement) ([]Result, error) {
	l.wait(ctx)
	return l.Binding.Batch(ctx, statements)
}

// first marks the context of a call that all that was sent before has been waited for.
type first struct{}

func (l *later) wait(ctx context.Context) {
	l.mu.Lock()
	last := l.last
	l.mu.Unlock()
	if last != nil && ctx.Value(first{}) == nil {
		<-last.done
	}
}

// start runs a statement by send, and returns before it is done. An error is printed, since nobody may ever ask for it.
func (l *later) start(ctx context.Context, sql string, send func(context.Context) (driver.Result, error)) driver.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, result := l.last, &laterResult{done: make(chan struct{})}
	l.last = result
	go func() {
		if before != nil {
			<-before.done
		}
		result.result, result.err = send(context.WithValue(context.WithoutCancel(ctx), first{}, true))
		if result.err != nil {
			log.Printf("d1: a statement that was not waited for has failed: %v: %s", result.err, sql)
		}
		l.mu.Lock()
		if l.last == result {
			l.last = nil
		}
		l.mu.Unlock()
		close(result.done)
	}()
	return result
}

// laterResult is what such a statement has done. Who looks at it waits for it.
type laterResult struct {
	done   chan struct{}
	result driver.Result
	err    error
}

var _ driver.Result = (*laterResult)(nil)

// LastInsertId implements driver.Result.
func (r *laterResult) LastInsertId() (int64, error) {
	<-r.done
	if r.err != nil {
		return 0, r.err
	}
	return r.result.LastInsertId()
}

// RowsAffected implements driver.Result.
func (r *laterResult) RowsAffected() (int64, error) {
	<-r.done
	if r.err != nil {
		return 0, r.err
	}
	return r.result.RowsAffected()
}
