package link

import (
	"context"
	"slices"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// carried is what the hub has already of the records that an incarnation brings along from its parent. A device does not know
// what of them the hub had taken, so that it brings them all, under new numbers; they must not take effect twice.
type carried struct {
	known map[store.CarriedEvent]bool
	rows  map[store.CarriedReading]bool
}

// generations is how many parents are looked at: a log that forks over and over is looked after by people.
const generations = 8

// maxSiblings is how many incarnations that go on from one parent are looked at.
const maxSiblings = 64

// loadCarried reads what may come again, when a record from this number on may be one of those.
func (t *taking) loadCarried(ctx context.Context, log fleet.Log, number uint64) error {
	t.carried = carried{}
	if !log.Origin.Carried(number) {
		return nil
	}
	of := log
	for range generations {
		o := of.Origin
		if o.Parent == "" {
			return nil
		}
		if err := t.load(ctx, o.Parent, o.First, o.Next); err != nil {
			return err
		}
		if err := t.loadSiblings(ctx, of); err != nil {
			return err
		}
		// What the parent itself has brought along stands with its own parent.
		var known bool
		var err error
		if of, known, err = t.tx.DeviceLog(ctx, t.device.ID, o.Parent, log.Log); err != nil || !known {
			return err
		}
	}
	return nil
}

// loadSiblings reads what other incarnations that go on from the same parent have brought along.
func (t *taking) loadSiblings(ctx context.Context, log fleet.Log) error {
	siblings, err := t.tx.LogsFrom(ctx, t.device.ID, log.Origin.Parent, log.Log, maxSiblings)
	if err != nil {
		return err
	}
	for _, s := range siblings {
		if s.Incarnation == log.Incarnation {
			continue
		}
		if err := t.load(ctx, s.Incarnation, 1, s.Origin.Last()+1); err != nil {
			return err
		}
	}
	return nil
}

// load reads numbers first up to, without, next of an incarnation.
func (t *taking) load(ctx context.Context, incarnation string, first, next uint64) error {
	if t.batch.Log == protocol.Readings {
		rows, err := t.tx.CarriedReadings(ctx, t.device.ID, incarnation, first, next)
		if t.carried.rows == nil {
			t.carried.rows = map[store.CarriedReading]bool{}
		}
		for r := range rows {
			t.carried.rows[r] = true
		}
		return err
	}
	events, err := t.tx.CarriedEvents(ctx, t.device.ID, incarnation, first, next)
	if t.carried.known == nil {
		t.carried.known = map[store.CarriedEvent]bool{}
	}
	for e := range events {
		t.carried.known[e] = true
	}
	return err
}

// aboutStorage are kinds that say something of the incarnation itself: they hold for the new one, too, and are kept again.
var aboutStorage = []protocol.Kind{protocol.KindBooted, protocol.KindClockSet, protocol.KindPlanApplied, protocol.KindDamaged,
	protocol.KindSalvaged, protocol.KindSamplingSet, protocol.KindStopped}

// event says whether a record is there already.
func (c carried) event(rec protocol.Record) bool {
	return len(c.known) > 0 && rec.Number != 0 && !slices.Contains(aboutStorage, rec.Kind) &&
		c.known[store.CarriedEvent{Boot: rec.Boot, Mono: rec.Mono, ClaimedAt: rec.Wall, Kind: uint16(rec.Kind), Body: string(rec.Body)}]
}

// readings leaves out the rows that are there already.
func (c carried) readings(rows []store.ReadingRow) []store.ReadingRow {
	if len(c.rows) == 0 {
		return rows
	}
	return slices.DeleteFunc(rows, func(r store.ReadingRow) bool {
		return c.rows[store.CarriedReading{Sensor: r.Sensor, Boot: r.Boot, Mono: r.Mono, ClaimedAt: r.ClaimedAt, MilliC: r.MilliC,
			Fault: r.Fault, SpanMS: r.Span.Milliseconds(), Samples: r.Samples}]
	})
}
