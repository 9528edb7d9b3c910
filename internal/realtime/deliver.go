package realtime

import (
	"context"
	"log/slog"
	"sync"
)

// deliverer hands messages to the hubs: those of one event in the order in which its changes came, in as few calls as there can be.
type deliverer struct {
	door   Door
	report func(what string, err error)
	mu     sync.Mutex
	queues map[int32]*queue
}

// queue is what an event has to deliver.
type queue struct {
	entries  []*entry
	open     int  // entries whose messages are still being made
	flushing bool // a goroutine delivers
}

// entry is a place in a queue.
type entry struct {
	event int32
	Delivery
}

// begin takes the next place in the event's queue. finish must follow.
func (d *deliverer) begin() *entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &entry{event: d.door.Event(), Delivery: Delivery{Commit: d.door.LastCommit()}}
	q := d.queue(e.event)
	q.entries = append(q.entries, e)
	q.open++
	return e
}

// finish fills a place.
func (d *deliverer) finish(e *entry, messages []Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e.Messages = messages
	q := d.queue(e.event)
	q.open--
	d.flush(e.event, q)
}

// send takes a place and fills it.
func (d *deliverer) send(message Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	event := d.door.Event()
	q := d.queue(event)
	q.entries = append(q.entries, &entry{event, Delivery{d.door.LastCommit(), []Message{message}}})
	d.flush(event, q)
}

// eventDone tells the hubs of commits that had nothing to deliver.
func (d *deliverer) eventDone() {
	if d.door.State()&Untold == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	event := d.door.Event()
	d.flush(event, d.queue(event))
}

func (d *deliverer) queue(event int32) *queue {
	q := d.queues[event]
	if q == nil {
		q = &queue{}
		if d.queues == nil {
			d.queues = map[int32]*queue{}
		}
		d.queues[event] = q
	}
	return q
}

// flush has a goroutine deliver the queue, unless there is one, or something in the queue is not ready.
func (d *deliverer) flush(event int32, q *queue) {
	if q.open > 0 || q.flushing {
		return
	}
	q.flushing = true
	go func() {
		ctx := context.Background() // it goes on when the event's client has its answer
		for {
			d.door.Turn(ctx)
			deliveries, more := d.next(event, q)
			if !more {
				return
			}
			d.report("deliver realtime messages", d.door.Deliver(ctx, deliveries))
		}
	}()
}

// next takes what the queue has.
func (d *deliverer) next(event int32, q *queue) (deliveries []Delivery, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q.open > 0 {
		q.flushing = false
		return nil, false
	}
	if len(q.entries) == 0 && d.door.State()&Untold == 0 {
		delete(d.queues, event)
		return nil, false
	}
	for _, e := range q.entries {
		deliveries = append(deliveries, e.Delivery)
	}
	q.entries = nil
	return deliveries, true
}

// report tells of what failed where nobody waits for it.
func (r *Realtime) report(what string, err error) {
	if err != nil {
		r.app.Logger().Error("Failed to "+what, slog.String("error", err.Error()))
	}
}
