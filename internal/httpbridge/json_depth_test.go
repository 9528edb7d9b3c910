package httpbridge

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestJSONDepth(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for _, test := range []struct {
		name, body string
		refused    bool
	}{
		{"as deep as allowed", nested(MaxJSONDepth), false},
		{"too deep", nested(MaxJSONDepth + 1), true},
		{"too deep, in objects", strings.Repeat(`{"a":`, MaxJSONDepth+1), true},
		{"many side by side", "[" + strings.Repeat("[],{},", 2*MaxJSONDepth) + "[]]", false},
		{"in a string", `{"a":"` + strings.Repeat("[", 2*MaxJSONDepth) + `"}`, false},
		{"in a string with quotes", `{"a":"\"` + strings.Repeat("[", 2*MaxJSONDepth) + `\\"}`, false},
		{"after a string that ends in a backslash", `{"a":"\\"` + strings.Repeat("[", 2*MaxJSONDepth), true},
	} {
		for _, reader := range []io.Reader{strings.NewReader(test.body), iotest.OneByteReader(strings.NewReader(test.body))} {
			got, err := io.ReadAll(&jsonDepthReader{ReadCloser: io.NopCloser(reader)})
			if refused := err != nil; refused != test.refused || !refused && string(got) != test.body {
				t.Errorf("%s: %d bytes, %v", test.name, len(got), err)
			}
		}
	}
}
