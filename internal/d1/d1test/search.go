package d1test

// SearchCases are those that need FTS5, which D1 has and the stand-in for it has not.
func SearchCases() []Case { return search }

var search = []Case{
	{"full text search", func(s *Script) {
		s.Do("CREATE VIRTUAL TABLE f USING fts5 (title, body)")
		s.Begin()
		s.Do("INSERT INTO f VALUES ('one', 'the quick brown fox'), ('two', 'the lazy dog')")
		s.Query("SELECT title FROM f WHERE f MATCH 'fox'")
		s.Query("SELECT title, highlight(f, 1, '[', ']') FROM f WHERE f MATCH ? ORDER BY rank", "the")
		s.Do("UPDATE f SET body = 'no more' WHERE title = 'one'")
		s.Query("SELECT title FROM f WHERE f MATCH 'fox'")
		s.Rollback()
		s.Query("SELECT count(*) FROM f")
		s.Begin()
		s.Do("CREATE VIRTUAL TABLE g USING fts5 (x)")
		s.Do("INSERT INTO g VALUES ('made here')")
		s.Query("SELECT * FROM g('here')")
		s.Commit()
		s.Query("SELECT * FROM g('made')")
	}},
}
