package watermark

import (
	"context"
	"sync"

	"pocketflare/internal/d1"
)

// state is what an attempt to handle an event knows of the mark.
type state byte

const (
	unasked state = iota // nothing: its next read takes the mark along, its next write asserts it
	asking               // a read is on its way with the mark
	loading              // the caches are being loaded for another attempt
	renewed              // they were loaded after the event began; only a write still asserts
	seen                 // a replica that may be behind had their mark; only a write still asserts
	fresh                // they were in force when the attempt first met the database, or later
	stale                // they were not: the attempt is lost, and meets nothing but errors
)

// Session is what one event knows of the mark. Its goroutines may use it at the same time.
type Session struct {
	caches *Caches
	boot   bool

	mu    sync.Mutex
	state state
	own   string // the mark of the caches when the attempt began: what it has taken from them since may be older than they are by now
	mark  string // that the database had, where it was read
	since int    // how many loads had been started then
	moved bool   // the event has changed what is cached
}

// Session gives a session for an event that begins.
func (c *Caches) Session() *Session {
	mark, _ := c.known()
	return &Session{caches: c, own: mark}
}

// Confirm waits until it is known whether what the attempt works with was in force when the event began, with a round trip if nothing has
// told yet. It fails with d1.ErrStale if it was not, and with another error if that cannot be found out.
//
// To be called before anything leaves the event: a response, a request to another server.
func (s *Session) Confirm(ctx context.Context) error {
	switch s.look() {
	case fresh, seen, renewed, loading:
		return nil
	case stale:
		return d1.ErrStale
	}
	mark, err := s.caches.query(ctx, s.caches.direct)
	if err != nil && !isMissing(err) {
		return err
	}
	return s.learn(mark)
}

// Stale tells whether the attempt is lost.
func (s *Session) Stale() bool { return s.look() == stale }

// Renew loads the caches anew, if nobody else has, for another attempt.
func (s *Session) Renew(ctx context.Context) error {
	s.mu.Lock()
	mark, since := s.mark, s.since
	s.state = loading
	s.mu.Unlock()
	err := s.renew(ctx, mark, since)
	own, _ := s.caches.known()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state = renewed; err != nil {
		s.state = stale
	}
	s.own, s.mark = own, ""
	return err
}

func (s *Session) renew(ctx context.Context, mark string, since int) error {
	if mark == "" || s.caches.replicas {
		return s.caches.Refresh(ctx)
	}
	return s.caches.reach(ctx, mark, since)
}

// End is to be called when the event has been answered: the app's caches are brought up to what the event itself has changed.
func (s *Session) End(ctx context.Context) error {
	s.mu.Lock()
	moved := s.moved
	s.mu.Unlock()
	if !moved {
		return nil
	}
	return s.caches.Refresh(ctx)
}

func (s *Session) look() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// ask tells whether a read is to take the mark along.
func (s *Session) ask() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case stale:
		return false, d1.ErrStale
	case unasked:
		s.state = asking
		return true, nil
	}
	return false, nil
}

// unask is ask's end where nothing was learned.
func (s *Session) unask() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == asking {
		s.state = unasked
	}
}

// learn is what follows from the mark that the database has, "" for none.
func (s *Session) learn(mark string) error {
	_, since := s.caches.known()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.boot {
		s.state, s.mark = fresh, mark
		return nil
	}
	return s.settle(mark != "" && mark == s.own, mark, since)
}

// settle is called with the lock.
func (s *Session) settle(inForce bool, mark string, since int) error {
	switch {
	case s.state == stale:
		return d1.ErrStale
	case s.state == fresh || s.state == seen: // another goroutine of the event was first
		return nil
	case inForce && s.caches.replicas:
		s.state = seen
		return nil
	case inForce:
		s.state = fresh
		return nil
	}
	s.state, s.mark, s.since = stale, mark, since
	return d1.ErrStale
}

// held is what follows from an assertion that held: the caches were in force then, though the mark may have moved on since and another
// question of the event have met that.
func (s *Session) held() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = fresh
}

// asserted is the mark that a write is to assert.
func (s *Session) asserted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own
}

// failed is what follows from one that did not.
func (s *Session) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.mark = stale, ""
	return d1.ErrStale
}

func (s *Session) noteMoved() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = true
}
