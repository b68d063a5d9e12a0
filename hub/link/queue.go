package link

import (
	"context"
	"sync"
)

// Bounds of what waits to be handled. What exceeds them is dropped and counted; the device sends it again.
const (
	laneMessages = 32
	laneBytes    = 2 << 20
	queueBytes   = 96 << 20
	itemBytes    = 100 // what a message costs besides its payload

	// liveBytes is how much may wait in a lane of events that still goes before those who drain a backlog.
	liveBytes = 16 << 10
	// groupMessages bounds what is handed out at once.
	groupMessages = 256
	// fewHellos may wait while those who drain begin another round. One device has one at most.
	fewHellos = 16
)

// queue keeps what devices say, each device's events and readings in order, and hands it out in turns. There are two rounds
// of turns: live, of those who have little to say and where somebody may be standing at a door, and drains. Live ones go
// first, and drains always get a little. Within a round no lane is served twice before all that wait have been served once.
type queue struct {
	mu     sync.Mutex
	lanes  map[laneKey]*lane // that have messages, or are being served
	live   round
	drains round
	hellos int // that wait or are being handled
	bytes  int
	wake   chan struct{}
}

// laneKey names a lane: what a device says of its readings, or all else.
type laneKey struct {
	device   string
	readings bool
}

type lane struct {
	messages [][]byte
	bytes    int
	serving  bool
}

// item is a message that was handed out.
type item struct {
	key     laneKey
	payload []byte
}

func newQueue() *queue {
	return &queue{lanes: map[laneKey]*lane{}, live: newRound(), drains: newRound(), wake: make(chan struct{}, 1)}
}

// put adds a message and never waits; false when there is no room. A hello takes the place of one that waits: the device no
// longer listens to the answer to that.
func (q *queue) put(device string, payload []byte) bool {
	what := sort(payload)
	key := laneKey{device, what == readingsBatch}
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[key]
	if l == nil {
		l = &lane{}
	}
	if what == hello {
		for i, waiting := range l.messages {
			if sort(waiting) == hello {
				l.messages[i] = payload
				q.count(l, len(payload)-len(waiting))
				return true
			}
		}
	}
	size := len(payload) + itemBytes
	if len(l.messages) >= laneMessages || l.bytes+size > laneBytes || q.bytes+size > queueBytes {
		return false
	}
	l.messages = append(l.messages, payload)
	q.count(l, size)
	if what == hello {
		q.hellos++
	}
	q.lanes[key] = l
	if len(l.messages) == 1 && !l.serving {
		q.roundOf(key, l).add(key)
	}
	q.signal()
	return true
}

func (q *queue) count(l *lane, bytes int) {
	l.bytes += bytes
	q.bytes += bytes
}

func (q *queue) roundOf(key laneKey, l *lane) *round {
	if key.readings || l.bytes > liveBytes {
		return &q.drains
	}
	return &q.live
}

// take waits for messages and hands out those whose turn it is, live ones first: up to room bytes, but always one of each
// round. Several of one lane come only when no other lane waits. done must follow.
func (q *queue) take(ctx context.Context, room int) ([]item, error) {
	for {
		q.mu.Lock()
		if q.live.waiting()+q.drains.waiting() > 0 {
			items := q.group(room)
			if q.live.waiting()+q.drains.waiting() > 0 {
				q.signal() // for another worker
			}
			q.mu.Unlock()
			return items, nil
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-q.wake:
		}
	}
}

func (q *queue) group(room int) []item {
	var items []item
	for _, r := range []*round{&q.live, &q.drains} {
		if r == &q.drains && len(r.now) == 0 && q.hellos > fewHellos {
			break // a fleet is coming back, and has not been served once
		}
		for first := true; r.waiting() > 0 && (first || len(items) < groupMessages && room > 0); first = false {
			it := q.pop(r.next())
			room -= len(it.payload)
			items = append(items, it)
		}
	}
	// Nobody else waits: the same lanes again, as long as they have something.
	for i := 0; i < len(items) && len(items) < groupMessages && room > 0 && q.live.waiting()+q.drains.waiting() == 0; i++ {
		if key := items[i].key; len(q.lanes[key].messages) > 0 {
			it := q.pop(key)
			room -= len(it.payload)
			items = append(items, it)
		}
	}
	return items
}

func (q *queue) pop(key laneKey) item {
	l := q.lanes[key]
	payload := l.messages[0]
	l.messages[0] = nil
	l.messages = l.messages[1:]
	l.serving = true
	q.count(l, -len(payload)-itemBytes)
	return item{key, payload}
}

// done ends the turns of lanes.
func (q *queue) done(items []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, it := range items {
		if sort(it.payload) == hello {
			q.hellos--
		}
		l := q.lanes[it.key]
		if l == nil || !l.serving {
			continue // it had several
		}
		l.serving = false
		if len(l.messages) == 0 {
			delete(q.lanes, it.key)
			continue
		}
		q.roundOf(it.key, l).add(it.key)
		q.signal()
	}
}

// waitingHellos is how many devices are not welcomed yet.
func (q *queue) waitingHellos() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.hellos
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// round hands out turns: each lane that waits gets one before any gets a second.
type round struct {
	now, later []laneKey
	served     map[laneKey]bool // in this round
}

func newRound() round { return round{served: map[laneKey]bool{}} }

func (r *round) waiting() int { return len(r.now) + len(r.later) }

func (r *round) add(key laneKey) {
	if r.served[key] {
		r.later = append(r.later, key)
	} else {
		r.now = append(r.now, key)
	}
}

// next gives the lane whose turn it is; one must be waiting.
func (r *round) next() laneKey {
	if len(r.now) == 0 {
		r.now, r.later = r.later, nil
		clear(r.served)
	}
	key := r.now[0]
	r.now = r.now[1:]
	r.served[key] = true
	return key
}

// kindOfMessage is what a payload is, as far as its turn depends on it.
type kindOfMessage int

const (
	other kindOfMessage = iota
	hello
	readingsBatch
)

// sort looks at the first bytes of a payload, which deterministic CBOR puts where they are: [type, {1: incarnation, 2: log, …}].
// Who writes them otherwise is only served in another order.
func sort(payload []byte) kindOfMessage {
	const list, helloType, batchType, bytes16, readings = 0x82, 1, 2, 0x50, 2
	switch {
	case len(payload) < 23 || payload[0] != list:
	case payload[1] == helloType:
		return hello
	case payload[1] == batchType && payload[3] == 1 && payload[4] == bytes16 && payload[21] == 2 && payload[22] == readings:
		return readingsBatch
	}
	return other
}
