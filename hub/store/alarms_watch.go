package store

import (
	"context"
	"fmt"
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

// Uncollected is a fridge in which goods were left over that nobody has come for.
type Uncollected struct {
	Fridge, Date string
	Closed       time.Time // pickup
	Containers   int
}

// longAgo is how far back leftovers are looked for.
const longAgo = 14 * 24 * time.Hour

// LeftBehind gives the fridges with left-over goods of pickups that closed before a time, which no grant has opened since: whoever
// had come for them would have used one. Those that have an alarm are not among them.
func (tx *Tx) LeftBehind(ctx context.Context, closedBefore time.Time) ([]Uncollected, error) {
	return list(ctx, tx, func(row scanner) (u Uncollected, err error) {
		var closed int64
		err = row.Scan(&u.Fridge, &u.Date, &closed, &u.Containers)
		u.Closed = fromMillis(closed)
		return u, err
	}, `SELECT c.fridge_id, c.delivery_date, l.pickup_closes, COUNT(*) FROM deliveries l
		JOIN dated_containers c ON c.delivery_date = l.delivery_date AND c.location_id = l.location_id
		WHERE l.closed_at IS NOT NULL AND l.pickup_closes <= $1 AND l.pickup_closes > $2 AND c.placed_at IS NOT NULL
		AND EXISTS (SELECT 1 FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.dated_container_id = c.id AND o.state = 'left_over')
		AND NOT EXISTS (SELECT 1 FROM events e WHERE e.subject = c.fridge_id AND e.kind = $3 AND e.event_at > l.pickup_closes)
		AND NOT EXISTS (SELECT 1 FROM alarms a WHERE a.id = 'leftover/' || c.fridge_id || '/' || c.delivery_date)
		GROUP BY c.fridge_id, c.delivery_date, l.pickup_closes ORDER BY l.pickup_closes, c.fridge_id LIMIT 500`,
		millis(closedBefore), millis(closedBefore.Add(-longAgo)), int64(protocol.KindGrantUsed))
}

// OpenedSince gives when a grant has opened a fridge first after a time; the zero time when none has.
func (tx *Tx) OpenedSince(ctx context.Context, fridge string, after time.Time) (time.Time, error) {
	found, err := list(ctx, tx, func(row scanner) (time.Time, error) {
		var at int64
		err := row.Scan(&at)
		return fromMillis(at), err
	}, "SELECT event_at FROM events WHERE subject = $1 AND kind = $2 AND event_at > $3 ORDER BY event_at LIMIT 1",
		fridge, int64(protocol.KindGrantUsed), millis(after))
	if err != nil || len(found) == 0 {
		return time.Time{}, err
	}
	return found[0], nil
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
