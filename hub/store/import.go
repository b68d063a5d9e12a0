package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
)

// ImportNetwork adds a network to the database, and changes what is there already to what the files say. What other rows
// need as it is cannot change; then it returns a bulk.Problem that names the row. Rows that the files do not have stay.
//
// Each date of the network gets a run of each route. Dates on which containers are numbered, whose numbering is frozen or
// whose runs were changed keep the runs that they have; the others get theirs anew. The revision of each date that is not
// frozen is raised, since limits may have changed. Measures of products and slots change as long as all that is numbered on dates
// that are not over fits the new ones.
func (tx *Tx) ImportNetwork(ctx context.Context, n bulk.Network) (bulk.Imported, error) {
	var done bulk.Imported
	dates := n.Dates()
	done.Dates = len(dates)
	if _, err := tx.exec(ctx, "UPDATE delivery_dates SET revision = revision + 1 WHERE frozen_at IS NULL"); err != nil {
		return done, fmt.Errorf("raise the dates: %w", err)
	}
	var plan []string // dates that get their runs anew
	for _, date := range dates {
		free, err := tx.freeRuns(ctx, date, n.Routes)
		if err != nil {
			return done, fmt.Errorf("runs of %s: %w", date, err)
		}
		if free {
			plan = append(plan, date)
		}
	}
	done.RunsKept = len(dates) - len(plan)
	other, err := tx.remeasures(ctx, n)
	if err != nil {
		return done, fmt.Errorf("measures that are stored: %w", err)
	}
	if err := tx.importPlaces(ctx, n); err != nil {
		return done, err
	}
	if err := tx.importGoods(ctx, n); err != nil {
		return done, err
	}
	if err := tx.importRoutes(ctx, n); err != nil {
		return done, err
	}
	if err := tx.importDeliveries(ctx, n); err != nil {
		return done, err
	}
	for _, date := range plan {
		runs, err := n.Schedule(date)
		if err != nil {
			return done, err
		}
		if err := tx.addRuns(ctx, date, runs); err != nil {
			return done, fmt.Errorf("runs of %s: %w", date, err)
		}
	}
	return done, tx.refit(ctx, other)
}

