package worker

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestRandomBytes(t *testing.T) {
	seed := make([]byte, 1<<16)
	if _, err := rand.Read(seed); err != nil {
		t.Fatal(err)
	}
	for i := range seed {
		seed[i] |= 1 // so that none is what a byte that was given becomes
	}
	calls := 0
	source := bytes.NewReader(seed)
	r := &randomBytes{source: readerFunc(func(p []byte) (int, error) {
		calls++
		return source.Read(p)
	})}
	seen := map[string]bool{}
	for i := range 2000 {
		p := make([]byte, 8+i%3)
		if n, err := r.Read(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		at := bytes.Index(seed, p)
		if at < 0 || seen[string(p)] {
			t.Fatalf("%x comes from %d, or a second time", p, at)
		}
		seen[string(p)] = true
	}
	if calls > 60 {
		t.Errorf("the source was asked %d times", calls)
	}
	if used := r.buffer[:len(r.buffer)-len(r.left)]; !bytes.Equal(used, make([]byte, len(used))) {
		t.Error("bytes that were given are kept")
	}
	large := make([]byte, 4096)
	if n, err := r.Read(large); n != len(large) || err != nil || !bytes.Contains(seed, large) {
		t.Error("many at once are not the source's")
	}
}

func TestRandomBytesFail(t *testing.T) {
	no := errors.New("no")
	r := &randomBytes{source: iotest.ErrReader(no)}
	if _, err := io.ReadFull(r, make([]byte, 4)); !errors.Is(err, no) {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
