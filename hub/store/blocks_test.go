package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// twins are two hubs to which the same happens, of which one packs its readings. Whatever they are asked, they say the same.
type twins struct {
	t             *rapid.T
	ctx           context.Context
	plain, packed *store.Store
	name          string // of the place, and in the names of its sensors
	devices       []*twinDevice
	begun, now    time.Time
	blocks        int
}

type twinDevice struct {
	id, incarnation      string
	lives                int
	boot, number, events uint64
	booted               time.Time
	within               time.Duration // of the records of the boot
	left                 []uint64      // numbers left out
	shift                time.Duration // the device's clock is wrong by so much
}

func (w *twins) both(fn func(*store.Tx) error) {
	for _, s := range []*store.Store{w.plain, w.packed} {
		require.NoError(w.t, s.Change(w.ctx, fn))
	}
}

func (w *twins) sensors() []string { return []string{w.name + "/air", w.name + "/back"} }

func (w *twins) device() *twinDevice {
	return w.devices[rapid.IntRange(0, len(w.devices)-1).Draw(w.t, "device")]
}

func (w *twins) saveLog(d *twinDevice) {
	w.both(func(tx *store.Tx) error {
		return tx.SaveDeviceLog(w.ctx, d.id, fleet.Log{Incarnation: d.incarnation, Log: uint8(protocol.Readings), Next: d.number + 1, State: fleet.Current})
	})
}

func (w *twins) renew(d *twinDevice) {
	d.lives++
	d.incarnation = fmt.Sprintf("%s-%d-%030d", d.id, d.lives, 0)
	d.number, d.events, d.boot, d.left = 0, 0, 0, nil
	w.both(func(tx *store.Tx) error {
		if err := tx.SupersedeLives(w.ctx, d.id, d.incarnation, w.now); err != nil {
			return err
		}
		f, err := tx.Device(w.ctx, d.id)
		f.Incarnation = d.incarnation
		if err != nil {
			return err
		}
		return tx.SaveDevice(w.ctx, f)
	})
	w.saveLog(d)
	w.starts(d)
}

func (w *twins) starts(d *twinDevice) {
	w.now = w.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(w.t, "minutes off")) * time.Minute)
	d.boot++
	d.booted = w.now
	d.within = rapid.SampledFrom([]time.Duration{40 * time.Millisecond, 40 * time.Millisecond, 9 * time.Second}).Draw(w.t, "within")
	d.shift = time.Duration(rapid.IntRange(-40, 40).Draw(w.t, "shift")) * time.Second * min(time.Duration(d.within/time.Second), 1)
	bodies := []protocol.Body{protocol.Booted{}}
	if rapid.Bool().Draw(w.t, "tells how it samples") {
		bodies = append(bodies, protocol.SamplingSet{EveryMS: 60_000, Sensors: w.sensors()[:1]})
	}
	w.both(func(tx *store.Tx) error {
		for i, b := range bodies {
			body, err := protocol.EncodeBody(b)
			if err != nil {
				return err
			}
			if err := tx.AddEvent(w.ctx, store.EventRow{Device: d.id, Incarnation: d.incarnation, Number: d.events + uint64(i) + 1, Boot: d.boot,
				Kind: uint16(b.Kind()), Body: body, EventAt: w.now, ReceivedAt: w.now, Outcome: store.Applied}); err != nil {
				return err
			}
		}
		return tx.SawBoot(w.ctx, d.id, d.incarnation, d.boot, 0, w.now)
	})
	d.events += uint64(len(bodies))
}

// records adds some records of one or both sensors.
func (w *twins) records(d *twinDevice) {
	n, rounds := rapid.IntRange(1, 150).Draw(w.t, "records"), rapid.SampledFrom([]int{1, 1, 4}).Draw(w.t, "rounds")
	sensors := w.sensors()[:rapid.SampledFrom([]int{1, 2, 2}).Draw(w.t, "sensors")]
	fault := rapid.SampledFrom([]uint8{0, 0, 0, uint8(protocol.SensorMissing)}).Draw(w.t, "fault")
	seed := rapid.Int64Range(0, 1000).Draw(w.t, "noise")
	var rows []store.ReadingRow
	for range n {
		d.number++
		if (seed+int64(d.number))%29 == 0 {
			d.left = append(d.left, d.number)
			continue
		}
		w.now = w.now.Add(time.Duration(rounds) * time.Minute)
		rows = append(rows, w.record(d, d.number, rounds, sensors, fault, seed)...)
	}
	w.both(func(tx *store.Tx) error {
		return tx.AddReadings(w.ctx, d.id, d.incarnation, w.now.Add(time.Second), rows)
	})
	w.saveLog(d)
}

