//go:build js && wasm

package main

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"

	"pocketflare/internal/d1"
)

// memory is a D1 database that, once it is on, answers from memory what it was asked before, and forgets writes.
type memory struct {
	d1.Binding
	on      bool
	answers map[string]*answer
}

type answer struct {
	columns []string
	rows    [][]driver.Value
}

func newMemory(binding d1.Binding) *memory {
	return &memory{Binding: binding, answers: map[string]*answer{}}
}

// Query implements d1.Binding.
func (m *memory) Query(ctx context.Context, statement d1.Statement) (d1.Rows, error) {
	if !m.on {
		return m.Binding.Query(ctx, statement)
	}
	key := statement.SQL
	for _, param := range statement.Params {
		key += fmt.Sprintf("\x00%v", param)
	}
	if known := m.answers[key]; known != nil {
		return &cursor{answer: known}, nil
	}
	rows, err := m.Binding.Query(ctx, statement)
	if err != nil {
		return nil, err
	}
	known := &answer{columns: rows.Columns()}
	for {
		row := make([]driver.Value, len(known.columns))
		if err := rows.Next(row); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		known.rows = append(known.rows, row)
	}
	m.answers[key] = known
	return &cursor{answer: known}, nil
}

// Batch implements d1.Binding.
func (m *memory) Batch(ctx context.Context, statements []d1.Statement) ([]d1.Result, error) {
	if !m.on {
		return m.Binding.Batch(ctx, statements)
	}
	results := make([]d1.Result, len(statements))
	for i := range results {
		results[i] = d1.Result{Changes: 1, LastRowID: 1, Told: "1,1"}
	}
	return results, nil
}

// cursor is a reader of an answer.
type cursor struct {
	*answer
	next int
}

func (c *cursor) Columns() []string { return c.columns }
func (c *cursor) Inexact() bool     { return false }

func (c *cursor) Next(dest []driver.Value) error {
	if c.next == len(c.rows) {
		return io.EOF
	}
	copy(dest, c.rows[c.next])
	c.next++
	return nil
}
