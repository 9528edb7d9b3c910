package d1

import (
	"fmt"
	"strings"
)

// pragma gives the name of a PRAGMA in lower case, and its argument if it has one.
func pragma(text string) (name, argument string) {
	sc := scanner{text: text}
	sc.next() // PRAGMA
	for sc.next() {
		switch {
		case sc.isSymbol('('), sc.isSymbol('='):
			if sc.next() {
				argument = sc.name()
			}
			return name, argument
		case !sc.isSymbol('.'): // main.table_info
			name = strings.ToLower(sc.name())
		}
	}
	return name, argument
}

// pragmaQuery is a PRAGMA that reads the schema as a SELECT, which can take part in a transaction; "" for others.
func pragmaQuery(p *parsed) string {
	name, argument := pragma(p.text)
	switch name {
	case "table_info", "table_xinfo", "index_list", "index_info", "index_xinfo", "foreign_key_list":
		return fmt.Sprintf("SELECT * FROM pragma_%s(%s)", name, quote(argument))
	case "table_list", "foreign_key_check", "function_list", "pragma_list", "quick_check":
		if argument == "" {
			return "SELECT * FROM pragma_" + name
		}
		return fmt.Sprintf("SELECT * FROM pragma_%s(%s)", name, quote(argument))
	}
	return ""
}

// pragmaColumns gives the columns of a query of table_info, which PocketBase asks after each change of a table; nil for
// other queries.
func pragmaColumns(p *parsed) []string {
	const query = "SELECT * FROM PRAGMA_TABLE_INFO("
	if len(p.text) < len(query) || !strings.EqualFold(p.text[:len(query)], query) ||
		strings.IndexByte(p.text, ')') != len(p.text)-1 {
		return nil
	}
	return []string{"cid", "name", "type", "notnull", "dflt_value", "pk"}
}
