package d1

import (
	"os"
	"strings"
	"testing"
)

// What a boot asks beforehand is what the driver will ask.
func TestForeseenSchema(t *testing.T) {
	module, err := os.ReadFile("schema.mjs")
	if err != nil || !strings.Contains(string(module), "`"+schemaQuery+"`") {
		t.Errorf("schema.mjs has another query: %v", err)
	}
}

// TestReadsExactly shows which queries need no care.
func TestReadsExactly(t *testing.T) {
	known := tables{"t": {exact: true}, "u": {exact: true}, "r": {}, "v": {view: true}}
	for query, want := range map[string]bool{
		"SELECT t.* FROM t WHERE t.x = ? ORDER BY 1 LIMIT 5":                          true,
		"SELECT DISTINCT t.* FROM t LEFT JOIN json_each(t.x) AS j ON 1 WHERE j.value": true,
		"SELECT * FROM t, json_each(t.x)":                                             false,
		"SELECT j.value FROM t, json_each(t.x) AS j":                                  false,
		"SELECT id, u.a AS b FROM t, u":                                               true,
		"SELECT id, u.a AS b FROM t, r AS u":                                          false,
		"SELECT count(*), (1) FROM v":                                                 true,
		"SELECT v.* FROM v":                                                           false,
		"SELECT t.* FROM v JOIN t ON 1":                                               true,
		"SELECT avg(n) FROM t":                                                        false,
		"SELECT x.* FROM t":                                                           false,
		"SELECT * FROM nowhere":                                                       false,
		"SELECT name FROM sqlite_master":                                              false,
		"SELECT * FROM pragma_table_info('r')":                                        true,
		"SELECT a FROM t UNION SELECT a FROM r":                                       false,
	} {
		if got := known.readsExactly(parse(query)[0].selection); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
}

// TestTargets shows which table a write is of.
func TestTargets(t *testing.T) {
	for sql, want := range map[string]string{
		"INSERT INTO T (a) VALUES (1)":                                   "t",
		"insert or replace into main.`a b` DEFAULT VALUES":               "a b",
		"REPLACE INTO [t] AS x (rowid) SELECT 1":                         "t rowid",
		"INSERT INTO t (a, _ROWID_) VALUES (1, 2)":                       "t rowid",
		"UPDATE OR IGNORE t SET a = 1":                                   "t",
		"DELETE FROM \"t\" WHERE rowid = 1":                              "t",
		"WITH x AS (SELECT 1), y (a) AS (DELETED) DELETE FROM t WHERE 1": "t",
		"INSERT INTO t VALUES (1)":                                       "t",
	} {
		p := parse(sql)[0]
		got := p.target
		if p.setsRowID {
			got += " rowid"
		}
		if got != want {
			t.Errorf("%s: %q", sql, got)
		}
	}
}