func (w *twins) record(d *twinDevice, number uint64, rounds int, sensors []string, fault uint8, seed int64) (rows []store.ReadingRow) {
	gaps, values := make([]int64, rounds-1), make([]int64, rounds)
	for i := range gaps {
		gaps[i] = 60_000
	}
	noise := (seed*int64(number)*7919)%400 - 200
	for i := range values {
		values[i] = noise / int64(i+1)
	}
	values[0] += 4000
	last := int64(0)
	for _, v := range values {
		last += v
	}
	for j, sensor := range sensors {
		mono := w.now.Sub(d.booted).Milliseconds() + noise%7
		r := store.ReadingRow{Number: number, Boot: d.boot, Mono: mono, ClaimedAt: w.now.UnixMilli(), WallQuality: 2,
			Dated:  fleet.Dated{At: w.now.Add(d.shift + time.Duration(noise)*time.Millisecond), Within: d.within},
			Sensor: sensor, MilliC: last, Span: time.Duration(rounds-1) * time.Minute, Samples: rounds}
		var faults []protocol.RoundFault
		if fault != 0 && j == 0 && number%5 == 0 {
			for i := range rounds {
				faults = append(faults, protocol.RoundFault{Round: uint16(i), Fault: protocol.SensorFault(fault)})
			}
			r.MilliC, r.Fault, r.Faults = 0, fault, rounds
		}
		r.Earlier = store.AppendEarlier(nil, gaps, values, faults, j)
		rows = append(rows, r)
	}
	return rows
}

// late adds a record that was left out, as one whose kind was not known is.
func (w *twins) late(d *twinDevice) {
	if len(d.left) == 0 {
		return
	}
	i := rapid.IntRange(0, len(d.left)-1).Draw(w.t, "left out")
	rows := w.record(d, d.left[i], 1, w.sensors(), 0, 3)
	d.left = slices.Delete(d.left, i, i+1)
	w.both(func(tx *store.Tx) error { return tx.AddReadings(w.ctx, d.id, d.incarnation, w.now, rows) })
}

