package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"meguri/internal/rental"
	"meguri/protocol"
)

// PickLine is a piece that is to be picked, or is picked already, for an order that has not left.
type PickLine struct {
	Order, ShipDate, Tote, Bag, Piece, Place string
	Custody                                  protocol.Custody
}

// PickLines gives the pieces that stand for lines of open orders of a warehouse until a shipping date, by date and tote.
func (tx *Tx) PickLines(ctx context.Context, warehouse, until string, most int) ([]PickLine, error) {
	return list(ctx, tx, func(row scanner) (l PickLine, err error) {
		return l, row.Scan(&l.Order, &l.ShipDate, &l.Tote, &l.Bag, &l.Piece, &l.Place, &l.Custody)
	}, `SELECT o.id, o.ship_date, o.tote, o.bag, i.id, i.place, i.custody FROM rental_orders o
		JOIN commitments c ON c.order_id = o.id AND c.ended_at IS NULL JOIN rental_items i ON i.id = c.item_id
		WHERE o.warehouse_id = $1 AND o.state = 'open' AND o.ship_date <= $2 AND i.custody IN (3, 4, 5)
		ORDER BY o.ship_date, o.tote, o.id, c.line LIMIT $3`, warehouse, until, most)
}

// NumberTote gives an order a tote, when it has none: the number after the highest of its warehouse and date, and none that an open order of
// another date still has, for both lie side by side. After 9999 comes 10000. All states are named
// so that only the orders of the date are looked at: the index has the state before the date.
func (tx *Tx) NumberTote(ctx context.Context, o RentalOrder) error {
	if o.Tote != "" {
		return nil
	}
	var highest string
	err := tx.row(ctx, `SELECT tote FROM rental_orders WHERE warehouse_id = $1
		AND state IN ('open', 'shipped', 'returned', 'closed', 'cancelled') AND ship_date = $2 AND tote <> ''
		ORDER BY LENGTH(tote) DESC, tote DESC LIMIT 1`, o.Warehouse, o.ShipDate).Scan(&highest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	held, err := list(ctx, tx, func(row scanner) (tote string, err error) { return tote, row.Scan(&tote) },
		"SELECT tote FROM rental_orders WHERE warehouse_id = $1 AND state = 'open' AND tote <> '' AND ship_date <> $2", o.Warehouse, o.ShipDate)
	if err != nil {
		return err
	}
	return tx.write(ctx, "UPDATE rental_orders SET tote = $2 WHERE id = $1 AND tote = ''", o.ID, nextTote(highest, held))
}

// nextTote is the first number after the highest that is not held.
func nextTote(highest string, held []string) string {
	taken := make(map[string]bool, len(held))
	for _, tote := range held {
		taken[tote] = true
	}
	last, _ := strconv.Atoi(highest) // 0 for none
	for {
		last++
		if tote := fmt.Sprintf("%04d", last); !taken[tote] {
			return tote
		}
	}
}

// BagOut is a piece that is expected in a bag that is out.
type BagOut struct{ Bag, Order, Item string }

// BagsOut gives what is expected in bags that are out or have come back and are not empty, those at the dock and on their way back first,
// then those out longest.
func (tx *Tx) BagsOut(ctx context.Context, warehouse string, most int) ([]BagOut, error) {
	return list(ctx, tx, func(row scanner) (b BagOut, err error) {
		return b, row.Scan(&b.Bag, &b.Order, &b.Item)
	}, `SELECT b.id, b.order_id, c.item_id FROM (SELECT id, order_id, state, changed_at FROM rental_bags WHERE warehouse_id = $1
		AND state IN ('shipped', 'received') AND EXISTS (SELECT 1 FROM rental_bag_items o WHERE o.bag_id = rental_bags.id
			AND o.packed_at IS NOT NULL AND o.unpacked_at IS NULL AND o.exception = '') ORDER BY state, changed_at, id LIMIT $2) b
		JOIN rental_bag_items c ON c.bag_id = b.id AND c.packed_at IS NOT NULL AND c.unpacked_at IS NULL AND c.exception = ''
		ORDER BY b.state, b.changed_at, b.id, c.item_id`, warehouse, most)
}

// KnownItem is a piece as a scanner is told of it.
type KnownItem struct {
	protocol.KnownItem
	Promised bool
	Since    time.Time
}

// KnownItems gives the pieces of a warehouse that are not gone, those that are on the move first.
func (tx *Tx) KnownItems(ctx context.Context, warehouse string, most int) ([]KnownItem, error) {
	return list(ctx, tx, func(row scanner) (k KnownItem, err error) {
		var since int64
		var promise rental.Promise
		var to string
		err = row.Scan(&k.Item, &k.Custody, &k.Order, &k.Place, &k.Bag, &k.Grade, &k.Fit, &k.Clean, &k.Damaged, &k.RepairedBy, &promise, &to, &since)
		k.Clean, k.Promised, k.Since = !k.Clean, promise != rental.Free, fromMillis(since)
		if k.Promised {
			k.Order = to
		}
		return k, err
	}, `SELECT id, custody, order_id, place, bag, grade, fit, dirty, damaged, repaired_by, promise, promised_to, since FROM rental_items
		WHERE warehouse_id = $1 AND custody NOT IN (0, 21, 22) ORDER BY CASE custody WHEN 3 THEN 1 WHEN 9 THEN 2 ELSE 0 END, id LIMIT $2`, warehouse, most)
}
