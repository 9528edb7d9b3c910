package d1random

import (
	"fmt"
	"slices"
	"strings"
)

// Difference is the first step that two runs of a program tell differently; the step after the last is the content of
// the database.
type Difference struct {
	Program   Program
	Step      int
	Want, Got string
}

// Compare finds the first difference; ok tells that there is one.
func Compare(program Program, want, got []string) (d Difference, ok bool) {
	for i := range max(len(want), len(got)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if w != g {
			return Difference{program, i, w, g}, true
		}
	}
	return Difference{}, false
}

// String tells the seed, the steps that lead there, and what differs.
func (d Difference) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "seed %d, step %d:\n", d.Program.Seed, d.Step)
	for i, step := range d.Program.Steps[:min(d.Step+1, len(d.Program.Steps))] {
		fmt.Fprintf(&out, "  %d %s\n", i, step)
	}
	want, got := unlike(d.Want, d.Got)
	fmt.Fprintf(&out, "SQLite said: %s\nD1 said:     %s\n", want, got)
	return out.String()
}

// unlike leaves out the lines that are the same at the start and at the end.
func unlike(want, got string) (string, string) {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for len(w) > 1 && len(g) > 1 && w[0] == g[0] {
		w, g = w[1:], g[1:]
	}
	for len(w) > 1 && len(g) > 1 && w[len(w)-1] == g[len(g)-1] {
		w, g = w[:len(w)-1], g[:len(g)-1]
	}
	return strings.Join(w, "\n"), strings.Join(g, "\n")
}

// Shrink leaves out steps, first many at once and at last each by itself, as long as find still finds a difference in what
// is left.
func Shrink(d Difference, find func(Program) (Difference, bool)) Difference {
	if d.Step < len(d.Program.Steps) {
		d.Program.Steps = d.Program.Steps[:d.Step+1]
	}
	for size := max(1, len(d.Program.Steps)/2); ; size /= 2 {
		for start := 0; start < len(d.Program.Steps); {
			end := min(start+size, len(d.Program.Steps))
			fewer := slices.Concat(d.Program.Steps[:start], d.Program.Steps[end:])
			if smaller, ok := find(Program{d.Program.Seed, fewer}); ok {
				d = smaller
				continue
			}
			start = end
		}
		if size == 1 {
			return d
		}
	}
}
