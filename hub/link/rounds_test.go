package link_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// TestRecords runs these tests on each engine.
func TestRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range map[string]func(*testing.T, *hub){
			"rounds are listed sample by sample":                testRoundsAreListedSampleBySample,
			"malformed rounds are set aside":                    testMalformedRoundsAreSetAside,
			"thinned readings are kept and named":               testThinnedReadingsAreKeptAndNamed,
			"salvage names what is lost":                        testSalvageNamesWhatIsLost,
			"all of a boot is dated once its clock is set":      testAllOfABootIsDatedOnceItsClockIsSet,
			"a boot without the time is bounded by others":      testABootWithoutTheTimeIsBoundedByOthers,
			"much is dated again bit by bit":                    testMuchIsDatedAgainBitByBit,
			"unknown kinds are applied after the upgrade":       testUnknownKindsAreAppliedAfterTheUpgrade,
			"bytes of older devices are taken":                  testBytesOfOlderDevicesAreTaken,
			"a log that is held up is told of until it goes on": testALogThatIsHeldUpIsToldOfUntilItGoesOn,
			"what the database refuses at the end holds up":     testWhatTheDatabaseRefusesAtTheEndHoldsUp,
		} {
			t.Run(rule, func(t *testing.T) { test(t, newHub(t, empty())) })
		}
	})
}

// at appends a body with clocks of its own.
func (l *devLog) at(boot uint64, mono time.Duration, wall time.Time, quality protocol.WallQuality, body protocol.Body) *devLog {
	b, err := protocol.EncodeBody(body)
	if err != nil {
		panic(err)
	}
	l.record(protocol.Record{Boot: boot, Mono: mono.Milliseconds(), Wall: wall.UnixMilli(), Quality: quality, Kind: body.Kind(), Body: b})
	return l
}

// unset appends a body of a boot that does not know the time.
func (l *devLog) unset(boot uint64, mono time.Duration, body protocol.Body) *devLog {
	return l.at(boot, mono, time.Unix(0, 0).Add(mono), protocol.WallUnset, body)
}

// told appends the pair of clocks of a boot.
func (l *devLog) told(boot uint64, mono time.Duration, wall time.Time) *devLog {
	return l.at(boot, mono, wall, protocol.WallSet, protocol.ClockSet{Mono: mono.Milliseconds(), Wall: wall.UnixMilli(), Within: 50})
}

// rounds makes a record of some rounds a minute apart, the last one at its time.
func rounds(t require.TestingT, sensors int, milliC ...int64) protocol.Rounds {
	var all []protocol.Round
	for i, v := range milliC {
		r := protocol.Round{Ago: int64(len(milliC)-1-i) * 60_000}
		for s := range sensors {
			r.Samples = append(r.Samples, protocol.Sample{Sensor: fmt.Sprintf("f%d/air", s+1), MilliC: v + int64(s)})
		}
		all = append(all, r)
	}
	body, err := protocol.NewRounds(all)
	require.NoError(t, err)
	return body
}

func (h *hub) readings(sensor string) []store.ReadingView {
	var all []store.ReadingView
	h.change(func(tx *store.Tx) (err error) {
		all, _, err = tx.ReadingsOf(h.t.Context(), sensor, noon.Add(-20*24*time.Hour), noon.Add(24*time.Hour), 100_000)
		return err
	})
	return all
}

func testRoundsAreListedSampleBySample(t *testing.T, h *hub) {
	l := newLog(protocol.Readings)
	r := rounds(t, 2, 4000, 4100, 4200)
	r.Faults = []protocol.RoundFault{{Round: 1, Sensor: 0, Fault: protocol.SensorCRC}, {Round: 2, Sensor: 1, Fault: protocol.SensorMissing}}
	l.told(1, time.Hour, noon.Add(-time.Hour)) // an event in the wrong log: set aside, and it dates nothing
	l.at(1, 2*time.Hour, noon.Add(-30*time.Minute), protocol.WallSet, r)
	l.at(1, 3*time.Hour, noon.Add(-10*time.Minute), protocol.WallSet, rounds(t, 1, 5000))
	h.hello(l)
	require.EqualValues(t, 3, h.batch(l.batch(1, 4)).Applied)
	require.EqualValues(t, 7, h.Stats().Readings.Load(), "samples")
	var got []string
	for _, v := range append(h.readings("f1/air"), h.readings("f2/air")...) {
		require.Equal(t, station, v.Device)
		got = append(got, fmt.Sprintf("%s %d %s %d %d", v.Sensor, v.Number, v.At.Sub(noon), v.MilliC, v.Fault))
	}
	require.Equal(t, []string{"f1/air 2 -32m0s 4000 0", "f1/air 2 -31m0s 0 2", "f1/air 2 -30m0s 4200 0", "f1/air 3 -10m0s 5000 0",
		"f2/air 2 -32m0s 4001 0", "f2/air 2 -31m0s 4101 0", "f2/air 2 -30m0s 0 1"}, got)
	h.change(func(tx *store.Tx) error {
		last, err := tx.LastReading(t.Context(), "f2/air")
		require.NoError(t, err)
		require.EqualValues(t, 1, last.Fault)
		return nil
	})
}

