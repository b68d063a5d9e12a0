package rental

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/store"
	"meguri/internal/gs1"
	"meguri/internal/rental"
	"meguri/protocol"
)

// bagMoves are the steps of a bag that move the pieces in it.
var bagMoves = []protocol.Step{protocol.StepShip, protocol.StepVoidShip, protocol.StepDeliver, protocol.StepSendBack, protocol.StepReceive}

var bagStates = map[protocol.Step]string{protocol.StepShip: store.BagShipped, protocol.StepVoidShip: store.BagPacking,
	protocol.StepDeliver: store.BagShipped, protocol.StepSendBack: store.BagShipped, protocol.StepReceive: store.BagReceived,
	protocol.StepUnpack: store.BagEmptied, protocol.StepPack: store.BagPacking}

// Bag takes in what was done to a bag as a whole, with all that is in it.
func (k *Keeper) Bag(ctx context.Context, tx *store.Tx, src Source, b protocol.BagScanned) error {
	e := store.BagEvent{Bag: bagName(src, b), Device: src.Device, Number: src.Number, Step: b.Step, At: src.At, Within: src.Within,
		Recorded: src.Recorded, Operator: short(b.Operator), Place: short(b.Place), Order: short(b.Order), Verdict: b.Verdict, Rule: short(b.Rule)}
	bag, err := k.bag(ctx, tx, src, e, short(b.Waybill))
	if err != nil {
		return err
	}
	if err := tx.AddBagEvent(ctx, e); err != nil {
		return err
	}
	if b.Bag == "" && b.Step == protocol.StepReceive {
		if err := tx.AgainWork(ctx, WorkNoBagLabel+"/"+e.Bag, WorkNoBagLabel, e.Bag,
			fmt.Sprintf("a bag without a label came in at %s; it is called %s: find whose it is by its pieces", e.Place, b.Alias), src.At); err != nil {
			return err
		}
	}
	if slices.Contains(bagMoves, b.Step) {
		return k.moveBag(ctx, tx, src.Warehouse, bag, e, nil)
	}
	if b.Step != protocol.StepUnpack {
		return nil
	}
	if err := k.finds(ctx, tx, src, e, b.Found); err != nil {
		return err
	}
	return k.emptied(ctx, tx, e.Bag, e.Operator, e.At)
}

// bagName is a bag's SSCC, or the name that a device has given to one without a label.
func bagName(src Source, b protocol.BagScanned) string {
	if b.Bag != "" {
		return short(b.Bag)
	}
	return unlabelled(src, b.Alias)
}

func unlabelled(src Source, alias string) string {
	device, _, _ := strings.Cut(src.Device, "/")
	return "nolabel/" + device + "/" + short(alias)
}

// named is the bag that a piece was in: a device that has named one without a label says that name of its pieces, too.
func named(ctx context.Context, tx *store.Tx, src Source, bag string) (string, error) {
	if bag == "" || gs1.CheckKey(bag) == nil {
		return bag, nil
	}
	b, found, err := tx.RentalBag(ctx, unlabelled(src, bag))
	if found {
		bag = b.ID
	}
	return bag, err
}

// bag brings the row of a bag up to date. What comes late does not turn it back.
func (k *Keeper) bag(ctx context.Context, tx *store.Tx, src Source, e store.BagEvent, waybill string) (store.Bag, error) {
	bag, found, err := tx.RentalBag(ctx, e.Bag)
	if err != nil {
		return bag, err
	}
	if !found {
		bag = store.Bag{ID: e.Bag, Warehouse: src.Warehouse, State: store.BagPacking}
	}
	if e.Order != "" && (bag.Order == "" || !e.At.Before(bag.Changed)) {
		bag.Order = e.Order
	}
	if waybill != "" {
		bag.Waybill = waybill
	}
	if state := bagStates[e.Step]; state != "" && !e.At.Before(bag.Changed) {
		bag.State, bag.Changed = state, e.At
	}
	return bag, tx.SaveRentalBag(ctx, bag)
}

