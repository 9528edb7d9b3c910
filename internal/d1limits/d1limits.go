// Package d1limits tells of D1's limits on tables and rows where they are run into: a collection with more fields, or a record with more
// text, than D1 takes is refused by an error of validation on the field, as PocketBase has them for limits of its own.
package d1limits

import (
	"errors"
	"fmt"
	"strings"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"pocketflare/internal/d1"
)

// What D1 allows, https://developers.cloudflare.com/d1/platform/limits/ on 2026-11. A field of a collection is a column, system fields
// included.
const (
	maxColumns = 100
	maxRow     = 2_000_000 // bytes
)

const hookID = "pocketflareD1Limits"

// Bind adds the checks to app.
func Bind(app core.App) {
	app.OnCollectionValidate().Bind(&hook.Handler[*core.CollectionEvent]{Id: hookID, Func: validateCollection})
	app.OnCollectionCreateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: hookID, Func: explainColumns})
	app.OnCollectionUpdateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: hookID, Func: explainColumns})
	app.OnRecordValidate().Bind(&hook.Handler[*core.RecordEvent]{Id: hookID, Func: validateRecord})
	app.OnRecordCreateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: hookID, Func: explainSize})
	app.OnRecordUpdateExecute().Bind(&hook.Handler[*core.RecordEvent]{Id: hookID, Func: explainSize})
}

// validateCollection refuses what would be a table, or the result of a view, with too many columns. PocketBase finds the fields of a view
// while it validates it.
func validateCollection(e *core.CollectionEvent) error {
	if err := e.Next(); err != nil {
		return viewError(e.Collection, err)
	}
	return check(e)
}

func check(e *core.CollectionEvent) error {
	if err := checkName(e.App, e.Collection); err != nil {
		return err
	}
	return checkColumns(e.Collection)
}

// checkName refuses new names of tables that D1 and its driver keep for themselves. D1's own error would be "not authorized".
func checkName(app core.App, collection *core.Collection) error {
	if stored, err := app.FindCachedCollectionByNameOrId(collection.Id); err == nil && stored.Name == collection.Name {
		return nil
	}
	name := strings.ToLower(collection.Name)
	for _, prefix := range []string{"_cf_", "_pf_"} {
		if strings.HasPrefix(name, prefix) {
			return validation.Errors{"name": validation.NewError("validation_reserved_name", fmt.Sprintf(
				"Names that begin with %s are kept for tables of the database itself: give the collection another name.", prefix))}
		}
	}
	return nil
}

func checkColumns(collection *core.Collection) error {
	columns := len(collection.Fields)
	if columns <= maxColumns {
		return nil
	}
	return columnsError(collection, fmt.Sprintf("The collection %s has %d fields, system fields included. D1 allows %d columns in a table or a result.",
		collection.Name, columns, maxColumns))
}

// viewError gives the error of a view's query that D1 refused for its columns the text that names the limit.
func viewError(collection *core.Collection, err error) error {
	if !collection.IsView() || !strings.Contains(err.Error(), "too many columns") {
		return err
	}
	return columnsError(collection, fmt.Sprintf("D1 allows %d columns in a result; this query, or one inside of it, has more.", maxColumns))
}

// explainColumns does the same for what is saved without validation, as an import does, and for a change that needs one column more
// for a while, as from a single value to several. It also tells of a name that D1 refuses.
func explainColumns(e *core.CollectionEvent) error {
	if err := check(e); err != nil {
		return err
	}
	err := e.Next()
	switch {
	case err == nil || !errors.Is(err, d1.CodeError):
		return err
	case strings.Contains(err.Error(), rowIDAlias):
		return rowIDError(e.Collection, err)
	case !strings.Contains(err.Error(), "too many columns on"):
		return err
	}
	return columnsError(e.Collection, fmt.Sprintf(
		"The change of %s needs one more column while it is made, and D1 allows %d in a table: remove a field, make the change, and add it again.",
		e.Collection.Name, maxColumns))
}

// rowIDAlias stands in D1's error on a column that is to have one of SQLite's names for the rowid, before the name.
const rowIDAlias = "rowid alias: "

// rowIDError tells that D1 makes no column of such a name in a table that exists already, as SQLite does.
func rowIDError(collection *core.Collection, err error) error {
	_, name, _ := strings.Cut(err.Error(), rowIDAlias)
	name, _, _ = strings.Cut(name, " ")
	return validation.Errors{"fields": validation.NewError("validation_rowid_name", fmt.Sprintf(
		"D1 adds no column named %s, a name of SQLite's own for the rowid, to the table of %s: give the field another name.", name, collection.Name))}
}

func columnsError(collection *core.Collection, message string) error {
	field := "fields"
	if collection.IsView() {
		field = "viewQuery"
	}
	return validation.Errors{field: validation.NewError("validation_too_many_columns", message)}
}

// validateRecord refuses what would be a row that is too long.
func validateRecord(e *core.RecordEvent) error {
	if err := e.Next(); err != nil {
		return err
	}
	if size, _ := rowSize(e.Record); size > maxRow {
		return sizeError(e.Record)
	}
	return nil
}

// explainSize does the same for what D1 has refused, without validation or by a count of its own.
func explainSize(e *core.RecordEvent) error {
	err := e.Next()
	if err == nil || !errors.Is(err, d1.CodeTooBig) {
		return err
	}
	return sizeError(e.Record)
}

func sizeError(record *core.Record) error {
	size, largest := rowSize(record)
	return validation.Errors{largest: validation.NewError("validation_row_too_long", fmt.Sprintf(
		"The record has %d bytes with this field, the largest. D1 allows %d in a row: shorten it, or store it as a file.", size, maxRow))}
}

// rowSize gives the bytes of a record's texts, and the name of the field with the most.
func rowSize(record *core.Record) (size int, largest string) {
	most := -1
	for _, field := range record.Collection().Fields {
		n := valueSize(record.GetRaw(field.GetName()))
		size += n
		if n > most {
			most, largest = n, field.GetName()
		}
	}
	return size, largest
}

// numberSize is what a value without text takes at most.
const numberSize = 8

// valueSize gives the bytes of a value in its column, near enough for a limit of megabytes.
func valueSize(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	case types.JSONRaw:
		return len(v)
	case []string:
		size := len("[]")
		for _, s := range v {
			size += len(s) + len(`"",`)
		}
		return size
	}
	return numberSize
}
