package link

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/race"
	"meguri/protocol"
)

// What a transaction costs in these tests, on fake time: about twice what BenchmarkFleet measures on 2 cores with SQLite.
const (
	batchRecords  = 500
	costOfCommit  = 5 * time.Millisecond
	costOfMessage = 200 * time.Microsecond
	costOfRecord  = 60 * time.Microsecond
	roundTrip     = 100 * time.Millisecond
)

// yard is a real Server before a store that only costs time, with model devices around it.
type yard struct {
	server  *Server
	disk    chan struct{} // one writer at a time
	devices map[string]*modelDevice

	mu     sync.Mutex
	served []string // whose batches were taken, in order
}

// newYard starts a server with so many workers. It stops when the test ends.
func newYard(t *testing.T) *yard {
	y := &yard{disk: make(chan struct{}, 1), devices: map[string]*modelDevice{}}
	y.server = &Server{config: ServerConfig{Send: y.send, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))},
		queue: newQueue(), credit: newCredit(), take: y.take, dropped: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { y.server.work(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return y
}

func (y *yard) take(_ context.Context, all []*message) {
	y.disk <- struct{}{}
	defer func() { <-y.disk }()
	cost := costOfCommit
	for _, m := range all {
		cost += costOfMessage
		switch d := m.decoded.(type) {
		case protocol.Hello:
			m.answers = []protocol.Message{protocol.Welcome{Nonce: d.Nonce, Expect: []protocol.Expect{
				{Log: protocol.Events, Next: 1}, {Log: protocol.Readings, Next: 1}}}}
		case protocol.Batch:
			cost += time.Duration(len(d.Records)) * costOfRecord
			y.mu.Lock()
			y.served = append(y.served, m.device)
			y.mu.Unlock()
			m.answers = []protocol.Message{protocol.Ack{Log: d.Log, Applied: d.First + uint64(len(d.Records)) - 1}}
		}
	}
	time.Sleep(cost)
}

func (y *yard) send(device string, payload []byte) {
	y.mu.Lock()
	d := y.devices[device]
	y.mu.Unlock()
	time.AfterFunc(roundTrip/2, func() { d.hears(payload) })
}

// modelDevice sends its log as an edge does.
type modelDevice struct {
	t    *testing.T
	yard *yard
	id   string
	log  protocol.LogID
	size int // records a batch

	mu                  sync.Mutex
	held, next, applied uint64
	window              int
	inFlight            []uint64
	notBefore           time.Time
	since               map[uint64]time.Time // when a record was made
	took                []time.Duration
}

func (y *yard) add(t *testing.T, id string, log protocol.LogID, size int, held uint64) *modelDevice {
	d := &modelDevice{t: t, yard: y, id: id, log: log, size: size, held: held, next: 1, since: map[uint64]time.Time{}}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.devices[id] = d
	return d
}

// up sends a payload, which arrives half a round trip later.
func (d *modelDevice) up(m protocol.Message) {
	payload := encoded(d.t, m)
	time.AfterFunc(roundTrip/2, func() { d.yard.server.Receive(d.id, payload) })
}

func (d *modelDevice) hello() {
	d.up(protocol.Hello{Boot: 1, Nonce: 1, Logs: []protocol.Position{{Log: d.log, First: 1, Next: d.held + 1}}})
}

// record makes a record that is sent at once.
func (d *modelDevice) record() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held++
	d.since[d.held] = time.Now()
	d.fill()
}

// fill sends what the window allows.
func (d *modelDevice) fill() {
	if wait := time.Until(d.notBefore); wait > 0 {
		time.AfterFunc(wait, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.fill()
		})
		return
	}
	for d.window > len(d.inFlight) && d.next <= d.held {
		last := min(d.next+uint64(d.size)-1, d.held)
		records := make([][]byte, last-d.next+1)
		for i := range records {
			records[i] = make([]byte, 100) // so that a fleet's first batches are more than the queue holds
		}
		d.up(protocol.Batch{Log: d.log, First: d.next, Records: records})
		d.next = last + 1
		d.inFlight = append(d.inFlight, last)
	}
}

