package rental

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// settle brings what hangs on a piece in line with how it is now: the promise that it stands for, its bag, its order, and whether somebody
// has to look for it.
func (k *Keeper) settle(ctx context.Context, tx *store.Tx, d done) error {
	promised := d.before.Commitment != d.now.Commitment || gone(d.now) != gone(d.before)
	moved := d.before.Custody != d.now.Custody || d.before.Returned != d.now.Returned || d.before.Bag != d.now.Bag || !d.before.Since.Equal(d.now.Since)
	var parts []func(context.Context, *store.Tx, done) error
	if promised {
		parts = append(parts, k.promise)
	}
	if moved {
		parts = append(parts, k.missing, k.goesOn, k.orderMoves, k.refund)
	}
	for _, part := range parts {
		if err := part(ctx, tx, d); err != nil {
			return err
		}
	}
	switch {
	case d.told:
		if err := k.tellBooks(ctx, tx, d); err != nil {
			return err
		}
	case moved || d.event.Step == protocol.StepUnpack:
		if err := k.keepBooks(ctx, tx, d); err != nil {
			return err
		}
	}
	if promised || moved {
		k.changed(tx, d.now.Warehouse)
	}
	return k.ends(ctx, tx, d)
}

func gone(i store.RentalItem) bool {
	return i.Custody == protocol.Sold || i.Custody == protocol.Retired
}

// promisedTo is the order that a piece stands for, empty for none.
func promisedTo(i store.RentalItem) string {
	if gone(i) || i.Commitment.State == rental.Free {
		return ""
	}
	return i.Commitment.Order
}

// promise ends and makes the row of a piece's commitment. The database holds one a piece and one a line.
func (k *Keeper) promise(ctx context.Context, tx *store.Tx, d done) error {
	was, is := promisedTo(d.before), promisedTo(d.now)
	if was == is {
		return nil
	}
	if was != "" {
		if err := tx.EndCommitment(ctx, d.now.ID, ended(d), d.event.At); err != nil {
			return err
		}
		if err := tx.SettleWorkWhy(ctx, swapWork(d.now.ID, was), "it stands for that order no more", d.event.Recorded); err != nil {
			return err
		}
	}
	if is == "" {
		return nil
	}
	if was != "" {
		if err := tx.AgainWork(ctx, lostToWork(was), WorkPromise, was, say("it has lost piece %s to order %s: find another one; %s",
			"個体 %s は注文 %s に使われました。別の個体を引き当ててください。%s", d.now.ID, is, stepText(d.event)), d.event.At); err != nil {
			return err
		}
	}
	return k.take(ctx, tx, d, is)
}

// lostToWork is that an order has lost a piece that somebody was told to take for another one, until each of its lines has one.
func lostToWork(order string) string { return "rental_lost_to/" + order }

// whole settles what an order has lost when each of its lines has a piece again.
func (k *Keeper) whole(ctx context.Context, tx *store.Tx, order string, now time.Time) error {
	lines, err := tx.RentalLines(ctx, order)
	if err != nil || slices.ContainsFunc(lines, func(l store.RentalLine) bool { return l.Piece == "" }) {
		return err
	}
	return tx.SettleWorkWhy(ctx, lostToWork(order), "each of its lines has a piece", now)
}

// ended says how a promise ended.
func ended(d done) string {
	switch {
	case d.now.Custody == protocol.Sold:
		return store.EndSold
	case d.event.Act == rental.Release && d.event.Reason == reasonLost:
		return store.EndLost
	case d.event.Act == rental.Release && d.event.Reason == reasonExpired:
		return "expired"
	case d.event.Act == rental.Release && d.event.Reason == reasonSwapped:
		return "swapped"
	case d.event.Act == rental.Release:
		return "released"
	case d.before.Returned != d.now.Returned:
		return store.EndReturned
	}
	return "lost"
}

// take finds the line of an order that a piece stands for from now on. When another piece was allocated for it, that one is free
// again: the picker has found an equivalent. A piece that no line wants is work for a person.
func (k *Keeper) take(ctx context.Context, tx *store.Tx, d done, order string) error {
	o, err := tx.RentalOrder(ctx, order)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !wants(o, d.event.At) {
		return tx.AgainWork(ctx, swapWork(d.now.ID, order), WorkPromise, d.now.ID, say("%s: order %s is %s: put the piece back, and send "+
			"nothing", "%s：注文 %s は %s です。個体を棚に戻し、発送しないでください", stepText(d.event), order, orderText(o.State)), d.event.At)
	}
	lines, err := tx.RentalLines(ctx, order)
	if err != nil {
		return err
	}
	line := lineFor(lines, d.now)
	if line == nil {
		return tx.AgainWork(ctx, swapWork(d.now.ID, order), WorkSwap, d.now.ID, say("%s: order %s does not want it, or has no line open for it",
			"%s：注文 %s にはこの個体を使う明細がありません", stepText(d.event), order), d.event.At)
	}
	if line.Piece != "" && line.Piece != d.now.ID {
		if err := k.swapped(ctx, tx, d, *line); err != nil {
			return err
		}
	}
	err = tx.AddCommitment(ctx, store.Commitment{Item: d.now.ID, Order: order, Line: line.Line, Made: d.event.At})
	if err != nil {
		return err
	}
	if err := tx.ReopenRentalOrder(ctx, order); err != nil {
		return err
	}
	if err := k.whole(ctx, tx, order, d.event.Recorded); err != nil {
		return err
	}
	return tx.SettleWorkWhy(ctx, swapWork(d.now.ID, order), "a line of the order is open for it", d.event.Recorded)
}