// freeRuns makes a date's row and clears its runs of the routes, unless the date keeps its runs: then it returns false.
func (tx *Tx) freeRuns(ctx context.Context, date string, routes []bulk.Row[capacity.Route]) (bool, error) {
	if _, err := tx.exec(ctx,
		"INSERT INTO delivery_dates (delivery_date, revision) VALUES ($1, 0) ON CONFLICT DO NOTHING", date); err != nil {
		return false, err
	}
	var keep bool
	err := tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM dated_containers WHERE delivery_date = $1)
		OR EXISTS (SELECT 1 FROM delivery_dates WHERE delivery_date = $1 AND frozen_at IS NOT NULL)
		OR EXISTS (SELECT 1 FROM runs WHERE delivery_date = $1 AND version > 1)`, date).Scan(&keep)
	if err != nil || keep {
		return false, err
	}
	for _, r := range routes {
		for _, clear := range []string{"run_shippers WHERE run_id", "run_calls WHERE run_id", "run_stops WHERE run_id",
			"runs WHERE id"} {
			if _, err := tx.exec(ctx, "DELETE FROM "+clear+" = $1", capacity.RunID(r.V.ID, date)); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// importRows runs one statement for each row. What the database refuses is told with the row.
func importRows[T any](ctx context.Context, tx *Tx, file string, rows []bulk.Row[T], statement string,
	args func(i int, v T) []any) error {
	for i, r := range rows {
		values := args(i, r.V)
		if err := tx.ownOnly(ctx, values); err != nil {
			return errors.Join(err, bulk.Problem{File: file, Row: r.Line, Want: "nothing that belongs to another business"})
		}
		_, err := tx.exec(ctx, statement, values...)
		if err == nil {
			err = tx.own(ctx, statement, values[0])
		}
		switch {
		case err == nil:
		case tx.e.duplicate(err):
			return bulk.Problem{File: file, Row: r.Line, Want: "keys that no other row of the database has (" + err.Error() + ")"}
		case tx.e.inUse(err):
			return bulk.Problem{File: file, Row: r.Line,
				Want: "no change of what planned runs or numbered containers need as it is (" + err.Error() + ")"}
		default:
			return fmt.Errorf("%s, row %d: %w", file, r.Line, err)
		}
	}
	return nil
}

func (tx *Tx) importPlaces(ctx context.Context, n bulk.Network) error {
	err := importRows(ctx, tx, bulk.SpotsFile, n.Spots, `INSERT INTO collection_spots (id, sequence, name) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, name = excluded.name`,
		func(i int, s capacity.Spot) []any { return []any{s.ID, i, s.Name} })
	if err != nil {
		return err
	}
	err = importRows(ctx, tx, bulk.DepotsFile, n.Depots, `INSERT INTO depots (id, sequence, name) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, name = excluded.name`,
		func(i int, d capacity.Depot) []any { return []any{d.ID, i, d.Name} })
	if err != nil {
		return err
	}
	return importRows(ctx, tx, bulk.LocationsFile, n.Locations,
		`INSERT INTO locations (id, sequence, gln, name, address, latitude, longitude) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, gln = excluded.gln, name = excluded.name,
		address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude`,
		func(i int, l capacity.Location) []any {
			return []any{l.ID, i, l.GLN, l.Name, l.Address, l.Latitude, l.Longitude}
		})
}

func (tx *Tx) importGoods(ctx context.Context, n bulk.Network) error {
	if err := tx.importCategories(ctx, n); err != nil {
		return err
	}
	err := importRows(ctx, tx, bulk.ShopsFile, n.Shops,
		`INSERT INTO shops (id, sequence, name, collection_spot_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, name = excluded.name,
		collection_spot_id = excluded.collection_spot_id`,
		func(i int, s capacity.Shop) []any { return []any{s.ID, i, s.Name, s.SpotID} })
	if err != nil {
		return err
	}
	err = importRows(ctx, tx, bulk.ProductsFile, n.Products,
		`INSERT INTO products (id, sequence, name, shop_id, gtin, category, volume_ml, sales_limit_per_day, price_yen, weight_g,
		length_mm, width_mm, height_mm, no_stacking) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, name = excluded.name, shop_id = excluded.shop_id,
		gtin = excluded.gtin, category = excluded.category, volume_ml = excluded.volume_ml,
		sales_limit_per_day = excluded.sales_limit_per_day, price_yen = excluded.price_yen, weight_g = excluded.weight_g,
		length_mm = excluded.length_mm, width_mm = excluded.width_mm, height_mm = excluded.height_mm, no_stacking = excluded.no_stacking,
		limit_lowered_at = CASE WHEN excluded.sales_limit_per_day < products.sales_limit_per_day
			THEN (SELECT COALESCE(MAX(placed_at), 0) FROM orders) ELSE products.limit_lowered_at END`,
		func(i int, p capacity.Product) []any {
			return []any{p.ID, i, p.Name, p.ShopID, p.GTIN, p.Category, p.VolumeML, p.SalesLimit, p.PriceYen, p.WeightG, p.LengthMM,
				p.WidthMM, p.HeightMM, p.NoStacking}
		})
	if err != nil {
		return err
	}
	return tx.importFridges(ctx, n)
}

func (tx *Tx) importFridges(ctx context.Context, n bulk.Network) error {
	err := importRows(ctx, tx, bulk.FridgesFile, n.Fridges,
		`INSERT INTO fridges (id, sequence, location_id, collection_spot_id, kind, min_milli_c, max_milli_c)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, location_id = excluded.location_id,
		collection_spot_id = excluded.collection_spot_id, kind = excluded.kind, min_milli_c = excluded.min_milli_c,
		max_milli_c = excluded.max_milli_c`,
		func(i int, f capacity.Fridge) []any {
			return []any{f.ID, i, optionalText(f.LocationID), optionalText(f.SpotID), f.Kind, f.MinMilliC, f.MaxMilliC}
		})
	if err != nil {
		return err
	}
	err = importRows(ctx, tx, bulk.SlotsFile, n.Slots,
		`INSERT INTO slots (id, sequence, fridge_id, location_id, fridge_kind, capacity_ml, max_weight_g, fill_percent, length_mm,
		width_mm, height_mm) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, fridge_id = excluded.fridge_id,
		location_id = excluded.location_id, fridge_kind = excluded.fridge_kind, capacity_ml = excluded.capacity_ml,
		max_weight_g = excluded.max_weight_g, fill_percent = excluded.fill_percent, length_mm = excluded.length_mm,
		width_mm = excluded.width_mm, height_mm = excluded.height_mm`,
		func(i int, s capacity.Slot) []any {
			return []any{s.ID, i, s.FridgeID, s.LocationID, s.FridgeKind, s.CapacityML, s.MaxWeightG, s.FillPercent, s.LengthMM, s.WidthMM, s.HeightMM}
		})
	if err != nil {
		return err
	}
	return importRows(ctx, tx, bulk.AddressesFile, n.Addresses,
		`INSERT INTO collection_addresses (id, sequence, collection_spot_id, fridge_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, collection_spot_id = excluded.collection_spot_id,
		fridge_id = excluded.fridge_id`,
		func(i int, a capacity.Address) []any { return []any{a.ID, i, a.SpotID, a.FridgeID} })
}

func (tx *Tx) importCategories(ctx context.Context, n bulk.Network) error {
	err := importRows(ctx, tx, bulk.CategoriesFile, n.Categories, `INSERT INTO temperature_categories (id, sequence) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence`,
		func(i int, c capacity.Category) []any { return []any{c.ID, i} })
	if err != nil {
		return err
	}
	for _, c := range n.Categories {
		one := []bulk.Row[capacity.Category]{c}
		for _, kind := range c.V.FridgeKinds {
			err := importRows(ctx, tx, bulk.CategoriesFile, one,
				"INSERT INTO category_fridge_kinds (category, fridge_kind) VALUES ($1, $2) ON CONFLICT DO NOTHING",
				func(_ int, c capacity.Category) []any { return []any{c.ID, kind} })
			if err != nil {
				return err
			}
		}
		kinds, err := list(ctx, tx, scanText, "SELECT fridge_kind FROM category_fridge_kinds WHERE category = $1", c.V.ID)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if slices.Contains(c.V.FridgeKinds, kind) {
				continue
			}
			err := importRows(ctx, tx, bulk.CategoriesFile, one,
				"DELETE FROM category_fridge_kinds WHERE category = $1 AND fridge_kind = $2",
				func(_ int, c capacity.Category) []any { return []any{c.ID, kind} })
			if err != nil {
				return err
			}
		}
		if _, err := tx.exec(ctx, "DELETE FROM temperature_limits WHERE category = $1", c.V.ID); err != nil {
			return err
		}
	}
	if err := tx.importRules(ctx, n); err != nil {
		return err
	}
	return importRows(ctx, tx, bulk.LimitsFile, n.Limits,
		`INSERT INTO temperature_limits (category, leg, min_milli_c, max_milli_c, minutes_outside, gap_minutes, in_doubt, unstated)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		func(_ int, l capacity.TemperatureLimit) []any {
			doubt, unstated := "hold", "pass"
			if l.DoubtPasses {
				doubt = "pass"
			}
			if l.UnstatedHolds {
				unstated = "hold"
			}
			return []any{l.Category, l.Leg, l.MinMilliC, l.MaxMilliC, l.MinutesOutside, sql.NullInt64{Int64: l.GapMinutes, Valid: l.GapMinutes >= 0}, doubt,
				unstated}
		})
}

