package d1

import "testing"

func TestVolatile(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT random()":                                 true,
		"SELECT randomblob(7)":                            true,
		"SELECT datetime('now')":                          true,
		"SELECT datetime()":                               true,
		"SELECT unixepoch( )":                             true,
		"SELECT strftime('%Y')":                           true,
		"SELECT strftime(coalesce('%Y', a))":              true,
		"SELECT CURRENT_DATE":                             true,
		"SELECT strftime('%Y', created) AS date FROM t":   false,
		"SELECT date(created), time(a, b), date FROM t":   false,
		"SELECT unixepoch(max(a, b)), julianday(created)": false,
		"SELECT random FROM t":                            false,
	} {
		if got := parse(sql)[0].volatile; got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
}
