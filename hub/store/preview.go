package store

import (
	"context"
	"database/sql"
	"time"

	"meguri/hub/dispatch"
)

// Preview says how final a date is at now, with each run and shop in numbers; ErrNotFound for a date without deliveries.
func (tx *Tx) Preview(ctx context.Context, date string, now time.Time) (dispatch.Preview, error) {
	p := dispatch.Preview{DeliveryDate: date, At: now}
	d, err := tx.DateView(ctx, date)
	if err != nil {
		return p, err
	}
	p.Frozen = d.Frozen
	var cutoff int64
	err = tx.row(ctx, "SELECT MAX(order_cutoff) FROM deliveries WHERE delivery_date = $1", date).Scan(&cutoff)
	if err != nil {
		return p, err
	}
	p.Cutoff = fromMillis(cutoff)
	var last sql.NullInt64
	err = tx.row(ctx, `SELECT COALESCE(SUM(CASE WHEN state = 'held' THEN 0 ELSE 1 END), 0),
		COALESCE(SUM(CASE WHEN state = 'held' THEN 1 ELSE 0 END), 0), MAX(CASE WHEN state = 'held' THEN hold_until END)
		FROM orders WHERE delivery_date = $1 AND state NOT IN ('refused', 'expired', 'cancelled', 'called_off')`, date).
		Scan(&p.Accepted, &p.Held, &last)
	if err != nil {
		return p, err
	}
	p.LastHold = fromOptionalMillis(last)
	if p.Runs, err = tx.runSummaries(ctx, date); err != nil {
		return p, err
	}
	if p.NoSheet, err = tx.onNoSheet(ctx, date); err != nil {
		return p, err
	}
	p.Shops, err = list(ctx, tx, func(row scanner) (s dispatch.ShopSummary, err error) {
		err = row.Scan(&s.ShopID, &s.Name, &s.Containers, &s.Units, &s.HeldUnits)
		return s, err
	}, `SELECT s.id, s.name, COUNT(DISTINCT i.dated_container_id), COUNT(*), SUM(CASE WHEN o.state = 'held' THEN 1 ELSE 0 END)
		FROM order_items i JOIN orders o ON o.id = i.order_id JOIN shops s ON s.id = i.shop_id
		WHERE i.delivery_date = $1 GROUP BY s.id, s.name, s.sequence ORDER BY s.sequence, s.id`, date)
	return p, err
}

func (tx *Tx) runSummaries(ctx context.Context, date string) ([]dispatch.RunSummary, error) {
	runs, err := list(ctx, tx, func(row scanner) (r dispatch.RunSummary, err error) {
		err = row.Scan(&r.RunID, &r.RouteID, &r.Version, &r.Stops, &r.Containers, &r.OnlyHeld, &r.Units, &r.Out)
		return r, err
	}, `SELECT r.id, r.route_id, r.version, (SELECT COUNT(*) FROM run_stops s WHERE s.run_id = r.id), COUNT(f.id),
		COALESCE(SUM(CASE WHEN f.units > 0 AND f.units = f.held THEN 1 ELSE 0 END), 0), COALESCE(SUM(f.units), 0),
		COALESCE(SUM(f.out_of), 0)
		FROM runs r LEFT JOIN (SELECT c.id, c.run_id, COUNT(i.order_id) AS units,
			SUM(CASE WHEN o.state = 'held' THEN 1 ELSE 0 END) AS held, MAX(CASE WHEN b.id IS NULL OR c.state = 'placed' THEN 0 ELSE 1 END) AS out_of
			FROM dated_containers c LEFT JOIN order_items i ON i.dated_container_id = c.id LEFT JOIN orders o ON o.id = i.order_id
			LEFT JOIN (`+outContainers+`) b ON b.id = c.id WHERE c.delivery_date = $1 GROUP BY c.id, c.run_id) f ON f.run_id = r.id
		JOIN routes t ON t.id = r.route_id
		WHERE r.delivery_date = $1 GROUP BY r.id, r.route_id, r.version, t.sequence ORDER BY t.sequence, r.id`, date)
	if err != nil {
		return nil, err
	}
	type fill struct {
		run string
		dispatch.ShipperFill
	}
	fills, err := list(ctx, tx, func(row scanner) (f fill, err error) {
		err = row.Scan(&f.run, &f.ShipperID, &f.Category, &f.Capacity, &f.Containers)
		return f, err
	}, `SELECT a.run_id, a.shipper_id, a.category, a.capacity_containers,
		(SELECT COUNT(*) FROM dated_containers c WHERE c.run_id = a.run_id AND c.shipper_id = a.shipper_id)
		FROM run_shippers a JOIN shippers s ON s.id = a.shipper_id WHERE a.delivery_date = $1 ORDER BY s.sequence, s.id`, date)
	for _, f := range fills {
		for i := range runs {
			if runs[i].RunID == f.run {
				runs[i].Shippers = append(runs[i].Shippers, f.ShipperFill)
			}
		}
	}
	return runs, err
}
