package link_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm"
	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

const station = "dev-1"

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// effects counts what it is asked to apply, in the database, so that what is undone is not counted.
type effects struct {
	fail  atomic.Pointer[error] // returned after the writes, so that they must be undone
	panic atomic.Bool
	// failStep is returned for a scan whose step is "passing failure".
	failStep atomic.Pointer[error]
	off      atomic.Bool // nothing to do
	dated    sync.Map    // when each event was said to have happened when it was first applied, by number
}

func (e *effects) Apply(ctx context.Context, tx *store.Tx, ev link.Event) error {
	if e.off.Load() {
		return nil
	}
	e.dated.LoadOrStore(ev.Number, ev.At)
	id := fmt.Sprintf("effect/%s/%s/%d", ev.Device, ev.Incarnation, ev.Number)
	if err := tx.RaiseAlarm(ctx, id, "effect", ev.Device, alarm.Said(fmt.Sprint(ev.Body)), ev.At); err != nil {
		return err
	}
	if e.panic.Load() {
		panic("a fault in effects")
	}
	if err := e.fail.Load(); err != nil {
		return *err
	}
	if d, ok := ev.Body.(protocol.ScanRefused); ok && d.Step == "passing failure" && e.failStep.Load() != nil {
		return *e.failStep.Load()
	}
	if d, ok := ev.Body.(protocol.ScanRefused); ok && d.Step == "never" {
		return &link.NotApplied{Reason: "never"}
	}
	return nil
}

func (e *effects) set(err error) {
	if err == nil {
		e.fail.Store(nil)
		return
	}
	e.fail.Store(&err)
}

// hub is a receiver on a database with one device.
type hub struct {
	*link.Receiver
	t       testing.TB
	store   *store.Store
	effects *effects
	greeted []string
	forgot  int // hellos of a device that may have forgotten what it had counted
	owns    func(context.Context, *store.Tx, fleet.Device, string) (bool, error)
	now     time.Time // of restart
}

func newHub(t testing.TB, url string) *hub {
	s := storetest.Open(t, url)
	h := &hub{t: t, store: s, effects: &effects{}, now: noon}
	h.addDevice(station, "loc-1")
	h.restart()
	return h
}

func (h *hub) addDevice(id, place string) {
	h.change(func(tx *store.Tx) error {
		return tx.AddDevice(h.t.Context(), fleet.Device{ID: id, Place: place, Role: fleet.Station, AddedAt: noon, AddedBy: "test"})
	})
}

// restart begins with the same data and a new epoch.
func (h *hub) restart() {
	h.Receiver = link.NewReceiver(link.Config{Store: h.store, Effects: h.effects, Clock: clock.New(time.Now(), h.now, 1),
		Logger: slog.New(slog.DiscardHandler), Owns: h.owns, Greeted: func(place string) { h.greeted = append(h.greeted, place) },
		Forgotten: func(context.Context, *store.Tx, fleet.Device, time.Time) error { h.forgot++; return nil }})
	require.NoError(h.t, h.Listen(h.t.Context()))
}

func (h *hub) change(fn func(*store.Tx) error) {
	h.t.Helper()
	require.NoError(h.t, h.store.Change(h.t.Context(), fn))
}

func (h *hub) device() fleet.Device {
	var d fleet.Device
	h.change(func(tx *store.Tx) (err error) {
		d, err = tx.Device(h.t.Context(), station)
		return err
	})
	return d
}

func (h *hub) events() []store.EventView {
	var all []store.EventView
	h.change(func(tx *store.Tx) (err error) {
		all, err = tx.EventsAt(h.t.Context(), "loc-1", 10_000)
		return err
	})
	return all
}

// applied counts effects that stand.
func (h *hub) applied() int {
	n := 0
	h.change(func(tx *store.Tx) error {
		alarms, err := tx.Alarms(h.t.Context(), 100_000)
		for _, a := range alarms {
			if a.Kind == "effect" {
				n++
			}
		}
		return err
	})
	return n
}

