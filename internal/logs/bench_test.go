package logs_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"pocketflare/internal/logs"
)

// BenchmarkEntry tells what one log entry of a request costs, in writes of 100 entries.
func BenchmarkEntry(b *testing.B) {
	app := newApp(b)
	flusher := logs.New(app, func(context.Context, time.Duration) error { return nil })
	bootstrap(b, app)
	b.Run("queue", func(b *testing.B) {
		for i := range b.N {
			queueRequestEntry(app)
			if i%100 == 99 {
				b.StopTimer()
				flusher.Flush(b.Context())
				b.StartTimer()
			}
		}
	})
	b.Run("queue and write", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			queueRequestEntry(app)
			if i%100 == 99 {
				flusher.Flush(b.Context())
			}
		}
		flusher.Flush(b.Context())
	})
}

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
