package d1

import "sync"

// Texts that are remembered with what they say, and how long they may be. An application's statements are few, told apart by their
// parameters alone; what has its values in its text would only push them out.
const (
	maxParses      = 1000
	maxParseLength = 4000
)

// parseCache remembers what parse has made of a text.
type parseCache struct {
	mu    sync.Mutex
	known map[string][]parsed
}

// of is parse. What it returns is shared and must not be changed.
func (c *parseCache) of(query string) []parsed {
	if len(query) > maxParseLength {
		return parse(query)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	statements, known := c.known[query]
	if !known {
		statements = parse(query)
		if c.known == nil || len(c.known) == maxParses {
			c.known = map[string][]parsed{}
		}
		c.known[query] = statements
	}
	return statements
}
