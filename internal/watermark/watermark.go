// Package watermark keeps what PocketBase has cached of its database in step with what other isolates write there.
//
// PocketBase keeps its collections and settings in memory, for it is made to be the only process on its database. Here many isolates
// share one. So the database carries a mark that changes with each change of the two tables, and each event learns it on the way: its
// first read takes the mark's along in the same round trip, and a write that comes first carries an assertion in its batch. An event
// that needs neither asks before it answers. Where the mark is not that of the caches, whatever the handler has done is given up
// (nothing has left it), the caches are loaded anew, and its request is run again.
//
// So no request is answered by rules, settings or secrets that had been replaced when it began, whoever replaced them, and none pays
// a round trip for that.
//
// # What belongs to what
//
//   - [Caches] is one app's: the mark that its caches belong to.
//   - [Session] is one event's: what it knows of the mark.
//   - The binding that [Caches.Watch] gives is where statements take the mark along. An event without a session passes unwatched.
//
// Caches never go back in time: they are loaded after the mark that they are said to have was read, one load at a time, and a read of
// PocketBase's own that fills them (it does so after its own changes) is sent again if a load came in between.
package watermark

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"pocketflare/internal/d1"
)

// App is what of a core.App is needed.
type App interface {
	ReloadSettings() error
	ReloadCachedCollections() error
}

// Caches is the mark that an app's caches belong to. It is safe for concurrent use.
type Caches struct {
	app     App
	binding d1.PairBinding
	direct  *sql.DB // the same database, unwatched
	primary *sql.DB // and not one of its replicas
	current func() *Session
	forget  func()

	replicas bool // reads may come from replicas of the database

	mu      sync.Mutex
	mark    string        // of the caches; "" where it is not known
	loading chan struct{} // closed when the load that runs has ended
	started int           // loads so far
	loaded  int           // the number of the last one that succeeded

	booting atomic.Pointer[Session]
}

// New gives the caches of an app that is still to be bootstrapped. binding is its database, options are those for questions of the
// watermark's own; current finds the session of the goroutine that calls it, nil if it has none.
func New(app App, binding d1.PairBinding, options d1.Options, current func() *Session) *Caches {
	return &Caches{
		app:     app,
		binding: binding,
		direct:  sql.OpenDB(d1.Open(freshBinding{binding, false}, options)),
		primary: sql.OpenDB(d1.Open(freshBinding{binding, true}, options)),
		current: current,
		forget:  func() {},
	}
}

// OnCollections has f called before the collections are loaded anew: for what else depends on the schema.
func (c *Caches) OnCollections(f func()) { c.forget = f }

// UseReplicas tells that reads may come from replicas of the database, which may be behind: then the first write of an event asserts the
// mark though a read has told it, and the caches are loaded from the primary, after its mark.
func (c *Caches) UseReplicas() { c.replicas = true }

// Generation implements d1.Caches: it changes with each load.
func (c *Caches) Generation() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loaded
}

// Boot runs the steps of an app's boot, which fill its caches, and makes in the database what is missing there.
func (c *Caches) Boot(ctx context.Context, steps func() error) error {
	session := &Session{caches: c, state: unasked, boot: true}
	c.booting.Store(session)
	err := steps()
	c.booting.Store(nil)
	if err != nil {
		return err
	}
	if session.mark == "" || session.moved {
		if err := c.install(ctx); err != nil {
			return err
		}
		return c.Refresh(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark = session.mark // it was read before the caches, or with them
	return nil
}

// session is that of the goroutine, or the boot's.
func (c *Caches) session() *Session {
	if session := c.current(); session != nil {
		return session
	}
	return c.booting.Load()
}

// Refresh reads the mark and loads the caches anew if they belong to another: two round trips at most. It is for events that cannot
// be run again, before they begin, and for who has just changed the tables.
func (c *Caches) Refresh(ctx context.Context) error {
	mark, err := c.read(ctx)
	if err != nil {
		return err
	}
	_, started := c.known()
	return c.reach(ctx, mark, started)
}

// read asks the primary for its mark, and makes it if it has none.
func (c *Caches) read(ctx context.Context) (string, error) {
	mark, err := c.query(ctx, c.primary)
	if mark != "" || err != nil && !isMissing(err) {
		return mark, err
	}
	if err := c.install(ctx); err != nil {
		return "", err
	}
	if mark, err = c.query(ctx, c.primary); err == nil && mark == "" {
		err = errors.New("watermark: the table " + table + " has no row, and none could be made")
	}
	return mark, err
}

// query gives the mark, "" if the table is there and has no row.
func (c *Caches) query(ctx context.Context, db *sql.DB) (mark string, err error) {
	err = db.QueryRowContext(ctx, readMark.SQL).Scan(&mark)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return mark, err
}

func (c *Caches) install(ctx context.Context) error {
	_, err := c.direct.ExecContext(ctx, install())
	return err
}

// known is the mark that the caches belong to, and how many loads were started so far.
func (c *Caches) known() (mark string, started int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mark, c.started
}

// reach has the caches belong to a mark, or to a later one. since is how many loads had been started when the mark was read: one that
// was started after it will do.
func (c *Caches) reach(ctx context.Context, mark string, since int) error {
	for {
		c.mu.Lock()
		if c.mark == mark || c.loaded > since {
			c.mu.Unlock()
			return nil
		}
		running := c.loading
		if running == nil {
			break // with the lock
		}
		c.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.started++
	number, from, done := c.started, c.mark, make(chan struct{})
	c.loading = done
	c.mu.Unlock()

	succeeded := false
	defer func() { // also of a hook that panics
		c.mu.Lock()
		defer c.mu.Unlock()
		if succeeded {
			c.mark, c.loaded = mark, number
		} else {
			c.mark = "" // half of them may be new
		}
		c.loading = nil
		close(done)
	}()
	err := c.load(from, mark)
	succeeded = err == nil
	return err
}

// load fills the caches that differ between two marks, in one turn so that their reads travel together.
func (c *Caches) load(from, to string) error {
	collections, settings := func() error { return nil }, func() error { return nil }
	if from == "" || from[:halfLength] != to[:halfLength] {
		c.forget()
		collections = c.app.ReloadCachedCollections
	}
	if from == "" || from[halfLength:] != to[halfLength:] {
		settings = c.app.ReloadSettings
	}
	first := make(chan error, 1)
	go func() { first <- collections() }()
	err := settings()
	return errors.Join(<-first, err)
}
