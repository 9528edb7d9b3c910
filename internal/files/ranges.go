package files

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"pocketflare/internal/httpbridge"
)

// rangeWriter is the response of http.ServeContent for an object. Where several ranges are asked for, ServeContent would read them through a
// pipe; the response is then made of the object outside of Go.
type rangeWriter struct {
	http.ResponseWriter
	request *http.Request
	object  *object
}

// ReadFrom implements io.ReaderFrom.
func (w rangeWriter) ReadFrom(r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		if _, piped := limited.R.(*io.PipeReader); piped {
			limited.R = &ranges{Reader: limited.R, segments: w.segments()}
		}
	}
	return io.Copy(w.ResponseWriter, r)
}

// ranges is a body of several ranges: what ServeContent writes into its pipe, and what that is made of.
type ranges struct {
	io.Reader
	segments []httpbridge.Segment
}

// Lend implements httpbridge.Object. ServeContent has told the length: should it understand the ranges otherwise, its own bytes are sent.
func (r *ranges) Lend(length int64) ([]httpbridge.Segment, bool) {
	for _, segment := range r.segments {
		length -= int64(len(segment.Text)) + segment.Length
	}
	return r.segments, length == 0
}

// segments are the parts of the multipart/byteranges body whose boundary ServeContent has chosen.
func (w rangeWriter) segments() []httpbridge.Segment {
	_, parameters, err := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if err != nil {
		return nil
	}
	var segments []httpbridge.Segment
	var text bytes.Buffer
	parts := multipart.NewWriter(&text)
	if parts.SetBoundary(parameters["boundary"]) != nil {
		return nil
	}
	taken := func() []byte {
		defer text.Reset()
		return bytes.Clone(text.Bytes())
	}
	for _, r := range parseRanges(w.request.Header.Get("Range"), w.object.size) {
		_, _ = parts.CreatePart(textproto.MIMEHeader{
			"Content-Range": {fmt.Sprintf("bytes %d-%d/%d", r.start, r.end-1, w.object.size)},
			"Content-Type":  {w.object.servedType},
		})
		segments = append(segments, httpbridge.Segment{Text: taken(), Offset: r.start, Length: r.end - r.start})
	}
	_ = parts.Close()
	return append(segments, httpbridge.Segment{Text: taken()})
}

type byteRange struct{ start, end int64 } // without end

// parseRanges resolves a Range header that net/http has found valid: what does not overlap with the size is left out.
func parseRanges(header string, size int64) []byteRange {
	var found []byteRange
	for spec := range strings.SplitSeq(strings.TrimPrefix(header, "bytes="), ",") {
		first, last, _ := strings.Cut(spec, "-")
		start, startErr := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
		end, endErr := strconv.ParseInt(strings.TrimSpace(last), 10, 64)
		switch {
		case startErr != nil && endErr != nil: // an empty element of the list
		case startErr != nil:
			found = append(found, byteRange{max(size-end, 0), size})
		case start >= size:
		case endErr != nil:
			found = append(found, byteRange{start, size})
		default:
			found = append(found, byteRange{start, min(end+1, size)})
		}
	}
	return found
}
