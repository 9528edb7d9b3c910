package d1

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// columnCache remembers the columns of queries by what decides them, parsed.columnsKey.
//
// What a query with * gives changes with its tables, so such queries are forgotten when one is altered or dropped; the
// columns of others only change their names when one is renamed.
type columnCache struct {
	mu      sync.Mutex
	epoch   int // raised by each change that makes it forget
	queries map[string]knownColumns
	types   map[string][]string // declared ones, by typedPart
}

type knownColumns struct {
	names []string
	star  bool
}

// Its first epoch is a random one, since what JavaScript remembers by it outlives a connector.
func newColumnCache() *columnCache {
	return &columnCache{queries: map[string]knownColumns{}, types: map[string][]string{}, epoch: rand.IntN(1 << 40)}
}

// get gives the columns of a query, nil if they are not known, and the epoch in which an answer of D1's will be valid.
func (c *columnCache) get(p *parsed) (names []string, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queries[p.columnsKey()].names, c.epoch
}

// put remembers columns that were asked for in an epoch.
func (c *columnCache) put(p *parsed, names []string, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if len(c.queries) >= columnsKept {
		clear(c.queries)
	}
	c.queries[strings.Clone(p.columnsKey())] = knownColumns{cloneAll(names), p.star}
}

// cloneAll makes texts that share a whole reply's memory texts of their own.
func cloneAll(texts []string) []string {
	own := make([]string, len(texts))
	for i, text := range texts {
		own[i] = strings.Clone(text)
	}
	return own
}

// typesOf is get for the declared types of a query's columns.
func (c *columnCache) typesOf(text string) (types []string, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.types[text], c.epoch
}

// putTypes is put for them.
func (c *columnCache) putTypes(text string, types []string, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if len(c.types) >= columnsKept {
		clear(c.types)
	}
	c.types[strings.Clone(text)] = cloneAll(types)
}

// drop forgets one query, whose columns have turned out to be others.
func (c *columnCache) drop(p *parsed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.queries, p.columnsKey())
}

// forget forgets what a statement that changes the schema may change.
func (c *columnCache) forget(p *parsed) {
	if !p.reshapes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.types)
	for text, query := range c.queries {
		if query.star || p.renames {
			delete(c.queries, text)
		}
	}
}

// ForgetColumns has the database of a connector, which Open gave, ask for its tables and for the columns of queries anew: another isolate
// has changed tables.
func ForgetColumns(c driver.Connector) {
	db := c.(*connector)
	db.columns.forgetAll()
	db.schema.forget()
}

func (c *columnCache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.queries)
	clear(c.types)
}

// viewInfo gives the names or types of the columns of a query that follows writes, from a view that is thrown away with
// them.
func (db *connector) viewInfo(ctx context.Context, writes []Statement, p *parsed, what string) ([]string, error) {
	view := Statement{SQL: "CREATE VIEW " + columnView + " AS " + withoutParams(p)}
	info := rowsExpression(`SELECT `+what+` FROM pragma_table_info('`+columnView+`')`, 1, false, true, guard{limit: -1})
	text, err := db.probe(ctx, append(slices.Clip(writes), view), Statement{SQL: info})
	var own *Error
	if errors.As(err, &own) {
		own.Message = withoutMain(own.Message, p.text)
	}
	if err != nil {
		return nil, err
	}
	rows, _, err := decodeRows(text, []string{what})
	if err != nil {
		return nil, err
	}
	values := make([]string, len(rows.values))
	for i, value := range rows.values {
		values[i], _ = value.(string)
	}
	return values, nil
}

// withoutMain gives the error of a query from that of a view of it: what a view lacks is missing in main. It stays so where
// the query does not name the table itself, because a view that it reads does.
func withoutMain(message, query string) string {
	const missing = "no such table: "
	table, ok := strings.CutPrefix(message, missing+"main.")
	if !ok || !strings.Contains(query, table) {
		return message
	}
	return missing + table
}

// viewColumns restores the names of a result's columns from those of a view, which tells equal names apart as a, a:1, a:2.
func viewColumns(names []string) []string {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if colon := strings.LastIndexByte(name, ':'); colon >= 0 && colon+1 < len(name) {
			base, number := name[:colon], name[colon+1:]
			if strings.Trim(number, "0123456789") == "" && seen[strings.ToLower(base)] {
				names[i] = base
			}
		}
		seen[strings.ToLower(names[i])] = true
	}
	return names
}
