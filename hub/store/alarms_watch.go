package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/protocol"
)

// Opening is the pickup of a location that is open or opens next.
type Opening struct {
	Location, Date string
	At             time.Time
}

// Openings gives, of each location that has orders for it, the pickup that is not over and opens before a time.
func (tx *Tx) Openings(ctx context.Context, now, before time.Time) ([]Opening, error) {
	return list(ctx, tx, func(row scanner) (o Opening, err error) {
		var at int64
		err = row.Scan(&o.Location, &o.Date, &at)
		o.At = fromMillis(at)
		return o, err
	}, `SELECT d.location_id, d.delivery_date, d.pickup_opens FROM deliveries d
		WHERE d.pickup_closes > $1 AND d.pickup_opens <= $2 AND d.closed_at IS NULL
		AND EXISTS (SELECT 1 FROM orders o WHERE o.delivery_date = d.delivery_date AND o.location_id = d.location_id
			AND o.state NOT IN ('held', 'refused', 'expired', 'cancelled', 'called_off'))
		ORDER BY d.pickup_opens DESC, d.location_id`, millis(now), millis(before))
}

// WhoToCall gives the drivers of the runs that deliver to a location on a date, with their routes: by their ids, for what an alarm says is
// mailed, posted and kept, and no name is taken out of it again.
func (tx *Tx) WhoToCall(ctx context.Context, location, date string) (string, error) {
	names, err := list(ctx, tx, func(row scanner) (string, error) {
		var route, driver string
		err := row.Scan(&route, &driver)
		return fmt.Sprintf("%s (%s)", driver, route), err
	}, `SELECT DISTINCT r.route_id, r.driver_id FROM runs r
		JOIN run_stops s ON s.run_id = r.id AND s.kind = 'deliver' AND s.place_id = $1
		WHERE r.delivery_date = $2 ORDER BY 1, 2 LIMIT 5`, location, date)
	return strings.Join(names, ", "), err
}

// Uncollected is a run's containers of a date in a fridge, in which goods were left over that nobody has come for.
type Uncollected struct {
	Fridge, Date, Run string
	Closed            time.Time // pickup
	Containers        int
}

// How far back leftovers are looked for, how many, and how many openings of one fridge.
const (
	longAgo       = 14 * 24 * time.Hour
	mostLeft      = 5000
	mostOpenings  = 2000
	workLeftOver  = "left_over" // the kind of work of package effect: to collect the goods of an order
	leftoverGoods = `SELECT 1 FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.dated_container_id = c.id AND o.state = 'left_over'
		AND NOT EXISTS (SELECT 1 FROM order_pickups p WHERE p.order_id = o.id AND p.fridge_id = c.fridge_id)
		AND NOT EXISTS (SELECT 1 FROM work_items w WHERE w.id = '` + workLeftOver + `/' || o.id AND w.closed_at IS NOT NULL)`
)

// LeftBehind gives the fridges with left-over goods of pickups that closed before a time, which nobody has come for since, the oldest
// first: not the customers of these very goods, not the driver whose run had brought them, by the run's own code, no person has said
// that they are collected, by closing the order's work, and no container of a later date stands in the slot. What others open the fridge for says nothing of these goods.
func (tx *Tx) LeftBehind(ctx context.Context, closedBefore time.Time) ([]Uncollected, error) {
	all, err := list(ctx, tx, func(row scanner) (u Uncollected, err error) {
		var closed int64
		err = row.Scan(&u.Fridge, &u.Date, &u.Run, &closed, &u.Containers)
		u.Closed = fromMillis(closed)
		return u, err
	}, `SELECT c.fridge_id, c.delivery_date, c.run_id, l.pickup_closes, COUNT(*) FROM deliveries l
		JOIN dated_containers c ON c.delivery_date = l.delivery_date AND c.location_id = l.location_id
		WHERE l.closed_at IS NOT NULL AND l.pickup_closes <= $1 AND l.pickup_closes > $2 AND c.placed_at IS NOT NULL
		AND EXISTS (`+leftoverGoods+`)
		AND NOT EXISTS (SELECT 1 FROM dated_containers n WHERE n.delivery_date > c.delivery_date AND n.slot_id = c.slot_id AND n.placed_at IS NOT NULL)
		GROUP BY c.fridge_id, c.delivery_date, c.run_id, l.pickup_closes ORDER BY l.pickup_closes, c.fridge_id, c.run_id LIMIT $3`,
		millis(closedBefore), millis(closedBefore.Add(-longAgo)), mostLeft)
	var left []Uncollected
	for _, u := range all {
		if err != nil {
			break
		}
		came, failed := tx.driverCame(ctx, u)
		if err = failed; !came {
			left = append(left, u)
		}
	}
	return left, err
}

