package store

import (
	"context"
	"database/sql"
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

// CycleTime is how long pieces took from one step until the next that was done to them.
type CycleTime struct {
	Step   protocol.Step
	Count  int
	Mean   time.Duration
	Longer time.Duration // of the longest
}

// CycleTimes gives, for steps that were done since a time, how long it took until the next.
func (tx *Tx) CycleTimes(ctx context.Context, warehouse string, since time.Time) ([]CycleTime, error) {
	return list(ctx, tx, func(row scanner) (c CycleTime, err error) {
		var sum, most int64
		err = row.Scan(&c.Step, &c.Count, &sum, &most)
		c.Mean, c.Longer = time.Duration(sum/int64(max(c.Count, 1)))*time.Millisecond, time.Duration(most)*time.Millisecond
		return c, err
	}, `SELECT step, COUNT(*), CAST(SUM(until_next) AS BIGINT), MAX(until_next) FROM (
		SELECT h.step, LEAD(h.happened_at) OVER (PARTITION BY h.item_id ORDER BY h.happened_at, h.number) - h.happened_at AS until_next
		FROM rental_history h JOIN rental_items i ON i.id = h.item_id
		WHERE h.happened_at >= $2 AND h.step <> 0 AND h.step <> 19 AND ($1 = '' OR i.warehouse_id = $1)) t
		WHERE until_next IS NOT NULL GROUP BY step ORDER BY step`, warehouse, millis(since))
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
	err = tx.row(ctx, `SELECT COALESCE(SUM(CASE h.step WHEN 12 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN h.step = 12 AND h.damages <> '' THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE h.step WHEN 22 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE h.step WHEN 21 THEN 1 ELSE 0 END), 0) FROM rental_history h JOIN rental_items i ON i.id = h.item_id
		WHERE h.happened_at >= $2 AND h.breach = '' AND ($1 = '' OR i.warehouse_id = $1)`, warehouse, millis(since)).
		Scan(&r.Returns, &r.Damaged, &r.Retired, &r.Sold)
	if err != nil {
		return r, err
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

// CleaningBatch is pieces that are cleaned together, by the own laundry or a vendor.
type CleaningBatch struct {
	ID, Warehouse, Vendor string
	Made, Due, Closed     time.Time
	By                    string
	In, Back              int // pieces in it, and back from it
}

// AddCleaningBatch opens a batch; ok is false when there is one of that id.
func (tx *Tx) AddCleaningBatch(ctx context.Context, b CleaningBatch) (ok bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO cleaning_batches (id, warehouse_id, vendor, made_at, made_by, due_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO NOTHING`, b.ID, b.Warehouse, b.Vendor, millis(b.Made), b.By, millis(b.Due))
	return n == 1, err
}

// CloseCleaningBatch closes a batch; ok is false when there is none that is open.
func (tx *Tx) CloseCleaningBatch(ctx context.Context, id string, at time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, "UPDATE cleaning_batches SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL", id, millis(at))
	return n == 1, err
}

// CleaningBatches gives batches, the open ones or all, those that are due first first.
func (tx *Tx) CleaningBatches(ctx context.Context, closedToo bool, most int) ([]CleaningBatch, error) {
	return list(ctx, tx, func(row scanner) (b CleaningBatch, err error) {
		var made, due int64
		var closed sql.NullInt64
		err = row.Scan(&b.ID, &b.Warehouse, &b.Vendor, &made, &b.By, &due, &closed, &b.In, &b.Back)
		b.Made, b.Due, b.Closed = fromMillis(made), fromMillis(due), fromOptionalMillis(closed)
		return b, err
	}, `SELECT b.id, b.warehouse_id, b.vendor, b.made_at, b.made_by, b.due_at, b.closed_at,
		(SELECT COUNT(*) FROM rental_items i WHERE i.custody = 13 AND i.batch = b.id AND i.in_work),
		(SELECT COUNT(*) FROM rental_items i WHERE i.batch = b.id AND NOT i.in_work)
		FROM cleaning_batches b WHERE $1 OR b.closed_at IS NULL ORDER BY b.due_at, b.id LIMIT $2`, closedToo, most)
}

// RepairOrder is work on one piece.
type RepairOrder struct {
	ID, Item, What string
	Made, Closed   time.Time
	By             string
	CostYen        int64
}

// AddRepairOrder opens a work order; ok is false when there is one of that id.
func (tx *Tx) AddRepairOrder(ctx context.Context, r RepairOrder) (ok bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO repair_orders (id, item_id, what, made_at, made_by, cost_yen) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (id) DO NOTHING`, r.ID, r.Item, r.What, millis(r.Made), r.By)
	return n == 1, err
}

// CloseRepairOrder closes a work order with what it has cost; ok is false when there is none that is open.
func (tx *Tx) CloseRepairOrder(ctx context.Context, id string, costYen int64, at time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, "UPDATE repair_orders SET closed_at = $2, cost_yen = $3 WHERE id = $1 AND closed_at IS NULL", id, millis(at), costYen)
	return n == 1, err
}

// RepairOrders gives work orders, the open ones or all, the oldest first.
func (tx *Tx) RepairOrders(ctx context.Context, closedToo bool, most int) ([]RepairOrder, error) {
	return list(ctx, tx, func(row scanner) (r RepairOrder, err error) {
		var made int64
		var closed sql.NullInt64
		err = row.Scan(&r.ID, &r.Item, &r.What, &made, &r.By, &closed, &r.CostYen)
		r.Made, r.Closed = fromMillis(made), fromOptionalMillis(closed)
		return r, err
	}, `SELECT id, item_id, what, made_at, made_by, closed_at, cost_yen FROM repair_orders WHERE $1 OR closed_at IS NULL ORDER BY made_at, id LIMIT $2`,
		closedToo, most)
}

// GarmentStages gives where the pieces of a garment are that are in the house or on their way back, and not promised.
func (tx *Tx) GarmentStages(ctx context.Context, warehouse, gtin string) ([]StageCount, error) {
	return list(ctx, tx, func(row scanner) (c StageCount, err error) {
		return c, row.Scan(&c.Custody, &c.Pieces)
	}, `SELECT custody, COUNT(*) FROM rental_items WHERE gtin = $2 AND ($1 = '' OR warehouse_id = $1) AND promise = 0
		AND custody IN (1, 2, 3, 6, 10, 11, 12, 13, 15, 17, 18) GROUP BY custody ORDER BY custody`, warehouse, gtin)
}
