package d1

import (
	"fmt"
	"testing"
)

func TestRowKeys(t *testing.T) {
	for _, test := range []struct {
		sql    string
		params []any
		want   string // table.column=value of each, with + for an insert and ! for a whole row
	}{
		{"SELECT `t`.* FROM `t` WHERE `t`.`id`=? LIMIT 1", []any{"a"}, "t.id=a!"},
		{"SELECT * FROM t WHERE (id = 'a')", nil, "t.id=a!"},
		{"SELECT `t`.* FROM `t` WHERE `t`.`id`=?", []any{int64(1)}, ""},
		{"SELECT `t`.* FROM `t` WHERE (`t`.`id`=?) AND (`t`.`n` > (5)) LIMIT 1", []any{"a"}, "t.id=a"},
		{"SELECT (1) FROM `t` LEFT JOIN `u` `t_u` ON `t_u`.`id` = `t`.`u` WHERE (`t`.`id`=?) AND `t_u`.`name` = ?", []any{"a", "b"}, "t.id=a"},
		{"SELECT n FROM T WHERE x=1 AND (y=2 AND (ID='a' AND k='b'))", nil, "t.id=a t.k=b"},
		{"SELECT * FROM t WHERE id=? ORDER BY n LIMIT 1", []any{"a"}, "t.id=a"},
		{"SELECT * FROM t WHERE id=? LIMIT 2", []any{"a"}, "t.id=a"},
		{"SELECT (SELECT count(*) FROM t) FROM t WHERE id=?", []any{"a"}, ""},
		{"SELECT * FROM t WHERE id=? OR n=1", []any{"a"}, ""},
		{"SELECT * FROM t WHERE NOT id=?", []any{"a"}, ""},
		{"SELECT * FROM t WHERE x BETWEEN 1 AND id=?", []any{"a"}, ""},
		{"SELECT * FROM t WHERE CASE WHEN 1 AND id=? AND 1 THEN 1 END", []any{"a"}, ""},
		{"SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE 1 AND id=?)", []any{"a"}, ""},
		{"SELECT * FROM t WHERE (SELECT 1 FROM u WHERE 1 AND id=?)", []any{"a"}, ""},
		{"SELECT * FROM t, u WHERE t.id=?", []any{"a"}, ""},
		{"SELECT * FROM u JOIN t ON 1 WHERE t.id=?", []any{"a"}, ""},
		{"SELECT * FROM t AS u JOIN u AS t ON 1 WHERE t.id=?", []any{"a"}, ""},
		{"SELECT * FROM t JOIN t AS s ON 1 WHERE t.id=?", []any{"a"}, ""},
		{"SELECT * FROM main.t WHERE id=?", []any{"a"}, ""},
		{"SELECT * FROM (SELECT * FROM t) WHERE id=?", []any{"a"}, ""},
		{"SELECT * FROM t WHERE id=? UNION SELECT * FROM u", []any{"a"}, ""},
		{"SELECT * FROM t WHERE id=? COLLATE NOCASE", []any{"a"}, ""},
		{"SELECT * FROM t WHERE n IN u AND id=?", []any{"a"}, ""},
		{"SELECT rowid FROM t WHERE id=?", []any{"a"}, ""},
		{"SELECT * FROM t WHERE id=?1", []any{"a"}, ""},
		{"SELECT * FROM t WHERE id=\"n\"", nil, ""},
		{"UPDATE `t` SET `id`=?, `n`=(5) WHERE `id`=?", []any{"a", "a"}, "t.id=a"},
		{"UPDATE `t` SET `id`=?, `n`=(5) WHERE `id`=?", []any{"b", "a"}, ""},
		{"UPDATE `t` SET `id`='a'||'b' WHERE `id`='a'", nil, ""},
		{"UPDATE t SET n=n+1 WHERE id=? AND n > 0", []any{"a"}, "t.id=a"},
		{"UPDATE t SET n=(SELECT max(n) FROM t) WHERE id=?", []any{"a"}, ""},
		{"UPDATE t SET (id, n)=('b', 1) WHERE id=?", []any{"a"}, ""},
		{"UPDATE OR REPLACE t SET n=1 WHERE id=?", []any{"a"}, ""},
		{"UPDATE t SET n=1 FROM u WHERE t.id=?", []any{"a"}, ""},
		{"UPDATE t SET n=1", nil, ""},
		{"DELETE FROM `t` WHERE `id`=?", []any{"a"}, "t.id=a"},
		{"DELETE FROM `t` WHERE `id`=? RETURNING *", []any{"a"}, ""},
		{"DELETE FROM t WHERE id IN (SELECT id FROM t)", nil, ""},
		{"INSERT INTO `t` (`id`, `n`, `x`) VALUES (?, (5), ?)", []any{"a", "b"}, "t.id=a+ t.x=b+"},
		{"INSERT INTO t (n, id) VALUES (abs(?), 'a''b')", []any{1.5}, "t.id=a'b+"},
		{"INSERT INTO t (id) VALUES (?), (?)", []any{"a", "b"}, ""},
		{"INSERT INTO t (id) VALUES (?) ON CONFLICT DO NOTHING", []any{"a"}, ""},
		{"INSERT OR REPLACE INTO t (id) VALUES (?)", []any{"a"}, ""},
		{"INSERT INTO t (id) SELECT ?", []any{"a"}, ""},
	} {
		got := ""
		for _, key := range rowKeys(Statement{SQL: test.sql, Params: test.params}) {
			if got != "" {
				got += " "
			}
			got += fmt.Sprintf("%s.%s=%s", key.table, key.column, key.value)
			if key.insert {
				got += "+"
			}
			if key.whole {
				got += "!"
			}
		}
		if got != test.want {
			t.Errorf("%s\n\tgot  %s\n\twant %s", test.sql, got, test.want)
		}
	}
}
