//go:build js && wasm

package host

import "runtime"

// heldStack is how many bytes of stack holdStack holds: enough for three dozen goroutines that wait with little on theirs.
const heldStack = 120 << 10

type stackFrame [4 << 10]byte

// holdStack waits for ever with a deep stack. Go's runtime gives a new goroutine as much stack as all of them use on average when its
// collector looks, which is little here, where most wait. PocketBase writes the log entry of each request in a goroutine of its own, whose
// stack then had to grow twice; one that uses much raises the average, so that it need not.
func holdStack(frames int) {
	var frame stackFrame
	if frames > 1 {
		holdStack(frames - 1)
	} else {
		select {}
	}
	runtime.KeepAlive(&frame)
}
