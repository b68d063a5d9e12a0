package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/protocol"
)

// CleaningBatch is pieces that are cleaned together, by the own laundry or a vendor.
type CleaningBatch struct {
	ID, Warehouse, Vendor string
	Made, Due             time.Time
	Sent, Closed          time.Time // zero before
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
		var sent, closed sql.NullInt64
		err = row.Scan(&b.ID, &b.Warehouse, &b.Vendor, &made, &b.By, &due, &sent, &closed, &b.In, &b.Back)
		b.Made, b.Due, b.Sent, b.Closed = fromMillis(made), fromMillis(due), fromOptionalMillis(sent), fromOptionalMillis(closed)
		return b, err
	}, `SELECT b.id, b.warehouse_id, b.vendor, b.made_at, b.made_by, b.due_at, b.sent_at, b.closed_at,
		(SELECT COUNT(*) FROM rental_items i WHERE i.custody = 13 AND i.batch = b.id AND i.batch <> '' AND i.in_work),
		(SELECT COUNT(*) FROM rental_items i WHERE i.batch = b.id AND i.batch <> '' AND NOT i.in_work)
		FROM cleaning_batches b WHERE $1 OR b.closed_at IS NULL ORDER BY b.due_at, b.id LIMIT $2`, closedToo, most)
}

// SendCleaningBatch notes that a batch has gone to who cleans it, and when it is due; ok is false when there is none that is open.
func (tx *Tx) SendCleaningBatch(ctx context.Context, id string, at, due time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, "UPDATE cleaning_batches SET sent_at = $2, due_at = $3 WHERE id = $1 AND closed_at IS NULL", id, millis(at), millis(due))
	return n == 1, err
}

// PiecesInBatch gives the pieces that are in a cleaning batch.
func (tx *Tx) PiecesInBatch(ctx context.Context, id string) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT id FROM rental_items WHERE batch = $1 AND batch <> '' AND custody = 13 AND in_work ORDER BY id", id)
}

// RepairOrder is work on one piece.
type RepairOrder struct {
	ID, Item, What string
	Made, Closed   time.Time
	By             string // who has opened it
	Repairer       string // badge; empty before
	CostYen        int64
	Garment        string
	Custody        protocol.Custody // of the piece now
	InWork         bool             // it is on this order
	Unseen         string           // badge of who has repaired it, while nobody else has inspected it
}

// AddRepairOrder opens a work order; ok is false when there is one of that id.
func (tx *Tx) AddRepairOrder(ctx context.Context, r RepairOrder) (ok bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO repair_orders (id, item_id, what, made_at, made_by, cost_yen) VALUES ($1, $2, $3, $4, $5, 0)
		ON CONFLICT (id) DO NOTHING`, r.ID, r.Item, r.What, millis(r.Made), r.By)
	return n == 1, err
}

// CloseRepairOrder closes a work order with who has repaired the piece and what it has cost; ok is false when there is none that is open.
func (tx *Tx) CloseRepairOrder(ctx context.Context, id, repairer string, costYen int64, at time.Time) (ok bool, err error) {
	n, err := tx.exec(ctx, "UPDATE repair_orders SET closed_at = $2, cost_yen = $3, repairer = $4 WHERE id = $1 AND closed_at IS NULL", id, millis(at),
		costYen, repairer)
	return n == 1, err
}

func scanRepairOrder(row scanner) (r RepairOrder, err error) {
	var made int64
	var closed sql.NullInt64
	err = row.Scan(&r.ID, &r.Item, &r.What, &made, &r.By, &closed, &r.Repairer, &r.CostYen, &r.Garment, &r.Custody, &r.InWork, &r.Unseen)
	r.Made, r.Closed = fromMillis(made), fromOptionalMillis(closed)
	return r, err
}

const repairOrders = `SELECT r.id, r.item_id, r.what, r.made_at, r.made_by, r.closed_at, r.repairer, r.cost_yen, g.name, i.custody,
	i.custody = 15 AND i.in_work AND i.batch = r.id, i.repaired_by
	FROM repair_orders r JOIN rental_items i ON i.id = r.item_id JOIN garments g ON g.gtin = i.gtin `

// RepairOrders gives work orders, the open ones or all, the oldest first.
func (tx *Tx) RepairOrders(ctx context.Context, closedToo bool, most int) ([]RepairOrder, error) {
	return list(ctx, tx, scanRepairOrder, repairOrders+"WHERE $1 OR r.closed_at IS NULL ORDER BY r.made_at, r.id LIMIT $2", closedToo, most)
}

// RepairOrder gives a work order, or ErrNotFound.
func (tx *Tx) RepairOrder(ctx context.Context, id string) (RepairOrder, error) {
	r, err := scanRepairOrder(tx.row(ctx, repairOrders+"WHERE r.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("work order %.64s: %w", id, ErrNotFound)
	}
	return r, err
}

// HasOperator says whether somebody in a rental warehouse has a badge.
func (tx *Tx) HasOperator(ctx context.Context, badge string) (bool, error) {
	var n int
	err := tx.row(ctx, "SELECT COUNT(*) FROM warehouse_operators WHERE badge = $1", badge).Scan(&n)
	return n > 0, err
}
