package link

import (
	"sync"
	"time"

	"meguri/protocol"
)

// What devices are allowed to have in flight, and the pace of those who drain a backlog.
const (
	// window is how many batches a log of one device may have in flight: enough for 100 ms of round trip, and little enough that
	// a fleet's are held in memory.
	window = 8
	// drainRecords is from how many records on a device is one that drains: what it sends is promised a moment.
	drainRecords = 100
	// ahead is how much work of drains may wait, so that there always is some: who comes so much before its moment is welcome.
	ahead = 500 * time.Millisecond
	// messageUnits is how many records a message is worth besides those in it.
	messageUnits = 4
	// longestWait bounds what a device is asked for: who waits does not notice that the others are done. A device waits no longer
	// either.
	longestWait = 5 * time.Minute

	// A group should take about so long: what comes next waits for its end. Its bytes are fitted to that.
	groupAtMost  = 100 * time.Millisecond
	groupAtLeast = 40 * time.Millisecond
	leastRoom    = 1 << 10
	mostRoom     = 4 << 20
)

// credit paces those who drain a backlog, at the speed at which the hub has been taking records: each is promised a moment for
// its next batch, one behind the other, so that a fleet that returns at once neither floods the queue nor waits longer than it
// must. Who has little to say is not paced.
type credit struct {
	mu       sync.Mutex
	unit     time.Duration // that the hub needs for a record, smoothed
	batch    int           // records in a batch of those who drain, smoothed
	next     time.Time     // the moment that is not promised yet
	promised map[laneKey]time.Time

	active int       // groups being handled
	mark   time.Time // until when time is accounted for, while active
	room   int       // bytes of a group
}

func newCredit() *credit {
	return &credit{unit: 50 * time.Microsecond, batch: 250, promised: map[laneKey]time.Time{}, room: 256 << 10}
}

// begin says that a group is about to be handled.
func (c *credit) begin(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active++; c.active == 1 {
		c.mark = now
	}
}

// end says what was taken since begin, and whether the group was as large as it may be.
func (c *credit) end(now time.Time, messages, records int, full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	units := records + messageUnits*messages
	// A large group says more than a small one, most of which is the commit.
	const enough = 4000
	took := now.Sub(c.mark) // without the wait for the group before
	each := took / time.Duration(max(units, 1))
	c.unit += (each - c.unit) * time.Duration(min(units, enough)) / enough
	c.mark = now
	// With so few it is not their number that takes so long.
	const few = 200
	switch {
	case took > groupAtMost && units >= few:
		c.room = max(c.room/2, leastRoom)
	case took < groupAtLeast && full:
		c.room = min(c.room+c.room/4, mostRoom)
	}
}

// bytes is how large a group may be.
func (c *credit) bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room
}

// grant says how many batches of a log may be in flight, and how long to wait before the next, when the device has a backlog.
// Its moment is behind those that are promised already, and behind so many more that will be: of devices that have not been
// served yet. A device that asks again keeps its moment.
func (c *credit) grant(now time.Time, device string, log protocol.LogID, before int, again bool) (batches uint32, wait time.Duration) {
	key := laneKey{device, log == protocol.Readings}
	c.mu.Lock()
	defer c.mu.Unlock()
	cost := time.Duration(c.batch+messageUnits) * c.unit
	at, has := c.promised[key]
	if !has || !again || !at.After(now) {
		at = c.next
		if at.Before(now) {
			at = now
		}
		c.next = at.Add(cost)
		at = at.Add(time.Duration(before) * cost)
		c.promised[key] = at
	}
	// All who drain share what may wait.
	share := ahead / (max(cost, time.Microsecond) * time.Duration(len(c.promised)))
	return uint32(min(max(share, 1), window)), min(max(at.Sub(now)-ahead, 0), longestWait)
}

// forget drops promises that are over.
func (c *credit) forget(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, at := range c.promised {
		if at.Before(now) {
			delete(c.promised, key)
		}
	}
}

// welcome puts credit into a welcome. Who has a backlog begins with one batch: many may be coming.
func (c *credit) welcome(now time.Time, device string, h protocol.Hello, w protocol.Welcome) protocol.Welcome {
	w.Window = window
	for i, e := range w.Expect {
		for _, p := range h.Logs {
			if p.Log == e.Log && p.Next >= e.Next+drainRecords {
				_, wait := c.grant(now, device, e.Log, 0, true)
				w.Window, w.Expect[i].WaitMS = 1, uint32(wait.Milliseconds())
			}
		}
	}
	return w
}

// ack puts credit into an acknowledgement, while so many hellos wait. Who sent a large batch has more of them.
func (c *credit) ack(now time.Time, device string, b protocol.Batch, a protocol.Ack, hellos int) protocol.Ack {
	if a.Window = window; len(b.Records) < drainRecords {
		return a
	}
	c.mu.Lock()
	c.batch += (len(b.Records) - c.batch) / 8
	c.mu.Unlock()
	batches, wait := c.grant(now, device, b.Log, hellos, false)
	a.Window, a.WaitMS = batches, uint32(wait.Milliseconds())
	return a
}
