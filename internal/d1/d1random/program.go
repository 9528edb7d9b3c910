// Package d1random runs random programs of SQL through database/sql and compares what two databases say to them.
//
// A [Program] is data: package generate makes one from a seed, [Run] runs it on any driver, [Difference] finds the first step
// that two runs tell differently, and [Shrink] leaves out what that difference does not need.
package d1random

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Program is a sequence of steps on an empty database.
type Program struct {
	Seed  uint64 `json:"seed"`
	Steps []Step `json:"steps"`
}

// Op is what a step does.
type Op string

const (
	Exec     Op = "exec"   // notes an error or the rows affected
	Insert   Op = "insert" // notes the rowid too
	Do       Op = "do"     // notes an error only
	Query    Op = "query"
	Begin    Op = "begin"
	Commit   Op = "commit"
	Rollback Op = "rollback"
)

// Scan is into what the rows of a query are read.
type Scan string

const (
	Any   Scan = "any"
	Text  Scan = "text" // sql.NullString, as PocketBase reads records
	Int   Scan = "int"
	Float Scan = "float"
	Bool  Scan = "bool"
	Bytes Scan = "bytes"
	Types Scan = "types" // the declared types of the columns, no rows
)

// Step is one call of database/sql.
type Step struct {
	Op   Op      `json:"op"`
	SQL  string  `json:"sql,omitempty"`
	Args []Value `json:"args,omitempty"`
	Scan Scan    `json:"scan,omitempty"`
	// Unordered tells that the order of the rows is the planner's, so that they are compared sorted.
	Unordered bool `json:"unordered,omitempty"`
}

// String shows a step as Go would call it.
func (s Step) String() string {
	text := string(s.Op)
	if s.Op == Query {
		text += " " + string(s.Scan)
	}
	if s.SQL != "" {
		text += " " + strings.Join(strings.Fields(s.SQL), " ")
	}
	if len(s.Args) == 0 {
		return text
	}
	args := make([]string, len(s.Args))
	for i, arg := range s.Args {
		args[i] = arg.String()
	}
	return text + " [" + strings.Join(args, ", ") + "]"
}

// Value is a parameter: nil, int64, float64, bool, string or []byte. It passes through JSON whole, whatever its bytes.
type Value struct{ V driver.Value }

// String shows a value with its type.
func (v Value) String() string {
	switch x := v.V.(type) {
	case string:
		return fmt.Sprintf("%q", x)
	case []byte:
		return fmt.Sprintf("x'%x'", x)
	case nil:
		return "NULL"
	}
	return fmt.Sprintf("%T(%v)", v.V, v.V)
}

// packedValue is a Value as JSON: one of its fields, or none for NULL.
type packedValue struct {
	Int   string `json:"i,omitempty"`
	Float string `json:"f,omitempty"` // its bits
	Bool  *bool  `json:"b,omitempty"`
	Text  *bytes `json:"s,omitempty"`
	Blob  *bytes `json:"x,omitempty"`
}

type bytes []byte

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	var p packedValue
	switch x := v.V.(type) {
	case nil:
	case int64:
		p.Int = strconv.FormatInt(x, 10)
	case float64:
		p.Float = strconv.FormatUint(math.Float64bits(x), 16)
	case bool:
		p.Bool = &x
	case string:
		p.Text = (*bytes)(new([]byte(x)))
	case []byte:
		p.Blob = (*bytes)(&x)
	default:
		return nil, fmt.Errorf("d1random: a parameter of type %T", x)
	}
	return json.Marshal(p)
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) (err error) {
	var p packedValue
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	switch {
	case p.Int != "":
		v.V, err = strconv.ParseInt(p.Int, 10, 64)
	case p.Float != "":
		var bits uint64
		bits, err = strconv.ParseUint(p.Float, 16, 64)
		v.V = math.Float64frombits(bits)
	case p.Bool != nil:
		v.V = *p.Bool
	case p.Text != nil:
		v.V = string(*p.Text)
	case p.Blob != nil:
		v.V = []byte(*p.Blob)
	default:
		v.V = nil
	}
	return err
}
