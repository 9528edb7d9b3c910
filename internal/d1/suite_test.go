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
)

var sequences = flag.Int("sequences", 150, "how many sequences of random statements to compare")

// modes are the ways in which the driver is to be the same: each of its Options that changes how it works has one.
var modes = map[string]d1.Options{
	"replay":                {TokenWrites: true},
	"replay without tokens": {},
}

// TestSuite compares the driver over a stand-in for D1, in each mode, with the driver of stock PocketBase on SQLite.
func TestSuite(t *testing.T) {
	for _, c := range d1test.Cases() {
		t.Run(c.Name, func(t *testing.T) { compareDrivers(t, c, modes) })
	}
}

// TestRandom compares them in random statements.
func TestRandom(t *testing.T) {
	for seed := range *sequences {
		c := d1test.Random(uint64(seed))
		t.Run(c.Name, func(t *testing.T) { compareDrivers(t, c, map[string]d1.Options{"replay": modes["replay"]}) })
	}
}

func compareDrivers(t *testing.T, c d1test.Case, modes map[string]d1.Options) {
	stock, err := core.DefaultDBConnect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	want := c.Transcript(stock.DB())
	for name, options := range modes {
		t.Run(name, func(t *testing.T) {
			db := sql.OpenDB(d1.Open(openStandIn(t, ":memory:"), options))
			defer db.Close()
			compare(t, want, c.Transcript(db))
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
