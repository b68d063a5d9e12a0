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
	bag, err := k.bag(ctx, tx, src.Warehouse, e, short(b.Waybill))
	if err != nil {
		return err
	}
	if err := tx.AddBagEvent(ctx, e); err != nil {
		return err
	}
	if b.Bag == "" && b.Step == protocol.StepReceive {
		if err := tx.AgainWork(ctx, WorkNoBagLabel+"/"+e.Bag, WorkNoBagLabel, e.Bag,
			say("a bag without a label came in at %s; it is called %s: find whose it is by its pieces",
				"ラベルのないバッグが %s に届きました。仮の名前は %s です。中の個体から注文を調べてください", e.Place, b.Alias), src.At); err != nil {
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
func (k *Keeper) bag(ctx context.Context, tx *store.Tx, warehouse string, e store.BagEvent, waybill string) (store.Bag, error) {
	bag, found, err := tx.RentalBag(ctx, e.Bag)
	if err != nil {
		return bag, err
	}
	if !found {
		bag = store.Bag{ID: e.Bag, Warehouse: warehouse, State: store.BagPacking}
	}
	if e.Order != "" && (bag.Order == "" || !e.At.Before(bag.Changed)) {
		bag.Order = e.Order
	}
	if waybill != "" || e.Step == protocol.StepShip && !e.At.Before(bag.Changed) { // it leaves without one
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
		// One that was packed later may have been in it before, too.
		if c.Packed.IsZero() || !c.Unpacked.IsZero() && c.Unpacked.Before(e.At) ||
			strings.HasPrefix(c.Exception, declared) || slices.Contains(but, c.Item) {
			continue
		}
		if _, err := k.record(ctx, tx, warehouse, e.For(c.Item)); err != nil {
			return err
		}
	}
	if e.Step == protocol.StepShip || e.Step == protocol.StepVoidShip || e.Step == protocol.StepReceive {
		if err := k.unknownInside(ctx, tx, e.Bag, "the bag is back: step "+StepName(e.Step), e.Recorded); err != nil {
			return err
		}
	}
	cameBack := bag.State == store.BagReceived || bag.State == store.BagEmptied
	switch {
	case bag.Order == "":
	case e.Step == protocol.StepReceive: // also when nothing that we know of is in it
		return k.returned(ctx, tx, bag.Order, e.At, e.Recorded)
	case e.Step == protocol.StepShip && cameBack && bag.Changed.After(e.At): // heard after its return
		if err := tx.MoveRentalOrder(ctx, bag.Order, "open", "shipped", e.At); err != nil {
			return err
		}
		return k.returned(ctx, tx, bag.Order, bag.Changed, e.Recorded)
	}
	return nil
}

// unknownInside has a person look at a bag that has left and into which nobody has scanned anything: whose pieces are in it, no record says.
// It settles that when what is known now says otherwise.
func (k *Keeper) unknownInside(ctx context.Context, tx *store.Tx, bag, why string, now time.Time) error {
	all, err := tx.BagEventsSince(ctx, bag, time.Time{})
	if err != nil {
		return err
	}
	var left store.BagEvent
	var back time.Time // when it came back before that
	for _, e := range all {
		switch e.Step {
		case protocol.StepShip:
			left = e
		case protocol.StepReceive:
			left, back = store.BagEvent{}, e.At
		case protocol.StepVoidShip:
			left = store.BagEvent{}
		}
	}
	if left.Bag == "" {
		return tx.SettleWorkWhy(ctx, unknownInsideWork(bag), why, now)
	}
	inside, err := tx.BagContents(ctx, bag)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(inside, func(c store.BagContent) bool {
		return !c.Packed.IsZero() && !c.Packed.Before(back) && (c.Unpacked.IsZero() || !c.Unpacked.Before(left.At))
	}) {
		return tx.SettleWorkWhy(ctx, unknownInsideWork(bag), why, now)
	}
	return tx.AgainWork(ctx, unknownInsideWork(bag), WorkRule, bag, say("bag %s has left by %s, and nobody has scanned what is in it: look at the "+
		"orders whose pieces are in no bag yet", "バッグ %s は中身がスキャンされないまま発送されました（%s）。個体がまだどのバッグにも入っていない注文を確認してください",
		bag, somebody(left.Operator)), left.At)
}

func unknownInsideWork(bag string) string { return "rental_bag_unknown/" + bag }

// Carried takes in what a carrier says of a bag, by its SSCC or waybill: it is with its customer (StepDeliver), or on its way back
// (StepSendBack). All pieces in it go with it, whatever order they stand for, also one whose packing is heard of later. Said again, it changes
// nothing. It is store.ErrNotFound for a bag that nobody has scanned, and a Refusal for one that is in the house again.
func (k *Keeper) Carried(ctx context.Context, tx *store.Tx, bag string, step protocol.Step, by string, now time.Time) error {
	b, err := tx.RentalBagOrWaybill(ctx, bag)
	if err != nil {
		return err
	}
	if b.State == store.BagReceived || b.State == store.BagEmptied || b.State == store.BagPacking && b.ID != bag { // a waybill is of one trip
		return &Refusal{Item: b.ID, Act: StepName(step), Reason: "the bag is in the house, " + b.State, Key: WhyInHouse}
	}
	all, err := tx.BagEventsSince(ctx, b.ID, time.Time{})
	if err != nil {
		return err
	}
	src := Source{Warehouse: b.Warehouse, Device: store.DeviceLife(carrier, b.ID), At: now, Recorded: now}
	if src.Number, err = tx.NextBagEvent(ctx, b.ID, src.Device); err != nil {
		return err
	}
	said := false
	for _, e := range all {
		if behind := e.At.Add(e.Within + time.Millisecond); src.At.Before(behind) { // a scanner's clock may be ahead
			src.At = behind
		}
		switch {
		case e.Device == src.Device: // what is on its way back was delivered, whichever word comes first
			said = said || e.Step == step || e.Step == protocol.StepSendBack
		case e.Step == protocol.StepShip || e.Step == protocol.StepReceive: // a bag may be used again
			said = false
		}
	}
	if said {
		return nil
	}
	return k.Bag(ctx, tx, src, protocol.BagScanned{Bag: b.ID, Step: step, Operator: by, Order: b.Order, Verdict: protocol.VerdictAccept})
}

// CarrierEvents are what a carrier may say of a bag.
var CarrierEvents = map[string]protocol.Step{"delivered": protocol.StepDeliver, "sent_back": protocol.StepSendBack}

// carrier stands in histories as the device of what carriers have said.
const carrier = "carrier"

// emptied checks a bag in which nothing is left: what was packed, and neither came out nor was declared, is missing.
func (k *Keeper) emptied(ctx context.Context, tx *store.Tx, bag, by string, at time.Time) error {
	inside, err := tx.BagContents(ctx, bag)
	if err != nil {
		return err
	}
	for _, c := range inside {
		if !c.Open() || c.Packed.After(at) {
			continue
		}
		detail := say("packed into bag %s at %s, and not in it when it was emptied by %s: ask the customer",
			"バッグ %s に梱包されましたが（%s）、%s が空にしたとき入っていませんでした。お客様に確認してください", bag, minute(c.Packed), somebody(by))
		if err := tx.AgainWork(ctx, bagMissingWork(bag, c.Item), WorkBagMissing, c.Item, detail, at); err != nil {
			return err
		}
	}
	return nil
}

// Except declares that a piece that was packed need not come out of its bag, and why: the customer keeps it, or has sent it alone. It is
// store.ErrNotFound when the piece is not in the bag.
func (k *Keeper) Except(ctx context.Context, tx *store.Tx, e store.BagEvent, item, why string) error {
	was, err := tx.ExceptBag(ctx, e.Bag, item, short(declared+why))
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
		detail := say("in bag %s of order %s: %s", "バッグ %s（注文 %s）：%s", e.Bag, e.Order, strings.TrimSpace(short(f.Note)+" "+short(f.Scan)))
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
	with := []string{}
	if d.before.Bag != "" {
		inside, err := tx.BagContents(ctx, d.before.Bag)
		if err != nil {
			return err
		}
		for _, c := range inside {
			if c.Item != d.now.ID {
				with = append(with, c.Item)
			}
		}
	}
	return tx.AgainWork(ctx, WorkMould+"/"+eventWork(d.event), WorkMould, d.now.ID, say("mould: %s; in the bag with it: %s", "かび：%s。同じバッグに入っていた個体：%s",
		stepText(d.event), cmp.Or(strings.Join(with, ", "), "-")), d.event.At)
}

// Shelf takes in the end of a count: what should be on the shelf and was not scanned is missed there.
func (k *Keeper) Shelf(ctx context.Context, tx *store.Tx, src Source, b protocol.ShelfCounted) error {
	place := short(b.Place)
	begun := src.since(time.UnixMilli(b.Begun)).Add(-src.Within)
	pieces, err := tx.ShelvedAt(ctx, place)
	if err == nil {
		err = tx.ReadRentals(ctx, pieces)
	}
	if err != nil {
		return err
	}
	for _, p := range pieces {
		item, err := tx.RentalItem(ctx, p)
		if err != nil {
			return err
		}
		// Whatever was done with it since the count began, it was in somebody's hands.
		if !item.Folded.At.Add(item.Folded.Within).Before(begun) {
			continue
		}
		e := store.RentalEvent{Item: p, Event: rental.Event{Step: protocol.StepMiss, Operator: short(b.Operator), Place: place,
			Reason: "not found at a count", Verdict: protocol.VerdictAccept}, Recorded: src.Recorded}
		src.stamp(&e)
		if _, err := k.record(ctx, tx, src.Warehouse, e); err != nil {
			return err
		}
	}
	return nil
}