func (d *modelDevice) hears(payload []byte) {
	m, err := protocol.Decode(payload)
	require.NoError(d.t, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch m := m.(type) {
	case protocol.Welcome:
		d.window = int(m.Window)
		d.notBefore = time.Now().Add(time.Duration(m.Expect[d.log-1].WaitMS) * time.Millisecond)
	case protocol.Ack:
		d.window = int(m.Window)
		d.notBefore = time.Now().Add(time.Duration(m.WaitMS) * time.Millisecond)
		for ; d.applied < m.Applied; d.applied++ {
			if at, ok := d.since[d.applied+1]; ok {
				d.took = append(d.took, time.Since(at))
			}
		}
		for len(d.inFlight) > 0 && d.inFlight[0] <= m.Applied {
			d.inFlight = d.inFlight[1:]
		}
	}
	d.fill()
}

func (d *modelDevice) done() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.applied == d.held
}

// TestLiveEventsDoNotWaitForADrain: 500 devices record an event every two seconds while another drains a million records.
func TestLiveEventsDoNotWaitForADrain(t *testing.T) {
	for _, log := range []protocol.LogID{protocol.Events, protocol.Readings} {
		t.Run(log.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y, records := newYard(t), uint64(1_000_000)
				if race.Enabled {
					records = 200_000
				}
				old := y.add(t, "old", log, batchRecords, records)
				live := make([]*modelDevice, 500)
				for i := range live {
					live[i] = y.add(t, fmt.Sprint("live-", i), protocol.Events, batchRecords, 0)
					live[i].hello()
				}
				old.hello()
				time.Sleep(time.Second)
				start := time.Now()
				chance := rand.New(rand.NewPCG(1, 2))
				for !old.done() {
					time.Sleep(time.Duration(chance.IntN(8)) * time.Millisecond) // 250 a second
					live[chance.IntN(len(live))].record()
				}
				drained := time.Since(start)
				time.Sleep(10 * time.Second)
				var took []time.Duration
				for _, d := range live {
					require.True(t, d.done())
					d.mu.Lock()
					took = append(took, d.took...)
					d.mu.Unlock()
				}
				slices.Sort(took)
				p99 := took[len(took)*99/100]
				t.Logf("%d live events: p50 %v, p99 %v, last %v; %d records in %v", len(took), took[len(took)/2], p99, took[len(took)-1], records, drained)
				require.LessOrEqual(t, p99, time.Second)
				require.Less(t, drained, time.Duration(records)*costOfRecord*3/2, "and the drain does not starve")
				require.Zero(t, y.server.Stats().Dropped.Load())
			})
		})
	}
}

// TestAFleetThatReturnsAtOnceIsDrainedInTurns: nobody is served twice before all have been served once, nothing is dropped for
// want of room, and the hub is busy all the time.
func TestAFleetThatReturnsAtOnceIsDrainedInTurns(t *testing.T) {
	const devices, size, batches = 10_000, 120, 3
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t)
		all := make([]*modelDevice, devices)
		for i := range all {
			all[i] = y.add(t, fmt.Sprint("d-", i), protocol.Readings, size, size*batches)
			all[i].hello()
		}
		start := time.Now()
		for _, d := range all {
			for !d.done() {
				time.Sleep(100 * time.Millisecond)
				require.Zero(t, y.server.Stats().Dropped.Load(), "more came than the queue holds")
			}
		}
		took := time.Since(start)
		t.Logf("drained in %v", took)
		y.mu.Lock()
		defer y.mu.Unlock()
		times := map[string]int{}
		round, inRound := 1, 0
		for _, id := range y.served {
			times[id]++
			if times[id] > round {
				require.Equal(t, devices, inRound, "%s is served for time %d", id, times[id])
				round, inRound = round+1, 0
			}
			inRound++
		}
		require.Len(t, y.served, devices*batches)
		work := devices * (costOfMessage + batches*(costOfMessage+size*costOfRecord))
		require.Less(t, took, work*4/3, "the hub was idle while devices waited")
	})
}
