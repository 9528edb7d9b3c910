package httpbridge

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// MaxJSONDepth is how deep JSON in a request may be nested. Go's decoders recurse, and in WebAssembly they do so on the engine's stack,
// which would overflow at a few thousand levels and take the program with it. SQLite's JSON functions stop at the same depth.
//
// PocketBase decodes more than bodies of JSON: the fields of forms, texts in JSON that go to fields of JSON or of several values, and the
// claims of tokens, before it looks at their signatures. So each text is looked into that may be one of these.
const MaxJSONDepth = 1000

var errDepth = fmt.Errorf("the request has JSON that is nested deeper than %d levels", MaxJSONDepth)

// limitDepth refuses a request whose token or query is nested too deep, and has its body fail where it is. Forms with files are looked at
// by who has read them: CheckForm.
func limitDepth(request *http.Request) error {
	if token := bearer(request.Header.Get("Authorization")); len(token) > MaxJSONDepth && tooDeep(&value{}, token) {
		return errDepth
	}
	if query := request.URL.RawQuery; len(query) > MaxJSONDepth && tooDeep(&form{}, query) {
		return errDepth
	}
	if request.Body == http.NoBody {
		return nil
	}
	switch kind := request.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, "application/json"):
		request.Body = &depthReader{request.Body, &document{}}
	case strings.HasPrefix(kind, "application/x-www-form-urlencoded"):
		request.Body = &depthReader{request.Body, &form{}}
	}
	return nil
}

// bearer is the token in an Authorization header, as PocketBase takes it: the scheme may be left out, and be in any case.
func bearer(header string) string {
	const scheme = "Bearer "
	if len(header) > len(scheme) && strings.EqualFold(header[:len(scheme)], scheme) {
		return header[len(scheme):]
	}
	return header
}

// CheckForm returns an error where a value of a form is JSON that is nested too deep.
func CheckForm(values url.Values) error {
	for _, list := range values {
		for _, text := range list {
			if len(text) > MaxJSONDepth && tooDeep(&value{}, text) {
				return errDepth
			}
		}
	}
	return nil
}

// depthCounter looks at a text byte by byte.
type depthCounter interface {
	// add takes the next byte and tells whether the text is nested too deep.
	add(c byte) bool
}

func tooDeep(counter depthCounter, text string) bool {
	for i := range len(text) {
		if counter.add(text[i]) {
			return true
		}
	}
	return false
}

// depthReader fails when what is read through it is nested too deep. Handlers then answer as to any malformed body.
type depthReader struct {
	io.ReadCloser
	counter depthCounter
}

// Read implements io.Reader.
func (r *depthReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	for _, c := range p[:n] {
		if r.counter.add(c) {
			return 0, errDepth
		}
	}
	return n, err
}

// nesting counts how deep a JSON text is nested.
type nesting struct {
	depth   int
	text    bool // inside of a string
	escaped bool // after a backslash there
}

func (n *nesting) add(c byte) bool {
	switch {
	case n.escaped:
		n.escaped = false
	case n.text:
		n.text, n.escaped = c != '"', c == '\\'
	case c == '"':
		n.text = true
	case c == '[' || c == '{':
		n.depth++
		return n.depth > MaxJSONDepth
	case c == ']' || c == '}':
		n.depth--
	}
	return false
}

// document is a JSON text, and what its strings hold.
type document struct {
	whole  nesting
	inner  value
	digits int // of a \u in a string, that are to come
	code   rune
}

func (d *document) add(c byte) bool {
	inside, escaped := d.whole.text, d.whole.escaped
	if d.whole.add(c) {
		return true
	}
	switch {
	case !inside:
		d.inner, d.digits = value{}, 0
		return false
	case !d.whole.text: // its end
		return false
	case d.digits > 0:
		d.digits--
		if d.code = d.code<<4 | hexDigit(c); d.digits > 0 {
			return false
		}
		c = byte(min(d.code, 0x7f)) // what is not ASCII has no part in this
	case escaped && c == 'u':
		d.digits, d.code = 4, 0
		return false
	case escaped && strings.IndexByte("bfnrt", c) >= 0:
		c = ' '
	case !escaped && c == '\\':
		return false
	}
	return d.inner.add(c)
}

// form is a form in a URL's encoding.
type form struct {
	inner  value
	named  bool // after the "=" behind a name
	digits int  // of a %XX, that are to come
	code   rune
}

func (f *form) add(c byte) bool {
	switch {
	case c == '&':
		*f = form{}
		return false
	case !f.named:
		f.named = c == '='
		return false
	case f.digits > 0:
		f.digits--
		if f.code = f.code<<4 | hexDigit(c); f.digits > 0 {
			return false
		}
		c = byte(f.code)
	case c == '%':
		f.digits, f.code = 2, 0
		return false
	case c == '+':
		c = ' '
	}
	return f.inner.add(c)
}

// value is a text that may be JSON, or a token: parts in base64, divided by dots, each of which is JSON.
type value struct {
	kind  valueKind
	json  *document
	token nesting
	bits  uint32 // of a token
	size  int    // how many of them are still to be decoded
}

type valueKind byte

const (
	kindUnknown valueKind = iota // white space so far
	kindJSON
	kindToken
	kindOther
)

// tokenStarts are the first characters of objects and white space in base64.
const tokenStarts = "eCDI"

func (v *value) add(c byte) bool {
	if v.kind == kindUnknown {
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			return false
		case c == '[' || c == '{':
			v.kind, v.json = kindJSON, &document{}
		case strings.IndexByte(tokenStarts, c) >= 0:
			v.kind = kindToken
		default:
			v.kind = kindOther
		}
	}
	switch v.kind {
	case kindJSON:
		return v.json.add(c)
	case kindToken:
		return v.decode(c)
	}
	return false
}

// decode takes the next character of a token.
func (v *value) decode(c byte) bool {
	digit := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c)
	switch {
	case c == '.':
		v.token, v.size = nesting{}, 0
		return false
	case c == '\n' || c == '\r': // which decoders skip
		return false
	case digit < 0:
		v.kind = kindOther
		return false
	}
	v.bits, v.size = v.bits<<6|uint32(digit), v.size+6
	if v.size < 8 {
		return false
	}
	v.size -= 8
	return v.token.add(byte(v.bits >> v.size))
}

func hexDigit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10
	}
	return 0
}
