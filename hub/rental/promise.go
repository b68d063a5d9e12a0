package rental

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// settle brings what hangs on a piece in line with how it is now: the promise that it stands for, its order, and whether somebody has
// to look for it.
func (k *Keeper) settle(ctx context.Context, tx *store.Tx, d done) error {
	if d.before.Commitment != d.now.Commitment || gone(d.now) != gone(d.before) {
		if err := k.promise(ctx, tx, d); err != nil {
			return err
		}
	}
	if d.before.Custody != d.now.Custody || d.before.Returned != d.now.Returned {
		for _, follow := range []func(context.Context, *store.Tx, done) error{k.missing, k.goesOn, k.orderMoves, k.refund} {
			if err := follow(ctx, tx, d); err != nil {
				return err
			}
		}
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
	}
	if is == "" {
		return nil
	}
	return k.take(ctx, tx, d, is)
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
	lines, err := tx.RentalLines(ctx, order)
	if err != nil {
		return err
	}
	line := lineFor(lines, d.now)
	if line == nil {
		return tx.AgainWork(ctx, swapWork(d), WorkSwap, d.now.ID, fmt.Sprintf("%s: order %s does not want it, or has no line open for it",
			stepText(d.event), order), d.event.At)
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
	return tx.SettleWorkWhy(ctx, swapWork(d), "a line of the order is open for it", d.event.Recorded)
}

func swapWork(d done) string { return WorkSwap + "/" + d.now.ID + "/" + promisedTo(d.now) }

// lineFor is the line that a piece fits best: the one that names it, one that is open, or one whose piece is still on its shelf.
func lineFor(lines []store.RentalLine, item store.RentalItem) *store.RentalLine {
	var open, other *store.RentalLine
	for n := range lines {
		l := &lines[n]
		switch {
		case l.Chosen == item.ID && l.Piece == "":
			return l
		case l.GTIN != item.GTIN:
		case l.Piece == "" && open == nil:
			open = l
		case l.Piece != "" && l.Promise == rental.Allocated && other == nil:
			other = l
		}
	}
	if open != nil {
		return open
	}
	return other
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
		return tx.SettleWorkWhy(ctx, missingWork(d.now.ID), "it was seen again: "+stepText(d.event), d.event.Recorded)
	}
	detail := fmt.Sprintf("last seen at %s, it was %s: %s", d.now.Place, CustodyName(d.now.Was), stepText(d.event))
	return tx.AgainWork(ctx, missingWork(d.now.ID), WorkMissing, d.now.ID, detail, d.event.At)
}

// orderMoves follows an order with its pieces, and has the outside world told that a return has come.
func (k *Keeper) orderMoves(ctx context.Context, tx *store.Tx, d done) error {
	switch {
	case d.now.Custody == protocol.InTransitOut && d.now.Order != "":
		return tx.MoveRentalOrder(ctx, d.now.Order, "open", "shipped", d.event.At)
	case d.before.Returned != d.now.Returned && d.before.Order != "":
		return k.returned(ctx, tx, d.before.Order, d.event.At, d.event.Recorded)
	}
	return nil
}

// returned notes that pieces of an order have come back, and makes the notice that starts the customer's next styling, once an order.
func (k *Keeper) returned(ctx context.Context, tx *store.Tx, order string, at, now time.Time) error {
	if err := tx.MoveRentalOrder(ctx, order, "shipped", "returned", at); err != nil {
		return err
	}
	return tx.AddReturnNotice(ctx, order, at, now)
}
