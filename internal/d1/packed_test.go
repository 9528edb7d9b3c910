package d1

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"

	"pocketflare/internal/wire"
)

// packedReply packs rows as packed.mjs does.
func packedReply(columns []string, rows ...[]any) []byte {
	b := wire.AppendU32([]byte{0}, uint32(len(columns)))
	for _, name := range columns {
		b = wire.AppendString(b, name)
	}
	b = wire.AppendU32(b, uint32(len(rows)))
	for _, row := range rows {
		for _, value := range row {
			switch v := value.(type) {
			case nil:
				b = append(b, tagNull)
			case int:
				b = wire.AppendU32(append(b, tagSmall), uint32(int32(v)))
			case int64:
				b = wire.AppendF64(append(b, tagInteger), float64(v))
			case float64:
				b = wire.AppendF64(append(b, tagReal), v)
			case string:
				b = wire.AppendString(append(b, tagText), v)
			case []byte:
				b = wire.AppendBytes(append(b, tagBlob), v)
			}
		}
	}
	return b
}

func TestPackedRows(t *testing.T) {
	columns := []string{"a", "a"}
	reply := packedReply(columns, []any{nil, -5}, []any{int64(1) << 52, 0.5}, []any{"é\x00", []byte{0, 255}})
	rows, err := readRows(reply)
	if err != nil || !reflect.DeepEqual(rows.Columns(), columns) {
		t.Fatalf("%q, %v", rows.Columns(), err)
	}
	want := [][]driver.Value{{nil, int64(-5)}, {int64(1) << 52, 0.5}, {"é\x00", []byte{0, 255}}}
	for _, row := range want {
		got := make([]driver.Value, 2)
		if err := rows.Next(got); err != nil || !reflect.DeepEqual(got, row) {
			t.Errorf("%v, %v; want %v", got, err, row)
		}
	}
	if err := rows.Next(nil); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	for n := range reply {
		rows, err := readRows(reply[:n])
		for i := 0; err == nil && i < 4; i++ {
			err = rows.Next(make([]driver.Value, 2))
		}
		if err != wire.ErrShort {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestPackedCall(t *testing.T) {
	call, err := appendCall(nil, "DB", modeBatch, []Statement{{SQL: "SELECT ?, ?, ?, ?", Params: []any{nil, math.Pi, "x", []byte{1}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(call)
	if r.String() != "DB" || r.U8() != modeBatch || r.U32() != 1 || r.String() != "SELECT ?, ?, ?, ?" || r.U32() != 4 {
		t.Error("head")
	}
	if r.U8() != tagNull || r.U8() != tagReal || r.F64() != math.Pi || r.U8() != tagText || r.String() != "x" || r.U8() != tagBlob {
		t.Error("values")
	}
	if string(r.Bytes()) != "\x01" || r.Len() != 0 || r.Err != nil {
		t.Error("end")
	}
	if _, err := appendCall(nil, "DB", modeBatch, []Statement{{SQL: "SELECT ?", Params: []any{struct{}{}}}}); err == nil {
		t.Error("a struct was packed")
	}
}

// canned answers every query with the same packed rows, as a Worker's binding with a database that costs nothing.
type canned []byte

func (c canned) Query(_ context.Context, statement Statement) (Rows, error) {
	if _, err := appendCall(make([]byte, 0, 1024), "APP_DB", modeQuery, []Statement{statement}); err != nil {
		return nil, err
	}
	return readRows(append([]byte(nil), c...))
}

func (c canned) Batch(context.Context, []Statement) ([]Result, error) { return []Result{{}}, nil }

func benchmarkQuery(b *testing.B, rows int, query string, args ...any) {
	columns := strings.Fields("id collectionId title text n active created updated tags owner")
	row := []any{"abc123def456ghi", "pbc_1234567890", "A title of some words", strings.Repeat("text ", 20), 12345, 1,
		"2026-01-02 03:04:05.678Z", "2026-01-02 03:04:05.678Z", `["a","b"]`, "abc123def456ghi"}
	table := make([][]any, rows)
	for i := range table {
		table[i] = row
	}
	db := sql.OpenDB(Open(canned(packedReply(columns, table...)), Options{}))
	defer db.Close()
	b.ReportAllocs()
	values := make([]sql.NullString, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for b.Loop() {
		rows, err := db.Query(query, args...)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
			if err := rows.Scan(targets...); err != nil {
				b.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkView(b *testing.B) {
	benchmarkQuery(b, 1, "SELECT `posts`.* FROM `posts` WHERE ([[posts.id]] = ?) AND (`posts`.`active` = ?) LIMIT 1", "abc123def456ghi", true)
}

func BenchmarkList(b *testing.B) {
	benchmarkQuery(b, 30, "SELECT DISTINCT `posts`.* FROM `posts` WHERE `posts`.`n` > ? AND `posts`.`title` LIKE ? ESCAPE '\\' ORDER BY `posts`.`created` DESC LIMIT 30",
		5, "%title%")
}

func BenchmarkParseAndRender(b *testing.B) {
	query := "SELECT DISTINCT `posts`.* FROM `posts` WHERE `posts`.`n` > ? AND `posts`.`title` LIKE ? ESCAPE '\\' ORDER BY `posts`.`created` DESC LIMIT 30"
	args := []driver.NamedValue{{Ordinal: 1, Value: int64(5)}, {Ordinal: 2, Value: "%title%"}}
	b.ReportAllocs()
	for b.Loop() {
		statements := parse(query)
		if _, err := render(&statements[0], args); err != nil {
			b.Fatal(err)
		}
	}
}
