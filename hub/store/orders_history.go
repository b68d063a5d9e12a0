package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// custody is where a dated container's box is, which moving the plan does not change.
type custody struct {
	state                           string
	grai                            sql.NullString
	filled, shelved, loaded, placed sql.NullInt64
}

func (tx *Tx) custodyOf(ctx context.Context, id string) (c custody, err error) {
	err = tx.row(ctx, `SELECT state, grai, filled_at, shelved_at, loaded_at, placed_at FROM dated_containers WHERE id = $1`, id).
		Scan(&c.state, &c.grai, &c.filled, &c.shelved, &c.loaded, &c.placed)
	return c, err
}

// endContainers writes the stored versions of containers into the history. One that ends before it begins, as when an order of an
// imported file, dated just before its cutoff, is cancelled earlier, was never valid.
func (tx *Tx) endContainers(ctx context.Context, boxes []*boxChange, known time.Time) error {
	for _, b := range boxes {
		err := tx.one(ctx, `INSERT INTO dated_container_history (id, sequence, delivery_date, location_id, fridge_id, slot_id, shop_id,
			category, run_id, shipper_id, shipper_place, address_id, valid_from, valid_until, known_from, known_until, cause)
			SELECT id, sequence, delivery_date, location_id, fridge_id, slot_id, shop_id, category, run_id, shipper_id, shipper_place,
			address_id, valid_from, CASE WHEN valid_from > $2 THEN valid_from ELSE CAST($2 AS BIGINT) END, known_from, CAST($3 AS BIGINT), CAST($4 AS TEXT)
			FROM dated_containers WHERE id = $1`, b.was.ID, millis(b.end.at), millis(known), b.end.cause)
		if err != nil {
			return fmt.Errorf("history of container %s: %w", b.was.ID, err)
		}
	}
	return nil
}

// markShort finds out which items that move cannot be delivered: they stay so.
func (tx *Tx) markShort(ctx context.Context, items []*itemChange) error {
	for _, u := range items {
		if u.gone || u.added {
			continue
		}
		err := tx.row(ctx, "SELECT short FROM order_items WHERE order_id = $1 AND line = $2 AND unit = $3", u.order, u.line, u.unit).
			Scan(&u.short)
		if err != nil {
			return fmt.Errorf("item %d.%d of order %s: %w", u.line, u.unit, u.order, err)
		}
	}
	return nil
}

var (
	itemsToHistory = &manyRows{before: `INSERT INTO order_item_history (order_id, line, unit, delivery_date, product_id, dated_container_id,
		valid_from, valid_until, known_from, known_until, cause)
		SELECT i.order_id, i.line, i.unit, i.delivery_date, i.product_id, i.dated_container_id, i.valid_from,
		CASE WHEN i.valid_from > v.column4 THEN i.valid_from ELSE v.column4 END, i.known_from, v.column5, v.column6 FROM (`,
		kinds: []string{"TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "TEXT"},
		after: ") AS v JOIN order_items i ON i.order_id = v.column1 AND i.line = v.column2 AND i.unit = v.column3"}
	deleteItems = &manyRows{before: "DELETE FROM order_items WHERE (order_id, line, unit) IN (", kinds: []string{"TEXT", "BIGINT", "BIGINT"}, after: ")"}
)

// endItems writes the stored versions of items into the history and takes them out.
func (tx *Tx) endItems(ctx context.Context, items []*itemChange, known time.Time) error {
	var ends, keys []any
	for _, u := range items {
		ends = append(ends, u.order, u.line, u.unit, millis(u.end.at), millis(known), u.end.cause)
		keys = append(keys, u.order, u.line, u.unit)
	}
	for _, step := range []struct {
		do   *manyRows
		rows []any
	}{{itemsToHistory, ends}, {deleteItems, keys}} {
		n, err := step.do.run(ctx, tx, step.rows)
		if err == nil && n != int64(len(items)) {
			err = fmt.Errorf("%d of %d rows: %w", n, len(items), ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("history of items: %w", err)
		}
	}
	return nil
}
