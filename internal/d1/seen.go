package d1

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A transaction may read the same many rows again and again, with few changes between: an import reads all collections after each that it
// saves. To assert each of these reads with all that it gave would take megabytes. So the commit keeps what the first one gives in a table, and
// asserts of the next by what it differs from the one before. The batch empties the table at its end.
const (
	seenTable = "_pf_seen"
	// otherRows is the constraint that such an assertion violates if it does not hold.
	otherRows = "_pf_other_rows"

	seenSize = 4_000     // bytes of rows from which on it is worth it
	seenMost = 1_500_000 // bytes of rows up to which they fit into one value
)

// seen is an assertion by way of the table.
type seen struct {
	number int    // its row
	before *entry // the read that it is compared with; nil of the first
	same   [2]int // how many bytes it has in common with that, at the beginning and at the end
	text   string // what is between; all of the first
}

// asSeen makes a read's assertion one of these, if one of the same text is known, or prepares for that.
func (t *replay) asSeen(key string, e *entry) {
	size := 0
	for _, g := range e.guards {
		size += len(g.text)
	}
	if size < seenSize || size > seenMost {
		return
	}
	var whole strings.Builder
	for _, g := range e.guards {
		whole.WriteString(g.text)
	}
	text := whole.String()
	if t.seen == nil {
		t.seen = map[string]lastSeen{}
	}
	// The same question, or the last one: others may have asked for nearly the same.
	best, same := lastSeen{}, [2]int{}
	for _, last := range []lastSeen{t.seen[key], t.latest} {
		if last.entry == nil {
			continue
		}
		if common := commonBytes(last.text, text); common[0]+common[1] > same[0]+same[1] {
			best, same = last, common
		}
	}
	t.latest = lastSeen{e, text}
	t.seen[key] = t.latest
	between := text[same[0] : len(text)-same[1]]
	if len(between) > len(text)/2 {
		return
	}
	if best.entry.seen == nil {
		best.entry.seen, best.entry.guards = &seen{number: t.nextSeen(), text: best.text}, nil
	}
	e.seen, e.guards = &seen{number: t.nextSeen(), before: best.entry, same: same, text: strings.Clone(between)}, nil
}

// lastSeen is the last read of a text.
type lastSeen struct {
	entry *entry
	text  string
}

func (t *replay) nextSeen() int {
	t.lastSeen++
	return t.lastSeen
}

// commonBytes tells how many bytes two texts have in common at their beginnings and ends. It compares them by blocks first.
func commonBytes(a, b string) (same [2]int) {
	const block = 256
	most := min(len(a), len(b))
	for same[0]+block <= most && a[same[0]:same[0]+block] == b[same[0]:same[0]+block] {
		same[0] += block
	}
	for same[0] < most && a[same[0]] == b[same[0]] {
		same[0]++
	}
	most -= same[0]
	for same[1]+block <= most && a[len(a)-same[1]-block:len(a)-same[1]] == b[len(b)-same[1]-block:len(b)-same[1]] {
		same[1] += block
	}
	for same[1] < most && a[len(a)-1-same[1]] == b[len(b)-1-same[1]] {
		same[1]++
	}
	return same
}

// statement asserts the rows, and keeps them for the next.
func (s *seen) statement(e *entry) Statement {
	expected := "CAST(? AS BLOB)"
	if s.before != nil {
		expected = "(SELECT CAST("
		if s.same[0] > 0 {
			expected += fmt.Sprintf("substr(v,1,%d)||", s.same[0])
		}
		expected += "CAST(? AS TEXT)"
		if s.same[1] > 0 {
			expected += fmt.Sprintf("||substr(v,-%d)", s.same[1])
		}
		expected += fmt.Sprintf(" AS BLOB) FROM %s WHERE k=%d)", seenTable, s.before.seen.number)
	}
	var told any = s.text
	if !utf8.ValidString(s.text) || strings.IndexByte(s.text, 0) >= 0 {
		told = []byte(s.text)
	}
	rows := rowsExpression(e.statement.SQL, e.columns, e.loose, e.ordered, guard{limit: -1})
	return Statement{
		SQL: fmt.Sprintf("INSERT INTO %s(k,v,ok) SELECT %d,t,t IS %s FROM (SELECT CAST((%s) AS BLOB) AS t)",
			seenTable, s.number, expected, rows),
		Params: append([]any{told}, e.statement.Params...),
	}
}
