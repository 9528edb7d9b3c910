//go:build !js

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/d1/d1random"
	"pocketflare/internal/d1/d1random/generate"
)

// shown is how many differences are told before the run ends.
const shown = 5

// run compares programs from -seed on, until so many steps were run.
func run() error {
	worker := flag.String("worker", "", "the Worker's URL")
	seed := flag.Uint64("seed", 1, "seed of the first program")
	steps := flag.Int("steps", 1000, "how many steps to run")
	length := flag.Int("length", 150, "how many steps a program has")
	flag.Parse()
	found := 0
	for i := range uint64(max(1, *steps / *length)) {
		program := generate.Program(*seed+i, *length)
		d, differs, err := compare(*worker, program)
		if err != nil {
			return fmt.Errorf("seed %d: %w", program.Seed, err)
		}
		if !differs {
			continue
		}
		d = d1random.Shrink(d, func(p d1random.Program) (d1random.Difference, bool) {
			smaller, differs, err := compare(*worker, p)
			return smaller, differs && err == nil
		})
		fmt.Println(d)
		if found++; found == shown {
			break
		}
	}
	if found > 0 {
		return fmt.Errorf("%d programs differ", found)
	}
	return nil
}

func compare(worker string, program d1random.Program) (d d1random.Difference, differs bool, err error) {
	got, err := onWorker(worker, program)
	if err != nil {
		return d, false, err
	}
	want, err := onSQLite(program)
	if err != nil {
		return d, false, err
	}
	d, differs = d1random.Compare(program, want, got)
	return d, differs, nil
}

func onSQLite(program d1random.Program) ([]string, error) {
	db, err := core.DefaultDBConnect(":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.DB().SetMaxOpenConns(1) // each would have a database of its own
	return d1random.Run(context.Background(), db.DB(), program), nil
}

func onWorker(url string, program d1random.Program) ([]string, error) {
	body, err := json.Marshal(program)
	if err != nil {
		return nil, err
	}
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("the Worker answers %s: %s", response.Status, text)
	}
	var said [][]byte
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil {
		return nil, err
	}
	outcomes := make([]string, len(said))
	for i, outcome := range said {
		outcomes[i] = string(outcome)
	}
	return outcomes, nil
}