func (h *hub) work() []store.WorkView {
	var all []store.WorkView
	h.change(func(tx *store.Tx) (err error) {
		all, err = tx.Work(h.t.Context(), true, 1000)
		return err
	})
	return all
}

func (h *hub) hello(l ...*devLog) protocol.Welcome {
	h.t.Helper()
	w, err := h.Hello(h.t.Context(), station, helloOf(l...))
	require.NoError(h.t, err)
	return w
}

func (h *hub) batch(b protocol.Batch) protocol.Ack {
	h.t.Helper()
	a, err := h.Batch(h.t.Context(), station, b)
	require.NoError(h.t, err)
	return a
}

// devLog is a log as a device keeps it.
type devLog struct {
	incarnation protocol.Incarnation
	log         protocol.LogID
	first       uint64 // still held
	records     [][]byte
	hashes      []protocol.Hash // hashes[i] before records[i], counted from number 1
}

func newLog(l protocol.LogID) *devLog {
	return &devLog{incarnation: protocol.NewIncarnation(), log: l, first: 1, hashes: make([]protocol.Hash, 1)}
}

func (l *devLog) next() uint64 { return uint64(len(l.records)) + 1 }

func (l *devLog) raw(b []byte) {
	l.records = append(l.records, b)
	l.hashes = append(l.hashes, l.hashes[len(l.hashes)-1].Next(b))
}

func (l *devLog) record(r protocol.Record) {
	r.Number = l.next()
	b, err := protocol.EncodeRecord(r)
	if err != nil {
		panic(err)
	}
	l.raw(b)
}

// add appends bodies at a set clock, a second apart.
func (l *devLog) add(bodies ...protocol.Body) *devLog {
	for _, body := range bodies {
		b, err := protocol.EncodeBody(body)
		if err != nil {
			panic(err)
		}
		mono := int64(l.next()) * 1000
		l.record(protocol.Record{Boot: 1, Mono: mono, Wall: noon.UnixMilli() - 3_600_000 + mono, Quality: protocol.WallSet, Kind: body.Kind(), Body: b})
	}
	return l
}

// scans appends so many different events.
func (l *devLog) scans(n int) *devLog {
	for range n {
		l.add(protocol.ScanRefused{Step: "load", Scan: fmt.Sprint(l.next())})
	}
	return l
}

func (l *devLog) batch(first, end uint64) protocol.Batch {
	return protocol.Batch{Incarnation: l.incarnation, Log: l.log, First: first, Before: l.hashes[first-1],
		Records: l.records[first-1 : end-1]}
}

func (l *devLog) position() protocol.Position {
	return protocol.Position{Log: l.log, First: l.first, Next: l.next(), Before: l.hashes[l.first-1]}
}

func helloOf(logs ...*devLog) protocol.Hello {
	h := protocol.Hello{Incarnation: logs[0].incarnation, Boot: 1, Session: 1, Nonce: rand.Uint64N(1 << 60), Software: "test"}
	for _, l := range logs {
		h.Logs = append(h.Logs, l.position())
	}
	return h
}

