package rental

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// inTote follows a piece into the tote of an order and out of it. Of an order that has left, nothing should be in a tote: the piece was not
// sent, or it was packed and nobody has scanned that.
func (k *Keeper) inTote(ctx context.Context, tx *store.Tx, d done) error {
	if d.now.Custody != protocol.Picked {
		return tx.SettleWorkWhy(ctx, leftBehindWork(d.now.ID, d.before.Order), "it has gone on: "+stepText(d.event), d.event.Recorded)
	}
	o, err := tx.RentalOrder(ctx, d.now.Order)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	switch o.State {
	case "shipped", "returned", "closed":
		return k.leftBehind(ctx, tx, d.now.ID, d)
	}
	return nil
}

// shipped takes an order for shipped when the first of its pieces has left, and looks for those that were picked for it and have not.
func (k *Keeper) shipped(ctx context.Context, tx *store.Tx, d done) error {
	o, err := tx.RentalOrder(ctx, d.now.Order)
	if errors.Is(err, store.ErrNotFound) || err == nil && o.State != "open" {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.MoveRentalOrder(ctx, o.ID, "open", "shipped", d.event.At); err != nil {
		return err
	}
	picked, err := tx.PiecesOf(ctx, o.ID, []protocol.Custody{protocol.Picked})
	for _, p := range picked {
		if err == nil && p != d.now.ID { // its own row may not be written yet
			err = k.leftBehind(ctx, tx, p, d)
		}
	}
	return err
}

// leftBehind has a person look for a piece that was picked for an order that has left without it, by what was scanned.
func (k *Keeper) leftBehind(ctx context.Context, tx *store.Tx, item string, d done) error {
	detail := fmt.Sprintf("it was picked for order %s, which has left, and nobody has scanned that it was packed: look in the order's tote; what is not "+
		"there is with the customer", d.now.Order)
	return tx.AgainWork(ctx, leftBehindWork(item, d.now.Order), WorkRule, item, detail, d.event.At)
}

func leftBehindWork(item, order string) string { return "rental_left_behind/" + item + "/" + order }

// notShipped opens an order again of which nothing has left after all.
func (k *Keeper) notShipped(ctx context.Context, tx *store.Tx, order string, now time.Time) error {
	left, err := tx.PiecesOf(ctx, order, []protocol.Custody{protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack})
	if err != nil || len(left) > 0 {
		return err
	}
	if err := tx.MoveRentalOrder(ctx, order, "shipped", "open", time.Time{}); err != nil {
		return err
	}
	picked, err := tx.PiecesOf(ctx, order, []protocol.Custody{protocol.Picked})
	for _, p := range picked {
		if err == nil {
			err = tx.SettleWorkWhy(ctx, leftBehindWork(p, order), "the order has not left after all", now)
		}
	}
	return err
}
