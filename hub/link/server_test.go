package link_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// served is a hub whose Server stands on a wire of the test's own.
type served struct {
	*hub
	server *link.Server
	stop   func()

	mu   sync.Mutex
	down map[string][]protocol.Message
}

// serve joins a server to a hub; start makes it run.
func serve(t *testing.T, h *hub) *served {
	s := &served{hub: h, down: map[string][]protocol.Message{}}
	s.server = link.NewServer(link.ServerConfig{Receiver: h.Receiver, Logger: slog.New(slog.DiscardHandler), Send: func(device string, payload []byte) {
		m, err := protocol.Decode(payload)
		require.NoError(t, err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.down[device] = append(s.down[device], m)
	}})
	return s
}

func (s *served) start() {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { require.ErrorIs(s.t, s.server.Run(ctx), context.Canceled) })
	s.stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	s.t.Cleanup(s.stop)
}

func (s *served) say(device string, m protocol.Message) bool {
	payload, err := protocol.Encode(m)
	require.NoError(s.t, err)
	return s.server.Receive(device, payload)
}

// acked gives the newest acknowledgement of a device.
func (s *served) acked(device string) (a protocol.Ack, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.down[device] {
		if m, is := m.(protocol.Ack); is {
			a, ok = m, true
		}
	}
	return a, ok
}

func (s *served) eventually(what func() bool) {
	s.t.Helper()
	require.Eventually(s.t, what, soon, time.Millisecond)
}

// addFleet adds devices that have said hello with logs of so many events.
func (h *hub) addFleet(n, events int) (ids []string, logs []*devLog) {
	for i := range n {
		id, l := fmt.Sprint("fleet-", i), newLog(protocol.Events).scans(events)
		h.addDevice(id, "loc-1")
		_, err := h.Hello(h.t.Context(), id, helloOf(l))
		require.NoError(h.t, err)
		ids, logs = append(ids, id), append(logs, l)
	}
	return ids, logs
}

// TestGroup runs the tests on each engine.
func TestGroup(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for name, test := range map[string]func(*testing.T, *hub){
			"what one batch cannot is not the others' trouble": testOneOfAGroupFails,
			"what the database refuses is not, either":         testOneOfAGroupIsRefused,
			"a device's messages in a group are in order":      testAGroupKeepsTheOrder,
			"numbers of the future and of others are left":     testForgeriesAreLeft,
			"yesterday's traffic changes nothing":              testReplayChangesNothing,
			"a flood is one device's own trouble":              testFloodIsTheDevicesOwn,
			"traffic that no device sends is work":             testTrafficThatNoDeviceSendsIsWorkForAPerson,
			"a device may not begin anew for ever":             testADeviceMayNotBeginAnewForEver,
		} {
			t.Run(name, func(t *testing.T) { test(t, newHub(t, empty())) })
		}
	})
}

// Events of several devices are written together. One that the database refuses undoes none of the others'.
func testOneOfAGroupIsRefused(t *testing.T, h *hub) {
	ids, logs := h.addFleet(20, 3)
	h.stands(ids[7], logs[7], 2)
	s := serve(t, h)
	for i, id := range ids {
		require.True(t, s.say(id, logs[i].batch(1, 4)))
	}
	s.start()
	s.eventually(func() bool { return h.Stats().Events.Load() == 19*3 && h.Stats().Failed.Load() > 0 })
	for i, of := range h.all(20, func(i int) string { return ids[i] }) {
		require.Equal(t, map[bool]uint64{true: 1, false: 4}[i == 7], of.Log.Next, ids[i])
	}
}

func testOneOfAGroupFails(t *testing.T, h *hub) {
	ids, logs := h.addFleet(20, 3)
	logs[7] = newLog(protocol.Events).scans(1)
	logs[7].add(protocol.ScanRefused{Step: "passing failure"}) // the second of three: the first must be undone as well
	logs[7].scans(1)
	_, err := h.Hello(t.Context(), ids[7], helloOf(logs[7]))
	require.NoError(t, err)
	passing := errors.New("a passing failure")
	h.effects.failStep.Store(&passing)
	s := serve(t, h)
	for i, id := range ids {
		require.True(t, s.say(id, logs[i].batch(1, 4)))
	}
	s.start()
	s.eventually(func() bool { return h.applied() == 19*3 })
	for i, id := range ids {
		if i != 7 {
			s.eventually(func() bool { a, ok := s.acked(id); return ok && a.Applied == 3 })
		}
	}
	_, ok := s.acked(ids[7])
	require.False(t, ok, "what is not committed is not acknowledged")
	require.EqualValues(t, 1, h.Stats().Failed.Load())

	h.effects.failStep.Store(nil)
	s.say(ids[7], logs[7].batch(1, 4))
	s.eventually(func() bool { a, _ := s.acked(ids[7]); return a.Applied == 3 })
	require.Equal(t, 20*3, h.applied())
}

func testAGroupKeepsTheOrder(t *testing.T, h *hub) {
	ids, logs := h.addFleet(2, 30)
	s := serve(t, h)
	for n := uint64(1); n < 30; n += 3 {
		for i, id := range ids {
			require.True(t, s.say(id, logs[i].batch(n, n+3)))
		}
	}
	s.start()
	for _, id := range ids {
		s.eventually(func() bool { a, _ := s.acked(id); return a.Applied == 30 })
	}
	require.Zero(t, h.Stats().Repeated.Load())
	require.Equal(t, 60, h.applied())
}

