package jsonmap

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"
)

func marshal(m map[string]any) ([]byte, error) {
	return json.Marshal(m, json.Deterministic(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func TestAppend(t *testing.T) {
	for _, data := range []map[string]any{
		{"a": nil},
		{"type": "request", "execTime": 0.234, "status": int64(200), "url": "/api/health?a=1&b=<2>", "auth": "", "meta": map[string]any{"b": 1, "a": []any{1.5}}},
		{"z": true, "a": false, "m": 7, "M": -7},
		{"quotes": `"\/`, "control": "\x00\t\n\x1f\x7f", "unicode": "äöü 漢 \u2028 😀", "invalid": "a\xffb", "": "empty"},
		{"zero": 0.0, "negative": math.Copysign(0, -1), "small": 1e-7, "smallest": 1e-6, "large": 1e21, "largest": math.MaxFloat64, "third": 1.0 / 3, "whole": 1e20},
		{"time": time.Unix(0, 0).UTC(), "bytes": []byte("x"), "uint": uint8(3), "float32": float32(0.1)},
		{}, nil,
		{"date": types.NowDateTime(), "none": types.DateTime{}, "list": []string{"a", `"`, ""}, "empty": []string{}, "nil": []string(nil)},
		{"point": types.GeoPoint{Lon: 1.5, Lat: -2}, "json": types.JSONArray[any]{1, "a"}, "map": map[string]any{"b": nil, "a": 1}, "strings": types.JSONArray[string]{"a"}},
		{"nested": map[string]any{"z": map[string]any{"y": map[string]any{"x": map[string]any{"w": map[string]any{"v": 1}}}}, "nil": map[string]any(nil), "a": 1}},
		{"raw": types.JSONRaw(`{"b": 1}`), "error": errors.New("x").Error()},
	} {
		want, wantErr := marshal(data)
		got, err := Append(nil, data)
		if string(got) != string(want) || (err != nil) != (wantErr != nil) {
			t.Errorf("got  %s, %v\nwant %s, %v", got, err, want, wantErr)
		}
	}
	endless := map[string]any{}
	endless["a"] = endless
	for _, data := range []map[string]any{endless, {"a": math.NaN()}, {"a": make(chan int)}, {"a": time.Second}} {
		_, wantErr := marshal(data)
		if _, err := Append(nil, data); (err != nil) != (wantErr != nil) {
			t.Errorf("%v, want %v", err, wantErr)
		}
	}
}

func TestAppendDateTime(t *testing.T) {
	for _, moment := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(1e9, 999_999_999), time.Unix(1e9, 7_000_000), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(0, 2, 29, 1, 2, 3, 4e6, time.UTC), time.Date(2026, 11, 21, 0, 30, 0, 0, time.FixedZone("", 3600)),
	} {
		date, err := types.ParseDateTime(moment)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(appendDateTime(nil, date)), `"`+date.String()+`"`; got != want {
			t.Errorf("%v: %s, want %s", moment, got, want)
		}
	}
}

func BenchmarkAppendDateTime(b *testing.B) {
	date := types.NowDateTime()
	buffer := make([]byte, 0, 64)
	for b.Loop() {
		appendDateTime(buffer, date)
	}
}
