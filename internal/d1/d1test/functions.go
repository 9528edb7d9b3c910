package d1test

// functions runs each function and PRAGMA of SQL that PocketBase v0.40.4 uses: in its queries, filters, views, migrations and
// DEFAULTs.
var functions = []Case{
	{"the functions of PocketBase", func(s *Script) {
		s.Do("CREATE TABLE t (id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, x JSON, p JSON, d TEXT)")
		s.Do(`INSERT INTO t VALUES ('a', '["1",2,null]', '{"lon":23.3,"lat":42.7}', '2026-11-21 11:00:00.123Z'), ('b', 'plain', '{"lon":0,"lat":0}', ''), ('c', '{"a":{"b":5}}', NULL, NULL)`)
		s.Do("INSERT INTO t (x) VALUES (NULL)")
		s.Inside(func() {
			for _, expression := range []string{
				"iif(json_valid(x), json_type(x), 'no')", "CASE WHEN json_valid(x) AND json_type(x) == 'array' THEN x ELSE json_array(x) END",
				"CASE WHEN json_valid(x) THEN JSON_EXTRACT(x, '$.a.b') ELSE JSON_EXTRACT(json_object('pb', x), '$.pb.a.b') END",
				"json_array_length(CASE WHEN iif(json_valid(x), json_type(x) = 'array', FALSE) THEN x ELSE (CASE WHEN x = '' OR x IS NULL THEN json_array() ELSE json_array(x) END) END)",
				"json_extract(json_array(1, 2, 3), '$[#-1]')", "coalesce(x, '')", "lower(x)", "length(id)", "cast(id AS text)", "typeof(x)", "replace(x, 'a', 'b')",
				"strftime('%Y-%m-%d %H:00:00', d)", "strftime('%Y', d, '+1 year', 'start of month')", "date(d)", "datetime(d)", "strftime('%s', d) + 0",
				"round(6371 * acos(max(-1, min(1, cos(radians(42.69)) * cos(radians(json_extract(p, '$.lat'))) * cos(radians(json_extract(p, '$.lon')) - radians(23.32)) + sin(radians(42.69)) * sin(radians(json_extract(p, '$.lat')))))), 6)",
				"count(*)", "max(id) > 'a'", "total(length(x))", "length(strftime('%Y-%m-%d %H:%M:%fZ'))", "(SELECT group_concat(value, '|') FROM json_each(iif(json_valid(x), x, '[]')))",
				"ROW_NUMBER() OVER (ORDER BY d)", "abs(-1)", "substr(x, 2, 3)", "instr(x, 'a')", "ifnull(x, 1)", "nullif(id, 'a')", "upper(id)", "trim(' a ')", "length(hex(randomblob(4)))",
				"sum(length(d))", "avg(length(d))", "printf('%05d', length(x))", "round(2.567, 2)", "json_group_array(id)", "unixepoch(d)", "julianday(d)", "random() IS NOT NULL",
			} {
				s.Query("SELECT " + expression + " AS v FROM t WHERE id IN ('a', 'b', 'c') ORDER BY id")
			}
			s.Query("SELECT length(id), substr(id, 1, 1) FROM t WHERE x IS NULL")
			s.Query("SELECT name, type, \"notnull\", pk FROM PRAGMA_TABLE_INFO('t')")
			s.Query("SELECT (1) FROM sqlite_schema WHERE (type IN ('table', 'view')) AND (LOWER(name) = LOWER('T')) LIMIT 1")
			s.Do("PRAGMA optimize")
		})
		for _, idle := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA optimize", "PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL", "PRAGMA journal_size_limit = 200000000",
			"PRAGMA synchronous = NORMAL", "PRAGMA foreign_keys = ON", "PRAGMA temp_store = MEMORY", "PRAGMA cache_size = -32000"} {
			s.Do(idle)
		}
	}},
}
