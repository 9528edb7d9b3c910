package d1

import (
	"strings"
	"testing"
)

func TestBalance(t *testing.T) {
	or := func(n int) string { return "x=1" + strings.Repeat(" OR x = 2", n-1) }
	and := func(n int) string { return "x=1" + strings.Repeat(" AND y BETWEEN 1 AND 2", n-1) }
	for sql, want := range map[string]string{
		"SELECT 1 WHERE a OR b AND c":                      "SELECT 1 WHERE a OR b AND c",
		"SELECT * FROM t WHERE (" + or(25) + ") LIMIT 1":   "SELECT * FROM t WHERE (" + strings.Repeat("#OR ", 4) + "#) LIMIT 1",
		"SELECT * FROM t WHERE " + or(25) + " ORDER BY 1":  "SELECT * FROM t WHERE " + strings.Repeat("#OR ", 4) + "# ORDER BY 1",
		"SELECT * FROM t JOIN u ON " + or(25) + " WHERE z": "SELECT * FROM t JOIN u ON " + strings.Repeat("#OR ", 4) + "# WHERE z",
		"SELECT " + or(25) + " n FROM t":                   "SELECT " + or(25) + " n FROM t",
		"SELECT CASE WHEN " + or(25) + " THEN 1 END":       "SELECT CASE WHEN " + or(25) + " THEN 1 END",
	} {
		group := "(" + or(5) + ")"
		if strings.HasPrefix(want, "SELECT * FROM t") {
			first := strings.Replace(want, "#OR ", group+" OR ", 1)
			rest := "(" + strings.Repeat("x = 2 OR ", 4) + "x = 2)"
			want = strings.ReplaceAll(strings.ReplaceAll(first, "#OR ", rest+" OR "), "#", rest)
		}
		if got := balance(sql); got != want {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
	got := balance("SELECT 1 WHERE " + and(26))
	if strings.Count(got, "(") != 6 || strings.Count(got, "BETWEEN 1 AND 2") != 25 || strings.Contains(got, "BETWEEN 1) AND") {
		t.Error(got)
	}
}
