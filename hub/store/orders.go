package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/capacity"
	"meguri/hub/order"
)

// Orders is the store as the order service needs it.
func (s *Store) Orders() order.Store { return orderStore{s} }

type orderStore struct{ s *Store }

func (o orderStore) Read(ctx context.Context, fn func(order.Tx) error) error {
	return o.s.Read(ctx, func(tx *Tx) error { return fn(tx) })
}

func (o orderStore) Change(ctx context.Context, fn func(order.Tx) error) error {
	err := o.s.Change(ctx, func(tx *Tx) error { return fn(tx) })
	if err != nil && o.s.engine.refused(err) {
		return fmt.Errorf("%w: %w", order.ErrRejected, err)
	}
	return err
}

// DateMark is the mark of a date, or order.ErrNoDelivery.
func (tx *Tx) DateMark(ctx context.Context, date string) (m order.Mark, err error) {
	err = tx.row(ctx, "SELECT owner_epoch, revision, frozen_at IS NOT NULL FROM delivery_dates WHERE delivery_date = $1", date).
		Scan(&m.Epoch, &m.Revision, &m.Frozen)
	if errors.Is(err, sql.ErrNoRows) {
		return m, order.ErrNoDelivery
	}
	return m, err
}

// RaiseDate changes the epoch and revision of a date, if they, and whether it is frozen, are still as in from.
func (tx *Tx) RaiseDate(ctx context.Context, date string, from, to order.Mark, known time.Time) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE delivery_dates SET owner_epoch = $5, revision = $6, known_at = $7
		WHERE delivery_date = $1 AND owner_epoch = $2 AND revision = $3 AND (frozen_at IS NOT NULL) = $4`,
		date, from.Epoch, from.Revision, from.Frozen, to.Epoch, to.Revision, millis(known))
	return n == 1, err
}

// DateOfOrder is the delivery date of an order, or order.ErrNotFound.
func (tx *Tx) DateOfOrder(ctx context.Context, id string) (date string, err error) {
	err = tx.row(ctx, "SELECT delivery_date FROM orders WHERE id = $1", id).Scan(&date)
	if errors.Is(err, sql.ErrNoRows) {
		return "", order.NotFound(id)
	}
	return date, err
}

// ItemsKnownAt gives an order's items with their assignments, as they were known at a time.
func (tx *Tx) ItemsKnownAt(ctx context.Context, id string, at time.Time) ([]order.Item, error) {
	return list(ctx, tx, scanItem, `SELECT i.line, i.unit, i.product_id, p.shop_id, p.category, i.dated_container_id, '', c.fridge_id,
		c.slot_id, c.run_id, c.shipper_id, c.address_id, FALSE
		FROM item_timeline i JOIN products p ON p.id = i.product_id
		JOIN container_timeline c ON c.id = i.dated_container_id AND c.known_from <= $2 AND c.known_until > $2
		WHERE i.order_id = $1 AND i.known_from <= $2 AND i.known_until > $2 ORDER BY i.line, i.unit`, id, millis(at))
}

// ForgetKeys forgets idempotency keys that were used before a time, and the oldest of more than so many.
func (tx *Tx) ForgetKeys(ctx context.Context, before time.Time, most int) error {
	return tx.write(ctx, `DELETE FROM order_keys WHERE known_at < $1
		OR known_at < (SELECT known_at FROM order_keys ORDER BY known_at DESC LIMIT 1 OFFSET $2)`, millis(before), most-1)
}

// HeldDates gives, by date, the earliest deadline of orders that are held.
func (tx *Tx) HeldDates(ctx context.Context) (map[string]time.Time, error) {
	dates := map[string]time.Time{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var date string
		var first int64
		err = row.Scan(&date, &first)
		dates[date] = fromMillis(first)
		return struct{}{}, err
	}, "SELECT delivery_date, MIN(hold_until) FROM orders WHERE state = 'held' GROUP BY delivery_date")
	return dates, err
}

// OrderOfKey gives what was decided under a person's idempotency key, or order.ErrNotFound.
func (tx *Tx) OrderOfKey(ctx context.Context, person, key string) (k order.Keyed, err error) {
	var at int64
	err = tx.row(ctx, "SELECT order_id, request_hash, state, known_at FROM order_keys WHERE person_id = $1 AND key = $2", person, key).
		Scan(&k.OrderID, &k.Hash, &k.State, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return k, order.ErrNotFound
	}
	k.At = fromMillis(at)
	return k, err
}

const orderColumns = `id, delivery_date, location_id, customer_id, state, hold_until, refused_limit, refused_what, placed_by,
	placed_at, ready_at, ended_at, end_reason FROM orders`

func scanOrder(row scanner) (order.Order, error) {
	var o order.Order
	var placed int64
	var held, ready, ended sql.NullInt64
	err := row.Scan(&o.ID, &o.DeliveryDate, &o.LocationID, &o.CustomerID, &o.State, &held, &o.Limit, &o.What, &o.PlacedBy, &placed,
		&ready, &ended, &o.EndReason)
	o.HoldUntil = fromOptionalMillis(held)
	o.PlacedAt, o.ReadyAt, o.EndedAt = fromMillis(placed), fromOptionalMillis(ready), fromOptionalMillis(ended)
	return o, err
}

// Order gives an order with its lines, items and their assignments, or order.ErrNotFound.
func (tx *Tx) Order(ctx context.Context, id string) (order.Order, error) {
	o, err := scanOrder(tx.row(ctx, "SELECT "+orderColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return order.Order{}, order.NotFound(id)
	}
	if err != nil {
		return order.Order{}, err
	}
	_, err = list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var line order.Line
		var state order.LineState
		err = row.Scan(&line.ProductID, &line.Quantity, &state.UnitPriceYen, &state.Withdrawn)
		o.Lines, o.LineStates = append(o.Lines, line), append(o.LineStates, state)
		return struct{}{}, err
	}, "SELECT product_id, quantity, unit_price_yen, withdrawn FROM order_lines WHERE order_id = $1 ORDER BY line", id)
	if err != nil {
		return order.Order{}, err
	}
	o.Items, err = list(ctx, tx, scanItem, `SELECT i.line, i.unit, i.product_id, i.shop_id, i.category, i.dated_container_id,
		COALESCE(c.grai, ''), c.fridge_id, c.slot_id, c.run_id, c.shipper_id, c.address_id, i.short
		FROM order_items i JOIN dated_containers c ON c.id = i.dated_container_id
		WHERE i.order_id = $1 ORDER BY i.line, i.unit`, id)
	return o, err
}

func scanItem(row scanner) (i order.Item, err error) {
	err = row.Scan(&i.Line, &i.Unit, &i.ProductID, &i.ShopID, &i.Category, &i.ContainerID, &i.GRAI, &i.FridgeID, &i.SlotID,
		&i.RunID, &i.ShipperID, &i.AddressID, &i.Short)
	return i, err
}

// MaxPage is the most rows that a list gives at once.
const MaxPage = 1000

// ListOrders gives orders without their lines and items, by id.
func (tx *Tx) ListOrders(ctx context.Context, f order.Filter) ([]order.Order, error) {
	if f.Most <= 0 || f.Most > MaxPage {
		f.Most = MaxPage
	}
	return list(ctx, tx, scanOrder, "SELECT "+orderColumns+` WHERE ($1 = '' OR delivery_date = $1) AND ($2 = '' OR location_id = $2)
		AND ($3 = '' OR state = $3) AND id > $4 ORDER BY id LIMIT $5`, f.Date, f.LocationID, string(f.State), f.After, f.Most)
}

// OrderCounts counts a date's orders by state and, of refused ones, by limit.
func (tx *Tx) OrderCounts(ctx context.Context, date string) ([]order.Count, error) {
	return list(ctx, tx, func(row scanner) (c order.Count, err error) {
		err = row.Scan(&c.State, &c.Limit, &c.Orders)
		return c, err
	}, `SELECT state, refused_limit, COUNT(*) FROM orders WHERE delivery_date = $1
		GROUP BY state, refused_limit ORDER BY state, refused_limit`, date)
}

// Date reads what numbering has to know of a date, or order.ErrNoDelivery: of all businesses, for numbers of containers are given out once.
func (tx *Tx) Date(ctx context.Context, date string) (d order.Date, err error) {
	err = tx.everywhere(func() error {
		d, err = tx.wholeDate(ctx, date)
		return err
	})
	return d, err
}

func (tx *Tx) wholeDate(ctx context.Context, date string) (order.Date, error) {
	d := order.Date{Cutoffs: map[string]time.Time{}}
	mark, err := tx.DateMark(ctx, date)
	if err != nil {
		return d, err
	}
	d.Mark = mark
	var known int64
	if err := tx.row(ctx, "SELECT known_at FROM delivery_dates WHERE delivery_date = $1", date).Scan(&known); err != nil {
		return d, err
	}
	d.Known = fromMillis(known)
	if d.Network, err = tx.network(ctx, date); err != nil {
		return d, err
	}
	deliveries, err := tx.DeliveriesOfDate(ctx, date)
	if err != nil {
		return d, err
	}
	for _, one := range deliveries {
		if d.Mark.Frozen || slices.Contains(d.Network.Locations, one.LocationID) { // else it was called off
			d.Cutoffs[one.LocationID] = one.OrderCutoff
		}
	}
	if d.State, err = tx.numbered(ctx, date); err != nil {
		return d, err
	}
	d.Orders, err = list(ctx, tx, func(row scanner) (o order.Standing, err error) {
		var held sql.NullInt64
		err = row.Scan(&o.ID, &o.Sequence, &o.State, &o.LocationID, &held)
		o.HoldUntil = fromOptionalMillis(held)
		return o, err
	}, "SELECT id, sequence, state, location_id, hold_until FROM orders WHERE delivery_date = $1 ORDER BY sequence, id", date)
	return d, err
}

// numbered reads the numbering of a date.
func (tx *Tx) numbered(ctx context.Context, date string) (s capacity.State, err error) {
	s.Containers, err = list(ctx, tx, func(row scanner) (c capacity.Container, err error) {
		err = row.Scan(&c.ID, &c.Sequence, &c.Slot.LocationID, &c.Slot.FridgeID, &c.Slot.FridgeKind, &c.Slot.ID, &c.Slot.CapacityML,
			&c.UsedML, &c.Shop, &c.Spot, &c.Category, &c.Run, &c.Shipper, &c.ShipperCapacity, &c.ShipperPlace, &c.Address)
		return c, err
	}, `SELECT id, sequence, location_id, fridge_id, fridge_kind, slot_id, capacity_ml, used_ml, shop_id, collection_spot_id,
		category, run_id, shipper_id, shipper_capacity, shipper_place, address_id
		FROM dated_containers WHERE delivery_date = $1 ORDER BY sequence`, date)
	if err != nil {
		return s, err
	}
	s.Items, err = list(ctx, tx, func(row scanner) (i capacity.Item, err error) {
		err = row.Scan(&i.Order, &i.Line, &i.Unit, &i.Product, &i.Shop, &i.Category, &i.ContainerID)
		return i, err
	}, `SELECT i.order_id, i.line, i.unit, i.product_id, i.shop_id, i.category, i.dated_container_id
		FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.delivery_date = $1
		ORDER BY o.sequence, i.order_id, i.line, i.unit`, date)
	if err != nil {
		return s, err
	}
	err = tx.row(ctx, `SELECT COALESCE(MAX(sequence), 0) FROM container_timeline WHERE delivery_date = $1`, date).Scan(&s.Sequence)
	return s, err
}
