package host

import (
	"context"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStuck looks at real goroutines: the format of traces and the names of states are the Go version's.
func TestStuck(t *testing.T) {
	type wait struct {
		state string
		run   func(end context.Context) // returns soon after end
	}
	locked := wait{"sync.Mutex.Lock", func(end context.Context) {
		var mu sync.Mutex
		mu.Lock()
		context.AfterFunc(end, mu.Unlock)
		mu.Lock()
	}}
	grouped := wait{"sync.WaitGroup.Wait", func(end context.Context) {
		var group sync.WaitGroup
		group.Add(1)
		context.AfterFunc(end, group.Done)
		group.Wait()
	}}
	sending := wait{"chan send", func(end context.Context) {
		unread := make(chan int)
		context.AfterFunc(end, func() { <-unread })
		unread <- 1
	}}
	receiving := wait{"chan receive", func(end context.Context) { <-end.Done() }}
	sleeping := wait{"sleep", func(context.Context) { time.Sleep(time.Second) }}
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
			var states []string
			for _, wait := range test.waits {
				states = append(states, wait.state)
				group.Go(func() {
					pprof.Do(end, pprof.Labels("scope", "7"), func(context.Context) { wait.run(end) })
				})
			}
			trace := traceOf(t, "7", states...)
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
	leave := make(chan struct{})
	queue := func(label string) (trace string) {
		group.Go(func() {
			pprof.Do(t.Context(), pprof.Labels("scope", label), func(context.Context) {
				mu.Lock()
				<-leave
				mu.Unlock()
			})
		})
		return traceOf(t, label, "sync.Mutex.Lock") // so that it is the next
	}
	mu.Lock()
	queue("8")
	first := queue("9")
	if second := queue("10"); !all(stuck(second, true, 9, waitsIn(first))) {
		t.Errorf("nobody has got the lock, but it is not stuck:\n%s", second)
	}
	mu.Unlock()
	second := traceOf(t, "8", "chan receive")
	if all(stuck(second, true, 9, waitsIn(first))) {
		t.Errorf("another goroutine has got the lock, but it is stuck:\n%s", second)
	}
	others, _, _ := strings.Cut(second, "\n\n")
	if all(stuck(others, false, 9, waitsIn(first))) {
		t.Error("it is not in the part of a trace, but stuck")
	}
	close(leave)
	group.Wait()
}

// traceOf is a trace of all goroutines, in which those with the label are in these states.
func traceOf(t *testing.T, label string, states ...string) string {
	t.Helper()
	slices.Sort(states)
	buffer := make([]byte, 1<<20)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		trace := string(buffer[:runtime.Stack(buffer, true)])
		var found []string
		for goroutine := range strings.SplitSeq(trace, "\n\n") {
			header, _, _ := strings.Cut(goroutine, "\n")
			if strings.HasSuffix(header, "{scope: "+label+"}:") {
				_, state, _ := strings.Cut(header, "[")
				state, _, _ = strings.Cut(state, "]")
				found = append(found, state)
			}
		}
		if slices.Sort(found); slices.Equal(found, states) {
			return trace
		}
		if time.Now().After(deadline) {
			t.Fatalf("its goroutines are not in the states %q:\n%s", states, trace)
		}
	}
}

func all(_ string, all bool) bool { return all }
