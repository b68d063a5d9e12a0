package store

import (
	"context"
	"time"

	"meguri/internal/rental"
	"meguri/protocol"
)

// StageCount is how many pieces wait in a state of custody, and since when the longest has.
type StageCount struct {
	Custody protocol.Custody
	Pieces  int
	Oldest  time.Time
	Waited  time.Duration // mean
}

// Stages gives where the pieces of a warehouse are at now; all warehouses when it is empty.
func (tx *Tx) Stages(ctx context.Context, warehouse string, now time.Time) ([]StageCount, error) {
	return list(ctx, tx, func(row scanner) (c StageCount, err error) {
		var oldest, sum int64
		err = row.Scan(&c.Custody, &c.Pieces, &oldest, &sum)
		c.Oldest = fromMillis(oldest)
		c.Waited = time.Duration(sum/int64(max(c.Pieces, 1))) * time.Millisecond
		return c, err
	}, `SELECT custody, COUNT(*), MIN(since), CAST(SUM($2 - since) AS BIGINT) FROM rental_items WHERE $1 = '' OR warehouse_id = $1
		GROUP BY custody ORDER BY custody`, warehouse, millis(now))
}

// RentalRates are what the round costs.
type RentalRates struct {
	Pieces, Turns    int // pieces that are not gone, and returns of all
	Returns, Damaged int // returns inspected since a time, and those of them with a damage
	Missing, Retired int // pieces that are missing now, and were retired since
	Sold             int
	RepairYen        int64 // since
}

// TurnsPerPiece is how often a piece has come back so far.
func (r RentalRates) TurnsPerPiece() float64 { return ratio(r.Turns, r.Pieces) }

// DamageRate is the part of inspected returns that had a damage.
func (r RentalRates) DamageRate() float64 { return ratio(r.Damaged, r.Returns) }

// LossRate is the part of the pieces that is missing.
func (r RentalRates) LossRate() float64 { return ratio(r.Missing, r.Pieces) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Rates gives the rates of a warehouse, or of all when it is empty.
func (tx *Tx) Rates(ctx context.Context, warehouse string, since time.Time) (r RentalRates, err error) {
	err = tx.row(ctx, `SELECT COUNT(*), COALESCE(SUM(turns), 0), COALESCE(SUM(CASE custody WHEN 20 THEN 1 ELSE 0 END), 0) FROM rental_items
		WHERE custody NOT IN (0, 21, 22) AND ($1 = '' OR warehouse_id = $1)`, warehouse).Scan(&r.Pieces, &r.Turns, &r.Missing)
	if err != nil {
		return r, err
	}
	turns, err := tx.StageTurns(ctx, warehouse, since)
	if err != nil {
		return r, err
	}
	for _, t := range turns {
		switch t.Custody {
		case protocol.ReturnInspected:
			r.Returns, r.Damaged = t.Entered, t.Damaged
		case protocol.Retired:
			r.Retired = t.Entered
		case protocol.Sold:
			r.Sold = t.Entered
		}
	}
	err = tx.row(ctx, `SELECT COALESCE(SUM(r.cost_yen), 0) FROM repair_orders r JOIN rental_items i ON i.id = r.item_id
		WHERE r.closed_at >= $2 AND ($1 = '' OR i.warehouse_id = $1)`, warehouse, millis(since)).Scan(&r.RepairYen)
	return r, err
}

// ToShip is a line of an order that is to be shipped, and what is still to be done for it.
type ToShip struct {
	Order, ShipDate, Tote string
	Line                  int
	GTIN, Garment         string
	Piece, Place          string // empty: nothing stands for it
	Custody               protocol.Custody
	Promise               rental.Promise
}

// ToShipBy gives all lines of open orders that are to be shipped until a date, in order.
func (tx *Tx) ToShipBy(ctx context.Context, warehouse, until string, most int) ([]ToShip, error) {
	return list(ctx, tx, func(row scanner) (s ToShip, err error) {
		return s, row.Scan(&s.Order, &s.ShipDate, &s.Tote, &s.Line, &s.GTIN, &s.Garment, &s.Piece, &s.Place, &s.Custody, &s.Promise)
	}, `SELECT o.id, o.ship_date, o.tote, l.line, l.gtin, g.name, COALESCE(i.id, ''), COALESCE(i.place, ''), COALESCE(i.custody, 0), COALESCE(i.promise, 0)
		FROM rental_orders o JOIN rental_order_lines l ON l.order_id = o.id JOIN garments g ON g.gtin = l.gtin
		LEFT JOIN commitments c ON c.order_id = o.id AND c.line = l.line AND c.ended_at IS NULL LEFT JOIN rental_items i ON i.id = c.item_id
		WHERE ($1 = '' OR o.warehouse_id = $1) AND o.state = 'open' AND o.ship_date <= $2 ORDER BY o.ship_date, o.id, l.line LIMIT $3`,
		warehouse, until, most)
}

// WaitingPiece is a piece that waits in a state.
type WaitingPiece struct {
	ID, Garment, Place, Order string
	Custody                   protocol.Custody
	Since                     time.Time
}

// WaitingIn gives the pieces in a state, those that wait longest first.
func (tx *Tx) WaitingIn(ctx context.Context, warehouse string, custody protocol.Custody, most int) ([]WaitingPiece, error) {
	return list(ctx, tx, func(row scanner) (w WaitingPiece, err error) {
		var since int64
		err = row.Scan(&w.ID, &w.Garment, &w.Place, &w.Order, &w.Custody, &since)
		w.Since = fromMillis(since)
		return w, err
	}, `SELECT i.id, g.name, i.place, CASE i.promise WHEN 0 THEN i.order_id ELSE i.promised_to END, i.custody, i.since FROM rental_items i JOIN garments g ON g.gtin = i.gtin
		WHERE ($1 = '' OR i.warehouse_id = $1) AND i.custody = $2 ORDER BY i.since, i.id LIMIT $3`, warehouse, int64(custody), most)
}

// GarmentStages gives where the pieces of a garment are that are in the house or on their way back, and not promised.
func (tx *Tx) GarmentStages(ctx context.Context, warehouse, gtin string) ([]StageCount, error) {
	return list(ctx, tx, func(row scanner) (c StageCount, err error) {
		return c, row.Scan(&c.Custody, &c.Pieces)
	}, `SELECT custody, COUNT(*) FROM rental_items WHERE gtin = $2 AND ($1 = '' OR warehouse_id = $1) AND promise = 0
		AND custody IN (1, 2, 3, 6, 10, 11, 12, 13, 15, 17, 18) GROUP BY custody ORDER BY custody`, warehouse, gtin)
}
