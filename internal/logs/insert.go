package logs

import (
	"math"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// insertLog is the statement that PocketBase's query builder makes of a log entry, letter by letter. Building it, above all looking
// for its parameters with a regular expression, takes almost half of the time that Go spends on an entry.
const insertLog = "INSERT INTO `_logs` (`created`, `data`, `id`, `level`, `message`) VALUES (?, ?, ?, ?, ?)"

var logColumns = [...]string{"created", "data", "id", "level", "message"}

// bindInsert has log entries inserted by the ready statement. Hooks on log entries run as ever: only what follows the last of them
// is replaced.
func bindInsert(app core.App) {
	app.OnModelCreateExecute(core.LogsTableName).Bind(&hook.Handler[*core.ModelEvent]{
		Id:       "pocketflareLogsInsert",
		Priority: math.MaxInt,
		Func:     insert,
	})
}

// insert leaves to PocketBase what it does not know: a model of the app's own, columns that a later version has added.
func insert(e *core.ModelEvent) error {
	entry, isLog := e.Model.(*core.Log)
	executor := executorOf(e.App.AuxNonconcurrentDB())
	if !isLog || executor == nil || e.Context == nil {
		return e.Next()
	}
	data, err := entry.DBExport(e.App)
	if err != nil {
		return err
	}
	if len(data) != len(logColumns) || entry.Id == "" {
		return e.Next()
	}
	var values [len(logColumns)]any
	for i, column := range logColumns {
		value, known := data[column]
		if !known {
			return e.Next()
		}
		values[i] = value
	}
	if _, err := executor.ExecContext(e.Context, insertLog, values[:]...); err != nil {
		return err
	}
	entry.MarkAsNotNew()
	return nil
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
