package store

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/dispatch"
)

// HistoryQuery is the question of promise P7 for a location: which containers stood where at a moment (valid time, $4), as far
// as was known at a moment (recorded time, $3), at location $1 on delivery date $2. Times are Unix milliseconds.
//
// A version of a row counts when both moments lie within its two intervals. How far a container had come is what devices had
// said of its box by then: the furthest step (kinds of event: 10 filled, 12 shelved, 21 loaded, 30 placed) that happened up to
// $4 among the events received up to $3; and nothing before the word of its filling, which says whose box it is. A box goes
// round, so only what happened around this delivery counts, and not what happened when it was filled for another one.
const HistoryQuery = `SELECT c.id, c.fridge_id, c.slot_id, c.shop_id, c.category, c.run_id, c.shipper_id, c.address_id,
  (SELECT COUNT(*) FROM item_timeline i WHERE i.dated_container_id = c.id
    AND i.known_from <= $3 AND $3 < i.known_until AND i.valid_from <= $4 AND $4 < i.valid_until) AS items,
  (SELECT CASE WHEN SUM(CASE WHEN e.kind = 10 THEN 1 ELSE 0 END) > 0
      THEN MAX(CASE WHEN e.event_at > $4 THEN 0 WHEN e.kind = 10 THEN 1 WHEN e.kind = 12 THEN 2 WHEN e.kind = 21 THEN 3 ELSE 4 END)
      ELSE 0 END
    FROM events e WHERE e.subject = b.grai AND e.kind IN (10, 12, 21, 30) AND e.outcome = 'applied' AND e.received_at <= $3
    AND (e.event_at BETWEEN d.order_cutoff - 900000 AND d.pickup_closes + 11700000
      OR e.event_at IN (b.filled_at, b.shelved_at, b.loaded_at, b.placed_at))
    AND NOT EXISTS (SELECT 1 FROM dated_containers o WHERE o.grai = b.grai AND o.filled_at > b.filled_at
      AND o.filled_at <= e.event_at)) AS step
FROM container_timeline c
JOIN deliveries d ON d.location_id = c.location_id AND d.delivery_date = c.delivery_date
LEFT JOIN dated_containers b ON b.id = c.id
WHERE c.location_id = $1 AND c.delivery_date = $2
  AND c.known_from <= $3 AND $3 < c.known_until AND c.valid_from <= $4 AND $4 < c.valid_until
ORDER BY c.slot_id, c.id`

// steps are the states of a container by the step that HistoryQuery gives.
var steps = [...]dispatch.State{dispatch.Planned, dispatch.Filled, dispatch.OnAddress, dispatch.Loaded, dispatch.Placed}

// History gives the containers of a location on a delivery date as they stood at valid, as far as was known at known. An unknown
// location, or one without a delivery on the date, is ErrNotFound.
func (tx *Tx) History(ctx context.Context, location, date string, known, valid time.Time) ([]dispatch.Past, error) {
	if _, err := tx.Delivery(ctx, date, location); err != nil {
		return nil, err
	}
	return list(ctx, tx, func(row scanner) (p dispatch.Past, err error) {
		var step int
		err = row.Scan(&p.ContainerID, &p.FridgeID, &p.SlotID, &p.ShopID, &p.Category, &p.RunID, &p.ShipperID, &p.AddressID,
			&p.Items, &step)
		if err == nil && (step < 0 || step >= len(steps)) {
			err = fmt.Errorf("container %s: step %d, want 0 to %d", p.ContainerID, step, len(steps)-1)
		}
		if err == nil {
			p.State = steps[step]
		}
		return p, err
	}, HistoryQuery, location, date, millis(known), millis(valid))
}

// Since is when a change of the numbering came about: from when on it is so, and when it was stored. They differ only where what
// had been so already is learnt late.
type Since struct{ Valid, Known time.Time }

// At is a change that is stored as it comes about.
func At(now time.Time) Since { return Since{Valid: now, Known: now} }

// versions are the two tables of a thing with versions, and its columns but for the intervals.
type versions struct{ table, history, columns, key string }

var (
	containerVersions = versions{"dated_containers", "dated_container_history", `id, sequence, delivery_date, location_id, fridge_id, slot_id,
		shop_id, category, run_id, shipper_id, shipper_place, address_id`, "id = $1"}
	itemVersions = versions{"order_items", "order_item_history", "order_id, line, unit, delivery_date, product_id, dated_container_id",
		"order_id = $1 AND line = $2 AND unit = $3"}
)

// KeepContainer writes a dated container's present version into the history, before it is changed or deleted; the caller then
// gives the changed row valid_from and known_from of since. The cause is one of the words at dated_container_history.cause.
func (tx *Tx) KeepContainer(ctx context.Context, id string, since Since, cause string) error {
	return tx.keep(ctx, containerVersions, since, cause, id)
}

// KeepItem is KeepContainer for an order item.
func (tx *Tx) KeepItem(ctx context.Context, order string, line, unit int64, since Since, cause string) error {
	return tx.keep(ctx, itemVersions, since, cause, order, line, unit)
}

// keep ends what was believed to be so from since.Valid on, at since.Known: that belief stays, closed, and what it said of the
// time before since.Valid is known to have been so from now on. A change that reaches back behind earlier ones ends those, too.
func (tx *Tx) keep(ctx context.Context, v versions, since Since, cause string, key ...any) error {
	valid, known := millis(since.Valid), millis(since.Known)
	arg := func(i int) string { return fmt.Sprintf("$%d", len(key)+i) }
	into := "INSERT INTO " + v.history + " (" + v.columns + ", valid_from, valid_until, known_from, known_until, cause) SELECT " + v.columns
	untilValid := into + ", valid_from, CAST(" + arg(1) + " AS BIGINT), CAST(" + arg(2) + " AS BIGINT), " + open + ", CAST(" + arg(3) + " AS TEXT) FROM "
	reaches := " WHERE " + v.key + " AND known_until = " + open + " AND valid_until > " + arg(1)
	for _, step := range []struct {
		text string
		args []any
	}{
		{untilValid + v.history + reaches + " AND valid_from < " + arg(1), []any{valid, known, cause}},
		{"UPDATE " + v.history + " SET known_until = " + arg(2) + reaches, []any{valid, known}},
		{into + ", valid_from, " + open + ", known_from, CAST(" + arg(1) + " AS BIGINT), CAST(" + arg(2) + " AS TEXT) FROM " + v.table +
			" WHERE " + v.key + " AND known_from < " + arg(1), []any{known, cause}},
		{untilValid + v.table + " WHERE " + v.key + " AND valid_from < " + arg(1), []any{valid, known, cause}},
	} {
		if _, err := tx.exec(ctx, step.text, append(key[:len(key):len(key)], step.args...)...); err != nil {
			return fmt.Errorf("history of %s %v: %w", v.table, key, err)
		}
	}
	return nil
}

// open is the end of an interval that has not ended: the last moment there is.
const open = "9223372036854775807"
