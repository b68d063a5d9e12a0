package link_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

func TestLives(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for name, test := range map[string]func(*testing.T, *hub){
			"what a lost storage held is a gap until it is found":     testWhatALostStorageHeldIsAGap,
			"two storages under one id are noticed once":              testTwoStoragesAreNoticedOnce,
			"a storage that is drained by hand":                       testAStorageIsDrainedByHand,
			"what a salvaged storage brings again is not taken twice": testWhatIsBroughtAgainIsNotTakenTwice,
			"who forgets what it counted is told of":                  testWhoForgetsWhatItCountedIsToldOf,
			"a storage that is salvaged twice is taken once":          testAStorageThatIsSalvagedTwiceIsTakenOnce,
			"a command that was interrupted":                          testACommandThatWasInterrupted,
		} {
			t.Run(name, func(t *testing.T) { test(t, newHub(t, empty())) })
		}
	})
}

// lives gives the gaps of an incarnation's events.
func (h *hub) gaps(l *devLog) (gaps []fleet.Gap) {
	h.change(func(tx *store.Tx) (err error) {
		gaps, err = tx.Gaps(h.t.Context(), station, l.incarnation.String(), uint8(l.log))
		return err
	})
	for i := range gaps {
		gaps[i].Reason = ""
	}
	return gaps
}

func testWhatALostStorageHeldIsAGap(t *testing.T, h *hub) {
	old := newLog(protocol.Events).scans(5)
	h.hello(old)
	h.batch(old.batch(1, 3))
	fresh := newLog(protocol.Events)
	h.hello(fresh)
	lost := fleet.Gap{First: 3, Last: 3, Kind: fleet.IncarnationLost}
	require.Equal(t, []fleet.Gap{lost}, h.gaps(old), "of unknown length")
	h.hello(fresh)
	require.Equal(t, []fleet.Gap{lost}, h.gaps(old))

	h.hello(old)
	lost.Last = 5
	require.Equal(t, []fleet.Gap{lost}, h.gaps(old), "it says what it still holds")
	h.batch(old.batch(3, 5))
	lost.First = 5
	require.Equal(t, []fleet.Gap{lost}, h.gaps(old))
	h.batch(old.batch(5, 6))
	require.Empty(t, h.gaps(old))

	// One that had nothing left to say.
	third := newLog(protocol.Events)
	h.hello(third)
	require.Len(t, h.gaps(fresh), 1)
	h.hello(fresh)
	require.Empty(t, h.gaps(fresh))
}

func testTwoStoragesAreNoticedOnce(t *testing.T, h *hub) {
	say := func(l *devLog, boot, session uint64) protocol.Verdict {
		hello := helloOf(l)
		hello.Boot, hello.Session = boot, session
		w, err := h.Hello(t.Context(), station, hello)
		require.NoError(t, err)
		return w.Verdict
	}
	two := func() (n int) {
		for _, w := range h.work() {
			if w.Kind == "two_storages" {
				n++
			}
		}
		return n
	}
	old, fresh := newLog(protocol.Events), newLog(protocol.Events)
	say(old, 3, 2)
	say(fresh, 1, 1)
	require.Equal(t, protocol.Superseded, say(old, 3, 2))
	require.Equal(t, protocol.Superseded, say(old, 2, 9))
	require.Zero(t, two(), "these were only late")
	for i := range uint64(3) {
		require.Equal(t, protocol.Superseded, say(old, 3, 3+i))
		require.Equal(t, protocol.Current, say(fresh, 1, 2+i))
	}
	require.Equal(t, 1, two())
	owed, err := h.Outbox(t.Context(), station)
	require.NoError(t, err)
	require.Empty(t, owed)
	require.Equal(t, fresh.incarnation.String(), h.device().Incarnation)
}

// exported is what edge export writes of a log.
func exported(t *testing.T, hello protocol.Hello, l *devLog, sizes ...uint64) []byte {
	var file []byte
	add := func(m protocol.Message) {
		b, err := protocol.Encode(m)
		require.NoError(t, err)
		file = append(file, b...)
	}
	add(hello)
	for first, i := l.first, 0; first < l.next(); i++ {
		end := min(l.next(), first+sizes[i%len(sizes)])
		add(l.batch(first, end))
		first = end
	}
	return file
}

