package link_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// What is kept of one device's records that cannot be read: records and bytes.
const (
	keptUnread  = 1000
	keptInBytes = 4 << 20
)

func TestQuarantineOfRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range map[string]func(*testing.T, *hub){
			"beyond so many records garbage is only named":           testBeyondSoManyRecordsGarbageIsOnlyNamed,
			"beyond so many bytes garbage is only named":             testBeyondSoManyBytesGarbageIsOnlyNamed,
			"what a newer device says is kept whatever there is":     testWhatANewerDeviceSaysIsKept,
			"what is discarded is one gap also across batches":       testWhatIsDiscardedIsOneGap,
			"what is discarded is undone with its batch":             testWhatIsDiscardedIsUndoneWithItsBatch,
			"discarded readings stand in the ledger under that name": testDiscardedReadingsStandInTheLedger,
		} {
			t.Run(rule, func(t *testing.T) { test(t, newHub(t, empty())) })
		}
	})
}

// garbage appends records that nobody can read.
func (l *devLog) garbage(n, size int) *devLog {
	for range n {
		l.raw(bytes.Repeat([]byte{0xff}, size))
	}
	return l
}

// send sends all of a log that the hub does not have.
func (h *hub) send(l *devLog, from uint64) {
	h.t.Helper()
	const batch = 250
	for ; from < l.next(); from += batch {
		last := min(from+batch, l.next())
		require.Equal(h.t, last-1, h.batch(l.batch(from, last)).Applied, "the log moves on")
	}
}

func (h *hub) kept() (k store.Kept) {
	h.t.Helper()
	require.NoError(h.t, h.store.Read(h.t.Context(), func(tx *store.Tx) (err error) {
		k, err = tx.KeptUnread(h.t.Context(), station)
		return err
	}))
	return k
}

func discarded(first, last uint64) fleet.Gap {
	return fleet.Gap{First: first, Last: last, Kind: fleet.Discarded}
}

func testBeyondSoManyRecordsGarbageIsOnlyNamed(t *testing.T, h *hub) {
	events, readings := newLog(protocol.Events).garbage(keptUnread-10, 8), newLog(protocol.Readings)
	readings.incarnation = events.incarnation
	readings.garbage(30, 8)
	h.hello(events, readings)
	h.send(events, 1)
	require.Empty(t, h.work(), "so far all is kept")
	h.send(readings, 1)
	require.Equal(t, keptUnread, h.kept().Records, "both logs together")
	require.Equal(t, []fleet.Gap{discarded(11, 30)}, h.gaps(readings))
	from := events.next()
	events.garbage(5, 8).scans(1)
	h.send(events, from)
	require.Equal(t, []fleet.Gap{discarded(from, from+4)}, h.gaps(events))
	require.Equal(t, 1, h.applied(), "what can be read behind it takes effect")
	require.EqualValues(t, keptUnread+25, h.Stats().Quarantined.Load())
	require.EqualValues(t, 25, h.Stats().Discarded.Load())
	require.Len(t, h.work(), 1, "a person is told once a day")
	require.Equal(t, "misbehaving", h.work()[0].Kind)
	require.Contains(t, h.work()[0].Detail, "readings 11")
}

func testBeyondSoManyBytesGarbageIsOnlyNamed(t *testing.T, h *hub) {
	const size, fit = 50_000, keptInBytes / 50_000
	l := newLog(protocol.Readings).garbage(fit+3, size)
	h.hello(l)
	for n := uint64(1); n < l.next(); n++ {
		require.Equal(t, n, h.batch(l.batch(n, n+1)).Applied)
	}
	require.Equal(t, store.Kept{Records: fit, Bytes: fit * size}, h.kept())
	require.Equal(t, []fleet.Gap{discarded(fit+1, fit+3)}, h.gaps(l))
}

func testWhatANewerDeviceSaysIsKept(t *testing.T, h *hub) {
	l := newLog(protocol.Readings).garbage(keptUnread, 8)
	l.record(protocol.Record{Boot: 1, Kind: 1077, Body: []byte{0xa0}})
	h.hello(l)
	h.send(l, 1)
	require.Empty(t, h.gaps(l))
	require.Equal(t, keptUnread+1, h.kept().Records)
}

func testWhatIsDiscardedIsOneGap(t *testing.T, h *hub) {
	l := newLog(protocol.Events).garbage(keptUnread+200, 8)
	h.hello(l)
	for n := uint64(1); n < l.next(); n += 50 {
		require.Equal(t, n+49, h.batch(l.batch(n, n+50)).Applied)
	}
	require.Equal(t, []fleet.Gap{discarded(keptUnread+1, keptUnread+200)}, h.gaps(l))
	require.EqualValues(t, 1, h.Stats().Gaps.Load())
}

func testWhatIsDiscardedIsUndoneWithItsBatch(t *testing.T, h *hub) {
	l := newLog(protocol.Events).garbage(keptUnread, 8)
	h.hello(l)
	h.send(l, 1)
	from := l.next()
	l.garbage(2, 8).scans(1)
	h.effects.set(errors.New("looks like passing"))
	_, err := h.Batch(t.Context(), station, l.batch(from, l.next()))
	require.Error(t, err)
	require.Empty(t, h.gaps(l))
	h.effects.set(nil)
	h.send(l, from)
	require.Equal(t, []fleet.Gap{discarded(from, from+1)}, h.gaps(l))
}

func testDiscardedReadingsStandInTheLedger(t *testing.T, h *hub) {
	events, readings := newLog(protocol.Events), newLog(protocol.Readings)
	readings.incarnation = events.incarnation
	start := noon.Add(-4 * time.Hour)
	events.at(1, 0, start, protocol.WallSet, protocol.Booted{})
	events.at(1, 0, start, protocol.WallSet, protocol.SamplingSet{EveryMS: time.Minute.Milliseconds(), Sensors: []string{"loc-1-f1/air"}})
	events.told(1, 0, start)
	sample := protocol.Samples{Samples: []protocol.Sample{{Sensor: "loc-1-f1/air", MilliC: 4000}}}
	minute := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	for n := range 60 {
		readings.at(1, minute(n), start.Add(minute(n)), protocol.WallSet, sample)
	}
	readings.garbage(30, 50_000)
	for n := 90; n < 150; n++ {
		readings.at(1, minute(n), start.Add(minute(n)), protocol.WallSet, sample)
	}
	full := newLog(protocol.Events).garbage(keptUnread, 8) // of an earlier storage of the same device
	h.hello(full)
	h.send(full, 1)
	h.hello(events, readings)
	h.send(events, 1)
	for n := uint64(1); n < readings.next(); n += 10 {
		require.Equal(t, n+9, h.batch(readings.batch(n, n+10)).Applied)
	}
	var totals []fleet.Total
	require.NoError(t, h.store.Read(t.Context(), func(tx *store.Tx) error {
		stretches, _, err := tx.Ledger(t.Context(), station, fleet.Ask{From: start, To: start.Add(minute(150)), Now: noon})
		totals = fleet.Totals(stretches)
		return err
	}))
	require.Len(t, totals, 2, "%v", totals)
	require.Equal(t, fleet.StateReceived, totals[0].State)
	require.Equal(t, fleet.StateDiscarded, totals[1].State)
	require.InDelta(t, (30 * time.Minute).Minutes(), totals[1].Time.Minutes(), 1, "exact to one sampling interval")
	require.True(t, totals[1].State.Lost())
}
