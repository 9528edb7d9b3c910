package watermark

import (
	"strings"

	"pocketflare/internal/d1"
)

// The table has one row. It is changed by triggers, so that no writer can forget to: not the app, not another isolate, not someone at
// wrangler's console. Its values are random, since a counter could come back to an old value when a database is restored to an
// earlier moment.
//
// Its name and those of the triggers are the only traces in a database.
const (
	table = "_pf_watermark"

	// halfLength is how many characters of a mark tell of the collections. The rest tells of the settings.
	halfLength = 16

	random = "lower(hex(randomblob(8)))"

	// staleName is the constraint that an assertion violates.
	staleName = "_pf_stale"
)

// watched are the tables that PocketBase caches, each with the column of the mark that its triggers change.
var watched = []struct{ table, column string }{
	{"_collections", "collections"},
	{"_params", "settings"},
}

// readMark gives the mark. The CAST tells the driver that it is a text, without a look at the table.
var readMark = d1.Read("SELECT CAST(collections||settings AS TEXT) AS mark FROM " + table)

// readWholeMark gives the mark if no trigger is missing.
var readWholeMark = d1.Read(readMark.SQL + " WHERE (SELECT count(*) FROM sqlite_master WHERE type='trigger' AND name GLOB '" + table + "_*')=6")

// install makes the table and the triggers, as far as they are missing, and a new mark: nobody knows what was changed without them.
func install() string {
	statements := []string{
		"CREATE TABLE IF NOT EXISTS " + table + " (id INTEGER PRIMARY KEY CONSTRAINT " + staleName +
			" CHECK (id=1), collections TEXT NOT NULL, settings TEXT NOT NULL)",
		"INSERT OR REPLACE INTO " + table + " VALUES (1, " + random + ", " + random + ")",
	}
	for _, w := range watched {
		for _, action := range []string{"INSERT", "UPDATE", "DELETE"} {
			statements = append(statements, "CREATE TRIGGER IF NOT EXISTS "+table+w.table+"_"+strings.ToLower(action)+
				" AFTER "+action+" ON "+w.table+" BEGIN UPDATE "+table+" SET "+w.column+"="+random+"; END")
		}
	}
	return strings.Join(statements, ";\n")
}

// assertion fails, and with it its batch, unless the database has the mark. A mark is hexadecimal.
func assertion(mark string) d1.Statement {
	return d1.Statement{
		SQL: "INSERT INTO " + table + " SELECT 0,'','' WHERE (SELECT collections||settings FROM " + table + ") IS NOT '" + mark + "'",
	}
}

// isStale tells whether a batch was refused by its assertion, or because there is nothing that it could assert.
func isStale(err error) bool {
	own := d1.SQLiteError(err)
	return own != nil && (own.Message == "CHECK constraint failed: "+staleName || isMissing(err))
}

// isMissing tells whether the table is not there.
func isMissing(err error) bool {
	own := d1.SQLiteError(err)
	return own != nil && strings.HasPrefix(own.Message, "no such table: ") && strings.HasSuffix(own.Message, table)
}

// Fills implements d1.Caches: it tells whether a read may be one by which PocketBase fills its caches. Its query builder quotes tables.
func (c *Caches) Fills(sql string) bool {
	return strings.HasPrefix(sql, "SELECT `_collections`.*") || strings.HasPrefix(sql, "SELECT `_params`.*")
}

// changesCache tells whether a write may change what is cached. PocketBase's writes name their table first.
func changesCache(sql string) bool {
	quote := strings.IndexByte(sql, '`')
	return quote >= 0 && (strings.HasPrefix(sql[quote:], "`_collections`") || strings.HasPrefix(sql[quote:], "`_params`"))
}
