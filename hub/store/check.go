package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"meguri/hub/check"
	"meguri/hub/people"
)

// Checks is the store that package check works on.
func (s *Store) Checks() check.Store { return checkStore{s} }

type checkStore struct{ s *Store }

func (c checkStore) Read(ctx context.Context, fn func(check.Source) error) error {
	return c.s.Read(ctx, func(tx *Tx) error { return fn(checkTx{tx}) })
}

func (c checkStore) Change(ctx context.Context, fn func(check.Tx) error) error {
	// A repair judges the whole date; that the finding is one of the business was judged at the door.
	return c.s.Change(people.InBusiness(ctx, ""), func(tx *Tx) error { return fn(checkTx{tx}) })
}

// checkTx is Tx with the checker's names for things. Its queries join little: a row whose neighbour is gone must be found, too.
type checkTx struct{ tx *Tx }

// Dates begins with yesterday in UTC, which is today in every zone, and adds whatever is open for longer.
func (c checkTx) Dates(ctx context.Context, now time.Time) ([]string, error) {
	from := now.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	return list(ctx, c.tx, scanText, `SELECT delivery_date FROM (
		SELECT delivery_date FROM deliveries WHERE pickup_closes > $2
		UNION SELECT delivery_date FROM delivery_dates WHERE delivery_date >= $1
		UNION SELECT delivery_date FROM dated_containers WHERE delivery_date >= $1
		UNION SELECT delivery_date FROM orders WHERE delivery_date >= $1
		UNION SELECT delivery_date FROM order_items WHERE delivery_date >= $1) AS named
		WHERE delivery_date NOT IN (SELECT delivery_date FROM deliveries GROUP BY delivery_date HAVING MAX(pickup_closes) <= $2)
		ORDER BY delivery_date`, from, millis(now))
}

