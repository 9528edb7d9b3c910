package d1test

import (
	"fmt"
	"math/rand/v2"
)

// RandomRows is a case of random transactions about single rows, as PocketBase writes its records: looked up, changed and removed by their keys,
// one after the other where a list has named them, and now and then all together.
func RandomRows(seed uint64) Case {
	return Case{fmt.Sprintf("random rows %d", seed), func(s *Script) {
		r := &random{Script: s, Rand: rand.New(rand.NewPCG(seed, 2))}
		r.Do("CREATE TABLE parents (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, n NUMERIC DEFAULT 0 NOT NULL)")
		r.Do("CREATE TABLE kids (id TEXT PRIMARY KEY NOT NULL, parent TEXT DEFAULT '' NOT NULL, title TEXT DEFAULT '' NOT NULL, n INT CHECK (n < 50), x)")
		r.Do("CREATE UNIQUE INDEX kids_title ON kids (title) WHERE title <> ''")
		r.Do("INSERT INTO parents (id, n) VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4)")
		for i := range 8 {
			r.Do("INSERT INTO kids (id, parent, n, x) VALUES (?, ?, ?, ?)", string(rune('a'+i)), string(rune('a'+i%4)), i, r.value())
		}
		for range 6 {
			r.Begin()
			for range 2 + r.IntN(10) {
				r.row()
			}
			if r.IntN(4) == 0 {
				r.Rollback()
			} else {
				r.Commit()
			}
			r.Query("SELECT * FROM kids ORDER BY id")
		}
		r.Query("SELECT id, n FROM parents ORDER BY id")
	}}
}

func (r *random) row() {
	switch n := r.IntN(24); {
	case n < 4:
		r.Query("SELECT `kids`.* FROM `kids` WHERE `kids`.`id`=? LIMIT 1", r.key())
	case n < 6:
		r.Query("SELECT (1) FROM `kids` LEFT JOIN `parents` `kids_parent` ON `kids_parent`.`id` = `kids`.`parent` "+
			"WHERE (`kids`.`id`=?) AND (`kids_parent`.`n` > ?) LIMIT 1", r.key(), r.IntN(4))
	case n < 8:
		r.Do("UPDATE `kids` SET `id`=?, `n`=n+?, `x`=? WHERE `id`=?", "c", r.IntN(30), r.value(), "c")
	case n < 10:
		r.Do("UPDATE kids SET title = ? WHERE id = ?", r.title(), r.key())
	case n < 11:
		r.Exec("UPDATE kids SET title = title || '+' WHERE id = ? AND n > ?", r.key(), r.IntN(20))
	case n < 13:
		r.Do("INSERT INTO kids (id, parent, title, n) VALUES (?, ?, ?, ?)", r.key(), r.key(), r.title(), r.IntN(52))
	case n < 14:
		r.Insert("INSERT INTO kids (id, parent, x) VALUES (?, ?, ?)", r.key(), r.key(), r.value())
	case n < 16:
		r.Do("DELETE FROM `kids` WHERE `id`=?", r.key())
	case n < 17:
		r.Exec("DELETE FROM kids WHERE id = ?", r.key())
	case n < 20:
		r.cascade(r.key())
	case n < 21:
		r.Query("SELECT count(*), max(title) FROM kids WHERE parent = ?", r.key())
	case n < 22:
		r.Do("UPDATE kids SET parent = ? WHERE parent = ?", r.key(), r.key())
	case n < 23:
		r.Do("UPDATE parents SET n = n + 1 WHERE id = ?", r.key())
	default:
		r.reshape()
	}
}

// cascade removes a parent and its children, one by one.
func (r *random) cascade(parent string) {
	r.Do("DELETE FROM parents WHERE id = ?", parent)
	r.Query("SELECT `kids`.`id` FROM `kids` WHERE `kids`.`parent`=? ORDER BY id LIMIT 8000", parent)
	for i := range 8 {
		key := string(rune('a' + i))
		if r.IntN(3) == 0 {
			continue
		}
		r.Query("SELECT `kids`.* FROM `kids` WHERE `kids`.`id`=? LIMIT 1", key)
		r.Do("DELETE FROM `kids` WHERE `id`=? AND parent=?", key, parent)
	}
}

func (r *random) reshape() {
	switch r.IntN(4) {
	case 0:
		r.columns++
		r.Do(fmt.Sprintf("ALTER TABLE kids ADD COLUMN c%d TEXT DEFAULT 'd%d'", r.columns, r.columns))
	case 1:
		r.Do("CREATE INDEX IF NOT EXISTS kids_parent ON kids (parent)")
	case 2:
		r.Do("CREATE TRIGGER IF NOT EXISTS kids_gone AFTER DELETE ON kids BEGIN UPDATE parents SET n = n + 10 WHERE id = OLD.parent; END")
	case 3:
		r.Do("DROP TRIGGER IF EXISTS kids_gone")
	}
}

func (r *random) title() string { return []string{"", "", "one", "two", "three"}[r.IntN(5)] }
