package d1

import (
	"database/sql/driver"
	"fmt"
	"io"

	"pocketflare/internal/wire"
)

// A call is packed as
//
//	string binding, u8 mode, unless in modeBatch of each statement: f64 shape, u8 flags; u32 statements, each: string SQL,
//	u32 parameters, each: u8 tag, value
//
// and answered, in modeQuery, by
//
//	u8 inexact, u32 columns, each: string name, u32 rows, each cell: u8 tag, value
//
// in modePair, whose second statement gives one text, by that text ("" if it failed or gave none) and the first one's answer, and
// in modeBatch, by
//
//	u32 results, each: f64 changes, f64 last row id, string told
//
// packed.mjs is the other side.
const (
	modeQuery = 0
	modeBatch = 1
	modePair  = 2 // two queries
)

// Flags of statements.
const (
	flagFresh   = 1
	flagPrimary = 2
	flagPins    = 4
)

func (s *Statement) flags() (flags byte) {
	if s.Fresh {
		flags |= flagFresh
	}
	if s.Primary {
		flags |= flagPrimary
	}
	if s.Pins {
		flags |= flagPins
	}
	return flags
}

// Tags of packed values.
const (
	tagNull    = 0
	tagSmall   = 1 // an integer of 32 bits, as u32
	tagInteger = 2 // an integer, as f64
	tagReal    = 3 // f64
	tagText    = 4 // string
	tagBlob    = 5 // bytes
)

// appendCall packs a call.
func appendCall(b []byte, binding string, mode byte, statements []Statement) ([]byte, error) {
	b = wire.AppendString(b, binding)
	b = append(b, mode)
	if mode != modeBatch {
		for _, s := range statements {
			b = append(wire.AppendF64(b, float64(s.Shape)), s.flags())
		}
	}
	b = wire.AppendU32(b, uint32(len(statements)))
	for _, s := range statements {
		var err error
		if b, err = appendStatement(b, s); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendStatement packs a statement.
func appendStatement(b []byte, s Statement) ([]byte, error) {
	b = wire.AppendString(b, s.SQL)
	b = wire.AppendU32(b, uint32(len(s.Params)))
	for _, param := range s.Params {
		switch v := param.(type) {
		case nil:
			b = append(b, tagNull)
		case float64:
			b = wire.AppendF64(append(b, tagReal), v)
		case string:
			b = wire.AppendString(append(b, tagText), v)
		case []byte:
			b = wire.AppendBytes(append(b, tagBlob), v)
		default:
			return nil, fmt.Errorf("d1: cannot bind a %T", param)
		}
	}
	return b, nil
}

// packedRows reads rows from a reply as they are asked for. Their strings share its memory.
type packedRows struct {
	in      *wire.Reader
	columns []string
	left    int
	inexact bool
}

func readRows(reply []byte) (*packedRows, error) { return readRowsFrom(wire.NewReader(reply)) }

// readPair reads the answer of modePair.
func readPair(reply []byte) (rows *packedRows, text string, err error) {
	in := wire.NewReader(reply)
	text = in.String()
	rows, err = readRowsFrom(in)
	return rows, text, err
}

func readRowsFrom(in *wire.Reader) (*packedRows, error) {
	r := &packedRows{in: in, inexact: in.U8() != 0}
	r.columns = make([]string, min(in.U32(), maxResultColumns))
	for i := range r.columns {
		r.columns[i] = in.String()
	}
	r.left = int(in.U32())
	return r, in.Err
}

func (r *packedRows) Columns() []string { return r.columns }
func (r *packedRows) Inexact() bool     { return r.inexact }

func (r *packedRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	for i := range r.columns {
		switch tag := r.in.U8(); tag {
		case tagNull:
			dest[i] = nil
		case tagSmall:
			dest[i] = int64(int32(r.in.U32()))
		case tagInteger:
			dest[i] = int64(r.in.F64())
		case tagReal:
			dest[i] = r.in.F64()
		case tagText:
			dest[i] = r.in.String()
		case tagBlob:
			dest[i] = blob(r.in.Bytes())
		default:
			return fmt.Errorf("d1: a value with tag %d", tag)
		}
	}
	return r.in.Err
}

// blob is a value as stock PocketBase's driver gives it: an empty one is nil, but not NULL.
func blob(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func readResults(reply []byte) ([]Result, error) {
	in := wire.NewReader(reply)
	results := make([]Result, min(int(in.U32()), in.Len()/20))
	for i := range results {
		results[i] = Result{Changes: int64(in.F64()), LastRowID: int64(in.F64()), Told: in.String()}
	}
	return results, in.Err
}
