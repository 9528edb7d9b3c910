package d1random

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
)

// TestValuePassesThroughJSON sends every kind of value the way to the Worker.
func TestValuePassesThroughJSON(t *testing.T) {
	for _, value := range []any{
		nil, int64(0), int64(math.MinInt64), int64(1<<53 + 1), 0.0, math.Copysign(0, -1), 0.1, math.Inf(1), true, false, "", "a\x00b", "\xed\xa0\x80", "日本", []byte{}, []byte{0, 255},
	} {
		data, err := json.Marshal(Value{value})
		if err != nil {
			t.Fatal(err)
		}
		var got Value
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.V, value) {
			t.Errorf("%s: %#v became %#v", data, value, got.V)
		}
	}
	if _, err := json.Marshal(Value{struct{}{}}); err == nil {
		t.Error("a struct is no parameter")
	}
}

// TestShrink keeps the steps that a difference needs, and no other.
func TestShrink(t *testing.T) {
	needed := []Step{{Op: Do, SQL: "a"}, {Op: Do, SQL: "b"}, {Op: Query, SQL: "c"}}
	program := Program{Seed: 5}
	for i := range 40 {
		program.Steps = append(program.Steps, Step{Op: Do, SQL: "other"})
		if i%15 == 4 {
			program.Steps = append(program.Steps, needed[i/15])
		}
	}
	find := func(p Program) (Difference, bool) {
		want, got := make([]string, len(p.Steps)), make([]string, len(p.Steps))
		next := 0
		for i, step := range p.Steps {
			if next < len(needed) && reflect.DeepEqual(step, needed[next]) {
				next++
			}
			if next == len(needed) {
				got[i] = "other"
			}
		}
		return Compare(p, want, got)
	}
	d, ok := find(program)
	if !ok {
		t.Fatal("there is a difference")
	}
	d = Shrink(d, find)
	if !slices.EqualFunc(d.Program.Steps, needed, func(a, b Step) bool { return reflect.DeepEqual(a, b) }) || d.Step != 2 || d.Program.Seed != 5 {
		t.Errorf("left over: %s", d)
	}
}
