package d1

import (
	"errors"
	"strings"
)

var (
	// ErrUnavailable is the error of a statement that D1 did not run, as often as it was asked. Nothing of it was stored.
	ErrUnavailable = errors.New("d1: the database cannot be reached")

	// ErrUncertain is the error of a write whose answer was lost: it may be stored, or not. It was not sent again, because it could
	// have been stored twice.
	ErrUncertain = errors.New("d1: the database did not answer; it is not known whether the write was stored")
)

// fault is a failure of the platform, as opposed to an error of SQLite.
type fault struct {
	text      string // a part of D1's message
	transient bool   // the same call may work a moment later
	unrun     bool   // the call was turned away before it ran: nothing of it is stored
}

// faults are the failures that Cloudflare documents, as of 2026-11, at
// https://developers.cloudflare.com/d1/observability/debug-d1/. Only where a message says that a call never reached the database
// it counts as one that did not run: a database that is reset, or a connection that breaks, may have stored what it was sent.
var faults = []fault{
	{"D1 DB is overloaded. Requests queued for too long", true, true},
	{"D1 DB is overloaded. Too many requests queued", true, true},
	{"Cannot resolve D1 DB due to transient issue on remote node", true, true},
	{"Network connection lost", true, false},
	{"storage caused object to be reset", true, false}, // "Internal error in D1 DB …", "Internal error while starting up D1 DB …"
	{"storage operation exceeded timeout which caused object to be reset", true, false},
	{"reset because its code was updated", true, false},
	{"Can't read from request stream because client disconnected", true, false},
	{"isolate exceeded its memory limit and was reset", true, false}, // maybe by another's query
	{"exceeded its CPU time limit and was reset", true, false},
	{internalError, true, false},
	{"Exceeded maximum DB size", false, true},
	{"exceeded D1's maximum account storage limit", false, true},
	{"Memory limit would be exceeded before EOF", false, false},
}

// faultOf finds the fault that an error tells. One that is not known may have happened before or after the call ran, and is no
// reason to try again.
func faultOf(err error) fault {
	text := err.Error()
	for _, f := range faults {
		if strings.Contains(text, f.text) {
			return f
		}
	}
	return fault{}
}

// isSQLite tells whether the error is one of SQLite: then the call has run, and nothing of it is stored.
func isSQLite(err error) bool {
	var own *Error
	return errors.As(err, &own)
}

// mayBeStored tells whether a call that failed may have been stored all the same.
func mayBeStored(err error) bool { return !isSQLite(err) && !faultOf(err).unrun }