// TestReceiver runs the tests on each engine; one database cluster serves them all.
func TestReceiver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for name, test := range map[string]func(*testing.T, *hub){
			"Records are applied once and acknowledged after the commit": testRecordsAreAppliedOnceAndAcknowledgedAfterTheCommit,
			"Passing failure leaves nothing half done":                   testPassingFailureLeavesNothingHalfDone,
			"What cannot be applied is kept and the log goes on":         testWhatCannotBeAppliedIsKeptAndTheLogGoesOn,
			"What the database refuses is not tried for ever":            testWhatTheDatabaseRefusesIsNotTriedForEver,
			"Unreadable and unknown records are kept raw":                testUnreadableAndUnknownRecordsAreKeptRaw,
			"Readings are stored and unreadable ones set aside":          testReadingsAreStoredAndUnreadableOnesSetAside,
			"no device forges another's readings":                        testNoDeviceForgesAnothersReadings,
			"Malformed payloads are quarantined bounded and counted":     testMalformedPayloadsAreQuarantinedBoundedAndCounted,
			"Unknown and revoked devices are not taken":                  testUnknownAndRevokedDevicesAreNotTaken,
			"Fork is found where the logs part":                          testForkIsFoundWhereTheLogsPart,
			"A restored image is told what it lacks":                     testARestoredImageIsToldWhatItLacks,
			"Lost numbers are a named gap and only a hello makes one":    testLostNumbersAreANamedGapAndOnlyAHelloMakesOne,
			"Damaged records are named gaps":                             testDamagedRecordsAreNamedGaps,
			"New incarnation supersedes and the old may drain":           testNewIncarnationSupersedesAndTheOldMayDrain,
			"Presence follows the newest session":                        testPresenceFollowsTheNewestSession,
			"Events of a boot are dated once its clock is set":           testEventsOfABootAreDatedOnceItsClockIsSet,
			"Any delivery applies each record once in order":             testAnyDeliveryAppliesEachRecordOnceInOrder,
			"Plan is owed until the log answers it":                      testPlanIsOwedUntilTheLogAnswersIt,
			"Command is owed until answered or overdue":                  testCommandIsOwedUntilAnsweredOrOverdue,
		} {
			t.Run(name, func(t *testing.T) { test(t, newHub(t, empty())) })
		}
	})
}

func testRecordsAreAppliedOnceAndAcknowledgedAfterTheCommit(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(10)
	w := h.hello(l)
	require.Equal(t, protocol.Current, w.Verdict)
	require.Equal(t, []protocol.Expect{{Log: protocol.Events, Next: 1}, {Log: protocol.Readings, Next: 1}}, w.Expect)

	a := h.batch(l.batch(1, 6))
	require.EqualValues(t, 5, a.Applied)
	require.EqualValues(t, 5, a.Safe)
	require.Equal(t, w.Epoch, a.Epoch)
	require.EqualValues(t, 5, h.batch(l.batch(1, 6)).Applied, "a repeated batch")
	require.EqualValues(t, 5, h.batch(l.batch(2, 4)).Applied, "a part of what was taken")
	require.EqualValues(t, 8, h.batch(l.batch(3, 9)).Applied, "a batch that overlaps")
	require.EqualValues(t, 8, h.batch(l.batch(10, 11)).Applied, "a batch with records missing before it is not taken")
	require.EqualValues(t, 10, h.batch(l.batch(9, 11)).Applied)
	require.Equal(t, 10, h.applied())
	require.Len(t, h.events(), 10)

	h.restart()
	require.NotEqual(t, w.Epoch, h.hello(l).Epoch, "each start has an epoch of its own")
	require.EqualValues(t, 10, h.batch(l.batch(1, 11)).Applied)
	require.Equal(t, 10, h.applied())
}

func testPassingFailureLeavesNothingHalfDone(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(5)
	h.hello(l)
	h.effects.set(errors.New("the disk is full, perhaps"))
	_, err := h.Batch(t.Context(), station, l.batch(1, 6))
	require.ErrorContains(t, err, "the disk is full, perhaps")
	require.Empty(t, h.events())
	require.Zero(t, h.applied())

	h.effects.set(nil)
	require.EqualValues(t, 5, h.batch(l.batch(1, 6)).Applied)
	require.Equal(t, 5, h.applied())
}

func testWhatCannotBeAppliedIsKeptAndTheLogGoesOn(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(1)
	l.add(protocol.ScanRefused{Step: "never", Scan: "box-7"}).scans(1)
	h.hello(l)
	require.EqualValues(t, 3, h.batch(l.batch(1, 4)).Applied)
	require.Equal(t, 2, h.applied(), "its writes are undone")
	work := h.work()
	require.Len(t, work, 1)
	require.Equal(t, "not_applied", work[0].Kind)
	require.Equal(t, "box-7", work[0].Subject)
	require.EqualValues(t, 1, h.Stats().NotApplied.Load())

	h.change(func(tx *store.Tx) error {
		waiting, err := tx.NotAppliedEvents(t.Context(), "box-7", time.Time{}, "", "", "loc-1")
		require.NoError(t, err)
		require.Len(t, waiting, 1)
		return tx.EventApplied(t.Context(), waiting[0].Device, waiting[0].Incarnation, waiting[0].Number, noon)
	})
	require.False(t, h.work()[0].Closed.IsZero(), "an event that is applied after all is no work any more")
}

