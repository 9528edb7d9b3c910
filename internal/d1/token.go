package d1

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A batch whose answer is lost may have been stored, may not have been, or may be stored later: it can still be on its way. So each
// commit carries a token, the next number of a row that only this isolate writes, and a trigger refuses any number but the next:
//
//   - the same batch can be sent again as it is, and is stored once, whichever of the two arrives;
//   - where the row has the batch's number already, the batch was stored;
//   - an empty batch with the token asks for the fate of one that failed the second time, and keeps the first from being stored late;
//     the row tells which of the two it was.
//
// A row serves one commit at a time; an isolate has as many as it has commits at once, which is one, but for the two databases and for
// applications that begin transactions on PocketBase's concurrent pool. Rows that no commit has used for long are removed.
const (
	commitTable = "_pf_commit"
	storedMark  = "PFSTORED"
	tokenLife   = 3600 // seconds; a lost batch is settled within maxRetryTime
)

// token is a row of commitTable.
type token struct {
	lane string
	n    int64 // of the last commit
}

// tokens are those that no commit is using.
type tokens struct {
	mu   sync.Mutex
	free []*token
}

func (t *tokens) take() *token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last := len(t.free) - 1; last >= 0 {
		free := t.free[last]
		t.free = t.free[:last]
		return free
	}
	return newToken()
}

func (t *tokens) put(one *token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free = append(t.free, one)
}

func newToken() *token { return &token{lane: rand.Text()} }

// with is the batch with its token. The first of a row removes those of isolates that are gone.
func (t *token) with(batch []Statement) []Statement {
	void := "0"
	if len(batch) == 0 {
		void = "1"
	}
	whole := make([]Statement, 0, len(batch)+2)
	whole = append(whole, Statement{
		SQL: `INSERT INTO ` + commitTable + `(lane,n,void,at) VALUES (?,CAST(? AS INTEGER),CAST(? AS INTEGER),unixepoch())` +
			` ON CONFLICT (lane) DO UPDATE SET n=excluded.n,void=excluded.void,at=excluded.at`,
		Params: []any{t.lane, strconv.FormatInt(t.n+1, 10), void},
	})
	whole = append(whole, batch...)
	if t.n == 0 {
		whole = append(whole, Statement{SQL: fmt.Sprintf(`DELETE FROM %s WHERE at<unixepoch()-%d`, commitTable, tokenLife)})
	}
	return whole
}

// TokenOf tells how many statements at the beginning of a batch are its token, and whether the batch only asks what became of an
// earlier one. What else a batch is to assert goes behind the token, so that a batch that was stored is known again first.
func TokenOf(batch []Statement) (size int, asks bool) {
	if len(batch) > len(createTables) && batch[0].SQL == createTables[0].SQL {
		size = len(createTables)
	}
	if size == len(batch) || !strings.HasPrefix(batch[size].SQL, `INSERT INTO `+commitTable+`(`) {
		return 0, false
	}
	return size + 1, batch[size].Params[2] == "1"
}

// refusal is what the row of a token held that was not its next.
type refusal struct {
	n    int64
	void bool // of an empty batch
}

// refusalOf tells whether an error is one.
func refusalOf(err error) (row refusal, refused bool) {
	var own *Error
	if !errors.As(err, &own) || !strings.HasPrefix(own.Message, storedMark) {
		return row, false
	}
	n, void, _ := strings.Cut(own.Message[len(storedMark):], ",")
	row.void = void == "1"
	row.n, err = strconv.ParseInt(n, 10, 64)
	return row, err == nil
}

// Stored tells whether an answer to a batch with a token says that an earlier one with it was stored.
func Stored(err error) bool {
	row, refused := refusalOf(wrapError(err))
	return refused && !row.void
}

// store runs a batch that is stored once, whatever happens on the way. Its results are nil if it was stored and they were lost.
// It is an ErrUncertain if its fate could not be learned in time.
func (db *connector) store(ctx context.Context, batch []Statement) ([]Result, error) {
	s := storing{db: db, token: db.tokens.take(), batch: batch}
	for {
		results, err := db.binding.Batch(ctx, s.whole())
		err = wrapError(err)
		switch {
		case err == nil:
			return s.answered(results)
		case isUnprepared(err) && s.first == nil:
			s.first = createTables
		case isSQLite(err):
			if done, err := s.refused(err); done {
				return nil, err
			}
		default:
			s.open = s.open || !faultOf(err).unrun
			if own := db.brokenKey(ctx, s.batch, err); own != nil {
				s.batch, s.verdict = nil, own
			}
			if !s.retries.again(ctx, db) {
				return nil, s.givenUp(ctx, err)
			}
		}
	}
}

// storing is a batch on its way to be stored.
type storing struct {
	db      *connector
	token   *token
	first   []Statement // what makes the driver's own tables, if they are not there
	batch   []Statement
	retries retries
	open    bool  // what was sent before may have been stored, or may yet be
	verdict error // the batch has failed; what is still asked is whether it was stored before that
}

// whole is the batch as it is sent.
func (s *storing) whole() []Statement {
	return append(s.first[:len(s.first):len(s.first)], s.token.with(s.batch)...)
}

// answered ends with a batch that was stored: the one that is to be, or an empty one, in whose place no other can come any more.
func (s *storing) answered(results []Result) ([]Result, error) {
	s.release()
	s.db.reached()
	if s.verdict != nil {
		return nil, s.verdict
	}
	own := len(s.first) + 1
	return slices.Clip(results[min(own, len(results)):min(own+len(s.batch), len(results))]), nil
}

// refused looks at an error of SQLite. It is the end, unless the batch has to be sent again.
func (s *storing) refused(err error) (done bool, _ error) {
	row, refused := refusalOf(err)
	switch {
	case refused && s.open && row.n == s.token.n+1:
		s.release()
		if row.void {
			return true, s.verdict
		}
		return true, nil
	case refused && s.open:
		return true, s.db.failed(context.Background(), err, true)
	case refused: // the database was put back to an earlier time, or copied
		s.token = newToken()
		return false, nil
	case s.open:
		s.batch, s.verdict = nil, err
		return false, nil
	}
	s.db.tokens.put(s.token)
	s.db.reached()
	return true, err
}

// givenUp ends without an answer. If the fate of the batch is not known, its row is not used again.
func (s *storing) givenUp(ctx context.Context, err error) error {
	if !s.open {
		s.db.tokens.put(s.token)
	}
	return s.db.failed(ctx, err, s.open)
}

// release gives the row back after a commit.
func (s *storing) release() {
	s.token.n++
	s.db.tokens.put(s.token)
}

// write runs statements outside of a transaction. With a token it is seen to its end though the caller has gone, so that its fate is
// known.
func (db *connector) write(ctx context.Context, batch []Statement, stores bool) ([]Result, error) {
	if !stores || !db.options.TokenWrites || db.options.Local.isOpen() {
		return db.sendBatch(ctx, batch, stores)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return db.store(context.WithoutCancel(ctx), batch)
}

// errResultLost is what remains to be said of a write that was stored by a commit whose answer was lost.
var errResultLost = errors.New("d1: the write is stored, but how many rows it changed was lost with the database's answer")

// lostResult is the result of such a write outside of a transaction.
type lostResult struct{}

func (lostResult) LastInsertId() (int64, error) { return 0, errResultLost }
func (lostResult) RowsAffected() (int64, error) { return 0, errResultLost }
