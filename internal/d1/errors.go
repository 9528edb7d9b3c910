package d1

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrConflict is the error of a transaction that lost a race: another isolate changed what it had read or written before
// it could commit. Nothing of it was stored, and running it again is safe.
var ErrConflict = errors.New("d1: the transaction conflicts with a concurrent one and was not stored; run it again")

// ErrStale is the error of a statement that an event was refused, because the app had cached what others have changed in the database
// (internal/watermark). Nothing of it was stored, and the event's request is run again.
var ErrStale error = &Error{Code: CodeError, Extended: int(CodeError), Message: "the collections or settings were changed by another isolate"}

// Code is a primary result code of SQLite, https://sqlite.org/rescode.html, usable with [errors.Is] and [errors.As].
type Code int

// The primary result codes that D1 gives.
const (
	CodeError      Code = 1
	CodeBusy       Code = 5
	CodeLocked     Code = 6
	CodeNoMemory   Code = 7
	CodeReadOnly   Code = 8
	CodeInterrupt  Code = 9
	CodeFull       Code = 13
	CodeTooBig     Code = 18
	CodeConstraint Code = 19
	CodeMismatch   Code = 20
	CodeAuth       Code = 23
	CodeRange      Code = 25
)

// codeTexts are what sqlite3_errstr says of the codes.
var codeTexts = map[Code]string{
	CodeError:      "SQL logic error",
	CodeBusy:       "database is locked",
	CodeLocked:     "database table is locked",
	CodeNoMemory:   "out of memory",
	CodeReadOnly:   "attempt to write a readonly database",
	CodeInterrupt:  "interrupted",
	CodeFull:       "database or disk is full",
	CodeTooBig:     "string or blob too big",
	CodeConstraint: "constraint failed",
	CodeMismatch:   "datatype mismatch",
	CodeAuth:       "authorization denied",
	CodeRange:      "column index out of range",
}

// Error implements error.
func (c Code) Error() string {
	if text, ok := codeTexts[c]; ok {
		return text
	}
	return fmt.Sprintf("SQLite error %d", int(c))
}

// Error is an error of SQLite inside D1.
//
// Its text is the one of stock PocketBase's driver, such as
//
//	constraint failed: UNIQUE constraint failed: users.email (2067)
//
// errors.Is(err, CodeConstraint) tells its kind.
type Error struct {
	Code     Code   // the primary result code
	Extended int    // the extended result code
	Message  string // what SQLite says, such as "UNIQUE constraint failed: users.email"

	cause error
}

// Error implements error.
func (e *Error) Error() string {
	suffix := ""
	if e.Extended == int(CodeBusy) {
		suffix = " (SQLITE_BUSY)"
	}
	if text := e.Code.Error(); text != e.Message {
		return fmt.Sprintf("%s: %s (%d)%s", text, e.Message, e.Extended, suffix)
	}
	return fmt.Sprintf("%s (%d)%s", e.Message, e.Extended, suffix)
}

// Unwrap gives the error as the binding reported it.
func (e *Error) Unwrap() error { return e.cause }

// Is matches the primary result code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// As gives the primary result code.
func (e *Error) As(target any) bool {
	code, ok := target.(*Code)
	if ok {
		*code = e.Code
	}
	return ok
}

// limitTexts are of statements that pass one of SQLite's limits, as an assertion may that is longer than what it is about.
var limitTexts = []string{
	"too many SQL variables", "too many terms", "too many columns", "string or blob too big", "statement too long", "too complex",
	"Expression tree is too large", "parser stack overflow",
}

func (e *Error) isLimit() bool {
	return slices.ContainsFunc(limitTexts, func(text string) bool { return strings.Contains(e.Message, text) })
}

var primaryCodes = map[string]Code{
	"SQLITE_ERROR": CodeError, "SQLITE_BUSY": CodeBusy, "SQLITE_LOCKED": CodeLocked, "SQLITE_NOMEM": CodeNoMemory,
	"SQLITE_READONLY": CodeReadOnly, "SQLITE_INTERRUPT": CodeInterrupt, "SQLITE_FULL": CodeFull,
	"SQLITE_TOOBIG": CodeTooBig, "SQLITE_CONSTRAINT": CodeConstraint, "SQLITE_MISMATCH": CodeMismatch,
	"SQLITE_AUTH": CodeAuth, "SQLITE_RANGE": CodeRange,
}

// wrapError turns what a binding reports, such as
//
//	D1_ERROR: UNIQUE constraint failed: users.email: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)
//
// into an *Error. What is not of SQLite stays as it is.
func wrapError(err error) error {
	if err == nil {
		return nil
	}
	text, extended := unwrapText(err.Error()), ""
	if i := strings.LastIndex(text, " (extended: "); i >= 0 && strings.HasSuffix(text, ")") {
		text, extended = text[:i], text[i+len(" (extended: "):len(text)-1]
	}
	at := strings.LastIndex(text, ": SQLITE_")
	if at < 0 {
		return err
	}
	message, name := text[:at], text[at+2:]
	code, known := primaryCodes[name]
	if !known {
		code = CodeError
	}
	// D1 says where a syntax error is, SQLite's own text does not.
	if i := strings.LastIndex(message, " at offset "); i >= 0 && code == CodeError {
		message = message[:i]
	}
	return &Error{Code: code, Extended: extendedCode(code, extended, message), Message: message, cause: err}
}

// SQLiteError gives the error of SQLite that an error of a binding tells, nil if it tells none.
func SQLiteError(err error) *Error {
	var own *Error
	_ = errors.As(wrapError(err), &own)
	return own
}

// unwrapText takes away what D1 puts before the message of SQLite. The message itself may look the same: once only.
func unwrapText(text string) string {
	text = strings.TrimPrefix(text, "Error: ")
	for _, prefix := range []string{"D1_ERROR: ", "D1_EXEC_ERROR: "} {
		if message, found := strings.CutPrefix(text, prefix); found {
			return message
		}
	}
	return text
}

// extendedCode finds the extended result code of a constraint by its name, or else by the message; https://sqlite.org/rescode.html has them.
func extendedCode(code Code, name, message string) int {
	if code != CodeConstraint {
		return int(code)
	}
	for _, c := range constraintCodes {
		if name == c.name {
			return c.code
		}
	}
	for _, c := range constraintCodes {
		if strings.HasPrefix(message, c.message) {
			return c.code
		}
	}
	return 1811 // raised by a trigger
}

// constraintCodes are the extended result codes of constraints, with how their messages begin.
var constraintCodes = []struct {
	name, message string
	code          int
}{
	{"SQLITE_CONSTRAINT_UNIQUE", "UNIQUE constraint failed", 2067},
	{"SQLITE_CONSTRAINT_PRIMARYKEY", "PRIMARY KEY constraint failed", 1555},
	{"SQLITE_CONSTRAINT_NOTNULL", "NOT NULL constraint failed", 1299},
	{"SQLITE_CONSTRAINT_CHECK", "CHECK constraint failed", 275},
	{"SQLITE_CONSTRAINT_FOREIGNKEY", "FOREIGN KEY constraint failed", foreignKeyCode},
	{"SQLITE_CONSTRAINT_DATATYPE", "cannot store", 3091},
	{"SQLITE_CONSTRAINT_ROWID", "ROWID constraint failed", 2579},
}

// isMissing tells whether SQLite does not find the table.
func isMissing(err error, table string) bool {
	var e *Error
	return errors.As(err, &e) && (e.Message == "no such table: "+table || e.Message == "no such table: main."+table)
}
