//go:build js && wasm

package realtime

import (
	"context"
	"encoding/json"

	"pocketflare/internal/host"
	"pocketflare/internal/wire"
)

// The calls of the hubs; door.mjs.
const (
	callChanges    = 1
	callClient     = 2
	callUpdate     = 3
	callDeliver    = 4
	callChangeAuth = 5
	callClients    = 6
	callClose      = 7
	callTurn       = 8
	callOpen       = 9
	callNext       = 10
	callHangUp     = 11
)

// HostDoor is the door of a Worker.
//
// A call is one byte and its argument: a string, JSON as a string, or for callDeliver
//
//	u32     the event's number
//	u32     number of data, each a string
//	u32     number of deliveries, each
//	u32     its commit
//	u32     number of its messages, each
//	string  client's id, empty for a set's
//	u32     shard
//	f64     number of the set
//	f64     version of the sets
//	string  name
//	u32     index of its data
type HostDoor struct {
	// Confirm waits until what the event relies on is known to be right: it is called before anything changes at a hub.
	Confirm func(context.Context) error
}

var _ Door = HostDoor{}

func (HostDoor) State() State { return State(host.Listeners()) }

func (HostDoor) Event() int32 { return host.EventID() }

func (HostDoor) LastCommit() int32 { return host.LastCommit() }

func (HostDoor) Changes(ctx context.Context) (changes []Change, err error) {
	return changes, ask(ctx, callChanges, nil, &changes)
}

func (HostDoor) Client(ctx context.Context, id string) (state *ClientState, err error) {
	return state, ask(ctx, callClient, wire.AppendString(nil, id), &state)
}

func (HostDoor) Clients(ctx context.Context) (states []ClientState, err error) {
	return states, ask(ctx, callClients, nil, &states)
}

func (d HostDoor) Update(ctx context.Context, state *ClientState) error {
	return d.change(ctx, callUpdate, state)
}

func (d HostDoor) ChangeAuth(ctx context.Context, changes []AuthChange) error {
	return d.change(ctx, callChangeAuth, changes)
}

func (d HostDoor) Close(ctx context.Context, id string) error {
	if err := d.Confirm(ctx); err != nil {
		return err
	}
	return ask(ctx, callClose, wire.AppendString(nil, id), nil)
}

func (d HostDoor) Leave(ctx context.Context) error {
	err := d.Confirm(ctx)
	if err == nil {
		host.NoteEffect()
	}
	return err
}

func (HostDoor) Turn(ctx context.Context) { _ = ask(ctx, callTurn, nil, nil) }

func (HostDoor) Open(ctx context.Context, id string) error {
	return askBy(ctx, host.OpConnection, callOpen, wire.AppendString(nil, id), nil)
}

func (HostDoor) Next(ctx context.Context) (frame *Frame, err error) {
	return frame, askBy(ctx, host.OpConnection, callNext, nil, &frame)
}

func (HostDoor) HangUp(ctx context.Context) error {
	return askBy(ctx, host.OpConnection, callHangUp, nil, nil)
}

func (HostDoor) HoldConnections(holds bool) { host.HoldConnections(holds) }

func (HostDoor) Deliver(ctx context.Context, deliveries []Delivery) error {
	indexes := map[string]uint32{}
	var data []byte
	packed := wire.AppendU32(nil, uint32(len(deliveries)))
	for _, delivery := range deliveries {
		packed = wire.AppendU32(packed, uint32(delivery.Commit))
		packed = wire.AppendU32(packed, uint32(len(delivery.Messages)))
		for _, message := range delivery.Messages {
			index, known := indexes[string(message.Data)]
			if !known {
				index = uint32(len(indexes))
				indexes[string(message.Data)] = index
				data = wire.AppendBytes(data, message.Data)
			}
			packed = appendMessage(packed, message, index)
		}
	}
	payload := wire.AppendU32(wire.AppendU32(nil, uint32(host.EventID())), uint32(len(indexes)))
	payload = append(payload, data...)
	return ask(ctx, callDeliver, append(payload, packed...), nil)
}

func appendMessage(packed []byte, message Message, data uint32) []byte {
	packed = wire.AppendString(packed, message.Client)
	packed = wire.AppendU32(packed, uint32(message.Shard))
	packed = wire.AppendF64(packed, message.Set)
	packed = wire.AppendF64(packed, message.Version)
	packed = wire.AppendString(packed, message.Name)
	return wire.AppendU32(packed, data)
}

// change makes a call that changes something at a hub.
func (d HostDoor) change(ctx context.Context, call byte, argument any) error {
	text, err := json.Marshal(argument)
	if err != nil {
		return err
	}
	if err := d.Confirm(ctx); err != nil {
		return err
	}
	return ask(ctx, call, wire.AppendBytes(nil, text), nil)
}

// ask makes a call of the hubs and decodes the answer, if there is one.
func ask(ctx context.Context, call byte, argument []byte, answer any) error {
	return askBy(ctx, host.OpRealtime, call, argument, answer)
}

func askBy(ctx context.Context, op host.Op, call byte, argument []byte, answer any) error {
	text, err := host.Call(ctx, op, append([]byte{call}, argument...))
	if err != nil || answer == nil || len(text) == 0 {
		return err
	}
	return json.Unmarshal(text, answer)
}
