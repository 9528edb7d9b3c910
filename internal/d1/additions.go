package d1

import (
	"slices"
	"strings"
)

// additions are texts that are to be put into SQL, each at a position in it.
type additions []addition

type addition struct {
	at   int
	text string
}

func (a *additions) add(at int, text string) { *a = append(*a, addition{at, text}) }

// into gives the SQL with them. Those of one position follow each other as they were added.
func (a additions) into(sql string) string {
	slices.SortStableFunc(a, func(x, y addition) int { return x.at - y.at })
	var out strings.Builder
	copied := 0
	for _, one := range a {
		out.WriteString(sql[copied:one.at])
		out.WriteString(one.text)
		copied = one.at
	}
	return out.String() + sql[copied:]
}
