package d1

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Scratch is a SQLite in memory where the driver tries out what a transaction does. Nothing depends on it: what it answers is a guess that
// the commit proves. One transaction uses it at a time.
//
// Its errors are *Error where SQLite refuses a statement. After any other the database may be gone, and D1 answers what follows.
type Scratch interface {
	// Open begins an empty database and runs the statements of a schema in it; those that fail are left out.
	Open(ctx context.Context, schema []string) error
	// Keeps tells whether the database is still as it was at Release, and holds on to it if so.
	Keeps() bool
	// Empty removes the rows of tables, of all if none is named, as if they had never been there.
	Empty(tables []string) error
	// Release lets go of the database: it may be gone when the next transaction comes.
	Release()
	// Run runs a statement, and tells what changes()||','||last_insert_rowid() is then.
	Run(statement Statement) (string, error)
	// Text gives the first column of the first row of a query, "" if there is none.
	Text(query Statement) (string, error)
	// Read gives the names of the columns of a query, and the text of all its rows: frame.go has its form.
	Read(query Statement) (columns []string, rows string, err error)
	// Touches tells what running a statement would open: "r" or "w" and a table's name; "r" alone is a virtual table.
	Touches(statement string) ([]string, error)
	// Load runs an INSERT as if its rows had always been in the table: no trigger fires, no foreign key is checked.
	Load(insert Statement) error
}

// readScratch answers a query, and gives the text of each row too.
func readScratch(scratch Scratch, query Statement) (*rowList, []string, error) {
	columns, text, err := scratch.Read(query)
	if err != nil {
		return nil, nil, err
	}
	if !utf8.ValidString(text) {
		return nil, nil, errFrame // D1 gives something else there
	}
	return decodeRows(text, columns)
}

// schemaTexts gives the statements that make a database's schema, in their order; triggers by their names, for nothing depends on theirs.
const schemaTexts = `SELECT sql` + ofSchema

// ofSchema is what follows the columns of a query of these.
const ofSchema = ` FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'` +
	` ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'trigger' THEN 2 ELSE 1 END, CASE type WHEN 'trigger' THEN name END, rowid`

// readSchema reads the database's schema.
func (db *connector) readSchema(ctx context.Context) ([]string, error) {
	rows, err := db.send(ctx, Statement{SQL: schemaTexts}, false)
	if err != nil {
		return nil, err
	}
	list, err := collect(rows)
	if err != nil {
		return nil, err
	}
	schema := make([]string, 0, len(list.values))
	for _, value := range list.values {
		if text, ok := value.(string); ok {
			schema = append(schema, strings.Clone(text)) // of its own: the original shares a whole reply's memory
		}
	}
	return schema, nil
}

// tableRows is an expression for what Load puts into a table, as JSON: the rows that meet a condition, NULL if they are more than so many; and the
// INSERT that takes it as its parameter. The condition's parameters come twice.
func tableRows(table string, columns []string, withoutRowID bool, where string, most int) (query, insert string) {
	names := make([]string, 0, len(columns)+1)
	if !withoutRowID {
		names = append(names, "rowid")
	}
	for _, column := range columns {
		names = append(names, quoteName(column))
	}
	// A function takes 32 arguments on D1, so a row is a list of lists.
	var lists, values []string
	for i, name := range names {
		if i%maxArguments == 0 {
			lists = append(lists, "")
		}
		last := len(lists) - 1
		if lists[last] != "" {
			lists[last] += ","
		}
		lists[last] += "CASE typeof(" + name + ") WHEN 'real' THEN json(printf('%!.17g'," + name + ")) ELSE " + name + " END"
		values = append(values, fmt.Sprintf("value->>'$[%d][%d]'", last, i%maxArguments))
	}
	row := "json_array(json_array(" + strings.Join(lists, "),json_array(") + "))"
	from := " FROM " + quoteName(table) + where
	query = fmt.Sprintf("CASE WHEN (SELECT count(*) FROM (SELECT 1%s LIMIT %d))>%d THEN NULL ELSE (SELECT json_group_array(%s)%s) END",
		from, max(most, 0)+1, max(most, 0), row, from)
	insert = "INSERT INTO " + quoteName(table) + " (" + strings.Join(names, ",") + ") SELECT " + strings.Join(values, ",") + " FROM json_each(?)"
	return query, insert
}