func testMalformedRoundsAreSetAside(t *testing.T, h *hub) {
	l := newLog(protocol.Readings)
	twice, empty, long := rounds(t, 2, 1), rounds(t, 1, 1), rounds(t, 1, 1, 2)
	twice.Sensors[1] = twice.Sensors[0]
	empty.Sensors[0] = ""
	long.Gaps[0] = (store.LongestSpan + time.Hour).Milliseconds()
	l.add(twice, empty, long, protocol.Rounds{Sensors: []string{"a"}, Values: [][]int64{{1, 2}}}, rounds(t, 1, 4000))
	h.hello(l)
	require.EqualValues(t, 5, h.batch(l.batch(1, 6)).Applied)
	require.EqualValues(t, 4, h.Stats().Quarantined.Load())
	require.Len(t, h.readings("f1/air"), 1)
}

func testThinnedReadingsAreKeptAndNamed(t *testing.T, h *hub) {
	l := newLog(protocol.Readings)
	l.add(rounds(t, 1, 1), rounds(t, 1, 2), rounds(t, 1, 3), rounds(t, 1, 4))
	l.add(protocol.Thinned{From: 1, To: 3, Samples: 3, MinMilliC: 1, MaxMilliC: 3, FromWall: noon.Add(-time.Hour).UnixMilli(),
		ToWall: noon.Add(-59 * time.Minute).UnixMilli(), Reason: protocol.ThinAge, Rounds: 3})
	l.add(protocol.Thinned{From: 0, To: 0, Samples: 1, FromWall: 77, ToWall: 88, Reason: protocol.ThinDamaged, Rounds: 1})
	h.hello(l)
	h.batch(l.batch(1, 2))
	l.first = 4
	h.hello(l)
	h.batch(l.batch(4, 7))
	c := h.completeness()[1]
	require.Len(t, c.Gaps, 2)
	require.Equal(t, []any{uint64(2), uint64(3), fleet.Thinned}, []any{c.Gaps[0].First, c.Gaps[0].Last, c.Gaps[0].Kind})
	require.Equal(t, fleet.Damaged, c.Gaps[1].Kind)
	h.change(func(tx *store.Tx) error {
		kept, err := tx.Thinnings(t.Context(), station, l.incarnation.String())
		require.NoError(t, err)
		require.Len(t, kept, 2)
		require.EqualValues(t, 3, kept[0].Rounds)
		require.Equal(t, noon.Add(-time.Hour), kept[0].From)
		require.Less(t, kept[0].Within, 10*time.Second)
		require.EqualValues(t, protocol.ThinDamaged, kept[1].Reason)
		return nil
	})
}

func testSalvageNamesWhatIsLost(t *testing.T, h *hub) {
	old := newLog(protocol.Events).scans(3)
	h.hello(old)
	h.batch(old.batch(1, 3)) // 1 and 2
	fresh := newLog(protocol.Events)
	fresh.add(protocol.Salvaged{Reason: "page 7: torn", Parent: old.incarnation, Lost: []protocol.LostSpan{
		{Log: protocol.Events, From: 2, To: 5}, {Log: protocol.Readings, From: 1, To: 9}, {Log: 77, From: 1, To: 2}}})
	fresh.add(protocol.SamplingSet{EveryMS: 60_000, Sensors: []string{"f1/air"}}, protocol.Stopped{})
	hello := helloOf(fresh)
	hello.Parent = &protocol.Parent{Incarnation: old.incarnation, Events: 2, Readings: 1}
	_, err := h.Hello(t.Context(), station, hello)
	require.NoError(t, err)
	require.EqualValues(t, 3, h.batch(fresh.batch(1, 4)).Applied)
	require.Zero(t, h.Stats().NotApplied.Load())
	h.change(func(tx *store.Tx) error {
		gaps, err := tx.Gaps(t.Context(), station, old.incarnation.String(), uint8(protocol.Events))
		require.NoError(t, err)
		require.Len(t, gaps, 1)
		require.Equal(t, fleet.Gap{First: 3, Last: 5, Kind: fleet.Damaged, Reason: "damaged in the device's storage: page 7: torn"}, gaps[0],
			"the hub has number 2")
		gaps, err = tx.Gaps(t.Context(), station, old.incarnation.String(), uint8(protocol.Readings))
		require.NoError(t, err)
		require.EqualValues(t, 9, gaps[0].Last)
		return nil
	})
}

