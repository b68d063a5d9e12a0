package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/order"
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
	ends := make([]ending, len(boxes))
	for i, b := range boxes {
		ends[i] = ending{[]any{b.was.ID}, b.end.at, b.end.cause}
	}
	return tx.keep(ctx, containerVersions, ends, known)
}

// markShort finds out which items that move cannot be delivered: they stay so.
func (tx *Tx) markShort(ctx context.Context, items []*itemChange) error {
	for _, u := range items {
		if u.gone || u.added {
			continue
		}
		err := tx.row(ctx, "SELECT short FROM order_items WHERE order_id = $1 AND line = $2 AND unit = $3", u.order, u.line, u.unit).
			Scan(&u.short)
		if errors.Is(err, sql.ErrNoRows) {
			err = order.ErrStale
		}
		if err != nil {
			return fmt.Errorf("item %d.%d of order %s: %w", u.line, u.unit, u.order, err)
		}
	}
	return nil
}

var deleteItems = &manyRows{before: "DELETE FROM order_items WHERE (order_id, line, unit) IN (", kinds: []string{"TEXT", "BIGINT", "BIGINT"},
	after: ")"}

// endItems writes the stored versions of items into the history and takes them out.
func (tx *Tx) endItems(ctx context.Context, items []*itemChange, known time.Time) error {
	ends, keys := make([]ending, len(items)), make([]any, 0, 3*len(items))
	for i, u := range items {
		ends[i] = ending{[]any{u.order, u.line, u.unit}, u.end.at, u.end.cause}
		keys = append(keys, u.order, u.line, u.unit)
	}
	if err := tx.keep(ctx, itemVersions, ends, known); err != nil {
		return err
	}
	n, err := deleteItems.run(ctx, tx, keys)
	if err == nil && n != int64(len(items)) {
		err = fmt.Errorf("%d of %d rows: %w", n, len(items), order.ErrStale) // somebody has written and raised no mark
	}
	if err != nil {
		return fmt.Errorf("take items out: %w", err)
	}
	return nil
}
