package d1

import (
	"strings"
	"sync"
)

// columnCache remembers the columns of queries by their text.
//
// Only what was read outside of transactions that change the schema is kept, and all is forgotten when one commits.
type columnCache struct {
	mu      sync.Mutex
	epoch   int // raised by each change of the schema
	columns map[string][]string
}

func newColumnCache() *columnCache {
	return &columnCache{columns: map[string][]string{}}
}

// get gives the columns of a query, and the epoch in which an answer of D1's will be valid.
func (c *columnCache) get(query string) (columns []string, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.columns[query], c.epoch
}

// put remembers columns that were asked for in an epoch.
func (c *columnCache) put(query string, columns []string, epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch {
		return
	}
	if len(c.columns) >= columnsKept {
		clear(c.columns)
	}
	kept := make([]string, len(columns)) // of their own: the originals share a whole reply's memory
	for i, name := range columns {
		kept[i] = strings.Clone(name)
	}
	c.columns[strings.Clone(query)] = kept
}

// drop forgets one query, whose columns have turned out to be others.
func (c *columnCache) drop(query string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.columns, query)
}

// clear forgets all.
func (c *columnCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	clear(c.columns)
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