func (h *hub) eventsByNumber() map[int64]store.EventView {
	all := map[int64]store.EventView{}
	for _, e := range h.events() {
		all[e.Number] = e
	}
	return all
}

func testAllOfABootIsDatedOnceItsClockIsSet(t *testing.T, h *hub) {
	events, readings := newLog(protocol.Events), newLog(protocol.Readings)
	readings.incarnation = events.incarnation
	began := noon.Add(-10 * time.Hour)
	events.unset(3, 0, protocol.Booted{}).unset(3, time.Minute, protocol.Mains{Position: "f1"})
	readings.unset(3, 5*time.Minute, rounds(t, 2, 1, 2, 3))
	h.hello(events, readings)
	h.batch(events.batch(1, 3))
	h.batch(readings.batch(1, 2))
	require.WithinDuration(t, noon, h.eventsByNumber()[2].At, time.Minute, "the best guess is that it has just happened")
	require.Greater(t, h.eventsByNumber()[2].Within, time.Hour, "and a guess it is")
	require.Greater(t, h.readings("f1/air")[0].Within, time.Hour)

	events.told(3, time.Hour, began.Add(time.Hour))
	events.at(3, 2*time.Hour, began.Add(9*time.Hour), protocol.WallSet, protocol.Mains{Position: "f1"}) // somebody set it forward
	events.told(3, 3*time.Hour, began.Add(3*time.Hour+time.Second))
	h.batch(events.batch(3, 6))
	all := h.eventsByNumber()
	for number, want := range map[int64]time.Duration{1: 0, 2: time.Minute, 3: time.Hour, 4: 2*time.Hour + time.Second/2, 5: 3*time.Hour + time.Second} {
		require.WithinDuration(t, began.Add(want), all[number].At, 100*time.Millisecond, "event %d", number)
		require.Less(t, all[number].Within, 2*time.Second, "event %d", number)
	}
	require.Equal(t, began.Add(9*time.Hour), all[4].Claimed, "what it claimed is kept")
	for _, sensor := range []string{"f1/air", "f2/air"} {
		r := h.readings(sensor)
		require.WithinDuration(t, began.Add(3*time.Minute), r[0].At, time.Millisecond)
		require.WithinDuration(t, began.Add(5*time.Minute), r[2].At, time.Millisecond)
		require.Less(t, r[0].Within, 2*time.Second)
	}
	require.Equal(t, began.Add(time.Minute), h.effects.redated(t, h, 2), "and so is what the event has left behind")

	readings.unset(3, 30*time.Minute, rounds(t, 1, 9)) // late
	h.batch(readings.batch(2, 3))
	r := h.readings("f1/air")
	require.WithinDuration(t, began.Add(30*time.Minute), r[len(r)-1].At, time.Second)
}

func testABootWithoutTheTimeIsBoundedByOthers(t *testing.T, h *hub) {
	l := newLog(protocol.Events)
	began := noon.Add(-10 * time.Hour)
	l.told(1, 0, began).at(1, time.Hour, began.Add(time.Hour), protocol.WallSet, protocol.Stopped{})
	l.unset(2, 0, protocol.Booted{}).unset(2, 2*time.Hour, protocol.Mains{}) // somewhere in the seven hours between
	l.unset(3, 0, protocol.Booted{})
	h.hello(l)
	h.batch(l.batch(1, 6))
	require.Greater(t, h.eventsByNumber()[4].Within, 3*time.Hour)
	l.told(3, 0, began.Add(8*time.Hour))
	h.batch(l.batch(6, 7))
	all := h.eventsByNumber()
	for number, middle := range map[int64]time.Duration{3: 3*time.Hour + 30*time.Minute, 4: 5*time.Hour + 30*time.Minute} {
		require.WithinDuration(t, began.Add(middle), all[number].At, 10*time.Second, "event %d", number)
		require.InDelta(t, (2*time.Hour + 30*time.Minute).Seconds(), all[number].Within.Seconds(), 20, "event %d", number)
	}
	require.WithinDuration(t, began.Add(8*time.Hour), all[5].At, time.Second)

	l.unset(4, 0, protocol.Booted{}).unset(4, 30*time.Minute, protocol.Mains{}).told(5, 0, began.Add(9*time.Hour))
	h.batch(l.batch(7, 10))
	at, _ := h.effects.dated.Load(uint64(8))
	require.WithinDuration(t, began.Add(8*time.Hour+45*time.Minute), at.(time.Time), 10*time.Second,
		"effects see what is known from further on in the batch")
}