// Network reads what stays from date to date.
func (c checkTx) Network(ctx context.Context) (check.Network, error) {
	n := check.Network{Kinds: map[string][]string{}, Spots: map[string]string{}, Products: map[string]check.Product{},
		Fridges: map[string]check.Fridge{}, Shippers: map[string]check.Shipper{}, Routes: map[string]bool{}}
	for _, read := range []struct {
		query string
		row   func(scanner) error
	}{
		{"SELECT category, fridge_kind FROM category_fridge_kinds", func(row scanner) error {
			var category, kind string
			err := row.Scan(&category, &kind)
			n.Kinds[category] = append(n.Kinds[category], kind)
			return err
		}},
		{"SELECT id, collection_spot_id FROM shops", func(row scanner) error {
			var id, spot string
			err := row.Scan(&id, &spot)
			n.Spots[id] = spot
			return err
		}},
		{`SELECT id, shop_id, category, volume_ml, weight_g, length_mm, width_mm, height_mm, no_stacking, sales_limit_per_day,
			limit_lowered_at FROM products`, func(row scanner) error {
			var id string
			var p check.Product
			var lowered int64
			err := row.Scan(&id, &p.Shop, &p.Category, &p.VolumeML, &p.WeightG, &p.LengthMM, &p.WidthMM, &p.HeightMM, &p.NoStacking,
				&p.Limit.Units, &lowered)
			if lowered > 0 {
				p.Limit.SetAt = fromMillis(lowered)
			}
			n.Products[id] = p
			return err
		}},
		{"SELECT id, COALESCE(location_id, ''), COALESCE(collection_spot_id, ''), kind FROM fridges", func(row scanner) error {
			var f check.Fridge
			err := row.Scan(&f.ID, &f.Location, &f.Spot, &f.Kind)
			n.Fridges[f.ID] = f
			return err
		}},
		{`SELECT id, fridge_id, capacity_ml, max_weight_g, fill_percent, length_mm, width_mm, height_mm FROM slots ORDER BY sequence, id`,
			func(row scanner) error {
				var s check.Slot
				err := row.Scan(&s.ID, &s.Fridge, &s.CapacityML, &s.MaxWeightG, &s.FillPercent, &s.LengthMM, &s.WidthMM, &s.HeightMM)
				n.Slots = append(n.Slots, s)
				return err
			}},
		{"SELECT id, collection_spot_id, fridge_id FROM collection_addresses ORDER BY sequence, id", func(row scanner) error {
			var a check.Address
			err := row.Scan(&a.ID, &a.Spot, &a.Fridge)
			n.Addresses = append(n.Addresses, a)
			return err
		}},
		{"SELECT id, category, capacity_containers FROM shippers", func(row scanner) error {
			var s check.Shipper
			err := row.Scan(&s.ID, &s.Category, &s.Containers)
			n.Shippers[s.ID] = s
			return err
		}},
		{"SELECT id FROM routes", func(row scanner) error {
			id, err := scanText(row)
			n.Routes[id] = true
			return err
		}},
	} {
		if err := each(ctx, c.tx, read.row, read.query); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Day reads what is so on a date.
func (c checkTx) Day(ctx context.Context, date string) (check.Day, error) {
	d := check.Day{Date: date, KeptBack: map[string]bool{}, Out: map[check.Thing]string{}, Cutoffs: map[string]time.Time{}, Limits: map[string]check.Limit{}}
	var frozen sql.NullInt64
	err := c.tx.row(ctx, "SELECT revision, frozen_at FROM delivery_dates WHERE delivery_date = $1", date).Scan(&d.Revision, &frozen)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return d, err
	}
	d.Known, d.Frozen = err == nil, frozen.Valid
	if d.Runs, err = c.runs(ctx, "r.delivery_date = $1", date); err != nil {
		return d, err
	}
	err = c.tx.row(ctx, "SELECT COALESCE(MAX(sequence), 0) FROM container_timeline WHERE delivery_date = $1", date).Scan(&d.LastSequence)
	if err != nil {
		return d, err
	}
	for _, read := range []struct {
		query string
		row   func(scanner) error
	}{
		{`SELECT a.run_id, a.shipper_id FROM run_shippers a LEFT JOIN runs r ON r.id = a.run_id LEFT JOIN routes o ON o.id = r.route_id
			LEFT JOIN shippers s ON s.id = a.shipper_id
			WHERE a.delivery_date = $1 ORDER BY o.sequence, a.run_id, s.sequence, a.shipper_id`, func(row scanner) error {
			var a check.Aboard
			err := row.Scan(&a.Run, &a.Shipper)
			d.Aboard = append(d.Aboard, a)
			return err
		}},
		{"SELECT container_id FROM do_not_load WHERE delivery_date = $1", func(row scanner) error {
			id, err := scanText(row)
			d.KeptBack[id] = true
			return err
		}},
		{"SELECT kind, thing_id, reason FROM out_of_service WHERE delivery_date = $1", func(row scanner) error {
			var t check.Thing
			var reason string
			err := row.Scan(&t.Kind, &t.ID, &reason)
			d.Out[t] = reason
			return err
		}},
		{"SELECT location_id, order_cutoff FROM deliveries WHERE delivery_date = $1", func(row scanner) error {
			var id string
			var cutoff int64
			err := row.Scan(&id, &cutoff)
			d.Cutoffs[id] = fromMillis(cutoff)
			return err
		}},
		{"SELECT product_id, sales_limit, set_at FROM product_limits WHERE delivery_date = $1", func(row scanner) error {
			var id string
			var l check.Limit
			var set int64
			err := row.Scan(&id, &l.Units, &set)
			l.SetAt = fromMillis(set)
			d.Limits[id] = l
			return err
		}},
	} {
		if err := each(ctx, c.tx, read.row, read.query, date); err != nil {
			return d, err
		}
	}
	return d, nil
}

// runs gives runs with their stops in order. A run without stops is one, too.
func (c checkTx) runs(ctx context.Context, where string, args ...any) (all []check.Run, err error) {
	err = each(ctx, c.tx, func(row scanner) error {
		var r check.Run
		var s check.Stop
		var planned sql.NullInt64
		if err := row.Scan(&r.ID, &r.Route, &r.Date, &s.Kind, &s.Place, &planned); err != nil {
			return err
		}
		if n := len(all); n == 0 || all[n-1].ID != r.ID {
			all = append(all, r)
		}
		if s.Planned = fromOptionalMillis(planned); planned.Valid {
			last := &all[len(all)-1]
			last.Stops = append(last.Stops, s)
		}
		return nil
	}, `SELECT r.id, r.route_id, r.delivery_date, COALESCE(s.kind, ''), COALESCE(s.place_id, ''), s.planned_at
		FROM runs r LEFT JOIN run_stops s ON s.run_id = r.id WHERE `+where+" ORDER BY r.id, s.sequence", args...)
	return all, err
}

const checkedContainer = `SELECT id, sequence, delivery_date, location_id, fridge_id, fridge_kind, slot_id, capacity_ml, used_ml, shop_id,
	collection_spot_id, category, run_id, shipper_id, shipper_capacity, shipper_place, address_id, state, COALESCE(grai, '')
	FROM dated_containers `

func scanChecked(row scanner) (c check.Container, err error) {
	err = row.Scan(&c.ID, &c.Sequence, &c.Date, &c.Location, &c.Fridge, &c.FridgeKind, &c.Slot, &c.CapacityML, &c.UsedML, &c.Shop,
		&c.Spot, &c.Category, &c.Run, &c.Shipper, &c.ShipperCapacity, &c.ShipperPlace, &c.Address, &c.State, &c.GRAI)
	return c, err
}

// Containers gives a date's containers by sequence.
func (c checkTx) Containers(ctx context.Context, date string, fn func(check.Container)) error {
	return each(ctx, c.tx, func(row scanner) error {
		one, err := scanChecked(row)
		fn(one)
		return err
	}, checkedContainer+"WHERE delivery_date = $1 ORDER BY sequence, id", date)
}

const checkedOrder = "SELECT id, sequence, delivery_date, location_id, state, hold_until, placed_at FROM orders "

func scanCheckedOrder(row scanner) (o check.Order, err error) {
	var hold sql.NullInt64
	var placed int64
	err = row.Scan(&o.ID, &o.Sequence, &o.Date, &o.Location, &o.State, &hold, &placed)
	o.HoldUntil, o.PlacedAt = fromOptionalMillis(hold), fromMillis(placed)
	return o, err
}

// Orders gives a date's orders.
func (c checkTx) Orders(ctx context.Context, date string, fn func(check.Order)) error {
	return each(ctx, c.tx, func(row scanner) error {
		o, err := scanCheckedOrder(row)
		fn(o)
		return err
	}, checkedOrder+"WHERE delivery_date = $1", date)
}

// Lines gives the lines of a date's orders.
func (c checkTx) Lines(ctx context.Context, date string, fn func(check.Line)) error {
	return each(ctx, c.tx, func(row scanner) error {
		var l check.Line
		err := row.Scan(&l.Order, &l.Line, &l.Product, &l.Quantity, &l.Withdrawn)
		fn(l)
		return err
	}, `SELECT l.order_id, l.line, l.product_id, l.quantity, l.withdrawn FROM orders o JOIN order_lines l ON l.order_id = o.id
		WHERE o.delivery_date = $1`, date)
}

const checkedItem = "SELECT order_id, line, unit, delivery_date, product_id, shop_id, category, dated_container_id FROM order_items "

func scanCheckedItem(row scanner) (i check.Item, err error) {
	err = row.Scan(&i.Order, &i.Line, &i.Unit, &i.Date, &i.Product, &i.Shop, &i.Category, &i.Container)
	return i, err
}

// Items gives the items that are of a date by their own word.
func (c checkTx) Items(ctx context.Context, date string, fn func(check.Item)) error {
	return each(ctx, c.tx, func(row scanner) error {
		i, err := scanCheckedItem(row)
		fn(i)
		return err
	}, checkedItem+"WHERE delivery_date = $1", date)
}

// one gives what a query for one row finds.
func one[T any](row scanner, scan func(scanner) (T, error)) (v T, found bool, err error) {
	v, err = scan(row)
	if errors.Is(err, sql.ErrNoRows) {
		return v, false, nil
	}
	return v, err == nil, err
}

// Container finds a container by its id.
func (c checkTx) Container(ctx context.Context, id string) (check.Container, bool, error) {
	return one(c.tx.row(ctx, checkedContainer+"WHERE id = $1", id), scanChecked)
}

// Order finds an order by its id.
func (c checkTx) Order(ctx context.Context, id string) (check.Order, bool, error) {
	return one(c.tx.row(ctx, checkedOrder+"WHERE id = $1", id), scanCheckedOrder)
}

// Run finds a run by its id.
func (c checkTx) Run(ctx context.Context, id string) (check.Run, bool, error) {
	all, err := c.runs(ctx, "r.id = $1", id)
	if err != nil || len(all) == 0 {
		return check.Run{}, false, err
	}
	return all[0], true, nil
}

// ItemsIn gives the items of containers.
func (c checkTx) ItemsIn(ctx context.Context, containers []string) (all []check.Item, err error) {
	for len(containers) > 0 {
		size := sizeFor(insertSizes, len(containers))
		args := make([]any, size)
		marks := make([]string, size)
		for i, id := range containers[:size] {
			args[i], marks[i] = id, "$"+strconv.Itoa(i+1)
		}
		found, err := list(ctx, c.tx, scanCheckedItem, checkedItem+"WHERE dated_container_id IN ("+strings.Join(marks, ", ")+
			") ORDER BY order_id, line, unit", args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		containers = containers[size:]
	}
	return all, nil
}

// ItemsOf gives the items of an order.
func (c checkTx) ItemsOf(ctx context.Context, order string) ([]check.Item, error) {
	return list(ctx, c.tx, scanCheckedItem, checkedItem+"WHERE order_id = $1 ORDER BY line, unit", order)
}

// Buyers gives the orders that hold units of a product on a date, the last decided first.
func (c checkTx) Buyers(ctx context.Context, date, product string, most int) ([]string, error) {
	return list(ctx, c.tx, scanText, `SELECT o.id FROM orders o WHERE o.delivery_date = $1
		AND o.state NOT IN ('refused', 'expired', 'cancelled', 'called_off')
		AND EXISTS (SELECT 1 FROM order_items i WHERE i.order_id = o.id AND i.product_id = $2)
		ORDER BY o.sequence DESC, o.id LIMIT $3`, date, product, most)
}

// RaiseRevision raises the revision of a date by one, if it is still from, also after numbering has ended. A clock that was set
// back does not make its history run backwards.
func (c checkTx) RaiseRevision(ctx context.Context, date string, from int64, now time.Time) (bool, error) {
	n, err := c.tx.exec(ctx, `UPDATE delivery_dates SET revision = revision + 1, known_at = CASE WHEN known_at > $3 THEN known_at ELSE $3 END
		WHERE delivery_date = $1 AND revision = $2`, date, from, millis(now))
	return n == 1, err
}
