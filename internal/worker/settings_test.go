package worker

import (
	"bytes"
	"log"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	var printed bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&printed)
	for _, test := range []struct {
		text     string
		off, on  bool // what a switch is that is off, or on, by default
		count    int  // where 7 is the default
		mistaken int  // how many of the three are
	}{
		{"", false, true, 7, 0},
		{"1", true, true, 1, 0},
		{"true", true, true, 7, 1},
		{"TRUE", true, true, 7, 1},
		{"0", false, false, 7, 1},
		{"false", false, false, 7, 1},
		{"500", false, true, 500, 2},
		{"yes", false, true, 7, 3},
		{"-1", false, true, 7, 3},
		{"1.5", false, true, 7, 3},
		{"10,000", false, true, 7, 3},
	} {
		printed.Reset()
		env := func(name string) string {
			if name != "NAME" {
				t.Errorf("%q was asked for", name)
			}
			return test.text
		}
		off, on, count := switchSetting(env, "NAME", false), switchSetting(env, "NAME", true), countSetting(env, "NAME", 7)
		if off != test.off || on != test.on || count != test.count {
			t.Errorf("%q: %v, %v, %d", test.text, off, on, count)
		}
		if said := strings.Count(printed.String(), "NAME is "); said != test.mistaken {
			t.Errorf("%q: %d mistakes were told of:\n%s", test.text, said, printed.String())
		}
	}
}