func testMuchIsDatedAgainBitByBit(t *testing.T, h *hub) {
	events, readings := newLog(protocol.Events), newLog(protocol.Readings)
	readings.incarnation = events.incarnation
	const n = 3000
	for i := range n {
		readings.unset(1, time.Duration(i)*time.Second, rounds(t, 1, int64(i)))
	}
	h.hello(events, readings)
	for first := uint64(1); first <= n; first += 1000 {
		h.batch(readings.batch(first, first+1000))
	}
	left := func() (left int) {
		for _, r := range h.readings("f1/air") {
			if r.Within > fleet.WellDated {
				left++
			}
		}
		return left
	}
	require.Equal(t, n, left())
	events.told(1, n*time.Second, noon.Add(-time.Hour))
	h.batch(events.batch(1, 2))
	require.NotZero(t, left(), "one transaction does not do all of it")
	for i := range uint64(10) {
		events.scans(1)
		h.batch(events.batch(2+i, 3+i))
	}
	require.Zero(t, left())
}

func testUnknownKindsAreAppliedAfterTheUpgrade(t *testing.T, h *hub) {
	// What a hub that knew neither kind 39, 8 nor 102 has stored.
	l := newLog(protocol.Events).scans(3)
	l.add(protocol.SamplingSet{EveryMS: 1000}, protocol.ScanRefused{Step: "never"}, protocol.ClockSet{Wall: noon.UnixMilli()})
	h.hello(l)
	first := newLog(protocol.Readings).add(rounds(t, 2, 4000, 4100))
	odd := newLog(protocol.Readings).add(protocol.Samples{})
	incarnation := l.incarnation.String()
	h.change(func(tx *store.Tx) error {
		for i, raw := range l.records {
			rec, err := protocol.DecodeRecord(raw)
			require.NoError(t, err)
			if i == 2 {
				rec.Kind = 7777
			}
			require.NoError(t, tx.AddEvent(t.Context(), store.EventRow{Device: station, Incarnation: incarnation, Number: rec.Number, Boot: 1,
				Kind: uint16(rec.Kind), Name: "kind", Body: rec.Body, Mono: rec.Mono, ClaimedAt: rec.Wall, WallQuality: uint8(rec.Quality),
				EventAt: noon, ReceivedAt: noon, Outcome: store.Unknown, Reason: "unknown kind of record"}))
		}
		for id, q := range map[string]store.QuarantineRow{
			"a": {Raw: first.records[0], Number: 1, Reason: "unknown kind of record: 102"}, "b": {Raw: odd.records[0], Number: 1, Reason: "foreign"},
			"c": {Raw: []byte("?"), Number: 9, Reason: "unknown kind of record: 7778"}} {
			q.ID, q.Device, q.Incarnation, q.Log, q.ReceivedAt = id, station, incarnation, uint8(protocol.Readings), noon
			require.NoError(t, tx.AddQuarantine(t.Context(), q))
		}
		return nil
	})
	for range 2 { // again at the next start
		h.restart()
		require.NoError(t, h.ApplyLate(t.Context()))
		all := h.eventsByNumber()
		require.Equal(t, []string{"applied", "applied", "unknown", "applied", "not_applied", "applied"},
			[]string{all[1].Outcome, all[2].Outcome, all[3].Outcome, all[4].Outcome, all[5].Outcome, all[6].Outcome})
		require.Equal(t, "scan refused", all[1].Name)
		require.Equal(t, "sampling set", all[4].Name)
		require.Equal(t, 2, h.applied(), "once")
		require.Len(t, h.readings("f2/air"), 2)
		require.Len(t, h.work(), 1)
		h.change(func(tx *store.Tx) error {
			kept, err := tx.Quarantine(t.Context(), station, 10)
			require.NoError(t, err)
			require.Len(t, kept, 2, "what was set aside for another reason stays")
			return nil
		})
	}
}

