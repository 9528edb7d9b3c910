package d1test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"

	"pocketflare/internal/d1"
)

// Mode is a way in which a driver answers the steps of transactions.
type Mode struct {
	Name string
	Rows int // of d1.Options.ScratchRows

	replay, tokenless, random, lies, dies bool
}

// Modes are all of them. In each a case does the same.
var Modes = []Mode{
	{Name: "replay", replay: true},
	{Name: "replay without tokens", replay: true, tokenless: true},
	{Name: "scratch"},
	{Name: "scratch without rows", Rows: -1},
	{Name: "scratch of three rows", Rows: 3},
	{Name: "scratch and replay in turns", Rows: 3, random: true},
	{Name: "scratch that lies", lies: true},
	{Name: "scratch that dies", dies: true},
}

// Guesses counts, over all transcripts, the wrong ones.
var Guesses int

// Transcript runs a case on an empty database that open connects to. Where a guess was wrong it runs the case anew, as an application
// runs its request again, with the transaction that made the guess by replay.
func (m Mode) Transcript(c Case, scratch d1.Scratch, open func(d1.Options) (*sql.DB, error)) (string, error) {
	random := rand.New(rand.NewPCG(uint64(len(c.Name)), uint64(m.Rows)))
	options := d1.Options{TokenWrites: !m.tokenless, Scratch: scratch, ScratchRows: m.Rows}
	if m.replay {
		options.Scratch = nil
	}
	if m.lies {
		options.Scratch = &liar{scratch, random}
	}
	if m.dies {
		options.Scratch = &mortal{Scratch: scratch, random: random}
	}
	strict := map[int]bool{}
	for {
		begun, wrong := 0, false
		options.MayGuess = func() bool {
			begun++
			return !strict[begun] && !(m.random && random.IntN(2) == 0)
		}
		options.OnWrongGuess = func() {
			strict[begun], wrong = true, true
			Guesses++
		}
		db, err := open(options)
		if err != nil {
			return "", err
		}
		transcript := c.Transcript(db)
		if err := db.Close(); err != nil || !wrong {
			return transcript, err
		}
	}
}

// liar is a scratch that tells the truth four times of five.
type liar struct {
	d1.Scratch
	random *rand.Rand
}

func (l *liar) lies() bool { return l.random.IntN(5) == 0 }

// Run invents errors.
func (l *liar) Run(statement d1.Statement) (string, error) {
	if l.lies() {
		return "", &d1.Error{Code: d1.CodeConstraint, Extended: 2067, Message: "UNIQUE constraint failed: t.lie"}
	}
	return l.Scratch.Run(statement)
}

// Read keeps rows back.
func (l *liar) Read(query d1.Statement) (columns []string, rows string, err error) {
	columns, rows, err = l.Scratch.Read(query)
	if l.lies() {
		rows = ""
	}
	return columns, rows, err
}

// Load leaves tables empty.
func (l *liar) Load(insert d1.Statement) error {
	if l.lies() {
		return nil
	}
	return l.Scratch.Load(insert)
}

// mortal is a scratch whose database is gone from some moment on, until it is opened again.
type mortal struct {
	d1.Scratch
	random *rand.Rand
	dead   bool
}

var errGone = errors.New("the scratch is gone")

func (m *mortal) dies() bool {
	m.dead = m.dead || m.random.IntN(8) == 0
	return m.dead
}

// Open may fail as well.
func (m *mortal) Open(ctx context.Context, schema []string) error {
	if m.dead = m.random.IntN(8) == 0; m.dead {
		return errGone
	}
	return m.Scratch.Open(ctx, schema)
}

// Keeps implements d1.Scratch.
func (m *mortal) Keeps() bool { return !m.dead && m.Scratch.Keeps() }

// Run implements d1.Scratch.
func (m *mortal) Run(statement d1.Statement) (string, error) {
	if m.dies() {
		return "", errGone
	}
	return m.Scratch.Run(statement)
}

// Text implements d1.Scratch.
func (m *mortal) Text(query d1.Statement) (string, error) {
	if m.dies() {
		return "", errGone
	}
	return m.Scratch.Text(query)
}

// Read implements d1.Scratch.
func (m *mortal) Read(query d1.Statement) (columns []string, rows string, err error) {
	if m.dies() {
		return nil, "", errGone
	}
	return m.Scratch.Read(query)
}

// Empty implements d1.Scratch.
func (m *mortal) Empty(tables []string) error {
	if m.dies() {
		return errGone
	}
	return m.Scratch.Empty(tables)
}

// Touches implements d1.Scratch.
func (m *mortal) Touches(statement string) ([]string, error) {
	if m.dies() {
		return nil, errGone
	}
	return m.Scratch.Touches(statement)
}
