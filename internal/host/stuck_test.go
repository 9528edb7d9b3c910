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
			stacks, got := stuck(trace, true, 7, waitsIn(trace))
			if got != test.want || got && strings.Count(stacks, "{scope: 7}") != len(test.waits) {
				t.Errorf("got %v, want %v\n%s\nof\n%s", got, test.want, stacks, trace)
			}
			cancel()
			group.Wait()
		})
	}
}

// TestStuckInQueue looks at a goroutine that waits for a lock together with others, twice.
func TestStuckInQueue(t *testing.T) {
	var mu sync.Mutex
	var group sync.WaitGroup
	queue := func(label string) {
		group.Go(func() {
			pprof.Do(t.Context(), pprof.Labels("scope", label), func(context.Context) {
				mu.Lock()
				time.Sleep(100 * time.Millisecond)
				mu.Unlock()
			})
		})
		time.Sleep(10 * time.Millisecond) // so that it is the next
	}
	look := func() string {
		buffer := make([]byte, 1<<20)
		return string(buffer[:runtime.Stack(buffer, true)])
	}
	mu.Lock()
	queue("8")
	queue("9")
	first := look()
	queue("10")
	if second := look(); !all(stuck(second, true, 9, waitsIn(first))) {
		t.Errorf("nobody has got the lock, but it is not stuck:\n%s", second)
	}
	mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	second := look()
	if all(stuck(second, true, 9, waitsIn(first))) {
		t.Errorf("another goroutine has got the lock, but it is stuck:\n%s", second)
	}
	others, _, _ := strings.Cut(second, "\n\n")
	if all(stuck(others, false, 9, waitsIn(first))) {
		t.Error("it is not in the part of a trace, but stuck")
	}
	group.Wait()
}

func all(_ string, all bool) bool { return all }
