package logs_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	_ "github.com/pocketbase/pocketbase/migrations"

	"pocketflare/internal/logs"
)

func newApp(t testing.TB) core.App {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	t.Cleanup(func() { app.ClearBootstrap() })
	return app
}

func bootstrap(t testing.TB, app core.App) {
	t.Helper()
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, app core.App) int {
	t.Helper()
	var total int
	if err := app.LogQuery().Select("count(*)").Row(&total); err != nil {
		t.Fatal(err)
	}
	return total
}

// clock is a sleep that a test ends by hand.
type clock struct {
	sleeping chan time.Duration
	wake     chan error
}

func newClock() *clock {
	return &clock{sleeping: make(chan time.Duration, 100), wake: make(chan error)}
}

func (c *clock) sleep(_ context.Context, d time.Duration) error {
	c.sleeping <- d
	return <-c.wake
}

// waitFor polls until the condition holds.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: never", what)
		}
	}
}

func TestOneWriteForManyRequests(t *testing.T) {
	app, clock := newApp(t), newClock()
	flusher := logs.New(app, clock.sleep)
	bootstrap(t, app)
	for i := range 20 {
		app.Logger().Info("request " + strconv.Itoa(i))
		flusher.RequestDone()
	}
	if d := <-clock.sleeping; d < 100*time.Millisecond || d > time.Second {
		t.Errorf("sleeps %v", d)
	}
	if n := count(t, app); n != 0 {
		t.Errorf("%d entries were written at once", n)
	}
	clock.wake <- nil
	waitFor(t, "the write", func() bool { return count(t, app) == 20 })
	if n := len(clock.sleeping); n > 1 {
		t.Errorf("%d more writes were scheduled", n)
	}
}

func TestLateEntriesAreWritten(t *testing.T) {
	app, clock := newApp(t), newClock()
	first := true
	var flusher *logs.Flusher
	flusher = logs.New(app, func(ctx context.Context, d time.Duration) error {
		err := clock.sleep(ctx, d)
		if first {
			flusher.RequestDone() // ends while the first write starts, and its entry is on its way
		}
		first = false
		return err
	})
	bootstrap(t, app)
	flusher.RequestDone()
	<-clock.sleeping
	clock.wake <- nil
	<-clock.sleeping
	app.Logger().Info("late")
	clock.wake <- nil
	waitFor(t, "the write", func() bool { return count(t, app) == 1 })
}

func TestNothingIsScheduledForNothing(t *testing.T) {
	app, clock := newApp(t), newClock()
	flusher := logs.New(app, clock.sleep)
	bootstrap(t, app)
	app.Settings().Logs.MaxDays = 0
	flusher.RequestDone()
	time.Sleep(10 * time.Millisecond)
	if len(clock.sleeping) != 0 {
		t.Error("a write was scheduled although nothing is logged")
	}
}

func TestNothingIsWrittenForNothing(t *testing.T) {
	app := newApp(t)
	flusher := logs.New(app, newClock().sleep)
	bootstrap(t, app)
	app.OnModelCreate(core.LogsTableName).BindFunc(func(e *core.ModelEvent) error {
		t.Error("an entry was written")
		return e.Next()
	})
	flusher.Flush(t.Context())
}

func TestLostSleeperIsReplaced(t *testing.T) {
	app := newApp(t)
	entered := make(chan struct{}, 10)
	dead := true
	var flusher *logs.Flusher
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		sleep := func(_ context.Context, d time.Duration) error {
			entered <- struct{}{}
			if dead {
				<-hang
				return context.Canceled
			}
			time.Sleep(d)
			return nil
		}
		flusher = logs.New(app, sleep)
		flusher.RequestDone()
		synctest.Wait()
		time.Sleep(4 * time.Second)
		flusher.RequestDone()
		synctest.Wait()
		if len(entered) != 1 {
			t.Errorf("%d writes while one is due", len(entered))
		}
		dead = false
		time.Sleep(2 * time.Second)
		flusher.RequestDone()
		time.Sleep(time.Second)
		if len(entered) != 2 {
			t.Errorf("%d writes after the first was lost", len(entered))
		}
		close(hang) // the first wakes after all: it must not take the lease of a later one
		synctest.Wait()
		flusher.RequestDone()
		synctest.Wait()
		if len(entered) != 3 {
			t.Errorf("%d writes at the end", len(entered))
		}
		time.Sleep(time.Second)
	})
}

