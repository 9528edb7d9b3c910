package d1

import (
	"strings"
	"testing"
)

func TestFlatten(t *testing.T) {
	deep := func(inner string) string {
		return "SELECT 1 WHERE " + strings.Repeat("(", deepParentheses) + inner + strings.Repeat(")", deepParentheses)
	}
	for inner, want := range map[string]string{
		"((a AND b) AND c) AND d":                         "a AND b AND c AND d",
		"a OR (b OR (c AND (d AND e)))":                   "a OR b OR c AND d AND e",
		"(a OR b) AND c":                                  "(a OR b) AND c",
		"a AND (b OR (c OR d))":                           "a AND (b OR c OR d )",
		"NOT (a AND b) AND c":                             "NOT (a AND b) AND c",
		"(a, b) = (c, d) AND (e AND f)":                   "(a, b) = (c, d) AND e AND f",
		"a IN (b) AND (c IN (SELECT d FROM e WHERE (f)))": "a IN (b) AND c IN (SELECT d FROM e WHERE f )",
		"(a AND b) IS NULL OR f((c OR d))":                "(a AND b) IS NULL OR f((c OR d))",
		"'(' = (a) AND (b = ')')":                         "'(' = (a) AND b = ')'",
		"a AND (b OR c) OR (d)":                           "a AND (b OR c) OR d",
	} {
		got := strings.Join(strings.Fields(strings.TrimPrefix(flatten(deep(inner)), "SELECT 1 WHERE ")), " ")
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", inner, got, want)
		}
	}
	for _, sql := range []string{"SELECT 1 WHERE ((a AND b) AND c)", deep("(a AND b) AND c BETWEEN 1 AND (2 AND 3)"), deep("a") + ")"} {
		if got := flatten(sql); got != sql {
			t.Errorf("%s became %s", sql, got)
		}
	}
}
