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

// TestSuite compares the driver over a stand-in for D1 with the driver of stock PocketBase on SQLite.
func TestSuite(t *testing.T) {
	for _, c := range d1test.Cases() {
		t.Run(c.Name, func(t *testing.T) { compareDrivers(t, c) })
	}
}

// TestRandom compares them in random statements.
func TestRandom(t *testing.T) {
	for seed := range *sequences {
		c := d1test.Random(uint64(seed))
		t.Run(c.Name, func(t *testing.T) { compareDrivers(t, c) })
	}
}

func compareDrivers(t *testing.T, c d1test.Case) {
	stock, err := core.DefaultDBConnect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	db := sql.OpenDB(d1.Open(openStandIn(t, ":memory:"), d1.Options{TokenWrites: true}))
	defer db.Close()
	compare(t, c.Transcript(stock.DB()), c.Transcript(db))
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