func (tx *Tx) importRoutes(ctx context.Context, n bulk.Network) error {
	err := importRows(ctx, tx, bulk.RoutesFile, n.Routes,
		`INSERT INTO routes (id, sequence, vehicle_id, driver_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, vehicle_id = excluded.vehicle_id,
		driver_id = excluded.driver_id`,
		func(i int, r capacity.Route) []any { return []any{r.ID, i, r.VehicleID, r.DriverID} })
	if err != nil {
		return err
	}
	for _, r := range n.Routes { // a stop that the file has no more is no stop any more
		if _, err := tx.exec(ctx, "DELETE FROM route_stops WHERE route_id = $1", r.V.ID); err != nil {
			return err
		}
	}
	err = importRows(ctx, tx, bulk.StopsFile, n.Stops,
		"INSERT INTO route_stops (route_id, sequence, kind, place_id, planned_at) VALUES ($1, $2, $3, $4, $5)",
		func(_ int, s capacity.RouteStop) []any {
			return []any{s.RouteID, s.Sequence, s.Kind, s.PlaceID, bulk.ClockText(s.PlannedAt)}
		})
	if err != nil {
		return err
	}
	return importRows(ctx, tx, bulk.ShippersFile, n.Shippers,
		`INSERT INTO shippers (id, sequence, vehicle_id, category, capacity_containers, grai) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, vehicle_id = excluded.vehicle_id, category = excluded.category,
		capacity_containers = excluded.capacity_containers, grai = excluded.grai`,
		func(i int, s capacity.Shipper) []any {
			return []any{s.ID, i, s.VehicleID, s.Category, s.Containers, s.GRAI}
		})
}

