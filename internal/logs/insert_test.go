package logs_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"

	"pocketflare/internal/logs"
)

// recorder opens databases as PocketBase does and keeps the statements that store log entries.
type recorder struct {
	driver     driver.Driver
	path       string
	statements *[]statement
}

type statement struct {
	sql  string
	args []string // with their types
}

func (r recorder) Driver() driver.Driver { return r.driver }

func (r recorder) Connect(context.Context) (driver.Conn, error) {
	conn, err := r.driver.Open(r.path)
	return recordingConn{conn, r.statements}, err
}

type recordingConn struct {
	driver.Conn
	statements *[]statement
}

func (c recordingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

func (c recordingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c recordingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.Contains(query, "INSERT INTO `_logs`") {
		kept := statement{sql: query}
		for _, arg := range args {
			kept.args = append(kept.args, fmt.Sprintf("%d %T %v", arg.Ordinal, arg.Value, arg.Value))
		}
		*c.statements = append(*c.statements, kept)
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

// storeEntries logs entries of many kinds and returns the statements that stored them, without their random ids.
func storeEntries(t *testing.T, prepare func(core.App)) []statement {
	t.Helper()
	var statements []statement
	app := core.NewBaseApp(core.BaseAppConfig{
		DataDir: t.TempDir(),
		DBConnect: func(path string) (*dbx.DB, error) {
			stock, err := core.DefaultDBConnect(path)
			if err != nil {
				return nil, err
			}
			defer stock.Close()
			return dbx.NewFromDB(sql.OpenDB(recorder{stock.DB().Driver(), path, &statements}), "sqlite"), nil
		},
	})
	t.Cleanup(func() { app.ClearBootstrap() })
	prepare(app)
	bootstrap(t, app)

	queueRequestEntry(app)
	app.Logger().Warn("no attributes")
	app.Logger().Error("an error", "error", errors.New("cause"), "nested", map[string]any{"a": []int{1, 2}})
	app.Logger().Info("long data", "text", strings.Repeat("x", 20<<10))
	app.Logger().Info(strings.Repeat("m", 9000), "quote", `"'\`, "unicode", "äöü\x00\xff")
	app.Logger().WithGroup("group").Info("in a group", "time", time.Unix(0, 0).UTC())
	handler := app.Logger().Handler().(*logger.BatchHandler)
	if err := handler.WriteAll(context.WithValue(t.Context(), logger.BlockKey, true)); err != nil {
		t.Fatal(err)
	}

	for i := range statements {
		for j, arg := range statements[i].args {
			switch arg[0] - '0' {
			case 1: // created
				statements[i].args[j] = arg[:len("1 string 2026-")]
			case 3: // id
				statements[i].args[j] = fmt.Sprintf("%s of %d", arg[:len("3 string")], len(arg))
			}
		}
	}
	return statements
}

func TestInsertIsPocketBasesOwn(t *testing.T) {
	want := storeEntries(t, func(core.App) {})
	got := storeEntries(t, func(app core.App) { logs.New(app, newClock().sleep) })
	if len(want) != 6 {
		t.Fatalf("%d statements", len(want))
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestInsertRunsHooks(t *testing.T) {
	var seen []string
	see := func(name string) func(e *core.ModelEvent) error {
		return func(e *core.ModelEvent) error {
			seen = append(seen, name)
			err := e.Next()
			if name == "execute" && (err != nil || e.Model.IsNew()) {
				t.Errorf("after the insert: new %v, error %v", e.Model.IsNew(), err)
			}
			return err
		}
	}
	app := newApp(t)
	flusher := logs.New(app, newClock().sleep)
	app.OnModelCreate(core.LogsTableName).BindFunc(see("create"))
	app.OnModelValidate(core.LogsTableName).BindFunc(see("validate"))
	app.OnModelCreateExecute(core.LogsTableName).BindFunc(see("execute"))
	app.OnModelAfterCreateSuccess(core.LogsTableName).BindFunc(see("success"))
	bootstrap(t, app)
	app.Logger().Info("entry")
	flusher.Flush(t.Context())
	if got := strings.Join(seen, " "); got != "create validate execute success" {
		t.Errorf("hooks: %s", got)
	}
}

// A program may save entries of its own, inside and outside of a transaction.
func TestInsertOutsideOfTransactions(t *testing.T) {
	app := newApp(t)
	logs.New(app, newClock().sleep)
	bootstrap(t, app)
	entry := &core.Log{Message: "entry"}
	if err := app.AuxSave(entry); err == nil {
		t.Error("an entry without an id was saved")
	}
	entry.Id = core.GenerateDefaultRandomId()
	if err := app.AuxSave(entry); err != nil {
		t.Fatal(err)
	}
	entry = &core.Log{Message: "entry"}
	entry.Id = "taken"
	if err := errors.Join(app.AuxSave(entry), app.AuxSave(&core.Log{BaseModel: core.BaseModel{Id: "taken"}})); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
		t.Errorf("error %v", err)
	}
	if n := count(t, app); n != 2 {
		t.Errorf("%d entries", n)
	}
}