// moveBag has the pieces go where their bag goes, but those that have it in their history already. Which were in it then, their histories
// decide: here are all that may have been.
func (k *Keeper) moveBag(ctx context.Context, tx *store.Tx, warehouse string, bag store.Bag, e store.BagEvent, but []string) error {
	inside, err := tx.BagContents(ctx, e.Bag)
	if err != nil {
		return err
	}
	for _, c := range inside {
		if c.Packed.IsZero() || c.Packed.After(e.At) || !c.Unpacked.IsZero() && c.Unpacked.Before(e.At) || c.Exception != "" ||
			slices.Contains(but, c.Item) {
			continue
		}
		if _, err := k.record(ctx, tx, warehouse, e.For(c.Item)); err != nil {
			return err
		}
	}
	if e.Step == protocol.StepReceive && bag.Order != "" { // also when nothing that we know of is in it
		return k.returned(ctx, tx, bag.Order, e.At, e.Recorded)
	}
	return nil
}

// packed notes that a piece is in its bag. What was done to the bag since then, and was heard before, is done to the piece, too. A pack
// that a rule is against puts nothing into a bag: the piece lies where it was.
func (k *Keeper) packed(ctx context.Context, tx *store.Tx, src Source, d done) error {
	name := d.event.Bag
	if name == "" || !d.counts() {
		return nil
	}
	bag, err := k.bag(ctx, tx, src, store.BagEvent{Bag: name, Step: protocol.StepPack, At: src.At, Order: d.event.Order}, "")
	if err != nil {
		return err
	}
	if err := tx.PackInto(ctx, name, d.now.ID, src.At); err != nil {
		return err
	}
	since, err := tx.BagEventsSince(ctx, name, src.At)
	if err != nil {
		return err
	}
	if err := k.follow(ctx, tx, src, d.now.ID, since); err != nil {
		return err
	}
	item, err := tx.RentalItem(ctx, d.now.ID)
	switch {
	case err != nil:
		return err
	case !item.Inside(name):
		_, err = tx.ExceptBag(ctx, name, item.ID, goneOn)
		return err
	case bag.State == store.BagEmptied:
		return k.emptied(ctx, tx, name, "", bag.Changed)
	}
	return nil
}

// follow has a piece go where its bag went, as far as that is not in its history yet.
func (k *Keeper) follow(ctx context.Context, tx *store.Tx, src Source, item string, all []store.BagEvent) error {
	all = slices.DeleteFunc(all, func(e store.BagEvent) bool { return !slices.Contains(bagMoves, e.Step) })
	if len(all) == 0 {
		return nil
	}
	history, err := tx.RentalHistory(ctx, item)
	for _, e := range all {
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(history, func(h store.RentalEvent) bool { return h.Device == e.Device && h.Number == e.Number }) {
			_, err = k.record(ctx, tx, src.Warehouse, e.For(item))
		}
	}
	return err
}

// goneOn is why a piece need not come out of a bag that it was packed into.
const goneOn = "it was seen elsewhere since"

// unpacked notes that a piece came out of a bag; a bag that was said to be empty before is then no riddle any more.
func (k *Keeper) unpacked(ctx context.Context, tx *store.Tx, src Source, d done) error {
	bag := cmp.Or(d.event.Bag, d.before.Bag)
	if bag == "" {
		return nil
	}
	if err := tx.UnpackFrom(ctx, bag, d.now.ID, src.At); err != nil {
		return err
	}
	return tx.SettleWorkWhy(ctx, bagMissingWork(bag, d.now.ID), "it was scanned: "+stepText(d.event), src.Recorded)
}

// leavesBag closes the books of the bag that a piece was in, when it is there no more: where it did not come out of that bag, why it need
// not. Then nobody has to look for it there.
func (k *Keeper) leavesBag(ctx context.Context, tx *store.Tx, d done) error {
	bag := d.before.Bag
	if !d.before.Inside(bag) || d.now.Inside(bag) {
		return nil
	}
	if cameOut := d.event.Step == protocol.StepUnpack && (d.event.Bag == bag || d.event.Bag == ""); !cameOut {
		if _, err := tx.ExceptBag(ctx, bag, d.now.ID, short(Words(d.event))); err != nil {
			return err
		}
	}
	return tx.SettleWorkWhy(ctx, bagMissingWork(bag, d.now.ID), stepText(d.event), d.event.Recorded)
}

