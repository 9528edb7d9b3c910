package d1test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// deep are conditions of as many terms as a filter of PocketBase has at most, in shapes that no grouping makes shallow.
var deep = []Case{
	{"conditions inside of conditions", func(s *Script) {
		s.Do("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT)")
		s.Do("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100) INSERT INTO t SELECT i, nullif(i%7,0), nullif('text '||i%9,'text 5') FROM n")
		s.Inside(func() {
			for _, shape := range []string{"left", "right", "tree", "unequal"} {
				c := deepCondition{random: rand.New(rand.NewPCG(1, uint64(len(shape)))), shape: shape}
				where := c.of(200)
				args := slices.Concat([]any{2}, c.args, []any{99})
				s.Query("SELECT count(*), sum(id) FROM t WHERE id > ? AND "+where+" AND id < ?", args...)
				s.Query("SELECT id, a FROM t WHERE id > ? AND NOT EXISTS (SELECT 1 FROM t AS u WHERE u.id = t.id AND "+where+") OR id = ? ORDER BY a DESC, id LIMIT 40", args...)
				s.Exec("UPDATE t SET a = a + ? WHERE "+where+" OR id = ?", args...)
			}
			s.Query("SELECT * FROM t")
		})
	}},
}

// deepCondition makes conditions whose ANDs and ORs alternate, and keeps their arguments in order.
type deepCondition struct {
	random *rand.Rand
	shape  string
	args   []any
	or     bool
}

func (c *deepCondition) of(terms int) string {
	if terms == 1 {
		return c.term()
	}
	c.or = !c.or
	operator := " AND "
	if c.or {
		operator = " OR "
	}
	first := map[string]int{"left": terms - 1, "right": 1, "tree": terms / 2, "unequal": 1 + c.random.IntN(min(3, terms-1))}[c.shape]
	left := c.of(first)
	c.or = operator == " OR "
	return "(" + left + operator + c.of(terms-first) + ")"
}

func (c *deepCondition) term() string {
	forms := []string{"a = ?", "b LIKE ?", "NOT (a > ? AND b IS NULL)", "a IN (1, ?)", "a BETWEEN 2 AND ?", "b <> 'text ' || ?", "(a IS NULL OR id = ?)"}
	form := forms[c.random.IntN(len(forms))]
	var arg any = c.random.IntN(7)
	if strings.Contains(form, "LIKE") {
		arg = fmt.Sprintf("%%%d", arg)
	}
	c.args = append(c.args, arg)
	return form
}