func testAStorageIsDrainedByHand(t *testing.T, h *hub) {
	ctx := t.Context()
	l := newLog(protocol.Events).scans(5)
	h.hello(l)
	h.batch(l.batch(1, 3))
	file := exported(t, helloOf(l), l, 2, 1)
	_, err := h.Drain(ctx, station, bytes.NewReader(file), false)
	require.ErrorIs(t, err, link.ErrInService)
	h.change(func(tx *store.Tx) error { return tx.RevokeDevice(ctx, station, noon) })

	for name, bad := range map[string][]byte{"nothing": nil, "a batch first": file[len(file)/2:], "text": []byte("hello")} {
		_, err := h.Drain(ctx, station, bytes.NewReader(bad), false)
		require.ErrorIs(t, err, link.ErrNotExported, name)
	}
	_, err = h.Drain(ctx, "nobody", bytes.NewReader(file), false)
	require.ErrorIs(t, err, fleet.ErrUnknownDevice)
	h.addDevice("dev-2", "loc-2")
	h.change(func(tx *store.Tx) error { return tx.RevokeDevice(ctx, "dev-2", noon) })
	_, err = h.Drain(ctx, "dev-2", bytes.NewReader(file), true)
	require.ErrorContains(t, err, "the storage is that of device "+station)

	// A file that breaks off gives what it has; the whole one the rest; again, nothing.
	d, err := h.Drain(ctx, station, bytes.NewReader(file[:len(file)-1]), false)
	require.ErrorIs(t, err, protocol.ErrMalformed)
	require.EqualValues(t, 1, d.Events)
	d, err = h.Drain(ctx, station, bytes.NewReader(file), false)
	require.NoError(t, err)
	require.Equal(t, link.Drained{Incarnation: l.incarnation, Events: 2, Repeated: 3}, d)
	d, err = h.Drain(ctx, station, bytes.NewReader(file), false)
	require.NoError(t, err)
	require.Zero(t, d.Events)
	require.Equal(t, 5, h.applied())
	require.Equal(t, fleet.Offline, h.device().Presence(), "nobody is there for that")

	unheard := newLog(protocol.Events).scans(2)
	file = exported(t, helloOf(unheard), unheard, 2)
	_, err = h.Drain(ctx, station, bytes.NewReader(file), false)
	require.ErrorIs(t, err, link.ErrNeverHeard)
	d, err = h.Drain(ctx, station, bytes.NewReader(file), true)
	require.NoError(t, err)
	require.EqualValues(t, 2, d.Events)
	require.Equal(t, l.incarnation.String(), h.device().Incarnation, "it is not the current one for that")

	branch := newLog(protocol.Events).add(protocol.ScanRefused{Step: "other"}).scans(6)
	branch.incarnation = l.incarnation
	_, err = h.Drain(ctx, station, bytes.NewReader(exported(t, helloOf(branch), branch, 9)), false)
	require.ErrorIs(t, err, fleet.ErrForked)
	require.Equal(t, 7, h.applied())
}

func testWhatIsBroughtAgainIsNotTakenTwice(t *testing.T, h *hub) {
	old := newLog(protocol.Events).scans(6)
	readings := newLog(protocol.Readings)
	readings.incarnation = old.incarnation
	for n := range int64(4) {
		readings.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: n}}})
	}
	h.hello(old, readings)
	h.batch(old.batch(1, 5))
	h.batch(readings.batch(1, 4))

	// What could be read of the file is 2, 4, 5 and 6 behind a word of what was found, and the readings 2 to 4.
	salvaged, rest := newLog(protocol.Events), newLog(protocol.Readings)
	rest.incarnation = salvaged.incarnation
	salvaged.add(protocol.Salvaged{Reason: "a page was zeroed", Lost: []protocol.LostSpan{{Log: protocol.Events, From: 3, To: 3}}, Parent: old.incarnation})
	again := func(to, from *devLog, numbers ...int) {
		for _, n := range numbers {
			r, err := protocol.DecodeRecord(from.records[n-1])
			require.NoError(t, err)
			to.record(r)
		}
	}
	again(salvaged, old, 2, 4, 5, 6)
	again(rest, readings, 2, 3, 4)
	salvaged.scans(1)
	hello := helloOf(salvaged, rest)
	hello.Parent = &protocol.Parent{Incarnation: old.incarnation, Events: 2, Readings: 2}
	w, err := h.Hello(t.Context(), station, hello)
	require.NoError(t, err)
	require.Equal(t, protocol.Current, w.Verdict)
	require.EqualValues(t, 3, h.batch(salvaged.batch(1, 4)).Applied)
	require.EqualValues(t, 6, h.batch(salvaged.batch(4, 7)).Applied)
	require.EqualValues(t, 3, h.batch(rest.batch(1, 4)).Applied)
	require.Equal(t, 7, h.applied(), "1 to 6 once each, and the new one")
	require.EqualValues(t, 4, h.Stats().Readings.Load()-h.carriedReadings(t, rest))
	require.Empty(t, h.gaps(old), "it all came along")
}