// emptied checks a bag in which nothing is left: what was packed, and neither came out nor was declared, is missing.
func (k *Keeper) emptied(ctx context.Context, tx *store.Tx, bag, by string, at time.Time) error {
	inside, err := tx.BagContents(ctx, bag)
	if err != nil {
		return err
	}
	for _, c := range inside {
		if c.Packed.IsZero() || c.Packed.After(at) || !c.Unpacked.IsZero() || c.Exception != "" {
			continue
		}
		item, err := tx.RentalItem(ctx, c.Item)
		if err != nil {
			return err
		}
		if !item.Inside(bag) {
			continue
		}
		detail := fmt.Sprintf("packed into bag %s at %s, and not in it when it was emptied by %s: ask the customer", bag,
			c.Packed.UTC().Format("2006-01-02 15:04"), cmp.Or(by, "somebody"))
		if err := tx.AgainWork(ctx, bagMissingWork(bag, c.Item), WorkBagMissing, c.Item, detail, at); err != nil {
			return err
		}
	}
	return nil
}

// Except declares that a piece that was packed need not come out of its bag, and why: the customer keeps it, or has sent it alone. It is
// store.ErrNotFound when the piece is not in the bag.
func (k *Keeper) Except(ctx context.Context, tx *store.Tx, e store.BagEvent, item, why string) error {
	was, err := tx.ExceptBag(ctx, e.Bag, item, short(why))
	if err == nil && !was {
		err = fmt.Errorf("piece %.80s in bag %.40s: %w", item, e.Bag, store.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return tx.SettleWorkWhy(ctx, bagMissingWork(e.Bag, item), "declared: "+short(why), e.Recorded)
}

// finds makes what else was in a bag work for a person.
func (k *Keeper) finds(ctx context.Context, tx *store.Tx, src Source, e store.BagEvent, found []protocol.BagFind) error {
	kinds := map[string]string{"belongings": WorkBelongings, "foreign": WorkForeign, "unlabelled": WorkUnlabelled}
	for n, f := range found[:min(len(found), protocol.MaxBagFinds)] {
		kind, ok := kinds[f.Kind]
		if !ok {
			kind = WorkUnlabelled
		}
		id := fmt.Sprintf("%s/%s/%s/%d/%d", kind, e.Bag, src.Device, src.Number, n)
		detail := strings.TrimSpace(fmt.Sprintf("in bag %s of order %s: %s %s", e.Bag, e.Order, short(f.Note), short(f.Scan)))
		if err := tx.AgainWork(ctx, id, kind, e.Bag, detail, src.At); err != nil {
			return err
		}
	}
	return nil
}

// mould has a person look at a piece that an inspection has found mould on, which the rules have quarantined, and at those that were in
// the bag with it.
func (k *Keeper) mould(ctx context.Context, tx *store.Tx, d done) error {
	if !slices.ContainsFunc(d.event.Damages, func(x protocol.Damage) bool { return x.Kind == rental.Mould }) {
		return nil
	}
	detail := "mould: " + stepText(d.event)
	if d.before.Bag != "" {
		inside, err := tx.BagContents(ctx, d.before.Bag)
		if err != nil {
			return err
		}
		for _, c := range inside {
			if c.Item != d.now.ID {
				detail += "; in the bag with it: " + c.Item
			}
		}
	}
	return tx.AgainWork(ctx, WorkMould+"/"+eventWork(d.event), WorkMould, d.now.ID, short1000(detail), d.event.At)
}

// short1000 bounds a detail that lists pieces.
func short1000(text string) string { return clean(text, 1000) }

// Shelf takes in the end of a count: what should be on the shelf and was not scanned is missed there.
func (k *Keeper) Shelf(ctx context.Context, tx *store.Tx, src Source, b protocol.ShelfCounted) error {
	place := short(b.Place)
	pieces, err := tx.ShelvedAt(ctx, place)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		item, err := tx.RentalItem(ctx, p)
		if err != nil {
			return err
		}
		// Whatever was done with it since the count began, it was in somebody's hands.
		if !item.Folded.At.Add(item.Folded.Within).Before(time.UnixMilli(b.Begun)) {
			continue
		}
		e := store.RentalEvent{Item: p, Event: rental.Event{Step: protocol.StepMiss, Operator: short(b.Operator), Place: place,
			Reason: "not found at a count"}, Recorded: src.Recorded, Verdict: protocol.VerdictAccept}
		src.stamp(&e)
		if _, err := k.record(ctx, tx, src.Warehouse, e); err != nil {
			return err
		}
	}
	return nil
}
