// Package jsonmap encodes the maps that PocketBase makes of records and log entries, to the letter as encoding/json/v2 does with sorted
// keys, without reflection for the values that they hold. Under WebAssembly reflection makes it one of the largest costs of a request.
package jsonmap

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"math"
	"slices"
	"strconv"

	"github.com/pocketbase/pocketbase/tools/types"
)

// Append appends the JSON of m with its keys sorted. Invalid UTF-8 becomes U+FFFD.
//
// Its result is that of json.Marshal with json.Deterministic, jsontext.AllowDuplicateNames and jsontext.AllowInvalidUTF8; so are its errors,
// but for the path in their texts.
func Append(b []byte, m map[string]any) ([]byte, error) { return appendMap(b, m, maxDepth) }

// maxDepth is how deep maps are taken apart here. Those below may contain themselves, which encoding/json finds out.
const maxDepth = 4

func appendMap(b []byte, m map[string]any, depth int) ([]byte, error) {
	if m == nil {
		return append(b, "{}"...), nil
	}
	b = append(b, '{')
	keys := make([]string, 0, 16)
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var err error
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendString(b, key); err != nil {
			return nil, err
		}
		if b, err = appendValue(append(b, ':'), m[key], depth-1); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendValue(b []byte, value any, depth int) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case string:
		return appendString(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case types.DateTime:
		return appendDateTime(b, v), nil
	case []string:
		return appendStrings(b, v)
	case map[string]any:
		if depth > 0 {
			return appendMap(b, v, depth)
		}
	case float64:
		if size := math.Abs(v); size >= 1e-6 && size < 1e21 { // others are written with an exponent
			return strconv.AppendFloat(b, v, 'f', -1, 64), nil
		}
	}
	encoded, err := json.Marshal(value, json.Deterministic(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return append(b, encoded...), err
}

// appendDateTime appends what v.String gives. Go's time.Format reads its layout anew for each value, which is most of its time.
func appendDateTime(b []byte, v types.DateTime) []byte {
	t := v.Time().UTC()
	year, month, day := t.Date()
	if v.IsZero() || year < 0 || year > 9999 {
		return append(append(append(b, '"'), v.String()...), '"')
	}
	hour, minute, second := t.Clock()
	b = appendDigits(append(b, '"'), year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, ' '), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	b = appendDigits(append(b, '.'), t.Nanosecond()/1e6, 3)
	return append(b, 'Z', '"')
}

// appendDigits appends n with leading zeros.
func appendDigits(b []byte, n, width int) []byte {
	b = append(b, "0000"[:width]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] += byte(n % 10)
		n /= 10
	}
	return b
}

func appendStrings(b []byte, list []string) (_ []byte, err error) {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendString(b, s); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendString(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			encoded, err := json.Marshal(s, jsontext.AllowInvalidUTF8(true))
			return append(b, encoded...), err
		}
	}
	return append(append(append(b, '"'), s...), '"'), nil
}
