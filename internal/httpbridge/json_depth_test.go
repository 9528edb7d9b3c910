package httpbridge

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// token is a token whose claims are nested so deep; space comes before each of its parts.
func token(space string, depth int) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(space+`{"alg":"HS256"}`)) + "." + encode([]byte(space+`{"a":`+nested(depth-1)+"}")) + ".c2lnbmF0dXJl"
}

func TestJSONDepth(t *testing.T) {
	deep := nested(MaxJSONDepth + 1)
	escaped := strings.NewReplacer("[", `\u005b`, "]", `\u005D`).Replace(deep)
	for _, test := range []struct {
		name, body string
		refused    bool
	}{
		{"as deep as allowed", nested(MaxJSONDepth), false},
		{"too deep", deep, true},
		{"too deep, in objects", strings.Repeat(`{"a":`, MaxJSONDepth+1), true},
		{"many side by side", "[" + strings.Repeat("[],{},", 2*MaxJSONDepth) + "[]]", false},
		{"in a text", `{"a":"see ` + strings.Repeat("[", 2*MaxJSONDepth) + `"}`, false},
		{"in a text with quotes", `{"a":"\"` + strings.Repeat("[", 2*MaxJSONDepth) + `\\"}`, false},
		{"after a string that ends in a backslash", `{"a":"\\"` + strings.Repeat("[", 2*MaxJSONDepth), true},
		{"a text of JSON, as deep as allowed", `{"a":"` + nested(MaxJSONDepth) + `"}`, false},
		{"a text of JSON, too deep", `{"b":"c","a":" \n` + deep + `"}`, true},
		{"a text of JSON, escaped", `{"a":"` + escaped + `"}`, true},
		{"a text of JSON with quotes", `{"a":"{\"b\":\"[\",\"c\":` + deep + `}"}`, true},
		{"a text of JSON in a text of JSON", `{"a":"{\"b\":\"` + deep + `\"}"}`, true},
		{"many texts of JSON", `["` + strings.Repeat(`[{","`, 2*MaxJSONDepth) + `"]`, false},
		{"a token", `{"token":"` + token("", MaxJSONDepth) + `"}`, false},
		{"a token, too deep", `{"token":"` + token("", MaxJSONDepth+1) + `"}`, true},
		{"a token with white space, too deep", `{"token":"` + token("\n", MaxJSONDepth+1) + `"}`, true},
	} {
		for _, reader := range []io.Reader{strings.NewReader(test.body), iotest.OneByteReader(strings.NewReader(test.body))} {
			got, err := io.ReadAll(&depthReader{io.NopCloser(reader), &document{}})
			if refused := err != nil; refused != test.refused || !refused && string(got) != test.body {
				t.Errorf("%s: %d bytes, %v", test.name, len(got), err)
			}
		}
	}
}

func TestFormDepth(t *testing.T) {
	for _, test := range []struct {
		name, value string
		refused     bool
	}{
		{"a text", "see " + nested(2*MaxJSONDepth), false},
		{"JSON, as deep as allowed", nested(MaxJSONDepth), false},
		{"JSON, too deep", `{"a&b":"=[",` + "\n" + `"c":` + nested(MaxJSONDepth+1) + "}", true},
		{"JSON with a text of JSON, too deep", `{"a":"` + nested(MaxJSONDepth+1) + `"}`, true},
		{"a token", token("", MaxJSONDepth), false},
		{"a token, too deep", token(" ", MaxJSONDepth+1), true},
	} {
		values := url.Values{"a": {"x"}, "b": {"y", test.value}, "c": {"z"}}
		if refused := CheckForm(values) != nil; refused != test.refused {
			t.Errorf("%s: refused %v", test.name, refused)
		}
		for _, encoded := range []string{values.Encode(), "b=" + url.QueryEscape(test.value), "b=" + strings.ReplaceAll(url.QueryEscape(test.value), "%5B", "[")} {
			if refused := tooDeep(&form{}, encoded); refused != test.refused {
				t.Errorf("%s: encoded, refused %v", test.name, refused)
			}
		}
	}
}

func TestTokenDepth(t *testing.T) {
	for _, scheme := range []string{"", "Bearer ", "bearer ", "BEARER "} {
		for depth, refused := range map[int]bool{MaxJSONDepth: false, MaxJSONDepth + 1: true} {
			request := &http.Request{URL: &url.URL{}, Body: http.NoBody, Header: http.Header{"Authorization": {scheme + token("", depth)}}}
			if err := limitDepth(request); (err != nil) != refused {
				t.Errorf("%q, %d levels: %v", scheme, depth, err)
			}
		}
	}
}
