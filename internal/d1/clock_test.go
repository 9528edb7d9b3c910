package d1

import (
	"testing"
	"time"
)

func TestWithTime(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	const moment = "'2026-01-02 03:04:05.678'"
	for sql, want := range map[string]string{
		"SELECT datetime('now')":                       "SELECT datetime(" + moment + ")",
		"SELECT DATE ( 'NOW' , '-1 day' )":             "SELECT DATE ( " + moment + " , '-1 day' )",
		"SELECT datetime(), unixepoch( )":              "SELECT datetime(" + moment + "), unixepoch( " + moment + ")",
		"SELECT strftime('%s')":                        "SELECT strftime('%s'," + moment + ")",
		"SELECT strftime(?, 'now', (1+2)||' days')":    "SELECT strftime(?, " + moment + ", (1+2)||' days')",
		"SELECT strftime(lower('A'), x)":               "SELECT strftime(lower('A'), x)",
		"SELECT strftime((a))":                         "SELECT strftime((a)," + moment + ")",
		"SELECT julianday(date('now'))":                "SELECT julianday(date(" + moment + "))",
		"SELECT timediff('now', a)":                    "SELECT timediff(" + moment + ", a)",
		"SELECT 'now', upper('now'), date(x)":          "SELECT 'now', upper('now'), date(x)",
		"SELECT CURRENT_TIMESTAMP, current_date":       "SELECT '2026-01-02 03:04:05', '2026-01-02'",
		"SELECT a AS current_time, t.current_time":     "SELECT a AS current_time, t.current_time",
		"UPDATE t SET a = 'CURRENT_TIME', \"now\" = 1": "UPDATE t SET a = 'CURRENT_TIME', \"now\" = 1",
	} {
		if got := withTime(sql, now); got != want {
			t.Errorf("%s: %s", sql, got)
		}
		p := parse(sql)[0]
		settled := settleTime(&p, now)
		if p.text != want && (!p.clock || settled.volatile) {
			t.Errorf("%s: clock %v, volatile %v", sql, p.clock, settled.volatile)
		}
	}
}
