package logs_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"log/slog"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"

	"pocketflare/internal/logs"
)

// BenchmarkEntry tells what Go spends on one log entry of a request, in writes of 100, with a database that does nothing.
func BenchmarkEntry(b *testing.B) {
	b.Run("PocketBase", func(b *testing.B) { benchmarkEntry(b, func(core.App) {}) })
	b.Run("ready statement", func(b *testing.B) {
		benchmarkEntry(b, func(app core.App) { logs.New(app, newClock().sleep) })
	})
}

func benchmarkEntry(b *testing.B, prepare func(core.App)) {
	discard := false
	app := core.NewBaseApp(core.BaseAppConfig{
		DataDir: b.TempDir(),
		DBConnect: func(path string) (*dbx.DB, error) {
			stock, err := core.DefaultDBConnect(path)
			if err != nil {
				return nil, err
			}
			defer stock.Close()
			return dbx.NewFromDB(sql.OpenDB(discarder{stock.DB().Driver(), path, &discard}), "sqlite"), nil
		},
	})
	prepare(app)
	bootstrap(b, app)
	defer app.ClearBootstrap()
	discard = true
	handler := app.Logger().Handler().(*logger.BatchHandler)
	blocking := context.WithValue(b.Context(), logger.BlockKey, true)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		queueRequestEntry(app)
		if i%100 == 99 {
			handler.WriteAll(blocking)
		}
	}
	handler.WriteAll(blocking)
}

// discarder opens real databases that forget what is written once discard is set.
type discarder struct {
	driver  driver.Driver
	path    string
	discard *bool
}

func (d discarder) Driver() driver.Driver { return d.driver }

func (d discarder) Connect(context.Context) (driver.Conn, error) {
	conn, err := d.driver.Open(d.path)
	return discardingConn{conn, d.discard}, err
}

type discardingConn struct {
	driver.Conn
	discard *bool
}

func (c discardingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if *c.discard {
		return discardingTx{}, nil
	}
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

func (c discardingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c discardingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if *c.discard {
		return driver.RowsAffected(1), nil
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

type discardingTx struct{}

func (discardingTx) Commit() error   { return nil }
func (discardingTx) Rollback() error { return nil }

// queueRequestEntry logs what PocketBase logs of a request.
func queueRequestEntry(app core.App) {
	app.Logger().Info("GET /api/collections/posts/records?page=1&perPage=30",
		slog.String("type", "request"),
		slog.Float64("execTime", 1.234),
		slog.String("url", "/api/collections/posts/records?page=1&perPage=30"),
		slog.String("method", "GET"),
		slog.Int("status", 200),
		slog.String("referer", "https://example.com/"),
		slog.String("userAgent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"),
		slog.String("auth", ""),
		slog.String("userIP", "127.0.0.1"),
		slog.String("remoteIP", "127.0.0.1"),
	)
}