func testForgeriesAreLeft(t *testing.T, h *hub) {
	ids, logs := h.addFleet(2, 5)
	s := serve(t, h)
	s.start()
	s.say(ids[0], logs[0].batch(1, 3))
	s.eventually(func() bool { a, _ := s.acked(ids[0]); return a.Applied == 2 })
	// One device speaks of another's log: to the hub it is a log that has not said hello.
	s.say(ids[1], logs[0].batch(3, 6))
	s.eventually(func() bool {
		a, ok := s.acked(ids[1])
		return ok && a.Applied == 0 && a.Incarnation == logs[0].incarnation
	})
	// Numbers of the future, in a batch and in a hello.
	future := logs[0].batch(3, 6)
	future.First = 1 << 61
	s.say(ids[0], future)
	far := helloOf(logs[0])
	far.Logs[0].Next = 1 << 61
	s.say(ids[0], far)
	s.say(ids[0], logs[0].batch(3, 6))
	s.eventually(func() bool { a, _ := s.acked(ids[0]); return a.Applied == 5 })
	s.say(ids[1], logs[1].batch(1, 6))
	s.eventually(func() bool { a, _ := s.acked(ids[1]); return a.Applied == 5 && a.Incarnation == logs[1].incarnation })
	require.Equal(t, 10, h.applied())
	require.Zero(t, h.Stats().Gaps.Load())
}

func testReplayChangesNothing(t *testing.T, h *hub) {
	ids, logs := h.addFleet(1, 20)
	s := serve(t, h)
	s.start()
	var yesterday []protocol.Message
	for n := uint64(1); n < 20; n += 5 {
		yesterday = append(yesterday, logs[0].batch(n, n+5))
	}
	yesterday = append(yesterday, protocol.Gone{Incarnation: logs[0].incarnation, Boot: 1, Session: 0})
	say := func() {
		for _, m := range yesterday {
			s.eventually(func() bool { return s.say(ids[0], m) })
		}
	}
	say()
	s.eventually(func() bool { a, _ := s.acked(ids[0]); return a.Applied == 20 })
	for range 10 {
		say()
	}
	s.eventually(func() bool { return h.Stats().Repeated.Load() == 200 })
	require.Equal(t, 20, h.applied())
	require.Empty(t, h.work())
	var d fleet.Device
	h.change(func(tx *store.Tx) (err error) { d, err = tx.Device(t.Context(), ids[0]); return err })
	require.Equal(t, fleet.Online, d.Presence(), "an old will is no will")
}

func testFloodIsTheDevicesOwn(t *testing.T, h *hub) {
	ids, logs := h.addFleet(3, 1000)
	s := serve(t, h)
	s.start()
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() { // tiny batches, and garbage in between
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			s.say(ids[0], logs[0].batch(1, 2))
			s.server.Receive(ids[1], []byte("garbage"))
		}
	})
	for n := uint64(1); n <= 50; n++ {
		s.eventually(func() bool { return s.say(ids[2], logs[2].batch(n, n+1)) })
		s.eventually(func() bool { a, _ := s.acked(ids[2]); return a.Applied == n })
	}
	open := func() map[string]int {
		times := map[string]int{}
		for _, w := range h.work() {
			if w.Kind == "misbehaving" {
				times[w.Subject]++
			}
		}
		return times
	}
	s.eventually(func() bool { return len(open()) == 2 })
	close(stop)
	flood.Wait()
	s.stop()
	require.Equal(t, map[string]int{ids[0]: 1, ids[1]: 1}, open(), "a person is asked once, not for each message")
	require.Positive(t, s.server.Stats().Dropped.Load())
	require.Positive(t, h.Stats().Quarantined.Load())
	h.change(func(tx *store.Tx) error {
		kept, err := tx.Quarantine(t.Context(), ids[1], 1000)
		require.LessOrEqual(t, len(kept), 100)
		return err
	})
}

// TestADeviceOfRevisionOneIsServed replays messages that a device of the first revision has sent, byte for byte.
func TestADeviceOfRevisionOneIsServed(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	payload := func(name string) []byte {
		text, err := os.ReadFile("../../protocol/testdata/v1/" + name + ".hex")
		require.NoError(t, err)
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		require.NoError(t, err)
		return b
	}
	old := payload("message-hello")
	m, err := protocol.Decode(old)
	require.NoError(t, err)
	require.Zero(t, m.(protocol.Hello).Revision)
	answers, err := h.Payload(t.Context(), station, old)
	require.NoError(t, err)
	w := answers[0].(protocol.Welcome)
	require.Equal(t, m.(protocol.Hello).Nonce, w.Nonce)
	require.Equal(t, protocol.Current, w.Verdict)

	// Its readings are Samples, its batches are not packed.
	l := newLog(protocol.Readings)
	l.raw(nil)
	l.records, l.hashes = nil, l.hashes[:1]
	body := protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: 4200}}}
	l.add(body, body)
	_, err = h.Hello(t.Context(), station, helloOf(l))
	require.NoError(t, err)
	b := l.batch(1, 3)
	require.Empty(t, b.Packed)
	require.EqualValues(t, 2, h.batch(b).Applied)
	require.EqualValues(t, 2, h.Stats().Readings.Load())

	// The same batch packed is the same batch.
	l.add(body)
	packed, err := l.batch(1, 4).Pack()
	require.NoError(t, err)
	require.NotEmpty(t, packed.Packed)
	bytes, err := protocol.Encode(packed)
	require.NoError(t, err)
	answers, err = h.Payload(t.Context(), station, bytes)
	require.NoError(t, err)
	require.EqualValues(t, 3, answers[0].(protocol.Ack).Applied)
	require.EqualValues(t, 2, h.Stats().Repeated.Load())
}