func TestPanicInEffectsCostsOneEventNotTheHub(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	l := newLog(protocol.Events).scans(2)
	h.hello(l)
	h.effects.panic.Store(true)
	require.EqualValues(t, 1, h.batch(l.batch(1, 2)).Applied)
	h.effects.panic.Store(false)
	require.EqualValues(t, 2, h.batch(l.batch(2, 3)).Applied)
	require.Equal(t, 1, h.applied())
	require.Contains(t, h.work()[0].Detail, "fault in the hub")
}

func testWhatTheDatabaseRefusesIsNotTriedForEver(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(1)
	h.hello(l)
	// A fresh command with an id that exists is refused by the database itself.
	h.change(func(tx *store.Tx) error {
		_, err := tx.AddCommand(t.Context(), fleet.Command{ID: "c", Device: station, Deadline: noon, AskedAt: noon})
		return err
	})
	refused := h.store.Change(t.Context(), func(tx *store.Tx) error {
		_, err := tx.AddCommand(t.Context(), fleet.Command{ID: "c", Device: station, Deadline: noon, AskedAt: noon})
		return err
	})
	require.Error(t, refused)
	h.effects.set(refused)
	require.EqualValues(t, 1, h.batch(l.batch(1, 2)).Applied)
	require.Contains(t, h.work()[0].Detail, "the database refuses it")
}

func testUnreadableAndUnknownRecordsAreKeptRaw(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(1)
	l.raw([]byte{0xff, 0x00})                                                                 // no CBOR
	l.raw(nil)                                                                                // nothing at all
	l.raw(l.records[0])                                                                       // number 1 again in the place of 4
	l.record(protocol.Record{Boot: 1, Kind: protocol.KindDoorOpened, Body: []byte{0x01}})     // a body of another shape
	l.record(protocol.Record{Boot: 1, Kind: 77, Body: []byte{0xa0}})                          // a newer edge's kind
	l.record(protocol.Record{Boot: 1 << 63, Kind: protocol.KindBooted, Body: []byte{0xa0}})   // more than a database holds
	l.record(protocol.Record{Boot: 1, Kind: protocol.KindSamples, Body: []byte{0xa1, 1, 80}}) // a reading
	l.add(protocol.ScanRefused{Step: "a\x00b", Scan: "nul \x00 in text", Reason: "\x00"})     // PostgreSQL takes no NUL
	l.scans(1)
	h.hello(l)
	require.EqualValues(t, 10, h.batch(l.batch(1, 11)).Applied)
	outcomes := map[int64]string{}
	for _, e := range h.events() {
		outcomes[e.Number] = e.Outcome
	}
	require.Equal(t, map[int64]string{1: "applied", 2: "quarantined", 3: "quarantined", 4: "quarantined", 5: "quarantined", 6: "unknown",
		7: "quarantined", 8: "quarantined", 9: outcomes[9], 10: "applied"}, outcomes)
	require.NotEqual(t, "quarantined", outcomes[9])
	require.EqualValues(t, 6, h.Stats().Quarantined.Load())
}

func testReadingsAreStoredAndUnreadableOnesSetAside(t *testing.T, h *hub) {
	l := newLog(protocol.Readings)
	l.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: 4200}, {Sensor: "f2/air", Fault: protocol.SensorCRC}}})
	l.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: "twice"}, {Sensor: "twice"}}})
	l.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: "nul\x00"}}})
	l.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: ""}}})
	l.raw([]byte("garbage"))
	l.add(protocol.ScanRefused{}) // an event in the readings log
	l.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: 4300}}})
	h.hello(l)
	require.EqualValues(t, 7, h.batch(l.batch(1, 8)).Applied)
	require.EqualValues(t, 3, h.Stats().Readings.Load())
	require.EqualValues(t, 5, h.Stats().Quarantined.Load())
	h.change(func(tx *store.Tx) error {
		kept, err := tx.Quarantine(t.Context(), station, 10)
		require.NoError(t, err)
		require.Len(t, kept, 5)
		last, err := tx.LastReading(t.Context(), "f1/air")
		require.NoError(t, err)
		require.EqualValues(t, 4300, last.MilliC)
		require.EqualValues(t, 7, last.Number)
		_, err = tx.LastReading(t.Context(), "f3/air")
		require.ErrorIs(t, err, store.ErrNotFound)
		return nil
	})
}

