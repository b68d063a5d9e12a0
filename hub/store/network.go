package store

import (
	"context"
	"strings"

	"meguri/hub/capacity"
	"meguri/hub/order"
)

// network reads what numbering has to know of a date. The order of its lists is the order in which first-fit tries things.
func (tx *Tx) network(ctx context.Context, date string) (n capacity.Network, err error) {
	n.Date = date
	steps := []func() error{
		func() error { n.Categories, err = tx.categories(ctx); return err },
		func() error { n.Shops, err = tx.shops(ctx); return err },
		func() error { n.Products, err = tx.products(ctx); return err },
		func() error {
			n.Locations, err = list(ctx, tx, scanText, `SELECT l.id FROM locations l JOIN deliveries d ON d.location_id = l.id
				WHERE d.delivery_date = $1 ORDER BY l.sequence, l.id`, date)
			return err
		},
		func() error { n.Slots, err = tx.slots(ctx); return err },
		func() error { n.Addresses, err = tx.addresses(ctx); return err },
		func() error { n.Calls, err = tx.calls(ctx, date); return err },
		func() error { n.Aboard, err = tx.aboard(ctx, date); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return n, err
		}
	}
	if err := tx.lowerLimits(ctx, &n); err != nil {
		return n, err
	}
	return n, tx.takeOutOfService(ctx, &n)
}

// lowerLimits puts the limits of the date into the place of the standing ones.
func (tx *Tx) lowerLimits(ctx context.Context, n *capacity.Network) error {
	of := map[string]int64{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var id string
		var most int64
		err = row.Scan(&id, &most)
		of[id] = most
		return struct{}{}, err
	}, "SELECT product_id, sales_limit FROM product_limits WHERE delivery_date = $1", n.Date)
	for i := range n.Products {
		if most, has := of[n.Products[i].ID]; has {
			n.Products[i].SalesLimit = most
		}
	}
	return err
}

// takeOutOfService leaves out what cannot be used on the date. What breaks after cutoff moves nothing by itself: the numbering
// stays on it until a person has moved it.
func (tx *Tx) takeOutOfService(ctx context.Context, n *capacity.Network) error {
	frozen, err := tx.FrozenAt(ctx, n.Date)
	if err != nil || !frozen.IsZero() {
		return err
	}
	outs, err := tx.outs(ctx, n.Date)
	*n = order.Without(*n, outs)
	return err
}

func (tx *Tx) calls(ctx context.Context, date string) ([]capacity.Call, error) {
	return list(ctx, tx, func(row scanner) (c capacity.Call, err error) {
		err = row.Scan(&c.RunID, &c.SpotID, &c.LocationID, &c.CollectSequence, &c.DeliverSequence)
		return c, err
	}, `SELECT c.run_id, c.collection_spot_id, c.location_id, c.collect_sequence, c.deliver_sequence
		FROM run_calls c JOIN runs r ON r.id = c.run_id WHERE r.delivery_date = $1
		ORDER BY c.run_id, c.collect_sequence, c.deliver_sequence`, date)
}

func (tx *Tx) aboard(ctx context.Context, date string) ([]capacity.Aboard, error) {
	return list(ctx, tx, func(row scanner) (a capacity.Aboard, err error) {
		err = row.Scan(&a.RunID, &a.ShipperID, &a.Category, &a.Containers)
		return a, err
	}, `SELECT a.run_id, a.shipper_id, a.category, a.capacity_containers
		FROM run_shippers a JOIN runs r ON r.id = a.run_id JOIN routes o ON o.id = r.route_id JOIN shippers s ON s.id = a.shipper_id
		WHERE a.delivery_date = $1 ORDER BY o.sequence, o.id, s.sequence, s.id`, date)
}

// categories gives the temperature categories with the fridge kinds that each may stand in.
func (tx *Tx) categories(ctx context.Context) ([]capacity.Category, error) {
	return list(ctx, tx, func(row scanner) (capacity.Category, error) {
		var c capacity.Category
		var kinds string
		err := row.Scan(&c.ID, &kinds)
		c.FridgeKinds = strings.Split(kinds, "|")
		return c, err
	}, `SELECT c.id, STRING_AGG(k.fridge_kind, '|') FROM temperature_categories c JOIN category_fridge_kinds k ON k.category = c.id
		GROUP BY c.id, c.sequence ORDER BY c.sequence, c.id`)
}

// shops gives the shops.
func (tx *Tx) shops(ctx context.Context) ([]capacity.Shop, error) {
	return list(ctx, tx, func(row scanner) (s capacity.Shop, err error) {
		err = row.Scan(&s.ID, &s.Name, &s.SpotID)
		return s, err
	}, "SELECT id, name, collection_spot_id FROM shops ORDER BY sequence, id")
}

// products gives the products of all shops.
func (tx *Tx) products(ctx context.Context) ([]capacity.Product, error) {
	return list(ctx, tx, func(row scanner) (p capacity.Product, err error) {
		err = row.Scan(&p.ID, &p.Name, &p.ShopID, &p.GTIN, &p.Category, &p.VolumeML, &p.SalesLimit, &p.PriceYen, &p.WeightG, &p.LengthMM,
			&p.WidthMM, &p.HeightMM, &p.NoStacking)
		return p, err
	}, `SELECT id, name, shop_id, gtin, category, volume_ml, sales_limit_per_day, price_yen, weight_g, length_mm, width_mm, height_mm,
		no_stacking FROM products ORDER BY sequence, id`)
}

// slots gives the slots of all locations.
func (tx *Tx) slots(ctx context.Context) ([]capacity.Slot, error) {
	return list(ctx, tx, func(row scanner) (s capacity.Slot, err error) {
		err = row.Scan(&s.ID, &s.FridgeID, &s.LocationID, &s.FridgeKind, &s.CapacityML, &s.MaxWeightG, &s.FillPercent, &s.LengthMM,
			&s.WidthMM, &s.HeightMM)
		return s, err
	}, `SELECT id, fridge_id, location_id, fridge_kind, capacity_ml, max_weight_g, fill_percent, length_mm, width_mm, height_mm
		FROM slots ORDER BY sequence, id`)
}

// addresses gives the shelf addresses of all collection spots.
func (tx *Tx) addresses(ctx context.Context) ([]capacity.Address, error) {
	return list(ctx, tx, func(row scanner) (a capacity.Address, err error) {
		err = row.Scan(&a.ID, &a.SpotID, &a.FridgeID)
		return a, err
	}, `SELECT id, collection_spot_id, fridge_id FROM collection_addresses ORDER BY sequence, id`)
}
