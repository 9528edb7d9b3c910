// Package generate makes programs of SQL as PocketBase makes it, from a seed: its own builders, filters and resolvers write
// the statements, over collections that the program creates, changes and fills.
//
// The generator keeps a model of the database, so that most statements fit what is there; it never sees an answer, and
// the same seed makes the same program, but for the random aliases that PocketBase gives to some subqueries.
package generate

import (
	"database/sql"
	"math/rand/v2"
	"sort"

	"github.com/pocketbase/dbx"

	"pocketflare/internal/d1/d1random"
)

// Program makes a program of about so many steps.
func Program(seed uint64, steps int) d1random.Program {
	g := newGenerator(seed)
	g.createAnything()
	for range 2 + g.IntN(3) {
		g.createCollection()
		for range g.IntN(8) {
			g.insert(g.tables[len(g.tables)-1])
		}
	}
	for len(g.steps) < steps {
		if g.oneIn(3) {
			g.transaction()
		} else {
			g.statement()
		}
	}
	return d1random.Program{Seed: seed, Steps: g.steps}
}

// generator is a program in the making.
type generator struct {
	*rand.Rand
	model
	db       *dbx.DB // a database that only writes down what it is asked
	recorder *recorder
	steps    []d1random.Step
	names    int  // how many names were given out
	inside   bool // of a transaction
}

func newGenerator(seed uint64) *generator {
	r := &recorder{}
	return &generator{
		Rand:     rand.New(rand.NewPCG(seed, 3)),
		db:       dbx.NewFromDB(sql.OpenDB(r), "sqlite"),
		recorder: r,
	}
}

func (g *generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// choice is something to do, as often as its weight says.
type choice struct {
	weight int
	do     func()
}

func (g *generator) choose(choices []choice) {
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	n := g.IntN(total)
	for _, c := range choices {
		if n -= c.weight; n < 0 {
			c.do()
			return
		}
	}
}

// transaction is some statements that are stored, or not.
func (g *generator) transaction() {
	g.add(d1random.Step{Op: d1random.Begin})
	before := g.model.clone()
	g.inside = true
	for range 1 + g.IntN(8) {
		g.statement()
	}
	g.inside = false
	if g.oneIn(3) {
		g.model = before
		g.add(d1random.Step{Op: d1random.Rollback})
		return
	}
	g.add(d1random.Step{Op: d1random.Commit})
}

func (g *generator) statement() {
	g.choose([]choice{
		{30, g.write},
		{40, g.read},
		{6, g.changeSchema},
		{5, g.raw},
		{6, g.useAnything},
		{1, g.bulk},
	})
}

func (g *generator) add(step d1random.Step) { g.steps = append(g.steps, step) }

// exec adds what a query of dbx would send.
func (g *generator) exec(op d1random.Op, query *dbx.Query) {
	query.Execute()
	for _, call := range g.recorder.take() {
		g.add(d1random.Step{Op: op, SQL: call.sql, Args: call.args})
	}
}

// ask adds the queries that f makes of the recording database.
func (g *generator) ask(ordered bool, f func()) {
	f()
	calls := g.recorder.take()
	sort.Slice(calls, func(i, j int) bool { return calls[i].sql < calls[j].sql }) // goroutines may have made them
	for _, call := range calls {
		g.query(ordered, call.sql, call.args...)
	}
}

// query adds a query, read in one way or another.
func (g *generator) query(ordered bool, sql string, args ...d1random.Value) {
	scan := d1random.Text
	switch g.IntN(12) {
	case 0, 1, 2:
		scan = d1random.Any
	case 3:
		scan = pick(g, d1random.Int, d1random.Float, d1random.Bool, d1random.Bytes)
	case 4:
		if typesAreTold(sql) {
			scan = d1random.Types
		}
	}
	g.add(d1random.Step{Op: d1random.Query, SQL: sql, Args: args, Scan: scan, Unordered: !ordered})
}
