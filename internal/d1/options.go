package d1

import (
	"context"
	"time"
)

// Options is how a database behaves.
type Options struct {
	// DeferErrors, if set, has the steps of transactions be answered by D1, but for the writes that it names: those are sent with the next
	// step, or at the commit, so that a transaction of nothing else is one round trip. Their errors are those of what sends them.
	DeferErrors func(sql string) bool

	// NoWait, if set, names statements outside of a transaction whose results nobody looks at: they are sent, and only what is sent
	// after them waits for them. Their errors are printed.
	NoWait func(sql string) bool

	// OnStored, if set, is called when something was stored, or may have been: its answer was lost.
	OnStored func()

	// OnConflict, if set, is called when a transaction ended in an ErrConflict, or was rolled back after it had read what
	// never was one state of the database.
	OnConflict func()

	// Caches, if set, are what the application keeps of the database in memory.
	Caches Caches

	// Scratch, if set, answers the steps of transactions in the place of D1; their commits prove what it said.
	Scratch Scratch

	// MayGuess, if set, tells whether a transaction that begins may use the Scratch: whoever runs it can begin again when
	// OnWrongGuess was called, and then must be refused.
	MayGuess func() bool

	// Local, if set, is the database that Open was given, or is under it: what it has in the isolate for a first boot.
	Local *Local

	// ScratchRows is how many rows of a table the Scratch may hold; 500 if it is 0, none if it is negative. Larger tables stay in D1:
	// what the transaction has not written is read there, and other reads of them are a replay.
	ScratchRows int

	// MaxStatements is how many statements a transaction may write; 10,000 if it is 0.
	MaxStatements int

	// ReadOften names tables, in lower case, that transactions use to read several times before they write: the first read loads the
	// whole table into the Scratch.
	ReadOften []string

	// Event, if set, gives what is kept for the event that the calling goroutine belongs to; nil if it has none.
	Event func() *Event

	// Guessing, if set, is called when a transaction begins to rely on the Scratch, with a function that asks D1 whether all of it is
	// right so far: to be called before anything leaves that cannot be taken back. What it returns is called when the transaction ends.
	Guessing func(prove func(context.Context) error) (done func())

	// OnWrongGuess, if set, is called with the OnConflict of a transaction that used the Scratch.
	OnWrongGuess func()

	// OnTransaction, if set, is called when a transaction ends that has written, with whether the Scratch has answered all of its steps.
	OnTransaction func(scratched bool)

	// OnFault, if set, is called with each ErrUnavailable and ErrUncertain.
	OnFault func(error)

	// TokenWrites gives a commit's token to the writes outside of transactions too, so that none ends in an ErrUncertain as
	// long as the database comes back in time. Each costs a row written more.
	TokenWrites bool

	// Sleep waits before a call is sent again, Now tells the time; by default those of package time.
	Sleep func(context.Context, time.Duration) error
	Now   func() time.Time
}

// Caches are what an application keeps of its database in memory; *watermark.Caches is one.
type Caches interface {
	// Generation is a number that changes when they have been loaded anew, because another isolate has changed the database.
	Generation() int
	// Fills tells whether a query may be one that fills them.
	Fills(query string) bool
}

// complete puts what is not set at its default.
func (o *Options) complete() {
	if o.OnStored == nil {
		o.OnStored = func() {}
	}
	if o.OnConflict == nil {
		o.OnConflict = func() {}
	}
	if o.MayGuess == nil {
		o.MayGuess = func() bool { return true }
	}
	if o.Guessing == nil {
		o.Guessing = func(func(context.Context) error) func() { return func() {} }
	}
	if o.ScratchRows == 0 {
		o.ScratchRows = scratchRows
	}
	if o.MaxStatements == 0 {
		o.MaxStatements = defaultStatements
	}
	if o.OnWrongGuess == nil {
		o.OnWrongGuess = func() {}
	}
	if o.Event == nil {
		o.Event = func() *Event { return nil }
	}
	if o.OnTransaction == nil {
		o.OnTransaction = func(bool) {}
	}
	if o.OnFault == nil {
		o.OnFault = func(error) {}
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}
