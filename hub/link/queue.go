package link

import (
	"context"
	"sync"
)

// Bounds of what waits to be handled. What exceeds them is dropped and counted; the device sends it again.
const (
	laneMessages = 32
	laneBytes    = 4 << 20
	queueBytes   = 128 << 20
)

// queue keeps messages in order for each device and hands them out in turns: no device is served twice while another one
// waits, and none is served by two workers at once.
type queue struct {
	mu    sync.Mutex
	lanes map[string]*lane // of devices that have messages, or are being served
	turns []string         // devices with messages that are not being served, in order
	bytes int
	wake  chan struct{}
}

type lane struct {
	messages [][]byte
	bytes    int
	serving  bool
}

func newQueue() *queue {
	return &queue{lanes: map[string]*lane{}, wake: make(chan struct{}, 1)}
}

// put adds a message and never waits; false when there is no room.
func (q *queue) put(device string, payload []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[device]
	if l == nil {
		l = &lane{}
		q.lanes[device] = l
	}
	if len(l.messages) >= laneMessages || l.bytes+len(payload) > laneBytes || q.bytes+len(payload) > queueBytes {
		return false
	}
	if len(l.messages) == 0 && !l.serving {
		q.turns = append(q.turns, device)
	}
	l.messages = append(l.messages, payload)
	l.bytes += len(payload)
	q.bytes += len(payload)
	q.signal()
	return true
}

// take waits for the next message of the next device in turn. done must follow.
func (q *queue) take(ctx context.Context) (device string, payload []byte, err error) {
	for {
		q.mu.Lock()
		if len(q.turns) > 0 {
			device, payload = q.next()
			q.mu.Unlock()
			return device, payload, nil
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-q.wake:
		}
	}
}

func (q *queue) next() (device string, payload []byte) {
	device, q.turns = q.turns[0], q.turns[1:]
	l := q.lanes[device]
	payload, l.messages = l.messages[0], l.messages[1:]
	l.bytes -= len(payload)
	q.bytes -= len(payload)
	l.serving = true
	if len(q.turns) > 0 {
		q.signal() // for another worker
	}
	return device, payload
}

// done ends a turn.
func (q *queue) done(device string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[device]
	l.serving = false
	if len(l.messages) == 0 {
		delete(q.lanes, device)
		return
	}
	q.turns = append(q.turns, device)
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
