package d1

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Values that are too many for parameters travel as a JSON array, whose elements json_each and ->> give back with the same type and
// value.

// jsonList is values as a JSON array; false if JSON does not carry them exactly, or there are too many.
func jsonList(values []any) (string, bool) {
	b := []byte{'['}
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var ok bool
		if b, ok = appendJSON(b, value); !ok || len(b) > jsonListSize {
			return "", false
		}
	}
	return string(append(b, ']')), true
}

// appendJSON appends one value; false if JSON does not carry it.
func appendJSON(b []byte, value any) ([]byte, bool) {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...), true
	case int64:
		return strconv.AppendInt(b, v, 10), true
	case float64:
		if math.IsInf(v, 0) {
			return b, false
		}
		return append(b, realNumber(v)...), true
	case string:
		if !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
			return b, false
		}
		text, err := json.Marshal(v)
		return append(b, text...), err == nil
	}
	return b, false
}

// realNumber writes a finite number so that SQL and JSON read a real.
func realNumber(v float64) string {
	s := strconv.FormatFloat(v, 'e', -1, 64)
	if strings.IndexByte(s, '.') < 0 {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}