func testNoDeviceForgesAnothersReadings(t *testing.T, h *hub) {
	asked := 0
	h.owns = func(_ context.Context, _ *store.Tx, d fleet.Device, sensor string) (bool, error) {
		asked++
		return d.Place == "loc-1" && sensor == "f1/air", nil
	}
	h.restart()
	l := newLog(protocol.Readings)
	mine, other := protocol.Sample{Sensor: "f1/air", MilliC: 4200}, protocol.Sample{Sensor: "f9/air", MilliC: 99_000}
	l.add(protocol.Samples{Samples: []protocol.Sample{mine}})
	l.add(protocol.Samples{Samples: []protocol.Sample{mine, other}})
	l.add(protocol.Samples{Samples: []protocol.Sample{mine}})
	h.hello(l)
	require.EqualValues(t, 3, h.batch(l.batch(1, 4)).Applied, "the log goes on")
	require.EqualValues(t, 2, h.Stats().Readings.Load())
	require.EqualValues(t, 1, h.Stats().Quarantined.Load())
	require.Equal(t, 2, asked, "once a sensor")
	h.change(func(tx *store.Tx) error {
		kept, err := tx.Quarantine(t.Context(), station, 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Contains(t, kept[0].Reason, `sensor "f9/air" is not at loc-1`)
		return nil
	})
}

func testMalformedPayloadsAreQuarantinedBoundedAndCounted(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(2)
	h.hello(l)
	whole, err := protocol.Encode(l.batch(1, 3))
	require.NoError(t, err)
	sent := 0
	for n := range len(whole) { // truncated at each place
		answers, err := h.Payload(t.Context(), station, whole[:n])
		require.NoError(t, err)
		require.Empty(t, answers)
		sent++
	}
	down, err := protocol.Encode(protocol.Welcome{})
	require.NoError(t, err)
	for _, bad := range [][]byte{make([]byte, protocol.MaxPayload+1), []byte("garbage"), down} {
		answers, err := h.Payload(t.Context(), station, bad)
		require.NoError(t, err)
		require.Empty(t, answers)
		sent++
	}
	require.EqualValues(t, sent, h.Stats().Quarantined.Load())
	h.change(func(tx *store.Tx) error {
		kept, err := tx.Quarantine(t.Context(), station, 1000)
		require.NoError(t, err)
		require.Len(t, kept, 100, "a bound a device")
		for _, k := range kept {
			require.LessOrEqual(t, len(k.Raw), 4<<10)
		}
		return nil
	})
	answers, err := h.Payload(t.Context(), station, whole)
	require.NoError(t, err)
	require.EqualValues(t, 2, answers[0].(protocol.Ack).Applied, "and the device's log goes on")
}

func testUnknownAndRevokedDevicesAreNotTaken(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(1)
	_, err := h.Hello(t.Context(), "nobody", helloOf(l))
	require.ErrorIs(t, err, link.ErrNotTaken)
	require.ErrorIs(t, err, fleet.ErrUnknownDevice)
	_, err = h.Payload(t.Context(), "nobody", []byte("garbage"))
	require.ErrorIs(t, err, link.ErrNotTaken)

	h.hello(l)
	h.change(func(tx *store.Tx) error { return tx.RevokeDevice(t.Context(), station, noon) })
	require.False(t, h.device().Online)
	_, err = h.Batch(t.Context(), station, l.batch(1, 2))
	require.ErrorIs(t, err, link.ErrNotTaken)
	require.ErrorIs(t, err, fleet.ErrRevoked)
}