// driverCame says whether the driver of the run has opened the fridge since pickup closed. A use that was given back opened nothing.
func (tx *Tx) driverCame(ctx context.Context, u Uncollected) (bool, error) {
	type told struct {
		kind int64
		body []byte
	}
	all, err := list(ctx, tx, func(row scanner) (e told, err error) {
		err = row.Scan(&e.kind, &e.body)
		return e, err
	}, "SELECT kind, body FROM events WHERE subject = $1 AND (kind = $2 OR kind = $3) AND event_at > $4 ORDER BY event_at, device_id, number LIMIT $5",
		u.Fridge, int64(protocol.KindGrantUsed), int64(protocol.KindUseReturned), millis(u.Closed), mostOpenings)
	if err != nil {
		return false, err
	}
	uses := map[string][]uint32{} // of each grant, since then
	for _, e := range all {
		var used protocol.GrantUsed
		var returned protocol.UseReturned
		switch { // what cannot be read says nothing
		case e.kind == int64(protocol.KindGrantUsed) && protocol.DecodeBody(e.body, &used) == nil:
			grant, _, _ := strings.Cut(used.Grant, "@"+used.Position)
			uses[grant] = append(uses[grant], used.Use)
		case e.kind == int64(protocol.KindUseReturned) && protocol.DecodeBody(e.body, &returned) == nil:
			grant, _, _ := strings.Cut(returned.Grant, "@"+returned.Position)
			uses[grant] = slices.DeleteFunc(uses[grant], func(use uint32) bool { return use > returned.Use })
		}
	}
	for _, grant := range slices.Sorted(maps.Keys(uses)) {
		var n int
		if len(uses[grant]) == 0 {
			continue
		}
		if err := tx.row(ctx, "SELECT COUNT(*) FROM grants WHERE id = $1 AND run_id = $2", grant, u.Run).Scan(&n); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// ActiveAlarms gives the active alarms of a kind.
func (tx *Tx) ActiveAlarms(ctx context.Context, kind string) ([]alarm.Alarm, error) {
	return list(ctx, tx, scanLife, "SELECT "+alarmColumns+" FROM alarms WHERE cleared_at IS NULL AND kind = $1 ORDER BY raised_at, id", kind)
}

// AddCalibration stores when a probe was calibrated. The same probe and day again replaces what was entered.
func (tx *Tx) AddCalibration(ctx context.Context, c alarm.Calibrated, by string, now time.Time) error {
	return tx.write(ctx, `INSERT INTO calibrations (sensor, calibrated_on, due_on, certificate, person_id, entered_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (sensor, calibrated_on) DO UPDATE SET due_on = excluded.due_on, certificate = excluded.certificate,
			person_id = excluded.person_id, entered_at = excluded.entered_at`, c.Sensor, c.On, c.Due, c.Certificate, by, millis(now))
}

// Calibrations gives the newest calibration of each probe, the first to be due first.
func (tx *Tx) Calibrations(ctx context.Context) ([]alarm.Calibrated, error) {
	return list(ctx, tx, func(row scanner) (c alarm.Calibrated, err error) {
		err = row.Scan(&c.Sensor, &c.On, &c.Due, &c.Certificate)
		return c, err
	}, `SELECT c.sensor, c.calibrated_on, c.due_on, c.certificate FROM calibrations c
		WHERE NOT EXISTS (SELECT 1 FROM calibrations n WHERE n.sensor = c.sensor AND n.calibrated_on > c.calibrated_on)
		ORDER BY c.due_on, c.sensor`)
}
