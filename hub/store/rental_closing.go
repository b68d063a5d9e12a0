package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// How the promise of a piece to an order ended that has left the house.
const (
	EndReturned = "returned"
	EndSold     = "sold"
	EndLost     = "declared_lost" // a person has decided that it does not come back
)

// Progress is what has become of the pieces of an order so far.
type Progress struct {
	Open                 int // that stand for it still: in the house for it, or out
	Returned, Sold, Lost int
}

// Pieces is all of them.
func (p Progress) Pieces() int { return p.Open + p.Returned + p.Sold + p.Lost }

// RentalProgress says of orders what has become of their pieces; an order without any is not in it.
func (tx *Tx) RentalProgress(ctx context.Context, orders ...string) (map[string]Progress, error) {
	all := map[string]Progress{}
	for _, id := range orders {
		var p Progress
		err := tx.row(ctx, `SELECT COALESCE(SUM(CASE WHEN ended_at IS NULL THEN 1 ELSE 0 END), 0), COUNT(DISTINCT CASE how WHEN 'returned' THEN item_id END),
			COUNT(DISTINCT CASE how WHEN 'sold' THEN item_id END), COUNT(DISTINCT CASE how WHEN 'declared_lost' THEN item_id END)
			FROM commitments WHERE order_id = $1`, id).Scan(&p.Open, &p.Returned, &p.Sold, &p.Lost)
		if err != nil {
			return nil, err
		}
		if p != (Progress{}) {
			all[id] = p
		}
	}
	return all, nil
}

// RentalEnds gives the pieces of an order that came back, were sold or lost, by line.
func (tx *Tx) RentalEnds(ctx context.Context, order string) ([]Commitment, error) {
	return list(ctx, tx, func(row scanner) (c Commitment, err error) {
		var made int64
		var ended sql.NullInt64
		err = row.Scan(&c.Item, &c.Order, &c.Line, &made, &ended, &c.How)
		c.Made, c.Ended = fromMillis(made), fromOptionalMillis(ended)
		return c, err
	}, `SELECT item_id, order_id, line, made_at, ended_at, how FROM commitments WHERE order_id = $1 AND how IN ('returned', 'sold', 'declared_lost')
		ORDER BY line, ended_at, item_id`, order)
}

// CloseRentalOrder closes an order that has left, when no piece stands for it any more, none is in a bag that nobody has opened, and no
// charge of it is open. Otherwise it leaves it as it is.
func (tx *Tx) CloseRentalOrder(ctx context.Context, id string, at time.Time) error {
	return tx.write(ctx, `UPDATE rental_orders SET state = 'closed', closed_at = $2 WHERE id = $1 AND state IN ('shipped', 'returned')
		AND NOT EXISTS (SELECT 1 FROM commitments c WHERE c.order_id = $1 AND c.ended_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM commitments c JOIN rental_items i ON i.id = c.item_id WHERE c.order_id = $1 AND i.order_id = $1 AND i.custody = 11)
		AND NOT EXISTS (SELECT 1 FROM rental_charges r WHERE r.order_id = $1 AND r.settled_at IS NULL)`, id, millis(at))
}

// ReopenRentalOrder takes back that an order is closed: a piece stands for it after all, by what was heard late.
func (tx *Tx) ReopenRentalOrder(ctx context.Context, id string) error {
	return tx.write(ctx, `UPDATE rental_orders SET state = CASE WHEN returned_at IS NULL THEN 'shipped' ELSE 'returned' END, closed_at = NULL
		WHERE id = $1 AND state = 'closed'`, id)
}

// LostOnReturn says that a piece was lost that had come back as far as anybody knew: with its bag.
func (tx *Tx) LostOnReturn(ctx context.Context, order, item string) error {
	return tx.write(ctx, "UPDATE commitments SET how = 'declared_lost' WHERE order_id = $1 AND item_id = $2 AND how = 'returned'", order, item)
}

// Kinds of charges.
const (
	ChargePurchase = "purchase"
	ChargeLoss     = "loss"
)

// RentalCharge is what a customer owes for a piece of an order.
type RentalCharge struct {
	Order, Item, Kind string
	Yen               int64
	Made, Settled     time.Time // Settled is zero before
	By, SettledBy     string
	Note              string // how it was settled
}

// AddRentalCharge adds a charge; ok is false when there is one for that piece of the order.
func (tx *Tx) AddRentalCharge(ctx context.Context, c RentalCharge) (ok bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO rental_charges (order_id, item_id, kind, yen, made_at, made_by, settled_by, note)
		VALUES ($1, $2, $3, $4, $5, $6, '', '') ON CONFLICT (order_id, item_id) DO NOTHING`, c.Order, c.Item, c.Kind, c.Yen, millis(c.Made), c.By)
	return n == 1, err
}

// SettleRentalCharge notes how a charge was settled; ok is false when there is none that is open.
func (tx *Tx) SettleRentalCharge(ctx context.Context, order, item, by, note string, at time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, `UPDATE rental_charges SET settled_at = $3, settled_by = $4, note = $5 WHERE order_id = $1 AND item_id = $2
		AND settled_at IS NULL`, order, item, millis(at), by, note)
	return n == 1, err
}

func scanRentalCharge(row scanner) (c RentalCharge, err error) {
	var made int64
	var settled sql.NullInt64
	err = row.Scan(&c.Order, &c.Item, &c.Kind, &c.Yen, &made, &c.By, &settled, &c.SettledBy, &c.Note)
	c.Made, c.Settled = fromMillis(made), fromOptionalMillis(settled)
	return c, err
}

const rentalChargeColumns = "order_id, item_id, kind, yen, made_at, made_by, settled_at, settled_by, note FROM rental_charges"

// RentalCharges gives the charges of an order.
func (tx *Tx) RentalCharges(ctx context.Context, order string) ([]RentalCharge, error) {
	return list(ctx, tx, scanRentalCharge, "SELECT "+rentalChargeColumns+" WHERE order_id = $1 ORDER BY item_id", order)
}

// OpenRentalCharges gives those that nobody has settled, the oldest first.
func (tx *Tx) OpenRentalCharges(ctx context.Context, most int) ([]RentalCharge, error) {
	return list(ctx, tx, scanRentalCharge, "SELECT "+rentalChargeColumns+" WHERE settled_at IS NULL ORDER BY made_at, order_id, item_id LIMIT $1", most)
}

// GarmentPrice is what a replacement of a garment costs, in yen; 0 when nobody has said.
func (tx *Tx) GarmentPrice(ctx context.Context, gtin string) (yen int64, err error) {
	err = tx.row(ctx, "SELECT price_yen FROM garments WHERE gtin = $1", gtin).Scan(&yen)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("garment %.14s: %w", gtin, ErrNotFound)
	}
	return yen, err
}
