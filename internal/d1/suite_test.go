package d1_test

import (
	"database/sql"
	"flag"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/d1test"
	"pocketflare/internal/d1/standin"
)

var sequences = flag.Int("sequences", 150, "how many sequences of random statements to compare")

var everyMode = flag.Bool("modes", false, "run each case of the suite in every mode of transactions, not in two")

// TestSuite compares the driver over a stand-in for D1 with the driver of stock PocketBase on SQLite.
func TestSuite(t *testing.T) {
	for i, c := range d1test.Cases() {
		modes := []d1test.Mode{d1test.Modes[0], d1test.Modes[1+i%(len(d1test.Modes)-1)]}
		if *everyMode {
			modes = d1test.Modes
		}
		t.Run(c.Name, func(t *testing.T) { compareDrivers(t, c, modes) })
	}
	if d1test.Guesses == 0 {
		t.Error("no guess was wrong: the scratch that lies was not believed")
	}
}

// TestRandom compares them in random statements.
func TestRandom(t *testing.T) {
	for seed := range *sequences {
		for _, c := range []d1test.Case{d1test.Random(uint64(seed)), d1test.RandomRows(uint64(seed))} {
			mode := seed % len(d1test.Modes)
			t.Run(c.Name, func(t *testing.T) { compareDrivers(t, c, d1test.Modes[mode:mode+1]) })
		}
	}
}

func compareDrivers(t *testing.T, c d1test.Case, modes []d1test.Mode) {
	stock, err := core.DefaultDBConnect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	want := c.Transcript(stock.DB())
	for _, mode := range modes {
		t.Run(mode.Name, func(t *testing.T) {
			got, err := mode.Transcript(c, new(standin.Scratch), func(options d1.Options) (*sql.DB, error) {
				return sql.OpenDB(d1.Open(openStandIn(t, ":memory:"), options)), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, want, got)
		})
	}
}

// compare reports the first lines that differ.
func compare(t *testing.T, want, got string) {
	t.Helper()
	wants, gots := strings.Split(want, "\n"), strings.Split(got, "\n")
	shown := 0
	for i := range max(len(wants), len(gots)) {
		w, g := "(nothing)", "(nothing)"
		if i < len(wants) {
			w = wants[i]
		}
		if i < len(gots) {
			g = gots[i]
		}
		if w != g {
			t.Errorf("line %d:\n\tSQLite %s\n\tD1     %s", i+1, w, g)
			if shown++; shown == 10 {
				return
			}
		}
	}
}

var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}Z`)

// timeless leaves out what differs from one run to the next.
func timeless(text string) string { return times.ReplaceAllString(text, "<time>") }
