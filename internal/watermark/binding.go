package watermark

import (
	"context"
	"slices"

	"pocketflare/internal/d1"
)

// Watch gives the app's database as the app is to use it.
func (c *Caches) Watch() d1.Binding { return watchedBinding{c} }

// watchedBinding has the calls of each event tell it the mark.
type watchedBinding struct{ caches *Caches }

// freshBinding is the database for questions of the watermark's own: no answer is used twice, and none comes from a replica that is
// behind, if it is to be of the primary.
type freshBinding struct {
	d1.Binding
	primary bool
}

// Query implements d1.Binding.
func (b freshBinding) Query(ctx context.Context, statement d1.Statement) (d1.Rows, error) {
	statement.Fresh, statement.Primary = true, b.primary
	return b.Binding.Query(ctx, statement)
}

// Query implements d1.Binding.
func (b watchedBinding) Query(ctx context.Context, statement d1.Statement) (d1.Rows, error) {
	if !b.caches.Fills(statement.SQL) {
		return b.query(ctx, statement)
	}
	statement.Fresh, statement.Primary, statement.Pins = true, true, true
	for {
		generation := b.caches.Generation()
		rows, err := b.query(ctx, statement)
		if err != nil || b.caches.Generation() == generation {
			return rows, err
		}
		// The caches were loaded meanwhile: what was read may be older than they are.
	}
}

func (b watchedBinding) query(ctx context.Context, statement d1.Statement) (d1.Rows, error) {
	session := b.caches.session()
	if session == nil {
		return b.caches.binding.Query(ctx, statement)
	}
	asks, err := session.ask()
	if err != nil {
		return nil, err
	}
	if !asks {
		statement.Fresh = statement.Fresh || session.look() == renewed // what the attempt before was told is not of these caches
		return b.caches.binding.Query(ctx, statement)
	}
	question := readMark
	if session.boot {
		question = readWholeMark
	}
	rows, mark, err := b.caches.binding.QueryPair(ctx, statement, question)
	if err != nil {
		session.unask()
		return nil, err
	}
	if err := session.learn(mark); err != nil {
		return nil, err
	}
	return rows, nil
}

// Batch implements d1.Binding.
func (b watchedBinding) Batch(ctx context.Context, statements []d1.Statement) ([]d1.Result, error) {
	session := b.caches.session()
	if session == nil {
		return b.caches.binding.Batch(ctx, statements)
	}
	var results []d1.Result
	var err error
	_, asks := d1.TokenOf(statements)
	switch state := session.look(); {
	case state == stale && !asks:
		return nil, d1.ErrStale
	case session.boot || asks || state == fresh || state == loading:
		results, err = b.caches.binding.Batch(ctx, statements)
		if asks && d1.Stored(err) {
			session.held() // the assertion of the batch that was asked for
		}
	default:
		results, err = b.assert(ctx, session, statements)
	}
	if err == nil && slices.ContainsFunc(statements, func(s d1.Statement) bool { return changesCache(s.SQL) }) {
		session.noteMoved()
	}
	return results, err
}

// assert sends a batch that stores nothing unless the caches are in force.
func (b watchedBinding) assert(ctx context.Context, session *Session, statements []d1.Statement) ([]d1.Result, error) {
	at, _ := d1.TokenOf(statements)
	results, err := b.caches.binding.Batch(ctx, slices.Insert(slices.Clip(statements), at, assertion(session.asserted())))
	switch {
	case isStale(err):
		return nil, session.failed()
	case err == nil:
		session.held()
		return slices.Delete(results, min(at, len(results)), min(at+1, len(results))), nil
	case d1.SQLiteError(err) != nil: // of a statement behind the assertion
		session.held()
	}
	return nil, err
}
