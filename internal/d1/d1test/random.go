package d1test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Random is a case of random statements, the same for the same seed: writes, reads, changes of the schema and errors, in
// the open and in transactions that are committed or rolled back.
func Random(seed uint64) Case {
	return Case{fmt.Sprintf("random statements %d", seed), func(s *Script) {
		r := &random{Script: s, Rand: rand.New(rand.NewPCG(seed, 1))}
		r.Do("CREATE TABLE a (id INTEGER PRIMARY KEY, k TEXT UNIQUE, n INTEGER NOT NULL DEFAULT 0 CHECK (n < 1000), x)")
		r.Do("CREATE TABLE b (id TEXT PRIMARY KEY, a INTEGER REFERENCES a (id) ON DELETE CASCADE, x JSON DEFAULT '[]')")
		for range 8 {
			r.round()
		}
		r.Query("SELECT * FROM a ORDER BY id")
		r.Query("SELECT * FROM b ORDER BY id")
	}}
}

type random struct {
	*Script
	*rand.Rand
	columns int
}

func (r *random) round() {
	inside := r.IntN(3) > 0
	if inside {
		r.Begin()
	}
	for range 1 + r.IntN(8) {
		r.statement()
	}
	switch {
	case inside && r.IntN(3) == 0:
		r.Rollback()
	case inside:
		r.Commit()
	}
}

func (r *random) statement() {
	switch n := r.IntN(20); {
	case n < 5:
		r.Insert("INSERT INTO a (k, n, x) VALUES (?, ?, ?)", r.key(), r.IntN(1010), r.value())
	case n < 7:
		r.Do("INSERT INTO b (id, a, x) VALUES (?, ?, ?)", r.key(), r.IntN(8), r.value())
	case n < 8:
		r.Do("INSERT INTO a (k, x) VALUES (?, ?), (?, ?) ON CONFLICT (k) DO UPDATE SET x = excluded.x, n = n + 1", r.key(), r.value(), r.key(), r.value())
	case n < 10:
		r.Exec("UPDATE a SET n = n + ?, x = ? WHERE k > ?", r.IntN(400), r.value(), r.key())
	case n < 11:
		r.Exec("UPDATE b SET x = x || ? WHERE id < ?", r.value(), r.key())
	case n < 12:
		r.Do("DELETE FROM a WHERE id = ?", r.IntN(10))
	case n < 13:
		r.Exec("DELETE FROM b WHERE id = ?", r.key())
	case n < 14:
		r.schema()
	default:
		r.read()
	}
}

func (r *random) schema() {
	switch r.IntN(5) {
	case 0:
		r.columns++
		r.Do(fmt.Sprintf("ALTER TABLE a ADD COLUMN c%d TEXT DEFAULT 'd%d'", r.columns, r.columns))
	case 1:
		r.Do(fmt.Sprintf("ALTER TABLE a RENAME COLUMN c%d TO r%d", r.IntN(4), r.columns))
	case 2:
		r.Do("CREATE VIEW IF NOT EXISTS v AS SELECT a.*, count(b.id) AS total FROM a LEFT JOIN b ON b.a = a.id GROUP BY a.id")
	case 3:
		r.Do("DROP VIEW IF EXISTS v")
	case 4:
		r.Do("CREATE INDEX IF NOT EXISTS i ON b (a, x)")
	}
}

func (r *random) read() {
	switch r.IntN(9) {
	case 0:
		r.Query("SELECT * FROM a ORDER BY id")
	case 1:
		r.Query("SELECT a.*, b.x FROM a JOIN b ON b.a = a.id WHERE a.n < ? ORDER BY b.id", r.IntN(1000))
	case 2:
		r.Query("SELECT * FROM v ORDER BY id DESC")
	case 3:
		r.Query("SELECT count(*), sum(n), max(k), group_concat(k) FROM (SELECT * FROM a ORDER BY k) WHERE n >= ?", r.IntN(500))
	case 4:
		r.Query("SELECT id, x, typeof(x) FROM b WHERE x = ? OR id IN (?, ?, ?) ORDER BY 1", r.value(), r.key(), r.key(), r.key())
	case 5:
		r.Query("SELECT x, typeof(x), ? AS y FROM a WHERE x IS NOT ? ORDER BY id LIMIT ?", r.value(), r.value(), r.IntN(4))
	case 6:
		r.Query("SELECT name FROM pragma_table_info(?)", []string{"a", "b", "v", "nowhere"}[r.IntN(4)])
	case 7:
		r.Query("SELECT type, name, sql FROM sqlite_master WHERE name NOT GLOB '_pf*' AND name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite_*' ORDER BY name")
	case 8:
		r.Query("SELECT c1 FROM a WHERE k = ?", r.key())
	}
}

func (r *random) key() string { return string(rune('a' + r.IntN(8))) }

func (r *random) value() any {
	switch r.IntN(9) {
	case 0:
		return nil
	case 1:
		return r.IntN(10) - 5
	case 2:
		return int64(r.Uint64())
	case 3:
		return math.Ldexp(r.Float64(), r.IntN(60))
	case 4:
		return r.IntN(2) == 0
	case 5:
		return []byte(strings.Repeat("\x00\xff'", r.IntN(3)))
	case 6:
		return "é'\x00?--"[:r.IntN(8)]
	case 7:
		return strings.Repeat("long text ", r.IntN(40))
	}
	return r.key()
}
