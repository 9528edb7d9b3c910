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

// waits are the locks that goroutines wait for, by the goroutines' numbers.
type waits map[string]string

// waitsIn finds them in a trace of all goroutines (runtime.Stack).
func waitsIn(trace string) waits {
	found := waits{}
	for goroutine := range strings.SplitSeq(trace, "\n\n") {
		if lock := lockOf(goroutine); lock != "" {
			found[numberOf(goroutine)] = lock
		}
	}
	return found
}

// lockOf names the lock that a goroutine waits for, by what it has called and that function's first argument; "" if it waits for none.
func lockOf(goroutine string) string {
	header, frames, _ := strings.Cut(goroutine, "\n")
	_, state, _ := strings.Cut(header, "[")
	state, _, _ = strings.Cut(state, "]")
	state, _, _ = strings.Cut(state, ", ") // how long
	if at := strings.Index(frames, poolWait); at >= 0 {
		frames = frames[at:]
	} else if !slices.Contains(lockStates, state) {
		return ""
	}
	call, _, _ := strings.Cut(frames, "\n")
	call, _, _ = strings.Cut(call, ",")
	return call
}

// numberOf is a goroutine's number.
func numberOf(goroutine string) string {
	number, _, _ := strings.Cut(strings.TrimPrefix(goroutine, "goroutine "), " ")
	return number
}

// move tells whether a goroutine that waited for the lock has got it since the earlier look. Where the trace is not whole, only one that is
// in it counts.
func (earlier waits) move(lock string, now waits, trace string, whole bool) bool {
	for number, waited := range earlier {
		if waited != lock || now[number] == lock {
			continue
		}
		if whole || strings.Contains(trace, "goroutine "+number+" [") {
			return true
		}
	}
	return false
}

// stuck looks in a trace of all goroutines, which is whole or breaks off, for those of a scope. It returns their stacks if all of them wait
// for locks that nobody has got since an earlier look, or if there is none left that could answer.
func stuck(trace string, whole bool, scope int32, earlier waits) (stacks string, all bool) {
	label := "{scope: " + strconv.Itoa(int(scope)) + "}:"
	now := waitsIn(trace)
	var found strings.Builder
	for goroutine := range strings.SplitSeq(trace, "\n\n") {
		header, _, _ := strings.Cut(goroutine, "\n")
		if !strings.HasSuffix(header, label) {
			continue
		}
		lock := now[numberOf(goroutine)]
		if lock == "" || earlier.move(lock, now, trace, whole) {
			return "", false
		}
		found.WriteString(goroutine + "\n\n")
	}
	return found.String(), whole || found.Len() > 0
}
