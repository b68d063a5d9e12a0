package link

import (
	"context"
	"fmt"
	"sync"
	"time"

	"meguri/hub/fleet"
	"meguri/protocol"
)

// Batches that no device of ours sends. A few come by bad luck, for messages overtake each other: what waited while the hub was
// asked again what it expects.
const (
	mostAstray  = 200
	astrayFor   = 10 * time.Minute // they are counted
	furthestOff = window * protocol.MaxBatchRecords
)

// astray counts batches of long ago and of the far future, by device: at most one entry a device, and one a log.
type astray struct {
	mu       sync.Mutex
	since    time.Time
	batches  map[string]int
	welcomed map[laneKey]protocol.Expect
	lives    map[laneKey]protocol.Incarnation // of welcomed
}

func newAstray() *astray {
	return &astray{batches: map[string]int{}, welcomed: map[laneKey]protocol.Expect{}, lives: map[laneKey]protocol.Incarnation{}}
}

// welcome notes what a device was told to go on with.
func (a *astray) welcome(device string, w protocol.Welcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range w.Expect {
		key := laneKey{device, e.Log == protocol.Readings}
		a.welcomed[key], a.lives[key] = e, w.Incarnation
	}
}

// is says whether a batch lies wholly before what its device was welcomed with last, or so far ahead of the number expected
// that no window reaches there.
func (a *astray) is(device string, b protocol.Batch, next uint64) bool {
	if b.First > next+furthestOff {
		return true
	}
	key := laneKey{device, b.Log == protocol.Readings}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lives[key] == b.Incarnation && b.First+uint64(len(b.Records)) <= a.welcomed[key].Next
}

// lately gives how many came, and adds more.
func (a *astray) lately(device string, more int, now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if passed := now.Sub(a.since); passed < 0 || passed > astrayFor {
		a.since = now
		clear(a.batches)
	}
	a.batches[device] += more
	return a.batches[device]
}

// strays counts a batch that is one, and asks a person to look after the device when they are many.
func (t *taking) strays(ctx context.Context, log fleet.Log) error {
	a := t.receiver.astray
	if !a.is(t.device.ID, t.batch, log.Next) {
		return nil
	}
	t.astray = 1
	t.tx.OnCommit(func() { a.lately(t.device.ID, 1, t.now) })
	if a.lately(t.device.ID, 0, t.now) < mostAstray {
		return nil
	}
	return misbehaves(ctx, t.tx, t.device.ID, fmt.Sprintf(
		"it sends what was taken long ago, or numbers that it cannot have: %d batches within %s", mostAstray, astrayFor), t.now)
}