func testWhoForgetsWhatItCountedIsToldOf(t *testing.T, h *hub) {
	begin := func(parent *devLog, state bool) *devLog {
		t.Helper()
		l := newLog(protocol.Events)
		hello := helloOf(l)
		if parent != nil {
			hello.Parent = &protocol.Parent{Incarnation: parent.incarnation, Events: 1, Readings: 1, State: state}
		}
		_, err := h.Hello(t.Context(), station, hello)
		require.NoError(t, err)
		return l
	}
	first := begin(nil, false)
	h.hello(first)
	require.Zero(t, h.forgot, "the first has nothing to forget, whatever it had been elsewhere")
	salvaged := begin(first, true)
	require.Zero(t, h.forgot, "it knows what its parent knew")
	begin(first, true)
	require.Equal(t, 1, h.forgot, "it does not know what the salvaged one has counted since")
	forked := begin(salvaged, false)
	require.Equal(t, 2, h.forgot)
	begin(forked, false)
	require.Equal(t, 3, h.forgot, "an image, or a card that was cloned")
	begin(nil, false)
	require.Equal(t, 4, h.forgot, "an empty card")
	h.hello(first)
	require.Equal(t, 4, h.forgot, "one that was superseded gets no plan")
}

// A broken file is read again, or the device has salvaged itself and the file that it set aside is drained as well: each time it
// gets an incarnation of its own. What they bring was never delivered by the one that they go on from.
func testAStorageThatIsSalvagedTwiceIsTakenOnce(t *testing.T, h *hub) {
	ctx := t.Context()
	salvage := func(events, readings *devLog, from uint64) (*devLog, *devLog, protocol.Hello) {
		first, second := newLog(protocol.Events), newLog(protocol.Readings)
		second.incarnation = first.incarnation
		first.add(protocol.Salvaged{Reason: "both meta pages", Parent: events.incarnation})
		for to, of := range map[*devLog]*devLog{first: events, second: readings} {
			for _, raw := range of.records[from-1:] {
				r, err := protocol.DecodeRecord(raw)
				require.NoError(t, err)
				to.record(r)
			}
		}
		hello := helloOf(first, second)
		hello.Parent = &protocol.Parent{Incarnation: events.incarnation, Events: from, Readings: from}
		return first, second, hello
	}
	storage := func() (events, readings *devLog) {
		events, readings = newLog(protocol.Events).scans(40), newLog(protocol.Readings)
		readings.incarnation = events.incarnation
		for n := range int64(40) {
			readings.add(protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: n}}})
		}
		return events, readings
	}
	stored := func(l *devLog) (n int) {
		h.change(func(tx *store.Tx) error {
			rows, err := tx.CarriedReadings(ctx, station, l.incarnation.String(), 1, l.next())
			n = len(rows)
			return err
		})
		return n
	}

	events, readings := storage()
	h.hello(events, readings)
	h.batch(events.batch(1, 3))
	first, rest, hello := salvage(events, readings, 3)
	_, err := h.Hello(ctx, station, hello)
	require.NoError(t, err)
	h.batch(first.batch(1, 40))
	h.batch(rest.batch(1, 39))
	require.Equal(t, 40, h.applied())
	require.Equal(t, 38, stored(rest))
	h.change(func(tx *store.Tx) error { return tx.RevokeDevice(ctx, station, noon) })
	again, second, hello := salvage(events, readings, 3)
	d, err := h.Drain(ctx, station, bytes.NewReader(exported(t, hello, again, 7)), false)
	require.NoError(t, err)
	require.EqualValues(t, 38, d.Repeated)
	require.EqualValues(t, 1, d.Events, "that it was salvaged")
	_, err = h.Drain(ctx, station, bytes.NewReader(exported(t, hello, second, 7)), false)
	require.NoError(t, err)
	require.Equal(t, 40, h.applied())
	require.Zero(t, stored(second))

	events, readings = storage() // of which the hub has never heard
	for want := range 2 {
		l, _, hello := salvage(events, readings, 1)
		d, err := h.Drain(ctx, station, bytes.NewReader(exported(t, hello, l, 7)), true)
		require.NoError(t, err)
		require.EqualValues(t, []int{41, 1}[want], d.Events)
	}
	require.Equal(t, 80, h.applied())
}

