//go:build js && wasm

package d1

import (
	"context"
	"errors"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// A call of the scratch is packed as
//
//	u8 what, string SQL, u32 parameters, each: u8 tag, value (as in packed.go)
//
// and answered by
//
//	u32 extended result code of SQLite; string message if it is not 0
//
// and then, by callRun, callText and callKeeps, string text; by callTouches and callRead, u32 names, each: string, and by callRead string
// rows. scratch.mjs is the other side.
const (
	callRun     = 1
	callText    = 2
	callRead    = 3
	callTouches = 4
	callLoad    = 5
	callKeeps   = 6 // answers "1" if it does
	callRelease = 7
	callEmpty   = 8 // the tables that the parameters name, or all
)

// hostScratch is the SQLite that the runtime keeps.
type hostScratch struct{}

// HostScratch is the Scratch of the isolate.
func HostScratch() Scratch { return hostScratch{} }

// Open implements Scratch.
func (hostScratch) Open(ctx context.Context, schema []string) error {
	payload := wire.AppendU32(nil, uint32(len(schema)))
	for _, sql := range schema {
		payload = wire.AppendString(payload, sql)
	}
	_, err := host.Call(ctx, host.OpScratch, payload)
	return err
}

// Keeps implements Scratch.
func (s hostScratch) Keeps() bool {
	kept, err := s.text(callKeeps, Statement{})
	return err == nil && kept == "1"
}

// Release implements Scratch.
func (s hostScratch) Release() { _, _ = s.call(callRelease, Statement{}) }

// Empty implements Scratch.
func (s hostScratch) Empty(tables []string) error {
	params := make([]any, len(tables))
	for i, name := range tables {
		params[i] = name
	}
	_, err := s.call(callEmpty, Statement{Params: params})
	return err
}

// Run implements Scratch.
func (s hostScratch) Run(statement Statement) (string, error) { return s.text(callRun, statement) }

// Text implements Scratch.
func (s hostScratch) Text(query Statement) (string, error) { return s.text(callText, query) }

// Read implements Scratch.
func (s hostScratch) Read(query Statement) (columns []string, rows string, err error) {
	in, err := s.call(callRead, query)
	if err != nil {
		return nil, "", err
	}
	columns, rows = namesIn(in), in.String()
	return columns, rows, in.Err
}

// Touches implements Scratch.
func (s hostScratch) Touches(statement string) ([]string, error) {
	in, err := s.call(callTouches, Statement{SQL: statement})
	if err != nil {
		return nil, err
	}
	return namesIn(in), in.Err
}

// Load implements Scratch.
func (s hostScratch) Load(insert Statement) error {
	_, err := s.call(callLoad, insert)
	return err
}

func (s hostScratch) text(what byte, statement Statement) (string, error) {
	in, err := s.call(what, statement)
	if err != nil {
		return "", err
	}
	return in.String(), in.Err
}

func namesIn(in *wire.Reader) []string {
	names := make([]string, min(int(in.U32()), in.Len()/4))
	for i := range names {
		names[i] = in.String()
	}
	return names
}

func (hostScratch) call(what byte, statement Statement) (*wire.Reader, error) {
	payload, err := appendStatement(append(make([]byte, 0, 256+len(statement.SQL)), what), statement)
	if err != nil {
		return nil, err
	}
	reply, err := host.Ask(host.AskScratch, payload)
	if err != nil {
		return nil, err
	}
	in := wire.NewReader(reply)
	if code := in.U32(); code != 0 {
		return nil, &Error{Code: Code(code & 0xFF), Extended: int(code), Message: in.String(), cause: errScratch}
	}
	return in, in.Err
}

// errScratch is what is under the errors of the scratch.
var errScratch = errors.New("d1: an error in the isolate's SQLite")
