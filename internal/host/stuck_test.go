package host

import (
	"context"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStuck looks at real goroutines: the format of traces and the names of states are the Go version's.
func TestStuck(t *testing.T) {
	type wait = func(end context.Context) // returns soon after end
	locked := func(end context.Context) {
		var mu sync.Mutex
		mu.Lock()
		context.AfterFunc(end, mu.Unlock)
		mu.Lock()
	}
	grouped := func(end context.Context) {
		var group sync.WaitGroup
		group.Add(1)
		context.AfterFunc(end, group.Done)
		group.Wait()
	}
	sending := func(end context.Context) {
		unread := make(chan int)
		context.AfterFunc(end, func() { <-unread })
		unread <- 1
	}
	receiving := func(end context.Context) { <-end.Done() }
	sleeping := func(context.Context) { time.Sleep(200 * time.Millisecond) }
	for _, test := range []struct {
		name  string
		waits []wait
		want  bool
	}{
		{"a lock", []wait{locked}, true},
		{"a wait group", []wait{grouped}, true},
		{"a channel that nobody reads", []wait{sending}, true},
		{"a channel", []wait{receiving}, false},
		{"a timer", []wait{sleeping}, false},
		{"a lock, while another goroutine waits for a channel", []wait{locked, receiving}, false},
		{"two locks", []wait{locked, locked}, true},
		{"nothing: its goroutine has ended", nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			end, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			for _, wait := range test.waits {
				group.Go(func() {
					pprof.Do(end, pprof.Labels("scope", "7"), func(context.Context) { wait(end) })
				})
			}
			time.Sleep(50 * time.Millisecond)
			buffer := make([]byte, 1<<20)
			trace := string(buffer[:runtime.Stack(buffer, true)])
			stacks, got := stuck(trace, 7)
			if got != test.want || got && strings.Count(stacks, "{scope: 7}") != len(test.waits) {
				t.Errorf("got %v, want %v\n%s\nof\n%s", got, test.want, stacks, trace)
			}
			cancel()
			group.Wait()
		})
	}
}
