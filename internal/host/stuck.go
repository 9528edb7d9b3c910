package host

import (
	"slices"
	"strconv"
	"strings"
)

// lockStates are the states of goroutines, as stack traces tell them, in which only another goroutine can help, and no timer.
var lockStates = []string{
	"sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock", "sync.WaitGroup.Wait", "sync.Cond.Wait", "semacquire",
	"chan send", "chan send (nil chan)", "chan receive (nil chan)", "select (no cases)",
}

// poolWait is the wait for a database connection, which a lost goroutine may hold.
const poolWait = "database/sql.(*DB).conn("

// stuck looks in a trace of all goroutines (runtime.Stack) for those of a scope. It returns their stacks if all of them wait for locks,
// or if there is none left that could answer.
func stuck(trace string, scope int32) (stacks string, all bool) {
	label := "{scope: " + strconv.Itoa(int(scope)) + "}:"
	var found strings.Builder
	for goroutine := range strings.SplitSeq(trace, "\n\n") {
		header, _, _ := strings.Cut(goroutine, "\n")
		if !strings.HasSuffix(header, label) {
			continue
		}
		_, state, _ := strings.Cut(header, "[")
		state, _, _ = strings.Cut(state, "]")
		state, _, _ = strings.Cut(state, ", ") // how long
		if !slices.Contains(lockStates, state) && !strings.Contains(goroutine, poolWait) {
			return "", false
		}
		found.WriteString(goroutine + "\n\n")
	}
	return found.String(), true
}