// importDeliveries changes the schedule of dates that are not frozen; the plans of the others are out already.
func (tx *Tx) importDeliveries(ctx context.Context, n bulk.Network) error {
	err := importRows(ctx, tx, bulk.DeliveriesFile, n.Deliveries,
		`INSERT INTO deliveries (location_id, delivery_date, order_cutoff, pickup_opens, pickup_closes) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (location_id, delivery_date) DO UPDATE SET order_cutoff = excluded.order_cutoff,
		pickup_opens = excluded.pickup_opens, pickup_closes = excluded.pickup_closes
		WHERE NOT EXISTS (SELECT 1 FROM delivery_dates d WHERE d.delivery_date = excluded.delivery_date AND d.frozen_at IS NOT NULL)`,
		func(_ int, d capacity.Delivery) []any {
			return []any{d.LocationID, d.Date, millis(d.OrderCutoff), millis(d.PickupOpens), millis(d.PickupCloses)}
		})
	if err != nil {
		return err
	}
	for _, d := range n.Deliveries {
		var same bool
		err := tx.row(ctx, `SELECT order_cutoff = $3 AND pickup_opens = $4 AND pickup_closes = $5 FROM deliveries
			WHERE location_id = $1 AND delivery_date = $2`, d.V.LocationID, d.V.Date,
			millis(d.V.OrderCutoff), millis(d.V.PickupOpens), millis(d.V.PickupCloses)).Scan(&same)
		if err != nil {
			return fmt.Errorf("%s, row %d: %w", bulk.DeliveriesFile, d.Line, err)
		}
		if !same {
			return bulk.Problem{File: bulk.DeliveriesFile, Row: d.Line,
				Want: "the times that the database has, for the numbering of " + d.V.Date + " is frozen"}
		}
	}
	return nil
}

func (tx *Tx) addRuns(ctx context.Context, date string, runs []bulk.DatedRun) error {
	var rows, stops, calls, aboard [][]any
	for _, r := range runs {
		rows = append(rows, []any{r.Run.ID, r.Run.RouteID, date, r.Run.Version, r.Run.VehicleID, r.Run.DriverID})
		for _, s := range r.Stops {
			stops = append(stops, []any{s.RunID, s.Sequence, s.Kind, s.PlaceID, millis(s.PlannedAt)})
		}
		for _, c := range r.Calls {
			calls = append(calls, []any{c.RunID, c.SpotID, c.LocationID,
				c.CollectSequence, capacity.Collect, c.DeliverSequence, capacity.Deliver})
		}
		for _, a := range r.Aboard {
			aboard = append(aboard, []any{a.RunID, date, a.ShipperID, a.Category, a.Containers})
		}
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"runs", []string{"id", "route_id", "delivery_date", "version", "vehicle_id", "driver_id"}, rows},
		{"run_stops", []string{"run_id", "sequence", "kind", "place_id", "planned_at"}, stops},
		{"run_calls", []string{"run_id", "collection_spot_id", "location_id", "collect_sequence", "collect_kind", "deliver_sequence",
			"deliver_kind"}, calls},
		{"run_shippers", []string{"run_id", "delivery_date", "shipper_id", "category", "capacity_containers"}, aboard},
	} {
		if _, err := tx.insert(ctx, t.table, t.columns, t.rows, ""); err != nil {
			return err
		}
	}
	return nil
}

// optionalText stores the empty text as NULL.
func optionalText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// KnownToOrders gives what the orders of a file may refer to.
func (tx *Tx) KnownToOrders(ctx context.Context) (bulk.Known, error) {
	k := bulk.Known{Products: map[string]bool{}, Deliveries: map[bulk.Visit]bulk.Taking{}}
	products, err := list(ctx, tx, scanText, "SELECT id FROM products")
	if err != nil {
		return k, err
	}
	for _, id := range products {
		k.Products[id] = true
	}
	_, err = list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var v bulk.Visit
		var t bulk.Taking
		var cutoff int64
		err = row.Scan(&v.LocationID, &v.Date, &cutoff, &t.Frozen)
		t.Cutoff = fromMillis(cutoff)
		k.Deliveries[v] = t
		return struct{}{}, err
	}, `SELECT l.location_id, l.delivery_date, l.order_cutoff, d.frozen_at IS NOT NULL
		FROM deliveries l JOIN delivery_dates d ON d.delivery_date = l.delivery_date`)
	return k, err
}
