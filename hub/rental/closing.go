package rental

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// ends closes the order that a piece stood for, when the piece was the last of it and no money is open.
func (k *Keeper) ends(ctx context.Context, tx *store.Tx, d done) error {
	was := promisedTo(d.before)
	if was == promisedTo(d.now) {
		was = ""
	}
	if d.before.Custody == protocol.ReturnReceived && d.now.Custody != protocol.ReturnReceived { // seen itself, and not only its bag
		was = d.before.Order
	}
	if was == "" {
		return nil
	}
	return tx.CloseRentalOrder(ctx, was, d.event.At)
}

// Price is what a customer owes for a piece: nil is what a replacement of its garment costs, 0 is nothing.
type Price = *int64

// Sell sells a piece to the customer who has it (買取), for a price that closes its order only when it is settled.
func (k *Keeper) Sell(ctx context.Context, tx *store.Tx, item string, price Price, by string, now time.Time) error {
	i, err := tx.RentalItem(ctx, item)
	if err != nil {
		return err
	}
	if err := k.charge(ctx, tx, i, promisedTo(i), store.ChargePurchase, price, by, now); err != nil {
		return err
	}
	return k.Step(ctx, tx, item, protocol.StepSell, by, "", now)
}

// Lose declares that a piece does not come back, which is missing or was lost with a customer: it stands for its order no more. It stays
// missing, and when it is seen after all it goes its round again.
func (k *Keeper) Lose(ctx context.Context, tx *store.Tx, item string, price Price, by, reason string, now time.Time) error {
	i, err := tx.RentalItem(ctx, item)
	if err != nil {
		return err
	}
	where := i.Custody
	if where == protocol.Missing {
		where = i.Was
	}
	order := promisedTo(i)
	switch where {
	case protocol.ReturnReceived: // with its bag, in which it was not
		order = i.Order
		if err := tx.LostOnReturn(ctx, order, item); err != nil {
			return err
		}
		fallthrough
	case protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack:
		if err := k.charge(ctx, tx, i, order, store.ChargeLoss, price, by, now); err != nil {
			return err
		}
	default:
		if i.Custody != protocol.Missing {
			return &Refusal{Item: item, Act: "lose", Key: WhyInHouse, Reason: "it is in the house: two counts that do not find it make it missing", Custody: i.Custody,
				Order: promisedTo(i), Next: rental.Next(i.Item)}
		}
	}
	if i.Custody != protocol.Missing {
		if err := k.Step(ctx, tx, item, protocol.StepMiss, by, reason, now); err != nil {
			return err
		}
	}
	if promisedTo(i) != "" {
		if err := k.Release(ctx, tx, order, item, by, reasonLost, now); err != nil {
			return err
		}
	}
	if err := tx.SettleWorkWhy(ctx, bagMissingWork(i.Bag, item), "declared lost by "+by+": "+short(reason), now); err != nil {
		return err
	}
	return tx.SettleWorkWhy(ctx, missingWork(item), "declared lost by "+by+": "+short(reason), now)
}

// Retire takes a piece out of the fleet.
func (k *Keeper) Retire(ctx context.Context, tx *store.Tx, item, by, reason string, now time.Time) error {
	return k.Step(ctx, tx, item, protocol.StepRetire, by, short(reason), now)
}

// charge notes what a customer owes for a piece. A piece that is with nobody owes nothing.
func (k *Keeper) charge(ctx context.Context, tx *store.Tx, i store.RentalItem, order, kind string, price Price, by string, now time.Time) error {
	if order == "" {
		return nil
	}
	var yen int64
	var err error
	if price != nil {
		yen = *price
	} else if yen, err = tx.GarmentPrice(ctx, i.GTIN); err != nil {
		return err
	}
	if yen < 0 {
		return &Refusal{Item: i.ID, Act: kind, Key: WhyCost, Reason: fmt.Sprintf("¥%d is no price: want 0 or more", yen), Custody: i.Custody}
	}
	if yen == 0 {
		return nil
	}
	_, err = tx.AddRentalCharge(ctx, store.RentalCharge{Order: order, Item: i.ID, Kind: kind, Yen: yen, Made: now, By: by})
	return err
}

// SettleCharge notes how the charge for a piece was settled, paid or waived, and closes its order when that was the last of it.
func (k *Keeper) SettleCharge(ctx context.Context, tx *store.Tx, order, item, by, note string, now time.Time) error {
	ok, err := tx.SettleRentalCharge(ctx, order, item, by, short(note), now)
	if err == nil && !ok {
		err = fmt.Errorf("open charge of order %.64s for %.80s: %w", order, item, store.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return tx.CloseRentalOrder(ctx, order, now)
}

// refund makes it work when a piece comes back that its customer was charged for as lost.
func (k *Keeper) refund(ctx context.Context, tx *store.Tx, d done) error {
	if d.before.Custody != protocol.Missing || d.before.Returned == d.now.Returned || d.before.Order == "" {
		return nil
	}
	all, err := tx.RentalCharges(ctx, d.before.Order)
	for _, c := range all {
		if err == nil && c.Item == d.now.ID && c.Kind == store.ChargeLoss {
			err = tx.AgainWork(ctx, WorkCharge+"/"+c.Order+"/"+c.Item, WorkCharge, c.Item, say(
				"¥%d were charged for order %s because it was lost, and it has come back: %s", "紛失として注文 %[2]s に ¥%[1]d を請求しましたが、戻ってきました：%[3]s", c.Yen, c.Order, stepText(d.event)), d.event.At)
		}
	}
	return err
}
