package d1_test

import (
	"context"
	"database/sql"
	"os"
	"strconv"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1"
	"pocketflare/internal/d1/d1random"
	"pocketflare/internal/d1/d1random/generate"
	"pocketflare/internal/d1/standin"
)

// stepsOfProgram is how long a program is: long enough for a schema to change under its data, and short enough to start
// anew often.
const stepsOfProgram = 150

// TestRandomPrograms compares the driver over a stand-in for D1 with the driver of stock PocketBase on SQLite. DIFF_STEPS and
// DIFF_SEED ask for more steps, and others.
func TestRandomPrograms(t *testing.T) {
	steps, seed := setting(t, "DIFF_STEPS", 20_000), setting(t, "DIFF_SEED", 1)
	for i := range max(1, steps/stepsOfProgram) {
		program := generate.Program(uint64(seed+i), stepsOfProgram)
		if d, ok := differs(t, program); ok {
			t.Errorf("%s", d1random.Shrink(d, func(p d1random.Program) (d1random.Difference, bool) { return differs(t, p) }))
		}
	}
}

func differs(t *testing.T, program d1random.Program) (d1random.Difference, bool) {
	stock, err := core.DefaultDBConnect(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer stock.Close()
	stock.DB().SetMaxOpenConns(1) // each would have a database of its own
	binding, err := standin.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer binding.Close()
	db := sql.OpenDB(d1.Open(binding, d1.Options{}))
	defer db.Close()
	ctx := context.Background()
	return d1random.Compare(program, d1random.Run(ctx, stock.DB(), program), d1random.Run(ctx, db, program))
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	value := os.Getenv(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatalf("%s=%s is not a number", name, value)
	}
	return n
}
