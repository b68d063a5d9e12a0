package store

import (
	"context"
	"fmt"
	"strings"
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

// versions are the two tables of a thing with versions: its columns but for the intervals, and its key.
type versions struct {
	table, history string
	columns, key   []string
	types          []string // of the key
}

var (
	containerVersions = versions{"dated_containers", "dated_container_history", []string{"id", "sequence", "delivery_date", "location_id",
		"fridge_id", "slot_id", "shop_id", "category", "run_id", "shipper_id", "shipper_place", "address_id"}, []string{"id"}, []string{"TEXT"}}
	itemVersions = versions{"order_items", "order_item_history", []string{"order_id", "line", "unit", "delivery_date", "product_id",
		"dated_container_id"}, []string{"order_id", "line", "unit"}, []string{"TEXT", "BIGINT", "BIGINT"}}
)

// ending is a row whose stored version ends.
type ending struct {
	key   []any
	at    time.Time // from then on it is not so
	cause string
}

// KeepContainer writes a dated container's stored version into the history, before the row is changed or deleted; the caller then
// gives the changed row valid_from and known_from of since. The cause is one of the words at dated_container_history.cause.
func (tx *Tx) KeepContainer(ctx context.Context, id string, since Since, cause string) error {
	return tx.keep(ctx, containerVersions, []ending{{[]any{id}, since.Valid, cause}}, since.Known)
}

// KeepItem is KeepContainer for an order item.
func (tx *Tx) KeepItem(ctx context.Context, order string, line, unit int64, since Since, cause string) error {
	return tx.keep(ctx, itemVersions, []ending{{[]any{order, line, unit}, since.Valid, cause}}, since.Known)
}

// open is the end of an interval that has not ended: the last moment there is.
const open = "9223372036854775807"

// keep ends, as known from a moment on, what was believed of rows. What was believed stays, as known until then; and that it was
// so until its end is known from then on. An end that lies before earlier changes, because it is learnt late, ends those, too.
func (tx *Tx) keep(ctx context.Context, v versions, ends []ending, known time.Time) error {
	return tx.rewrite(ctx, v, ends, known, v.statements)
}

// giveWay makes room in the history for rows that begin anew under keys that were there before: what was believed to be so after
// their beginning was over by then. It is at the end of a row's former version, unless clocks disagree about which came first.
func (tx *Tx) giveWay(ctx context.Context, v versions, begins []ending, known time.Time) error {
	return tx.rewrite(ctx, v, begins, known, func(rows int) []string { return v.statements(rows)[:2] })
}

func (tx *Tx) rewrite(ctx context.Context, v versions, ends []ending, known time.Time, statements func(rows int) []string) error {
	for len(ends) > 0 {
		size := sizeFor(insertSizes, len(ends))
		rows := make([][]any, size)
		for i, e := range ends[:size] {
			rows[i] = append(e.key[:len(e.key):len(e.key)], millis(e.at), millis(known), e.cause)
		}
		for _, text := range statements(size) {
			if err := tx.write(ctx, text, flat(rows)...); err != nil {
				return fmt.Errorf("history of %s: %w", v.table, err)
			}
		}
		ends = ends[size:]
	}
	return nil
}

// statements write the history of so many rows: the first two what ended before, the others the version that is stored.
func (v versions) statements(rows int) []string {
	n := len(v.key)
	values := "(" + valuesText(rows, append(v.types[:n:n], "BIGINT", "BIGINT", "TEXT")...) + ") AS v"
	at, known, cause := fmt.Sprintf("v.column%d", n+1), fmt.Sprintf("v.column%d", n+2), fmt.Sprintf("v.column%d", n+3)
	columns := strings.Join(v.columns, ", ")
	match := func(table string) string {
		on := make([]string, n)
		for i, k := range v.key {
			on[i] = fmt.Sprintf("%s.%s = v.column%d", table, k, i+1)
		}
		return strings.Join(on, " AND ")
	}
	insert := func(table, interval, where string) string {
		return "INSERT INTO " + v.history + " (" + columns + ", valid_from, valid_until, known_from, known_until, cause) SELECT t." +
			strings.Join(v.columns, ", t.") + ", t.valid_from, " + interval + ", " + cause + " FROM " + values + " JOIN " + table + " t ON " +
			match("t") + " WHERE " + where
	}
	stillSo := ".known_until = " + open + " AND " + v.history + ".valid_until > " + at
	past := at + ", " + known + ", " + open
	return []string{
		insert(v.history, past, "t.known_until = "+open+" AND t.valid_until > "+at+" AND t.valid_from < "+at),
		"UPDATE " + v.history + " SET known_until = " + known + " FROM " + values + " WHERE " + match(v.history) + " AND " + v.history + stillSo,
		insert(v.table, open+", t.known_from, "+known, "t.known_from < "+known),
		insert(v.table, past, "t.valid_from < "+at),
	}
}
