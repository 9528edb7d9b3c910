// Package recordlist has the records of a list response encoded without reflection. PocketBase encodes each record twice, the second time
// to put it into the list: a third of what a list costs under WebAssembly.
package recordlist

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"math"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"pocketflare/internal/jsonmap"
)

// Bind puts the encoding into app's list responses. The response stays PocketBase's own: only how its items are written is another's.
// It comes after all handlers of the app, and what they see of the event is as ever.
func Bind(app core.App) {
	app.OnRecordsListRequest().Bind(&hook.Handler[*core.RecordsListRequestEvent]{
		Id:       "pocketflareRecordList",
		Priority: math.MaxInt,
		Func: func(e *core.RecordsListRequestEvent) error {
			records, ok := e.Result.Items.(*[]*core.Record)
			if !ok {
				return e.Next() // a handler has put something else there
			}
			e.Result.Items = (*items)(records)
			err := e.Next()
			e.Result.Items = records
			return err
		},
	})
}

// items is a list of records that encodes itself as PocketBase's records do.
type items []*core.Record

var _ json.MarshalerTo = (*items)(nil)

// MarshalJSONTo implements json.MarshalerTo.
func (list *items) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	var buffer []byte
	for _, record := range *list {
		var err error
		if record == nil {
			buffer = append(buffer[:0], "null"...)
		} else if buffer, err = jsonmap.Append(buffer[:0], record.PublicExport()); err != nil {
			return err
		}
		if err := enc.WriteValue(buffer); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}
