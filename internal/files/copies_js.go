//go:build js && wasm

package files

import "runtime"

// driverCopy is the Copy of PocketBase's local driver. It opens the one file by itself and gives all of it to io.Copy, for the other. Should
// it be called something else one day, what is copied passes through Go.
const driverCopy = "github.com/pocketbase/pocketbase/tools/filesystem/internal/fileblob.(*driver).Copy"

// openDepth is how many callers there are, at most, from an export that the file system calls to who has called os.Open.
const openDepth = 16

// copies tells JavaScript whether it is the driver's Copy that opens a file: the export runs on the stack of the goroutine that is in the call.
//
//go:wasmexport pocketflare_copies
func copies() int32 {
	var callers [openDepth]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	for callee := ""; ; {
		frame, more := frames.Next()
		if frame.Function == driverCopy && callee == "os.Open" {
			return 1
		}
		if !more {
			return 0
		}
		callee = frame.Function
	}
}