func TestOneLateEventThatFailsStopsNothingElse(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	l := newLog(protocol.Events).scans(1)
	h.hello(l)
	rec, err := protocol.DecodeRecord(l.records[0])
	require.NoError(t, err)
	h.change(func(tx *store.Tx) error {
		return tx.AddEvent(t.Context(), store.EventRow{Device: station, Incarnation: l.incarnation.String(), Number: 1, Kind: uint16(rec.Kind),
			Body: rec.Body, EventAt: noon, ReceivedAt: noon, Outcome: store.Unknown})
	})
	h.effects.set(errors.New("passing"))
	require.ErrorContains(t, h.ApplyLate(t.Context()), "passing")
	require.Equal(t, "unknown", h.eventsByNumber()[1].Outcome, "it is tried again at the next start")
	h.effects.set(nil)
	require.NoError(t, h.ApplyLate(t.Context()))
	require.Equal(t, "applied", h.eventsByNumber()[1].Outcome)
}

// testBytesOfOlderDevicesAreTaken sends what is frozen of revision 1, record by record as its numbers say.
func testBytesOfOlderDevicesAreTaken(t *testing.T, h *hub) {
	files, err := filepath.Glob("../../protocol/testdata/v1/record-*.hex")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, file := range files {
		if i%30 == 29 { // a device that begins anew so often within a day is not believed
			h.now = h.now.Add(25 * time.Hour)
			h.restart()
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		require.NoError(t, err)
		rec, err := protocol.DecodeRecord(raw)
		require.NoError(t, err)
		l := newLog(rec.Kind.Log())
		hello := helloOf(l)
		hello.Logs = []protocol.Position{{Log: l.log, First: rec.Number, Next: rec.Number + 1}}
		_, err = h.Hello(t.Context(), station, hello)
		require.NoError(t, err)
		before := h.Stats().Quarantined.Load()
		a := h.batch(protocol.Batch{Incarnation: l.incarnation, Log: l.log, First: rec.Number, Records: [][]byte{raw}})
		require.Equal(t, rec.Number, a.Applied, file)
		require.Equal(t, before, h.Stats().Quarantined.Load(), file)
	}
	require.NotEmpty(t, h.Stats().Readings.Load())
}

func testALogThatIsHeldUpIsToldOfUntilItGoesOn(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(2)
	h.hello(l)
	h.effects.set(errors.New("looks like passing"))
	for range 4 {
		_, err := h.Batch(t.Context(), station, l.batch(1, 3))
		require.Error(t, err)
	}
	require.Empty(t, h.work(), "it may pass")
	for range 4 {
		_, err := h.Batch(t.Context(), station, l.batch(1, 3))
		require.Error(t, err)
	}
	work := h.work()
	require.Len(t, work, 1)
	require.Equal(t, "log_held", work[0].Kind)
	require.Contains(t, work[0].Detail, "looks like passing")
	require.Contains(t, work[0].Detail, "events 1")
	h.effects.set(nil)
	require.EqualValues(t, 2, h.batch(l.batch(1, 3)).Applied)
	require.False(t, h.work()[0].Closed.IsZero())
}

// stands puts an event there that the log of a device has not delivered: a fault that the database will refuse for ever.
func (h *hub) stands(device string, l *devLog, number uint64) {
	h.change(func(tx *store.Tx) error {
		return tx.AddEvent(h.t.Context(), store.EventRow{Device: device, Incarnation: l.incarnation.String(), Number: number,
			Body: []byte{}, EventAt: noon, ReceivedAt: noon, Outcome: store.Applied})
	})
}

// Events are written several at a time: the refusal of one comes when its batch is through.
func testWhatTheDatabaseRefusesAtTheEndHoldsUp(t *testing.T, h *hub) {
	l := newLog(protocol.Events).scans(3)
	h.hello(l)
	h.stands(station, l, 2)
	for range 5 {
		_, err := h.Batch(t.Context(), station, l.batch(1, 4))
		require.ErrorContains(t, err, "insert into events")
	}
	work := h.work()
	require.Len(t, work, 1)
	require.Equal(t, "log_held", work[0].Kind)
	require.Contains(t, work[0].Detail, "events 1")
	require.Len(t, h.events(), 1, "nothing of the batch is taken")
}

// Redate moves the alarm that Apply has raised.
func (e *effects) Redate(ctx context.Context, tx *store.Tx, ev link.Event, was time.Time) error {
	return tx.MoveAlarm(ctx, fmt.Sprintf("effect/%s/%s/%d", ev.Device, ev.Incarnation, ev.Number), was, ev.At)
}

func (e *effects) redated(t *testing.T, h *hub, number int64) time.Time {
	var at time.Time
	h.change(func(tx *store.Tx) error {
		all, err := tx.Alarms(t.Context(), 1000)
		for _, a := range all {
			if strings.HasSuffix(a.ID, fmt.Sprintf("/%d", number)) {
				at = a.Raised
			}
		}
		return err
	})
	return at
}
