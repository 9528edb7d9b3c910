package httpbridge

import (
	"fmt"
	"io"
)

// MaxJSONDepth is how deep the JSON of a request body may be nested. Go's decoders recurse, and in WebAssembly they do so on the engine's
// stack, which would overflow at a few thousand levels and take the program with it. SQLite's JSON functions stop at the same depth.
const MaxJSONDepth = 1000

// jsonDepthReader fails when the JSON that is read through it is nested too deep. Handlers then answer as to any malformed body.
type jsonDepthReader struct {
	io.ReadCloser
	depth   int
	text    bool // inside of a string
	escaped bool // after a backslash there
}

func (r *jsonDepthReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	for _, c := range p[:n] {
		switch {
		case r.escaped:
			r.escaped = false
		case r.text:
			r.text, r.escaped = c != '"', c == '\\'
		case c == '"':
			r.text = true
		case c == '[' || c == '{':
			if r.depth++; r.depth > MaxJSONDepth {
				return 0, fmt.Errorf("the JSON is nested deeper than %d levels", MaxJSONDepth)
			}
		case c == ']' || c == '}':
			r.depth--
		}
	}
	return n, err
}
