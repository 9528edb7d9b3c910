package d1

import (
	"reflect"
	"strings"
	"testing"
)

func TestInsertedRow(t *testing.T) {
	for sql, want := range map[string]string{
		"INSERT INTO `t` (`a`, `b`) VALUES (?, (5))":         "(?, (5))",
		"insert into t values (?, 'a) values (', f(1, (2)))": "(?, 'a) values (', f(1, (2)))",
		"INSERT INTO t VALUES (1), (2)":                      "",
		"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING":    "",
		"INSERT INTO t VALUES (1) RETURNING a":               "",
		"INSERT OR IGNORE INTO t VALUES (1)":                 "",
		"INSERT INTO t DEFAULT VALUES":                       "",
		"INSERT INTO t SELECT 1":                             "",
		"INSERT INTO t (a) SELECT b FROM (VALUES (1))":       "",
		"REPLACE INTO t VALUES (1)":                          "",
		"UPDATE t SET a = (1)":                               "",
		"WITH v AS (VALUES (1)) INSERT INTO t VALUES (1)":    "",
	} {
		if row, ok := insertedRow(sql); row != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", sql, row, ok)
		}
	}
}

func TestMergeInserts(t *testing.T) {
	const log, other = "INSERT INTO l VALUES (?, ?, (0))", "INSERT INTO l VALUES (?, ?, (8))"
	var batch []Statement
	add := func(sql string, params ...any) { batch = append(batch, Statement{SQL: sql, Params: params}) }
	add(log, "a", "b")
	add(log, "c", "d")
	add(other, "e", "f")
	add("DELETE FROM l")
	add("DELETE FROM l")
	add(log, "g", "h")
	merged, places, sizes := mergeInserts(batch)
	want := []Statement{
		{SQL: log + ", (?, ?, (0))", Params: []any{"a", "b", "c", "d"}},
		{SQL: other, Params: []any{"e", "f"}},
		{SQL: "DELETE FROM l"},
		{SQL: "DELETE FROM l"},
		{SQL: log, Params: []any{"g", "h"}},
	}
	if !reflect.DeepEqual(merged, want) || !reflect.DeepEqual(places, []int{0, 0, 1, 2, 3, 4}) || !reflect.DeepEqual(sizes, []int{2, 1, 1, 1, 1}) {
		t.Errorf("%v, %v, %v", merged, places, sizes)
	}
	results := splitResults([]Result{{Changes: 2, LastRowID: 11}, {Changes: 1, LastRowID: 12}, {Changes: 12, LastRowID: 12}, {Changes: 0, LastRowID: 12}, {Changes: 1, LastRowID: 1}}, places, sizes)
	if !reflect.DeepEqual(results, []Result{{Changes: 1, LastRowID: 10}, {Changes: 1, LastRowID: 11}, {Changes: 1, LastRowID: 12}, {Changes: 12, LastRowID: 12}, {Changes: 0, LastRowID: 12}, {Changes: 1, LastRowID: 1}}) {
		t.Errorf("results: %v", results)
	}

	batch = nil
	for range 200 {
		add(log, "a", "b")
	}
	merged, _, _ = mergeInserts(batch)
	if len(merged) != 4 || len(merged[0].Params) != maxParams || strings.Count(merged[0].SQL, "(?") != 50 {
		t.Errorf("200 rows became %d statements", len(merged))
	}
	if batch[0].SQL != log || len(batch[0].Params) != 2 {
		t.Error("the batch was changed")
	}
}