// wants says whether an order may have had a piece picked for it at a time. What was picked before it came back was just heard late.
func wants(o store.RentalOrder, at time.Time) bool {
	switch o.State {
	case "open", "shipped":
		return true
	case "returned", "closed":
		return !o.Returned.IsZero() && at.Before(o.Returned)
	}
	return false
}

func swapWork(item, order string) string { return WorkSwap + "/" + item + "/" + order }

// lineFor is the line that a piece fits best: the one that names it, an open one that names none, an open one whose own piece nobody has
// found, or one whose piece is still on its shelf.
func lineFor(lines []store.RentalLine, item store.RentalItem) *store.RentalLine {
	var any, named, other *store.RentalLine
	for n := range lines {
		l := &lines[n]
		switch {
		case l.Chosen == item.ID && l.Piece == "":
			return l
		case l.GTIN != item.GTIN:
		case l.Piece == "" && l.Chosen == "" && any == nil:
			any = l
		case l.Piece == "" && l.Chosen != "" && named == nil:
			named = l
		case l.Piece != "" && l.Promise == rental.Allocated && other == nil:
			other = l
		}
	}
	return cmp.Or(any, named, other)
}

// swapped lets the piece go that a line had before.
func (k *Keeper) swapped(ctx context.Context, tx *store.Tx, d done, line store.RentalLine) error {
	err := k.act(ctx, tx, line.Piece, rental.Event{Act: rental.Release, Order: line.Order, Reason: reasonSwapped,
		Operator: d.event.Operator}, d.event.Recorded)
	if errors.As(err, new(*Refusal)) { // it has left its shelf meanwhile: the row is the line's, and a person sees both
		return tx.EndCommitment(ctx, line.Piece, "swapped", d.event.At)
	}
	return err
}

// missing makes a missing piece work for a person, and settles that when it is found.
func (k *Keeper) missing(ctx context.Context, tx *store.Tx, d done) error {
	is := d.now.Custody == protocol.Missing
	if was := d.before.Custody == protocol.Missing; was == is {
		return nil
	}
	if !is {
		return tx.SettleWorkWhy(ctx, missingWork(d.now.ID), "it was seen again: "+stepText(d.event).EN, d.event.Recorded)
	}
	detail := say("last seen at %s, it was %s: %s", "最後の場所：%s（%s）。%s", d.now.Place, custodyText(d.now.Was), stepText(d.event))
	return tx.AgainWork(ctx, missingWork(d.now.ID), WorkMissing, d.now.ID, detail, d.event.At)
}

// orderMoves follows an order with its pieces, and has the outside world told that a return has come.
func (k *Keeper) orderMoves(ctx context.Context, tx *store.Tx, d done) error {
	was, is := d.before.Custody, d.now.Custody
	switch {
	case is == was:
		return nil
	case was == protocol.Picked || is == protocol.Picked:
		if err := k.inTote(ctx, tx, d); err != nil {
			return err
		}
	}
	switch {
	case (is == protocol.InTransitOut || is == protocol.OnRent) && d.now.Order != "":
		return k.shipped(ctx, tx, d.now.Order, d.event.At, d)
	case was == protocol.InTransitOut && is == protocol.Packed:
		return k.notShipped(ctx, tx, d.now.Order, d.event.Recorded)
	case d.before.Order != "" && cameBack(d):
		return k.returned(ctx, tx, d.before.Order, d.event.At, d.event.Recorded)
	}
	return nil
}

// cameIn says that a step is one of whoever takes returns in.
func cameIn(s protocol.Step) bool {
	return s == protocol.StepReceive || s == protocol.StepUnpack || s == protocol.StepInspectReturn
}

// cameBack says that a piece was handed in by its customer: it was out, as far as anybody knew, and whoever takes returns in has it. One
// that turns up elsewhere in the house has come back, too, but may never have left.
func cameBack(d done) bool {
	if cameIn(d.event.Step) {
		return (d.before.Out() || d.before.Custody == protocol.Packed && d.now.Custody == protocol.ReturnReceived) && !d.now.Out() && !gone(d.now)
	}
	return false
}

// returned notes that pieces of an order have come back, and makes the notice that starts the customer's next styling, once an order.
func (k *Keeper) returned(ctx context.Context, tx *store.Tx, order string, at, now time.Time) error {
	o, err := tx.RentalOrder(ctx, order)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	switch o.State {
	case "open": // its bag was at the dock, and nobody has scanned that it left
		return tx.AgainWork(ctx, unshippedWork(order), WorkRule, order, say("a bag of it was received, and was never scanned as shipped: see whether the "+
			"customer has had it; if not, it is to be inspected, picked and packed again", "この注文のバッグを受け付けましたが、発送がスキャンされていません。お客様に届いていたか確認し、"+
			"届いていなければ検品、ピッキング、梱包をやり直してください"), at)
	case "shipped":
		if err := tx.MoveRentalOrder(ctx, order, "shipped", "returned", at); err != nil {
			return err
		}
		if err := tx.SettleWorkWhy(ctx, unshippedWork(order), "it was shipped before", now); err != nil {
			return err
		}
	case "cancelled":
		return nil
	}
	return tx.AddReturnNotice(ctx, order, at, now)
}
