package store

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/order"
	"meguri/hub/people"
)

// AddDecisions stores what was decided on one date, with the numbering as the last decision leaves it. It is a
// *order.TakenError when the id or the key of a new order is in use, and order.ErrStale when an order is not in the state that
// it was decided from.
//
// What one decision did and a later one of the group undid was never known to anybody, and is not stored.
func (tx *Tx) AddDecisions(ctx context.Context, decisions []order.Decision, known time.Time) error {
	w := &decided{tx: tx, known: known, fresh: map[string]int{}, states: map[string]int{}}
	for i := range decisions {
		w.fold(&decisions[i])
	}
	n := foldNumbering(decisions)
	for _, step := range []func(context.Context) error{
		w.addOrders, w.addKeys, w.setStates,
		func(ctx context.Context) error { return n.takeOut(ctx, tx, known) },
		w.release,
		w.setLines,
		func(ctx context.Context) error { return n.putIn(ctx, tx, known) },
		w.revokeGrants, w.recordActs, w.oweBack,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// decided is what a group of decisions changes of orders.
type decided struct {
	tx    *Tx
	known time.Time

	orders []order.Decision // new ones, as the last decision leaves them
	fresh  map[string]int   // their indexes, by id
	ends   []order.Decision // of stored orders, the last one each
	states map[string]int   // their indexes, by id
	lines  []order.Decision // that revise or withdraw, of stored orders
	acts   []people.Act
	revoke []string // orders whose grants are no longer valid
	byRow  []order.Decision
}

func (w *decided) fold(d *order.Decision) {
	i, isNew := w.fresh[d.Order.ID]
	switch d.Verb {
	case order.Place:
		w.fresh[d.Order.ID] = len(w.orders)
		w.orders = append(w.orders, *d)
	case order.Confirm:
		w.foldState(d)
	case order.End:
		if _, confirmed := w.states[d.Order.ID]; isNew && !confirmed {
			o := &w.orders[i].Order
			o.State, o.EndedAt, o.EndReason = d.Order.State, d.Order.EndedAt, d.Order.EndReason
		} else {
			w.foldState(d)
		}
	case order.Revise:
		if isNew {
			w.orders[i].Order.Lines, w.orders[i].Order.LineStates = d.Order.Lines, d.Order.LineStates
		} else {
			w.lines = append(w.lines, *d)
		}
	case order.Withdraw:
		w.lines = append(w.lines, *d) // the lines of a new order are stored by then
	}
	if d.ByRow {
		w.byRow = append(w.byRow, *d)
	}
	w.foldAct(d)
}

func (w *decided) foldState(d *order.Decision) {
	at, again := w.states[d.Order.ID]
	if !again {
		w.states[d.Order.ID] = len(w.ends)
		w.ends = append(w.ends, *d)
		return
	}
	from := w.ends[at].From
	w.ends[at] = *d
	w.ends[at].From = from
}

// foldAct notes who did what, and from which state to which. What the clock does is nobody's act.
func (w *decided) foldAct(d *order.Decision) {
	if d.Verb == order.End && (d.Order.State == order.Cancelled || d.Order.State == order.CalledOff) {
		w.revoke = append(w.revoke, d.Order.ID)
	}
	by := d.By
	if d.Verb == order.Place {
		by = d.Order.PlacedBy
	}
	if name := actName(d); name != "" && by != "" {
		w.acts = append(w.acts, people.NewAct(d.At, by, name, d.Order.ID, d.Order.EndReason).From(string(d.From), string(d.Order.State)))
	}
}

// actName is what a decision is called in the audit trail; empty for one that no person makes.
func actName(d *order.Decision) string {
	switch {
	case d.Verb == order.Place && d.Order.State == order.Refused:
		return "order.refused"
	case d.Verb == order.Place:
		return "order.place"
	case d.Verb == order.Confirm:
		return "order.confirm"
	case d.Verb == order.Revise:
		return "order.change"
	case d.Verb == order.Withdraw:
		return "order.withdraw"
	case d.Verb == order.End && d.Order.State == order.Cancelled:
		return "order.cancel"
	case d.Verb == order.End && d.Order.State == order.CalledOff:
		return "order.call_off"
	}
	return ""
}

var (
	insertOrders = insertRows("orders", `id, sequence, delivery_date, location_id, customer_id, state, hold_until, refused_limit,
		refused_what, placed_by, placed_at, ended_at, end_reason`, " ON CONFLICT (id) DO NOTHING", "TEXT", "BIGINT", "TEXT", "TEXT", "TEXT",
		"TEXT", "BIGINT", "TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "TEXT")
	insertLines = insertRows("order_lines", "order_id, line, product_id, quantity, unit_price_yen", "", "TEXT", "BIGINT", "TEXT", "BIGINT",
		"BIGINT")
	replaceLines = insertRows("order_lines", "order_id, line, product_id, quantity, unit_price_yen", ` ON CONFLICT (order_id, line)
		DO UPDATE SET product_id = excluded.product_id, quantity = excluded.quantity, unit_price_yen = excluded.unit_price_yen,
		withdrawn = 0`, "TEXT", "BIGINT", "TEXT", "BIGINT", "BIGINT")
	insertKeys = insertRows("order_keys", "person_id, key, order_id, request_hash, state, known_at", " ON CONFLICT (person_id, key) DO NOTHING",
		"TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "BIGINT")
	// confirmOrders and endOrders move orders on, each from the state that it was decided from. A plain state = 'held' would have
	// SQLite go through all that is held for each statement, by its index, in the place of looking up the ids.
	confirmOrders = &manyRows{before: "UPDATE orders SET state = 'accepted', confirmed_at = v.column2, confirmed_by = v.column3 FROM (",
		kinds: []string{"TEXT", "BIGINT", "TEXT"}, after: ") AS v WHERE id = v.column1 AND state || '' = 'held'"}
	endOrders = &manyRows{before: "UPDATE orders SET state = v.column3, ended_at = v.column4, end_reason = v.column5 FROM (",
		kinds: []string{"TEXT", "TEXT", "TEXT", "BIGINT", "TEXT"}, after: ") AS v WHERE id = v.column1 AND state = v.column2"}
)

// oweBack makes the money of what was ended or taken off go back, with the decision.
func (w *decided) oweBack(ctx context.Context) error {
	for _, of := range [][]order.Decision{w.ends, w.lines} {
		for i := range of {
			if of[i].Verb == order.Confirm {
				continue
			}
			if err := w.tx.OwedBack(ctx, of[i].Order.ID, of[i].At); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *decided) addOrders(ctx context.Context) error {
	if len(w.orders) == 0 {
		return nil
	}
	orders, lines := make([]any, 0, len(w.orders)*len(insertOrders.kinds)), make([]any, 0, len(w.orders)*2*len(insertLines.kinds))
	for i := range w.orders {
		o := &w.orders[i].Order
		orders = append(orders, o.ID, w.orders[i].Sequence, o.DeliveryDate, o.LocationID, o.CustomerID, string(o.State),
			optionalMillis(o.HoldUntil), string(o.Limit), o.What, o.PlacedBy, millis(o.PlacedAt), optionalMillis(o.EndedAt), o.EndReason)
		lines = addLines(lines, o)
	}
	added, err := insertOrders.run(ctx, w.tx, orders)
	if err != nil {
		return err
	}
	if added != int64(len(w.orders)) {
		return w.taken(ctx)
	}
	_, err = insertLines.run(ctx, w.tx, lines)
	return err
}

func addLines(lines []any, o *order.Order) []any {
	for n, line := range o.Lines {
		lines = append(lines, o.ID, n+1, line.ProductID, line.Quantity, o.LineStates[n].UnitPriceYen)
	}
	return lines
}

// taken finds out which ids belong to orders for other dates.
func (w *decided) taken(ctx context.Context) error {
	e := &order.TakenError{}
	for i := range w.orders {
		d := &w.orders[i]
		var sequence int64
		var date string
		err := w.tx.row(ctx, "SELECT sequence, delivery_date FROM orders WHERE id = $1", d.Order.ID).Scan(&sequence, &date)
		if err != nil {
			return err
		}
		if date != d.Order.DeliveryDate || sequence != d.Sequence {
			e.Orders = append(e.Orders, d.Order.ID)
		}
	}
	return e
}

func (w *decided) addKeys(ctx context.Context) error {
	var keys []any
	for i := range w.orders {
		if d := &w.orders[i]; d.Key.Text != "" {
			keys = append(keys, d.Order.PlacedBy, d.Key.Text, d.Order.ID, d.Key.Hash, string(d.Order.State), millis(w.known))
		}
	}
	added, err := insertKeys.run(ctx, w.tx, keys)
	if err != nil || added == int64(len(keys)/len(insertKeys.kinds)) {
		return err
	}
	e := &order.TakenError{}
	for _, d := range w.orders {
		if d.Key.Text == "" {
			continue
		}
		k, err := w.tx.OrderOfKey(ctx, d.Order.PlacedBy, d.Key.Text)
		if err != nil {
			return err
		}
		if k.OrderID != d.Order.ID {
			e.Keys = append(e.Keys, order.KeyOf{Person: d.Order.PlacedBy, Text: d.Key.Text})
		}
	}
	return e
}

// setStates moves orders on.
func (w *decided) setStates(ctx context.Context) error {
	var confirmed, ended []any
	for i := range w.ends {
		d := &w.ends[i]
		if d.Verb == order.Confirm {
			confirmed = append(confirmed, d.Order.ID, millis(d.At), d.By)
			continue
		}
		ended = append(ended, d.Order.ID, string(d.From), string(d.Order.State), optionalMillis(d.Order.EndedAt), d.Order.EndReason)
	}
	n, err := confirmOrders.run(ctx, w.tx, confirmed)
	if err != nil {
		return err
	}
	m, err := endOrders.run(ctx, w.tx, ended)
	if err == nil && n+m != int64(len(w.ends)) {
		err = order.ErrStale
	}
	return err
}

// setLines stores the lines of orders that have others now, and what was withdrawn of them. Items of lines that are gone have
// to be out by then.
func (w *decided) setLines(ctx context.Context) error {
	for _, d := range w.lines {
		id := d.Order.ID
		for _, u := range d.Units {
			n, err := w.tx.exec(ctx, "UPDATE order_lines SET withdrawn = withdrawn + 1 WHERE order_id = $1 AND line = $2", id, u.Line)
			if err == nil && n != 1 {
				err = ErrNotFound
			}
			if err != nil {
				return fmt.Errorf("withdraw of order %s, line %d: %w", id, u.Line, err)
			}
		}
		if d.Verb != order.Revise {
			continue
		}
		if err := w.tx.write(ctx, "DELETE FROM order_lines WHERE order_id = $1 AND line > $2", id, len(d.Order.Lines)); err != nil {
			return fmt.Errorf("lines of order %s: %w", id, err)
		}
		if _, err := replaceLines.run(ctx, w.tx, addLines(nil, &d.Order)); err != nil {
			return err
		}
	}
	return nil
}

// revokeGrants ends the codes of orders that were drawn already.
func (w *decided) revokeGrants(ctx context.Context) error {
	for _, id := range w.revoke {
		if err := w.tx.write(ctx, "UPDATE grants SET revoked_at = $2 WHERE order_id = $1 AND revoked_at IS NULL", id,
			millis(w.known)); err != nil {
			return fmt.Errorf("revoke the code of order %s: %w", id, err)
		}
		if err := w.tx.codesUsed(ctx, id, w.known); err != nil {
			return fmt.Errorf("uses of the code of order %s: %w", id, err)
		}
	}
	return nil
}

func (w *decided) recordActs(ctx context.Context) error {
	for _, a := range w.acts {
		if err := w.tx.RecordAct(ctx, a); err != nil {
			return err
		}
	}
	return nil
}
