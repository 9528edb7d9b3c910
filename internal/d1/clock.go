package d1

import (
	"strings"
	"time"
)

// Inside of a transaction a statement runs several times, and SQLite's clock moves on. So the time of a read or a write is settled when it
// runs first: 'now' as an argument of a date function, the argument that is left out, and CURRENT_TIMESTAMP and its kind become text.

// dateFunctions are SQLite's, with the place of their time among the arguments.
var dateFunctions = map[string]int{
	"DATE": 0, "TIME": 0, "DATETIME": 0, "JULIANDAY": 0, "UNIXEPOCH": 0, "STRFTIME": 1, "TIMEDIFF": 0,
}

// clockWords are the words that stand for the time, with their form.
var clockWords = map[string]string{
	"CURRENT_TIMESTAMP": time.DateTime, "CURRENT_DATE": time.DateOnly, "CURRENT_TIME": time.TimeOnly,
}

// isClock tells whether the word is one by which a statement may tell the time.
func isClock(sc *scanner) bool {
	switch sc.text[sc.start] | 0x20 {
	case 'c':
		return clockWords[strings.ToUpper(sc.token())] != ""
	case 'd', 't', 'j', 'u', 's':
		_, known := dateFunctions[strings.ToUpper(sc.token())]
		return known && sc.isCall()
	}
	return false
}

// settleTime is p at a fixed time.
func settleTime(p *parsed, now time.Time) *parsed {
	text := withTime(p.text, now.UTC())
	if text == p.text {
		return p
	}
	settled := parse(text)[0]
	settled.volatile = isRandom(text)
	return &settled
}

// isRandom tells whether a statement whose time is settled still gives another value each time.
func isRandom(text string) bool {
	for sc := (scanner{text: text}); sc.next(); {
		if sc.kind == tokenWord && isVolatile(&sc) {
			return true
		}
	}
	return false
}

// storesRandom tells whether a write stores other values each time. What a table's defaults, a view or a trigger are made of does not
// count, only what CREATE TABLE … AS SELECT reads.
func (p *parsed) storesRandom() bool {
	if !p.volatile || p.kind != kindSchema {
		return p.volatile
	}
	sc := scanner{text: p.text}
	sc.next() // CREATE
	return sc.next() && sc.is("TABLE") && sc.contains("SELECT")
}

// withTime puts the time into the text of a statement.
func withTime(text string, now time.Time) string {
	moment := quote(now.Format("2006-01-02 15:04:05.000"))
	var out strings.Builder
	copied := 0
	put := func(from, to int, s string) {
		out.WriteString(text[copied:from])
		out.WriteString(s)
		copied = to
	}
	var calls []dateCall
	previous := ""
	for sc := (scanner{text: text}); sc.next(); previous = sc.token() {
		switch {
		case sc.isSymbol('('):
			calls = append(calls, newDateCall(previous))
		case sc.isSymbol(')') && len(calls) > 0:
			if call := calls[len(calls)-1]; call.lacksTime() {
				put(sc.start, sc.start, call.separator()+moment)
			}
			calls = calls[:len(calls)-1]
		case len(calls) > 0 && sc.isSymbol(','):
			calls[len(calls)-1].commas++
		case len(calls) > 0 && calls[len(calls)-1].takes(&sc):
			put(sc.start, sc.end, moment)
		case sc.kind == tokenWord && clockWords[strings.ToUpper(sc.token())] != "" && previous != "." && !strings.EqualFold(previous, "AS"):
			put(sc.start, sc.end, quote(now.Format(clockWords[strings.ToUpper(sc.token())])))
		}
		if len(calls) > 0 && !sc.isSymbol('(') && !sc.isSymbol(')') {
			calls[len(calls)-1].empty = false
		} else if len(calls) > 1 && sc.isSymbol('(') {
			calls[len(calls)-2].empty = false
		}
	}
	return out.String() + text[copied:]
}

// dateCall is an open parenthesis, and how far its arguments are read.
type dateCall struct {
	date   bool // of a date function
	place  int  // of its time
	commas int
	empty  bool
}

func newDateCall(function string) dateCall {
	place, known := dateFunctions[strings.ToUpper(function)]
	return dateCall{date: known, place: place, empty: true}
}

// lacksTime tells whether the arguments end before the time.
func (c dateCall) lacksTime() bool {
	return c.date && (c.place == 0 && c.empty || c.place == 1 && !c.empty && c.commas == 0)
}

func (c dateCall) separator() string {
	if c.empty {
		return ""
	}
	return ","
}

// takes tells whether the token is 'now' as an argument.
func (c dateCall) takes(sc *scanner) bool {
	return c.date && sc.kind == tokenString && strings.EqualFold(sc.token(), "'now'")
}
