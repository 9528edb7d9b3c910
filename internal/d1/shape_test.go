package d1

import "testing"

func TestShape(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"SELECT a FROM t LIMIT 30 OFFSET 60", "SELECT a FROM t LIMIT 5", true},
		{"SELECT a FROM t LIMIT 30 OFFSET 60", "SELECT a FROM t", true},
		{"SELECT a FROM t WHERE b=1", "SELECT a FROM t WHERE b=2 ORDER BY c", true},
		{"SELECT a FROM t, u ON x WHERE b=1", "SELECT a FROM t, u ON y", false},
		{"SELECT a FROM t UNION SELECT b FROM t LIMIT 5", "SELECT a FROM t UNION SELECT b FROM t", true},
		{"SELECT a FROM t UNION SELECT b FROM t", "SELECT a FROM t", false},
		{"SELECT 1", "SELECT 2", false},
		{"SELECT a LIMIT 1", "SELECT b LIMIT 1", false},
	} {
		if same := parse(test.a)[0].shape == parse(test.b)[0].shape; same != test.same {
			t.Errorf("%q and %q: %v", test.a, test.b, same)
		}
	}
}

func TestReadable(t *testing.T) {
	db := Open(nil, Options{}).(*connector)
	shape := func(sql string) uint64 { return db.readable(&parse(sql)[0], Statement{}).Shape }
	const query = "SELECT * FROM t"
	before := shape(query)
	if before == 0 || before != shape(query) || before >= 1<<shapeBits {
		t.Errorf("shape %d, then %d", before, shape(query))
	}
	for _, sql := range []string{"INSERT INTO t VALUES (1) RETURNING *", "EXPLAIN " + query, "PRAGMA table_info(t)"} {
		if shape(sql) != 0 {
			t.Errorf("%s travels with others", sql)
		}
	}
	db.columns.forget(&parse("ALTER TABLE t ADD COLUMN a")[0])
	if shape(query) == before {
		t.Error("a column was added, and the shape is the same")
	}
}
