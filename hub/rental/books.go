package rental

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// books are what a piece's history says of the bags that it was in, by bag: one row each, of the last time.
type books map[string]store.BagContent

// declared is how an exception begins that a person has made: no history takes it back.
const declared = "declared: "

// note takes in one occurrence, of a piece that was so before it and is so now. A packing that a rule is against puts nothing into a bag.
func (b books) note(before, now rental.Item, e store.RentalEvent, counts bool, at time.Time) {
	if e.Step == protocol.StepPack && counts && now.Inside(e.Bag) && !before.Inside(e.Bag) {
		b[e.Bag] = store.BagContent{Item: e.Item, Packed: at}
	}
	cameOut := e.Step == protocol.StepUnpack && (e.Bag == before.Bag || e.Bag == "")
	if row := b[before.Bag]; before.Inside(before.Bag) && !now.Inside(before.Bag) {
		row.Item, row.Unpacked = e.Item, at
		if !cameOut && !strings.HasPrefix(row.Exception, declared) {
			row.Exception = short(Words(e))
		}
		b[before.Bag] = row
	}
	if e.Step == protocol.StepUnpack && counts && e.Bag != "" && !before.Inside(e.Bag) { // nobody has said that it was in it
		row := b[e.Bag]
		row.Item, row.Unpacked = e.Item, at
		b[e.Bag] = row
	}
}

// keepBooks writes what an occurrence that came last has changed.
func (k *Keeper) keepBooks(ctx context.Context, tx *store.Tx, d done) error {
	changed := books{}
	for _, bag := range []string{d.before.Bag, d.event.Bag} {
		if bag == "" || !d.before.Inside(bag) && d.event.Step != protocol.StepUnpack {
			continue
		}
		row, err := tx.BagContent(ctx, bag, d.now.ID)
		if err != nil {
			return err
		}
		changed[bag] = row
	}
	was := maps.Clone(changed)
	changed.note(d.before.Item, d.now.Item, d.event, d.counts(), d.event.At)
	return k.writeBooks(ctx, tx, d, was, changed)
}

// tellBooks writes what a history that was told again says of bags.
func (k *Keeper) tellBooks(ctx context.Context, tx *store.Tx, d done) error {
	rows, err := tx.BagsOfPiece(ctx, d.now.ID)
	if err != nil {
		return err
	}
	stored := make(map[key]store.RentalEvent, len(d.history))
	events := make([]rental.Event, len(d.history))
	for n, e := range d.history {
		events[n], stored[key{e.Device, e.Number}] = e.Event, e
	}
	is, item, left, back := books{}, rental.Item{}, map[string]time.Time{}, map[string]time.Time{}
	for _, e := range rental.Ordered(events) {
		before := item
		var breach *rental.Breach
		item, breach = rental.Apply(item, e)
		is.note(before, item, stored[key{e.Device, e.Number}], breach == nil || breach.Effect == rental.Told, e.At)
		switch {
		case before.Custody == protocol.Packed && item.Custody == protocol.InTransitOut && item.Order != "":
			left[item.Order] = e.At
		case before.Custody == protocol.InTransitOut && item.Custody == protocol.Packed:
			delete(left, item.Order)
		case before.Out() && before.Order != "" && cameIn(e.Step) && !item.Out():
			back[before.Order] = e.At
		}
	}
	for _, order := range slices.Sorted(maps.Keys(left)) { // also one whose piece has been seen in the house since
		if err := k.shipped(ctx, tx, order, left[order], d); err != nil {
			return err
		}
		if at, came := back[order]; came && at.After(left[order]) {
			if err := k.returned(ctx, tx, order, at, d.event.Recorded); err != nil {
				return err
			}
		}
	}
	for bag, was := range rows {
		if row := is[bag]; strings.HasPrefix(was.Exception, declared) && row.Packed.Equal(was.Packed) {
			row.Item, row.Exception = d.now.ID, was.Exception
			is[bag] = row
		} else if _, has := is[bag]; !has {
			is[bag] = store.BagContent{Item: d.now.ID} // it was never in it, by what is known now
		}
	}
	return k.writeBooks(ctx, tx, d, rows, is)
}

// writeBooks stores rows that have changed, and does what hangs on them: a piece that is in a bag goes where the bag went, and is looked
// for when nothing is left in it.
func (k *Keeper) writeBooks(ctx context.Context, tx *store.Tx, d done, was, is books) error {
	maps.DeleteFunc(is, func(bag string, row store.BagContent) bool { return row.Same(was[bag]) })
	for bag, row := range is {
		if err := tx.SaveBagContent(ctx, bag, row); err != nil {
			return err
		}
	}
	for _, bag := range slices.Sorted(maps.Keys(is)) {
		row := is[bag]
		if !row.Packed.Equal(was[bag].Packed) || !row.Unpacked.Equal(was[bag].Unpacked) {
			if err := k.unknownInside(ctx, tx, bag, "it is known of a piece: "+stepText(d.event).EN, d.event.Recorded); err != nil {
				return err
			}
		}
		if !row.Packed.IsZero() && !row.Packed.Equal(was[bag].Packed) {
			if err := k.goesWith(ctx, tx, d, bag, row); err != nil {
				return err
			}
		}
		if row.Open() {
			continue
		}
		if err := tx.SettleWorkWhy(ctx, bagMissingWork(bag, d.now.ID), stepText(d.event).EN, d.event.Recorded); err != nil {
			return err
		}
	}
	return nil
}

// goesWith has a piece go where its bag went while it was in it, as far as that is not in its history yet.
func (k *Keeper) goesWith(ctx context.Context, tx *store.Tx, d done, name string, row store.BagContent) error {
	bag, err := k.bag(ctx, tx, d.now.Warehouse, store.BagEvent{Bag: name, Step: protocol.StepPack, At: row.Packed, Order: d.now.Order}, "")
	if err != nil {
		return err
	}
	since, err := tx.BagEventsSince(ctx, name, row.Packed)
	if err != nil {
		return err
	}
	since = slices.DeleteFunc(since, func(e store.BagEvent) bool {
		return !slices.Contains(bagMoves, e.Step) || !row.Unpacked.IsZero() && row.Unpacked.Before(e.At)
	})
	if len(since) > 0 {
		history, err := tx.RentalHistory(ctx, d.now.ID)
		if err != nil {
			return err
		}
		for _, e := range since {
			if slices.ContainsFunc(history, func(h store.RentalEvent) bool { return h.Device == e.Device && h.Number == e.Number }) {
				continue
			}
			if _, err := k.record(ctx, tx, d.now.Warehouse, e.For(d.now.ID)); err != nil {
				return err
			}
		}
	}
	if bag.State == store.BagEmptied {
		return k.emptied(ctx, tx, name, "", bag.Changed)
	}
	return nil
}
