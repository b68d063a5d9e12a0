package rental

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// inTote follows a piece into the tote of an order and out of it. Of an order that has left, nothing should be in a tote: the piece was not
// sent, or it was packed and nobody has scanned that.
func (k *Keeper) inTote(ctx context.Context, tx *store.Tx, d done) error {
	if d.now.Custody != protocol.Picked {
		return tx.SettleWorkWhy(ctx, leftBehindWork(d.now.ID, d.before.Order), "it has gone on: "+stepText(d.event).EN, d.event.Recorded)
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
		return k.leftBehind(ctx, tx, d.now.ID, o.ID, d.event.At)
	}
	return nil
}

// shipped takes an order for shipped when the first of its pieces has left, has a person look at what its customer does not get, and looks
// for pieces that were picked for it and have not left.
func (k *Keeper) shipped(ctx context.Context, tx *store.Tx, order string, at time.Time, d done) error {
	o, err := tx.RentalOrder(ctx, order)
	if errors.Is(err, store.ErrNotFound) || err == nil && o.State != "open" && o.State != "shipped" {
		return nil
	}
	if err == nil {
		err = k.short(ctx, tx, o, at, d)
	}
	if err != nil || o.State != "open" {
		return err
	}
	if err := tx.MoveRentalOrder(ctx, o.ID, "open", "shipped", at); err != nil {
		return err
	}
	picked, err := tx.PiecesOf(ctx, o.ID, []protocol.Custody{protocol.Picked})
	for _, p := range picked {
		if err == nil && p != d.now.ID { // its own row may not be written yet
			err = k.leftBehind(ctx, tx, p, o.ID, at)
		}
	}
	return err
}

// short has a person look at the lines without which an order leaves, and settles that when each has a piece after all.
func (k *Keeper) short(ctx context.Context, tx *store.Tx, o store.RentalOrder, at time.Time, d done) error {
	lines, err := tx.RentalLines(ctx, o.ID)
	if err != nil {
		return err
	}
	ends, err := tx.RentalEnds(ctx, o.ID)
	if err != nil {
		return err
	}
	lines = slices.DeleteFunc(lines, func(l store.RentalLine) bool { // its piece has been with the customer already
		return l.Piece == "" && slices.ContainsFunc(ends, func(e store.Commitment) bool { return e.Line == l.Line })
	})
	switch left := leftOut(lines); {
	case left.EN == "":
		return tx.SettleWorkWhy(ctx, shortWork(o.ID), "all its lines have a piece: "+stepText(d.event).EN, d.event.Recorded)
	case o.State == "open": // afterwards lines lose their pieces for other reasons, too: one is bought, another gets lost
		return tx.AgainWork(ctx, shortWork(o.ID), WorkShort, o.ID, say("it has left without %s: tell the customer, or send it after",
			"次の明細なしで発送されました：%s。お客様に連絡するか、追送してください", left), at)
	}
	return nil
}

// leftOut are the lines, in words, of which no piece has left its shelf.
func leftOut(lines []store.RentalLine) alarm.Text {
	var en, ja []string
	for _, l := range lines {
		switch {
		case l.Piece == "":
			what := cmp.Or(l.Chosen, l.GTIN)
			en, ja = append(en, fmt.Sprintf("line %d (%s, no piece stands for it)", l.Line, what)), append(ja, fmt.Sprintf("明細 %d（%s、未引当）", l.Line, what))
		case l.Promise == rental.Allocated:
			en, ja = append(en, fmt.Sprintf("line %d (%s, which was not picked)", l.Line, l.Piece)), append(ja, fmt.Sprintf("明細 %d（%s、未ピッキング）", l.Line, l.Piece))
		}
	}
	return alarm.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}

// leftBehind has a person look for a piece that was picked for an order that has left without it, by what was scanned.
func (k *Keeper) leftBehind(ctx context.Context, tx *store.Tx, item, order string, at time.Time) error {
	detail := say("it was picked for order %s, which has left, and nobody has scanned that it was packed: look in the order's tote; what is not "+
		"there is with the customer", "発送済みの注文 %s のためにピッキングされましたが、梱包がスキャンされていません。トートを確認し、なければお客様のもとにあります", order)
	return tx.AgainWork(ctx, leftBehindWork(item, order), WorkRule, item, detail, at)
}

func leftBehindWork(item, order string) string { return "rental_left_behind/" + item + "/" + order }

// notShipped opens an order again of which nothing has left after all.
func (k *Keeper) notShipped(ctx context.Context, tx *store.Tx, order string, now time.Time) error {
	left, err := tx.PiecesOf(ctx, order, []protocol.Custody{protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack})
	if err != nil || len(left) > 0 {
		return err
	}
	if err := tx.SettleWorkWhy(ctx, shortWork(order), "it has not left after all", now); err != nil {
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
