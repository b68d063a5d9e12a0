package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	return o.s.Change(ctx, func(tx *Tx) error { return fn(tx) })
}

// DateRevision is the revision of a date, or order.ErrNoDelivery.
func (tx *Tx) DateRevision(ctx context.Context, date string) (revision int64, err error) {
	err = tx.row(ctx, "SELECT revision FROM delivery_dates WHERE delivery_date = $1", date).Scan(&revision)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, order.ErrNoDelivery
	}
	return revision, err
}

// RaiseDate raises the revision of a date that is not frozen by one, if it is still from.
func (tx *Tx) RaiseDate(ctx context.Context, date string, from int64) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE delivery_dates SET revision = revision + 1
		WHERE delivery_date = $1 AND revision = $2 AND frozen_at IS NULL`, date, from)
	return n == 1, err
}

// AddDecisions stores decided orders with their numbering. It is order.ErrConflict when the id of one is in use.
func (tx *Tx) AddDecisions(ctx context.Context, decisions []order.Decision) error {
	var orders, lines, items [][]any
	for _, d := range decisions {
		o := d.Order
		orders = append(orders, []any{o.ID, d.Sequence, o.DeliveryDate, o.LocationID, o.CustomerID, string(o.State),
			string(o.Limit), o.What, o.PlacedBy, millis(o.PlacedAt)})
		for i, line := range o.Lines {
			lines = append(lines, []any{o.ID, i + 1, line.ProductID, line.Quantity})
		}
		for _, i := range d.Change.Added {
			items = append(items, []any{o.ID, i.Line, i.Unit, o.DeliveryDate, i.Product, i.Shop, i.Category, i.ContainerID, false})
		}
	}
	added, err := tx.insert(ctx, "orders", []string{"id", "sequence", "delivery_date", "location_id", "customer_id", "state",
		"refused_limit", "refused_what", "placed_by", "placed_at"}, orders, "ON CONFLICT (id) DO NOTHING")
	if err != nil {
		return err
	}
	if added != int64(len(orders)) {
		return order.ErrConflict
	}
	if _, err := tx.insert(ctx, "order_lines", []string{"order_id", "line", "product_id", "quantity"}, lines, ""); err != nil {
		return err
	}
	if err := tx.addContainers(ctx, decisions); err != nil {
		return err
	}
	_, err = tx.insert(ctx, "order_items", []string{"order_id", "line", "unit", "delivery_date", "product_id", "shop_id", "category",
		"dated_container_id", "short"}, items, "")
	return err
}

// addContainers stores the opened containers as the last decision left them, and the new fill of those that were there.
func (tx *Tx) addContainers(ctx context.Context, decisions []order.Decision) error {
	var opened []capacity.Container
	index := map[string]int{} // in opened
	filled := map[string]int64{}
	var filledOrder []string
	for _, d := range decisions {
		for _, c := range d.Change.Opened {
			index[c.ID] = len(opened)
			opened = append(opened, c)
		}
		for _, c := range d.Change.Filled {
			if i, new := index[c.ID]; new {
				opened[i] = c
				continue
			}
			if _, again := filled[c.ID]; !again {
				filledOrder = append(filledOrder, c.ID)
			}
			filled[c.ID] = c.UsedML
		}
	}
	if err := tx.insertContainers(ctx, decisions[0].Order.DeliveryDate, opened); err != nil {
		return err
	}
	for _, id := range filledOrder {
		n, err := tx.exec(ctx, "UPDATE dated_containers SET used_ml = $2 WHERE id = $1", id, filled[id])
		if err == nil && n != 1 {
			err = ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("fill container %s: %w", id, err)
		}
	}
	return nil
}

func (tx *Tx) insertContainers(ctx context.Context, date string, containers []capacity.Container) error {
	var rows [][]any
	for _, c := range containers {
		rows = append(rows, []any{c.ID, c.Sequence, date, c.Slot.LocationID, c.Slot.FridgeID, c.Slot.FridgeKind, c.Slot.ID,
			c.Slot.CapacityML, c.UsedML, c.Shop, c.Spot, c.Category, c.Run, c.Shipper, c.ShipperCapacity, c.ShipperPlace, c.Address,
			"planned"})
	}
	_, err := tx.insert(ctx, "dated_containers", []string{"id", "sequence", "delivery_date", "location_id", "fridge_id", "fridge_kind",
		"slot_id", "capacity_ml", "used_ml", "shop_id", "collection_spot_id", "category", "run_id", "shipper_id", "shipper_capacity",
		"shipper_place", "address_id", "state"}, rows, "")
	return err
}

const orderColumns = `id, delivery_date, location_id, customer_id, state, refused_limit, refused_what, placed_by, placed_at,
	ready_at, ended_at FROM orders`

func scanOrder(row scanner) (order.Order, error) {
	var o order.Order
	var placed int64
	var ready, ended sql.NullInt64
	err := row.Scan(&o.ID, &o.DeliveryDate, &o.LocationID, &o.CustomerID, &o.State, &o.Limit, &o.What, &o.PlacedBy, &placed,
		&ready, &ended)
	o.PlacedAt, o.ReadyAt, o.EndedAt = fromMillis(placed), fromOptionalMillis(ready), fromOptionalMillis(ended)
	return o, err
}

// Order gives an order with its lines, items and their assignments, or order.ErrNotFound.
func (tx *Tx) Order(ctx context.Context, id string) (order.Order, error) {
	o, err := scanOrder(tx.row(ctx, "SELECT "+orderColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return order.Order{}, order.ErrNotFound
	}
	if err != nil {
		return order.Order{}, err
	}
	o.Lines, err = list(ctx, tx, func(row scanner) (line order.Line, err error) {
		err = row.Scan(&line.ProductID, &line.Quantity)
		return line, err
	}, "SELECT product_id, quantity FROM order_lines WHERE order_id = $1 ORDER BY line", id)
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

// Date reads what numbering has to know of a date, or order.ErrNoDelivery.
func (tx *Tx) Date(ctx context.Context, date string) (order.Date, error) {
	d := order.Date{Cutoffs: map[string]time.Time{}}
	var frozen sql.NullInt64
	err := tx.row(ctx, "SELECT revision, frozen_at FROM delivery_dates WHERE delivery_date = $1", date).Scan(&d.Revision, &frozen)
	if errors.Is(err, sql.ErrNoRows) {
		return d, order.ErrNoDelivery
	}
	if err != nil {
		return d, err
	}
	d.Frozen = frozen.Valid
	if d.Network, err = tx.network(ctx, date); err != nil {
		return d, err
	}
	deliveries, err := tx.DeliveriesOfDate(ctx, date)
	if err != nil {
		return d, err
	}
	for _, one := range deliveries {
		d.Cutoffs[one.LocationID] = one.OrderCutoff
	}
	if d.State, err = tx.numbered(ctx, date); err != nil {
		return d, err
	}
	d.Decided, err = list(ctx, tx, scanText, "SELECT id FROM orders WHERE delivery_date = $1 ORDER BY sequence, id", date)
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
