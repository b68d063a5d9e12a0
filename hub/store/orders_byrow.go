package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meguri/hub/order"
)

// This file ends orders of dates whose rows are broken. Nothing is taken for granted there: each row is looked for, and what is
// not there or cannot be right is left for the checker to name.

// release takes the items of orders out as they stand, and makes their containers hold what is left in them.
func (w *decided) release(ctx context.Context) error {
	last := map[string]ended{} // of containers: what took an item out last
	for i := range w.byRow {
		d := &w.byRow[i]
		from, err := w.tx.releaseItems(ctx, d, w.known)
		if err != nil {
			return fmt.Errorf("items of order %s: %w", d.Order.ID, err)
		}
		for _, id := range from {
			last[id] = ended{d.At, d.Cause}
		}
	}
	ids := make([]string, 0, len(last))
	for id := range last {
		ids = append(ids, id)
	}
	slices.Sort(ids) // so that two who do this cannot wait for each other
	for _, id := range ids {
		if err := w.tx.releaseContainer(ctx, id, last[id], w.known); err != nil {
			return fmt.Errorf("container %s: %w", id, err)
		}
	}
	return nil
}

// releaseItems takes an order's items out, and says of which containers.
func (tx *Tx) releaseItems(ctx context.Context, d *order.Decision, known time.Time) (from []string, err error) {
	items, err := list(ctx, tx, func(row scanner) (*itemChange, error) {
		u := &itemChange{unitKey: unitKey{order: d.Order.ID}, end: ended{d.At, d.Cause}}
		var container string
		err := row.Scan(&u.line, &u.unit, &container)
		if !slices.Contains(from, container) {
			from = append(from, container)
		}
		return u, err
	}, "SELECT line, unit, dated_container_id FROM order_items WHERE order_id = $1 ORDER BY line, unit", d.Order.ID)
	if err != nil || len(items) == 0 {
		return from, err
	}
	return from, tx.endItems(ctx, items, known)
}

// releaseContainer makes a container hold what is in it, and closes one that is empty and has no box. A sum that is more than the
// container may hold stays what it was: it is no order's end that is wrong there.
func (tx *Tx) releaseContainer(ctx context.Context, id string, end ended, known time.Time) error {
	var items, ml int64
	err := tx.row(ctx, `SELECT COUNT(*), CAST(COALESCE(SUM(p.volume_ml), 0) AS BIGINT) FROM order_items i
		LEFT JOIN products p ON p.id = i.product_id WHERE i.dated_container_id = $1`, id).Scan(&items, &ml)
	if err != nil {
		return err
	}
	if items > 0 {
		err = tx.write(ctx, "UPDATE dated_containers SET used_ml = $2 WHERE id = $1 AND capacity_ml >= $2", id, ml)
		return err
	}
	var planned bool
	err = tx.row(ctx, "SELECT EXISTS (SELECT 1 FROM dated_containers WHERE id = $1 AND state = 'planned')", id).Scan(&planned)
	if err != nil || !planned {
		return err
	}
	if err := tx.keep(ctx, containerVersions, []ending{{[]any{id}, end.at, end.cause}}, known); err != nil {
		return err
	}
	err = tx.write(ctx, "DELETE FROM dated_containers WHERE id = $1", id)
	return err
}
