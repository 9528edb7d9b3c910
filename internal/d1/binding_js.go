//go:build js && wasm

package d1

import (
	"context"

	"pocketflare/internal/host"
)

// hostBinding is a D1 binding of the Worker that the goroutine's scope belongs to.
type hostBinding string

// HostBinding is the D1 binding of that name, such as "APP_DB".
func HostBinding(name string) PairBinding { return hostBinding(name) }

func (name hostBinding) Query(ctx context.Context, statement Statement) (Rows, error) {
	reply, err := name.call(ctx, modeQuery, []Statement{statement})
	if err != nil {
		return nil, err
	}
	return readRows(reply)
}

func (name hostBinding) QueryPair(ctx context.Context, statement, second Statement) (Rows, string, error) {
	reply, err := name.call(ctx, modePair, []Statement{statement, second})
	if err != nil {
		return nil, "", err
	}
	return readPair(reply)
}

func (name hostBinding) Batch(ctx context.Context, statements []Statement) ([]Result, error) {
	reply, err := name.call(ctx, modeBatch, statements)
	if err != nil {
		return nil, err
	}
	return readResults(reply)
}

func (name hostBinding) call(ctx context.Context, mode byte, statements []Statement) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	payload, err := appendCall(make([]byte, 0, 1024), string(name), mode, statements)
	if err != nil {
		return nil, err
	}
	return host.Call(ctx, host.OpD1, payload)
}
