package d1

import (
	"database/sql/driver"
	"testing"
)

// BenchmarkRender is the driver's part of statements as an ordinary request has them, parsed before.
func BenchmarkRender(b *testing.B) {
	for name, statement := range map[string]struct {
		sql  string
		args []driver.Value
	}{
		"view":   {"SELECT `posts`.* FROM `posts` WHERE `posts`.`id`=? LIMIT 1", []driver.Value{"abcdefghijklmno"}},
		"list":   {"SELECT `posts`.* FROM `posts` WHERE (([[posts.title]] LIKE ? ESCAPE '\\' AND [[posts.n]] > ?)) ORDER BY `posts`.`created` DESC LIMIT 30", []driver.Value{"%term%", 5.0}},
		"count":  {"SELECT COUNT(DISTINCT [[posts.id]]) FROM `posts`", nil},
		"create": {"INSERT INTO `posts` (`id`, `title`, `body`, `n`, `flag`, `created`) VALUES (?, ?, ?, ?, ?, ?)", []driver.Value{"abcdefghijklmno", "title", "some text", 5.0, true, "2026-11-21 10:00:00.000Z"}},
	} {
		b.Run(name, func(b *testing.B) {
			p := parse(statement.sql)
			args := numbered(statement.args)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := render(&p[0], args); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