// carriedReadings counts samples that were counted and not stored.
func (h *hub) carriedReadings(t *testing.T, l *devLog) int64 {
	var stored map[store.CarriedReading]bool
	h.change(func(tx *store.Tx) (err error) {
		stored, err = tx.CarriedReadings(t.Context(), station, l.incarnation.String(), 1, l.next())
		return err
	})
	require.Len(t, stored, 1, "of three only the one that is new")
	return int64(l.next()) - 1 - int64(len(stored))
}

func testACommandThatWasInterrupted(t *testing.T, h *hub) {
	ctx := t.Context()
	at := noon
	h.Receiver = link.NewReceiver(link.Config{Store: h.store, Effects: h.effects, Logger: slog.New(slog.DiscardHandler),
		Clock: clock.New(time.Now(), at, 1)})
	later := func(d time.Duration) { // the same data at another time
		h.Receiver = link.NewReceiver(link.Config{Store: h.store, Effects: h.effects, Logger: slog.New(slog.DiscardHandler),
			Clock: clock.New(time.Now(), at.Add(d), 1)})
	}
	l := newLog(protocol.Events)
	h.hello(l)
	command := func(id string) (c fleet.Command) {
		h.change(func(tx *store.Tx) (err error) {
			c, err = tx.Command(ctx, id)
			return err
		})
		return c
	}
	for _, id := range []string{"c-1", "c-2", "c-3"} {
		h.change(func(tx *store.Tx) error {
			_, err := tx.AddCommand(ctx, fleet.Command{ID: id, Device: station, Deadline: noon.Add(5 * time.Minute), AskedAt: noon})
			return err
		})
		require.Equal(t, fleet.StateSent, command(id).State())
	}
	l.add(protocol.CommandTaken{ID: "c-1", Counter: 1}, protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandUnknown},
		protocol.CommandTaken{ID: "c-2", Counter: 2})
	h.batch(l.batch(1, 2))
	require.Equal(t, fleet.StateApplied, command("c-1").State())
	h.batch(l.batch(2, 4))
	require.Equal(t, fleet.StateUnknown, command("c-1").State())
	owed, err := h.Outbox(ctx, station)
	require.NoError(t, err)
	require.Len(t, owed, 2, "what is being settled is not sent again")

	later(8 * time.Minute)
	require.NoError(t, h.ExpireCommands(ctx))
	require.Equal(t, fleet.StateUnknown, command("c-1").State())
	require.Equal(t, fleet.StateUnknown, command("c-2").State(), "it was taken, and what became of it nobody knows")
	require.Equal(t, fleet.StateExpired, command("c-3").State())
	require.Empty(t, h.work())
	later(2 * time.Hour)
	for range 2 {
		require.NoError(t, h.ExpireCommands(ctx))
	}
	require.Len(t, h.work(), 2, "a person looks, once each")

	l.add(protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandDone},
		protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandUnknown},
		protocol.CommandAnswered{ID: "c-1", Counter: 1, Outcome: protocol.CommandRefused, Reason: "late"})
	h.batch(l.batch(4, 7))
	require.Equal(t, fleet.StateDone, command("c-1").State(), "the first final answer stands")
	open := 0
	for _, w := range h.work() {
		if w.Kind == "command_unknown" && w.Closed.IsZero() {
			open++
		}
	}
	require.Equal(t, 1, open)
}

func TestADeviceThatDoesNotAnswerGetsNoMoreCommandsAtSomePoint(t *testing.T) {
	h := newHub(t, storetest.SQLite(t))
	ctx := t.Context()
	add := func(n int) error {
		return h.store.Change(ctx, func(tx *store.Tx) error {
			_, err := tx.AddCommand(ctx, fleet.Command{ID: fmt.Sprint("c-", n), Device: station, Deadline: noon, AskedAt: noon})
			return err
		})
	}
	for n := range fleet.MaxOpenCommands {
		require.NoError(t, add(n))
	}
	require.ErrorIs(t, add(99), fleet.ErrTooManyCommands)
	require.NoError(t, h.ExpireCommands(context.WithoutCancel(ctx)))
}