func TestFailedSleepWritesAtOnce(t *testing.T) {
	app := newApp(t)
	flusher := logs.New(app, func(context.Context, time.Duration) error { return errors.New("no scope") })
	bootstrap(t, app)
	output := captureLog(t)
	app.Logger().Info("entry")
	flusher.RequestDone()
	waitFor(t, "the write", func() bool { return count(t, app) == 1 })
	if !strings.Contains(output(), "no scope") {
		t.Errorf("printed: %s", output())
	}
}

func TestRequestLogs(t *testing.T) {
	app := newApp(t)
	flusher := logs.New(app, func(context.Context, time.Duration) error { time.Sleep(20 * time.Millisecond); return nil })
	bootstrap(t, app)
	router, err := apis.NewRouter(app)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := router.BuildMux()
	if err != nil {
		t.Fatal(err)
	}
	const clients, requests = 8, 25
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range requests {
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/api/health", nil))
				flusher.RequestDone()
			}
		})
	}
	group.Wait()
	waitFor(t, "all logs", func() bool { return count(t, app) == clients*requests })
}

func TestUserHooksRun(t *testing.T) {
	app := newApp(t)
	flusher := logs.New(app, newClock().sleep)
	bootstrap(t, app)
	app.OnModelCreate(core.LogsTableName).BindFunc(func(e *core.ModelEvent) error {
		e.Model.(*core.Log).Message += " (seen)"
		return e.Next()
	})
	app.Logger().Info("entry")
	flusher.Flush(t.Context())
	var entry core.Log
	if err := app.LogQuery().One(&entry); err != nil {
		t.Fatal(err)
	}
	if entry.Message != "entry (seen)" {
		t.Errorf("message %q", entry.Message)
	}
}

func TestFailedWrite(t *testing.T) {
	scenarios := []struct {
		name   string
		damage func(core.App)
		want   string
	}{
		{
			name: "at the entry",
			damage: func(app core.App) {
				app.AuxDB().NewQuery("DROP TABLE _logs").Execute()
			},
			want: "Failed to write log",
		},
		{
			name: "at the commit",
			damage: func(app core.App) {
				app.AuxDB().NewQuery("CREATE TABLE parent (id TEXT PRIMARY KEY)").Execute()
				app.AuxDB().NewQuery("CREATE TABLE child (id TEXT REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)").Execute()
				app.AuxDB().NewQuery("CREATE TRIGGER refuse AFTER INSERT ON _logs BEGIN INSERT INTO child VALUES ('missing'); END").Execute()
			},
			want: "2 log entries could not be written: ",
		},
	}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			app := newApp(t)
			flusher := logs.New(app, newClock().sleep)
			bootstrap(t, app)
			s.damage(app)
			output := captureLog(t)
			app.Logger().Info("one")
			app.Logger().Info("two")
			flusher.Flush(t.Context())
			if !strings.Contains(output(), s.want) {
				t.Errorf("printed: %s", output())
			}
		})
	}
}

func TestRequestDoneDoesNotAllocate(t *testing.T) {
	app, clock := newApp(t), newClock()
	flusher := logs.New(app, clock.sleep)
	flusher.RequestDone()
	if n := testing.AllocsPerRun(100, flusher.RequestDone); n != 0 {
		t.Errorf("%v allocations", n)
	}
	clock.wake <- nil
}

// captureLog returns what is printed until the test ends.
func captureLog(t testing.TB) func() string {
	t.Helper()
	var mu sync.Mutex
	var buffer bytes.Buffer
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buffer.Write(p)
	}))
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return buffer.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
