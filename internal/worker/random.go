package worker

import (
	"io"
	"sync"
)

// randomBytes is a source of random bytes that asks another for many at a time. PocketBase draws each character of an id or a key by itself,
// and each draw would be a call from WebAssembly to JavaScript.
type randomBytes struct {
	source io.Reader

	mu     sync.Mutex
	buffer [512]byte
	left   []byte // of the buffer
}

// Read implements io.Reader. No byte is given twice, nor kept.
func (r *randomBytes) Read(p []byte) (int, error) {
	if len(p) > len(r.buffer)/4 {
		return io.ReadFull(r.source, p)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.left) < len(p) {
		if _, err := io.ReadFull(r.source, r.buffer[:]); err != nil {
			return 0, err
		}
		r.left = r.buffer[:]
	}
	n := copy(p, r.left)
	clear(r.left[:n])
	r.left = r.left[n:]
	return n, nil
}
