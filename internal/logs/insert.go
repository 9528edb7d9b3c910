package logs

import (
	"math"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"pocketflare/internal/jsonmap"
)

// insertLog is the statement that PocketBase's query builder makes of a log entry, letter by letter. Building it, above all looking
// for its parameters with a regular expression, takes almost half of the time that Go spends on an entry.
const insertLog = "INSERT INTO `_logs` (`created`, `data`, `id`, `level`, `message`) VALUES (?, ?, ?, ?, ?)"

var logColumns = [...]string{"created", "data", "id", "level", "message"}

// Entries up to these sizes, in bytes, are below every limit at which PocketBase cuts them; larger ones are left to it.
const (
	shortMessage = 4000
	shortData    = 8000
)

// inserter stores log entries by the ready statement.
type inserter struct {
	known bool // PocketBase's columns were found to be those of the statement
}

// bindInsert has log entries inserted by the ready statement. Hooks on log entries run as ever: only what follows the last of them
// is replaced.
func bindInsert(app core.App) {
	app.OnModelCreateExecute(core.LogsTableName).Bind(&hook.Handler[*core.ModelEvent]{
		Id:       "pocketflareLogsInsert",
		Priority: math.MaxInt,
		Func:     new(inserter).insert,
	})
}

// insert leaves to PocketBase what it does not know: a model of the app's own, columns that a later version has added.
func (i *inserter) insert(e *core.ModelEvent) error {
	entry, isLog := e.Model.(*core.Log)
	executor := executorOf(e.App.AuxNonconcurrentDB())
	if !isLog || executor == nil || e.Context == nil || entry.Id == "" {
		return e.Next()
	}
	values, err := i.values(e.App, entry)
	if err != nil {
		return err
	}
	if values == nil {
		return e.Next()
	}
	if _, err := executor.ExecContext(e.Context, insertLog, values...); err != nil {
		return err
	}
	entry.MarkAsNotNew()
	return nil
}

// values are what PocketBase would store of the entry, in the order of the columns; nil if it has other columns.
func (i *inserter) values(app core.App, entry *core.Log) ([]any, error) {
	if i.known && len(entry.Message) <= shortMessage && len(entry.Data) > 0 {
		limit := app.Settings().Logs.MaxDataSize
		data, err := jsonmap.Append(make([]byte, 0, 512), entry.Data)
		if err == nil && len(data) <= shortData && (limit == 0 || int64(len(data)) <= limit) {
			return []any{entry.Created, string(data), entry.Id, entry.Level, entry.Message}, nil
		}
	}
	data, err := entry.DBExport(app)
	if err != nil {
		return nil, err
	}
	if len(data) != len(logColumns) {
		return nil, nil
	}
	values := make([]any, len(logColumns))
	for at, column := range logColumns {
		value, found := data[column]
		if !found {
			return nil, nil
		}
		values[at] = value
	}
	i.known = true
	return values, nil
}

// executorOf returns what the builder sends its statements to: a transaction, or the pool of connections.
func executorOf(builder dbx.Builder) dbx.Executor {
	switch db := builder.(type) {
	case *dbx.Tx:
		builder = db.Builder
	case *dbx.DB:
		builder = db.Builder
	}
	if base, ok := builder.(interface{ Executor() dbx.Executor }); ok {
		return base.Executor()
	}
	return nil
}
