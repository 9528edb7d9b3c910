package files

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pocketflare/internal/httpbridge"
)

// lender is a response that takes what it is lent, as httpbridge's does.
type lender struct {
	*httptest.ResponseRecorder
	content []byte
	lent    bool
}

func (l *lender) ReadFrom(r io.Reader) (int64, error) {
	limited := r.(*io.LimitedReader)
	if object, ok := limited.R.(httpbridge.Object); ok {
		if segments, ok := object.Lend(limited.N); ok {
			l.lent = true
			for _, s := range segments {
				_, _ = l.Write(append(bytes.Clone(s.Text), l.content[s.Offset:s.Offset+s.Length]...))
			}
			return limited.N, nil
		}
	}
	return io.Copy(l.ResponseRecorder, r)
}

// What is lent for several ranges is what net/http sends itself.
func TestRangesAsNetHTTP(t *testing.T) {
	content := []byte("0123456789abcdefghij")
	modified := time.Unix(1e9, 0)
	for _, header := range []string{
		"bytes=0-1,3-4", "bytes=0-1, -2", "bytes=0-1,100-200", "bytes=0-5,3-8", "bytes=-100,0-0", "bytes=0-1,,5-", "bytes= 0 - 1 , 19-19", "bytes=0-0,-0",
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Range", header)
		want := httptest.NewRecorder()
		want.Header().Set("Content-Type", "text/plain")
		http.ServeContent(want, request, "a", modified, bytes.NewReader(content))

		l := &lender{ResponseRecorder: httptest.NewRecorder(), content: content}
		l.Header().Set("Content-Type", "text/plain")
		o := &object{size: int64(len(content)), servedType: "text/plain"}
		http.ServeContent(rangeWriter{l, request, o}, request, "a", modified, o)
		if !l.lent || l.Code != want.Code {
			t.Errorf("%s: lent %v, status %d, want %d", header, l.lent, l.Code, want.Code)
		}
		if got, want := plain(l.ResponseRecorder), plain(want); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", header, got, want)
		}
	}
}

// plain is the body with a boundary that is always the same.
func plain(r *httptest.ResponseRecorder) string {
	body := r.Body.Bytes()
	if end := bytes.IndexByte(body, '\r'); bytes.HasPrefix(body, []byte("--")) && end > 0 {
		body = bytes.ReplaceAll(body, body[:end], []byte("--boundary"))
	}
	return string(body)
}