// copies has a device bring again, under new numbers of a new life, what its last one has brought.
func (w *twins) copies(d *twinDevice) {
	was, numbers := d.incarnation, d.number
	w.renew(d)
	var rows []store.ReadingRow
	require.NoError(w.t, w.plain.Read(w.ctx, func(tx *store.Tx) error {
		for r := range must(tx.CarriedReadings(w.ctx, d.id, was, max(numbers, 30)-29, numbers+1)) {
			rows = append(rows, store.ReadingRow{Boot: r.Boot, Mono: r.Mono, ClaimedAt: r.ClaimedAt, Sensor: r.Sensor, MilliC: r.MilliC,
				Fault: r.Fault, Faults: min(int(r.Fault), 1), Samples: 1, Dated: fleet.Dated{At: time.UnixMilli(r.ClaimedAt).UTC(), Within: d.within}})
		}
		return nil
	}))
	slices.SortFunc(rows, func(a, b store.ReadingRow) int {
		return int(a.Mono-b.Mono) + slices.Compare([]byte(a.Sensor), []byte(b.Sensor))
	})
	for i := range rows {
		d.number++
		rows[i].Number = d.number
	}
	w.both(func(tx *store.Tx) error { return tx.AddReadings(w.ctx, d.id, d.incarnation, w.now, rows) })
	w.saveLog(d)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// redates gives what is not well dated better times, as hub/link does when a clock pair comes late.
func (w *twins) redates(d *twinDevice) {
	by := time.Duration(rapid.IntRange(-7200, 100).Draw(w.t, "seconds")) * time.Second
	within := rapid.SampledFrom([]time.Duration{100 * time.Millisecond, 5 * time.Second}).Draw(w.t, "within")
	page := rapid.IntRange(1, 200).Draw(w.t, "page")
	var said []any
	w.both(func(tx *store.Tx) error {
		boot, found, err := tx.NextBoot(w.ctx, d.id, d.incarnation, 1, d.boot)
		if err != nil || !found {
			return err
		}
		for after := uint64(0); ; {
			all, err := tx.UndatedReadings(w.ctx, d.id, d.incarnation, boot, after, page)
			if err != nil {
				return err
			}
			said = append(said, all)
			var better []store.Redated
			for _, u := range all {
				better = append(better, store.Redated{Number: u.Number, Dated: fleet.Dated{At: u.Dated.At.Add(by), Within: within}})
			}
			if err := tx.RedateReadings(w.ctx, d.id, d.incarnation, better); err != nil {
				return err
			}
			if len(all) < page {
				return nil
			}
			after = all[page-1].Number
		}
	})
	require.Equal(w.t, said[:len(said)/2], said[len(said)/2:], "what is not well dated")
}

// packs has only one of them pack: all that is so old at a time within the history, or later.
func (w *twins) packs() {
	at := w.now.Add(time.Duration(rapid.SampledFrom([]int{-300, 0, 10_000}).Draw(w.t, "minutes")) * time.Minute)
	did, err := w.packed.PackReadings(w.ctx, store.Packing{Before: at, UndatedBefore: at})
	require.NoError(w.t, err)
	w.blocks += did.Blocks
}

// compares asks both.
func (w *twins) compares() {
	span := int(w.now.Sub(w.begun)/time.Minute) + 60
	from := w.begun.Add(time.Duration(rapid.IntRange(-60, span).Draw(w.t, "from")) * time.Minute)
	until := from.Add(time.Duration(rapid.IntRange(1, span).Draw(w.t, "span")) * time.Minute)
	d := w.device()
	most := rapid.IntRange(40, 3000).Draw(w.t, "most")
	first := uint64(rapid.IntRange(1, 300).Draw(w.t, "first"))
	var said []any
	for _, s := range []*store.Store{w.plain, w.packed} {
		var all []any
		require.NoError(w.t, s.Read(w.ctx, func(tx *store.Tx) error {
			for _, sensor := range w.sensors() {
				for begin := from; ; {
					page, next, err := tx.ReadingsOf(w.ctx, sensor, begin, until, most)
					require.NoError(w.t, err)
					all = append(all, page, next)
					if begin = next; next.IsZero() {
						break
					}
				}
				n, bad, err := tx.CountSamples(w.ctx, sensor, from, until)
				require.NoError(w.t, err)
				last, err := tx.LastReading(w.ctx, sensor)
				all = append(all, n, bad, last, fmt.Sprint(err))
			}
			for _, sensor := range append(w.sensors(), "") {
				stretches, reached, err := tx.Ledger(w.ctx, d.id, fleet.Ask{From: from, To: until, Now: w.now, Sensor: sensor})
				all = append(all, stretches, reached, fmt.Sprint(err))
			}
			all = append(all, must(tx.LedgerSensors(w.ctx, d.id)), must(tx.HeardFrom(w.ctx, w.name)),
				must(tx.CarriedReadings(w.ctx, d.id, d.incarnation, first, first+100)))
			boot, found, err := tx.NextBoot(w.ctx, d.id, d.incarnation, 1, d.boot)
			all = append(all, boot, found)
			return err
		}))
		said = append(said, all)
	}
	require.Equal(w.t, said[0], said[1])
}

// histories are fewer than rapid would draw: each takes half a second.
const histories = 40

// TestPackedReadingsAnswerAsRowsDo: random histories of boards that are replaced, storages that are renewed and bring copies, records
// that come late, clocks that are set late; at any moment, whatever has been packed by then, every answer is that of a hub which never
// packs.
func TestPackedReadingsAnswerAsRowsDo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		plain, packed := storetest.Open(t, empty()), storetest.Open(t, empty())
		round, blocks := 0, 0
		rapid.Check(t, func(rt *rapid.T) {
			if round++; round > histories {
				return
			}
			begun := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			w := &twins{t: rt, ctx: t.Context(), plain: plain, packed: packed, name: fmt.Sprintf("p%d", round), begun: begun, now: begun}
			for i := range 2 {
				d := &twinDevice{id: fmt.Sprintf("%s-d%d", w.name, i)}
				w.both(func(tx *store.Tx) error {
					return tx.AddDevice(w.ctx, fleet.Device{ID: d.id, Place: w.name, Role: fleet.Station, AddedAt: begun})
				})
				w.devices = append(w.devices, d)
				w.renew(d)
				w.records(d)
			}
			for range rapid.IntRange(3, 9).Draw(rt, "steps") {
				d := w.device()
				switch rapid.IntRange(0, 11).Draw(rt, "step") {
				case 0:
					w.starts(d)
				case 1:
					w.redates(d)
				case 2:
					w.late(d)
				case 3:
					w.packs()
					w.compares()
				case 4:
					if rapid.IntRange(0, 3).Draw(rt, "copies") == 0 {
						w.copies(d)
					}
				default:
					w.records(d)
				}
			}
			w.packs()
			for range 3 {
				w.compares()
			}
			w.redates(w.devices[0])
			w.compares()
			blocks += w.blocks
		})
		require.Greater(t, blocks, 30, "much was packed")
		t.Logf("%d blocks", blocks)
	})
}
