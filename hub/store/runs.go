package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
)

// Run gives a run with its stops, or ErrNotFound.
func (tx *Tx) Run(ctx context.Context, id string) (dispatch.Run, error) {
	var r dispatch.Run
	err := tx.row(ctx, "SELECT id, route_id, delivery_date, version, vehicle_id, driver_id FROM runs WHERE id = $1", id).
		Scan(&r.ID, &r.RouteID, &r.DeliveryDate, &r.Version, &r.VehicleID, &r.DriverID)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return r, err
	}
	r.Stops, err = list(ctx, tx, scanStop, `SELECT r.run_id, r.sequence, r.kind, r.place_id,
		COALESCE(l.name, p.name, d.name, r.place_id), r.planned_at, r.reached_at
		FROM run_stops r
		LEFT JOIN locations l ON r.kind = 'deliver' AND l.id = r.place_id
		LEFT JOIN collection_spots p ON r.kind = 'collect' AND p.id = r.place_id
		LEFT JOIN depots d ON r.kind = 'return' AND d.id = r.place_id
		WHERE r.run_id = $1 ORDER BY r.sequence`, id)
	return r, err
}

func scanStop(row scanner) (dispatch.Stop, error) {
	var s dispatch.Stop
	var planned int64
	var reached sql.NullInt64
	err := row.Scan(&s.RunID, &s.Sequence, &s.Kind, &s.PlaceID, &s.PlaceName, &planned, &reached)
	s.PlannedAt, s.ReachedAt = fromMillis(planned), fromOptionalMillis(reached)
	return s, err
}

// RunsOfDate gives the ids of a date's runs.
func (tx *Tx) RunsOfDate(ctx context.Context, date string) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT id FROM runs WHERE delivery_date = $1 ORDER BY id", date)
}

// RunOfRoute gives the id of a route's run on a date, or ErrNotFound.
func (tx *Tx) RunOfRoute(ctx context.Context, route, date string) (id string, err error) {
	err = tx.row(ctx, "SELECT id FROM runs WHERE route_id = $1 AND delivery_date = $2", route, date).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("route %s on %s: %w", route, date, ErrNotFound)
	}
	return id, err
}

// ReachStop stores when a stop was reached; the earliest time counts. It returns ErrNotFound for no such stop.
func (tx *Tx) ReachStop(ctx context.Context, run string, sequence int, at time.Time) error {
	n, err := tx.exec(ctx, `UPDATE run_stops SET reached_at = CASE WHEN reached_at < $3 THEN reached_at ELSE $3 END
		WHERE run_id = $1 AND sequence = $2`, run, sequence, millis(at))
	if err == nil && n == 0 {
		return fmt.Errorf("stop %d of run %s: %w", sequence, run, ErrNotFound)
	}
	return err
}

// Sheet gives a run's sheet, with the codes that open the locks for its driver.
func (tx *Tx) Sheet(ctx context.Context, run string) (dispatch.Sheet, error) {
	r, err := tx.Run(ctx, run)
	if err != nil {
		return dispatch.Sheet{}, err
	}
	containers, err := tx.ContainersOfRun(ctx, run)
	if err != nil {
		return dispatch.Sheet{}, err
	}
	grants, err := tx.grantsOfRun(ctx, run)
	if err != nil {
		return dispatch.Sheet{}, err
	}
	codes := map[string]string{}
	for _, g := range grants {
		codes[g.LocationID] = g.PIN
	}
	if err := tx.markBroken(ctx, r.DeliveryDate, containers); err != nil {
		return dispatch.Sheet{}, err
	}
	return dispatch.NewSheet(r, containers, codes), nil
}

const grantColumns = `id, delivery_date, location_id, holder, COALESCE(order_id, ''), COALESCE(run_id, ''), pin,
	valid_from, valid_until, issued_at FROM grants`

func scanGrant(row scanner) (dispatch.Grant, error) {
	var g dispatch.Grant
	var from, until, issued int64
	err := row.Scan(&g.ID, &g.DeliveryDate, &g.LocationID, &g.Holder, &g.OrderID, &g.RunID, &g.PIN, &from, &until, &issued)
	g.From, g.Until, g.IssuedAt = fromMillis(from), fromMillis(until), fromMillis(issued)
	return g, err
}

// grantsOfRun gives the grants that open the locks for a run's driver, by location.
func (tx *Tx) grantsOfRun(ctx context.Context, run string) ([]dispatch.Grant, error) {
	return list(ctx, tx, scanGrant, "SELECT "+grantColumns+" WHERE run_id = $1 AND revoked_at IS NULL ORDER BY location_id, id", run)
}

// GrantsOfLocation gives the grants for a location's locks on a date.
func (tx *Tx) GrantsOfLocation(ctx context.Context, date, location string) ([]dispatch.Grant, error) {
	return list(ctx, tx, scanGrant, "SELECT "+grantColumns+` WHERE delivery_date = $1 AND location_id = $2 AND revoked_at IS NULL
		ORDER BY id`, date, location)
}

// GrantOfOrder gives a customer's grant, or ErrNotFound before cutoff.
func (tx *Tx) GrantOfOrder(ctx context.Context, order string) (dispatch.Grant, error) {
	g, err := scanGrant(tx.row(ctx, "SELECT "+grantColumns+" WHERE order_id = $1 AND revoked_at IS NULL", order))
	if errors.Is(err, sql.ErrNoRows) {
		return g, fmt.Errorf("grant of order %s: %w", order, ErrNotFound)
	}
	return g, err
}

// GrantsAfter gives the grants for a location's locks that are valid at a time or later.
func (tx *Tx) GrantsAfter(ctx context.Context, location string, now time.Time) ([]dispatch.Grant, error) {
	return list(ctx, tx, scanGrant, "SELECT "+grantColumns+` WHERE location_id = $1 AND valid_until > $2 AND revoked_at IS NULL
		ORDER BY id`, location, millis(now))
}

// CodesTaken gives the codes that were given out for a location and date, those that opened nothing any more, too.
func (tx *Tx) CodesTaken(ctx context.Context, date, location string) (map[string]bool, error) {
	codes, err := list(ctx, tx, scanText, "SELECT pin FROM grants WHERE delivery_date = $1 AND location_id = $2", date, location)
	taken := map[string]bool{}
	for _, c := range codes {
		taken[c] = true
	}
	return taken, err
}

// ReissueGrant puts a grant in the place of a former one, which is never valid again. Its run's sheet needs a new version.
func (tx *Tx) ReissueGrant(ctx context.Context, former string, g dispatch.Grant, at time.Time) error {
	if err := tx.write(ctx, "UPDATE grants SET revoked_at = $2 WHERE id = $1", former, millis(at)); err != nil {
		return err
	}
	return tx.AddGrant(ctx, g)
}

// AddGrant stores a grant. A code that another grant of the location and date has is a duplicate.
func (tx *Tx) AddGrant(ctx context.Context, g dispatch.Grant) error {
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
	return tx.write(ctx, `INSERT INTO grants
		(id, delivery_date, location_id, holder, order_id, run_id, pin, valid_from, valid_until, issued_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, g.ID, g.DeliveryDate, g.LocationID, string(g.Holder),
		text(g.OrderID), text(g.RunID), g.PIN, millis(g.From), millis(g.Until), max(millis(g.IssuedAt), 0)) // never set: 0
}

// Delivery is a location's schedule of a date.
type Delivery struct {
	LocationID   string
	DeliveryDate string
	OrderCutoff  time.Time
	PickupOpens  time.Time
	PickupCloses time.Time
	ClosedAt     time.Time // leftovers are decided; zero before
}

const deliveryColumns = "location_id, delivery_date, order_cutoff, pickup_opens, pickup_closes, closed_at FROM deliveries"

func scanDelivery(row scanner) (Delivery, error) {
	var d Delivery
	var cutoff, opens, closes int64
	var closed sql.NullInt64
	err := row.Scan(&d.LocationID, &d.DeliveryDate, &cutoff, &opens, &closes, &closed)
	d.OrderCutoff, d.PickupOpens, d.PickupCloses = fromMillis(cutoff), fromMillis(opens), fromMillis(closes)
	d.ClosedAt = fromOptionalMillis(closed)
	return d, err
}

// DatesToFreeze gives the dates that are not frozen and whose last cutoff is over or whose first pickup opens: then codes have to
// be there. Dates whose last pickup was over before since are history, and left alone.
func (tx *Tx) DatesToFreeze(ctx context.Context, now, since time.Time) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT d.delivery_date FROM delivery_dates d
		JOIN deliveries l ON l.delivery_date = d.delivery_date
		WHERE d.frozen_at IS NULL GROUP BY d.delivery_date
		HAVING (MAX(l.order_cutoff) <= $1 OR MIN(l.pickup_opens) <= $1) AND MAX(l.pickup_closes) > $2
		ORDER BY d.delivery_date`, millis(now), millis(since))
}

// ErrStillHeld says that a date has orders that are neither confirmed nor expired.
var ErrStillHeld = errors.New("orders are still held")

// Freeze ends the numbering of a date. While an order is held it is ErrStillHeld: what is frozen is decided.
func (tx *Tx) Freeze(ctx context.Context, date string, at time.Time) error {
	var held bool
	err := tx.row(ctx, "SELECT EXISTS (SELECT 1 FROM orders WHERE delivery_date = $1 AND state = 'held')", date).Scan(&held)
	if err == nil && held {
		err = fmt.Errorf("freeze %s: %w", date, ErrStillHeld)
	}
	if err != nil {
		return err
	}
	return tx.write(ctx, "UPDATE delivery_dates SET frozen_at = $2, revision = revision + 1 WHERE delivery_date = $1 AND frozen_at IS NULL",
		date, millis(at))
}

// DatesUnderWay gives the frozen dates that have a delivery whose pickup closes after a time, in order.
func (tx *Tx) DatesUnderWay(ctx context.Context, closesAfter time.Time) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT d.delivery_date FROM delivery_dates d WHERE d.frozen_at IS NOT NULL
		AND EXISTS (SELECT 1 FROM deliveries l WHERE l.delivery_date = d.delivery_date AND l.pickup_closes > $1)
		ORDER BY d.delivery_date`, millis(closesAfter))
}

// Delivery gives the schedule of a location on a date, or ErrNotFound.
func (tx *Tx) Delivery(ctx context.Context, date, location string) (Delivery, error) {
	d, err := scanDelivery(tx.row(ctx, "SELECT "+deliveryColumns+" WHERE location_id = $1 AND delivery_date = $2", location, date))
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("delivery to %s on %s: %w", location, date, ErrNotFound)
	}
	return d, err
}

// DeliveriesOfDate gives a date's schedule, by location.
func (tx *Tx) DeliveriesOfDate(ctx context.Context, date string) ([]Delivery, error) {
	return list(ctx, tx, scanDelivery, "SELECT "+deliveryColumns+" WHERE delivery_date = $1 ORDER BY location_id", date)
}

// DeliveriesToClose gives the deliveries of frozen dates whose pickup is over and whose leftovers are not decided.
func (tx *Tx) DeliveriesToClose(ctx context.Context, now time.Time) ([]Delivery, error) {
	return list(ctx, tx, scanDelivery, "SELECT "+deliveryColumns+` WHERE pickup_closes <= $1 AND closed_at IS NULL
		AND EXISTS (SELECT 1 FROM delivery_dates d WHERE d.delivery_date = deliveries.delivery_date AND d.frozen_at IS NOT NULL)
		ORDER BY pickup_closes, location_id`, millis(now))
}

// CloseDelivery notes that the leftovers of a delivery are decided. It says whether they were not before.
func (tx *Tx) CloseDelivery(ctx context.Context, date, location string, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, "UPDATE deliveries SET closed_at = $3 WHERE delivery_date = $1 AND location_id = $2 AND closed_at IS NULL",
		date, location, millis(at))
	return n > 0, err
}

// OrderClosedAt gives when the leftovers of an order's delivery were decided; the zero time before.
func (tx *Tx) OrderClosedAt(ctx context.Context, order string) (time.Time, error) {
	var closed sql.NullInt64
	err := tx.row(ctx, `SELECT d.closed_at FROM orders o
		JOIN deliveries d ON d.location_id = o.location_id AND d.delivery_date = o.delivery_date WHERE o.id = $1`, order).Scan(&closed)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("order %s: %w", order, ErrNotFound)
	}
	return fromOptionalMillis(closed), err
}

// AcceptedOrders gives the accepted orders of a location and date that still stand, in order of decision.
func (tx *Tx) AcceptedOrders(ctx context.Context, date, location string) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT id FROM orders WHERE delivery_date = $1 AND location_id = $2 AND state NOT IN ('held', 'refused', 'expired', 'cancelled', 'called_off')
		ORDER BY sequence`, date, location)
}

// LateStops gives the stops of open dates that were to be reached before a time, are not yet, and have no alarm.
func (tx *Tx) LateStops(ctx context.Context, before time.Time) ([]dispatch.Stop, error) {
	return list(ctx, tx, scanStop, `SELECT s.run_id, s.sequence, s.kind, s.place_id, s.place_id, s.planned_at, s.reached_at
		FROM run_stops s JOIN runs r ON r.id = s.run_id JOIN delivery_dates d ON d.delivery_date = r.delivery_date
		WHERE s.reached_at IS NULL AND s.planned_at < $1 AND d.frozen_at IS NOT NULL
		AND EXISTS (SELECT 1 FROM dated_containers c WHERE c.run_id = r.id)
		AND EXISTS (SELECT 1 FROM deliveries l WHERE l.delivery_date = r.delivery_date AND l.closed_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM alarms a WHERE a.id = 'late/' || s.run_id || ' stop ' || s.sequence)
		ORDER BY s.planned_at, s.run_id, s.sequence`, millis(before))
}

// ClearLate clears the alarms of a date's stops when no delivery of the date is open any more: whoever has not said by then
// that a stop was reached will not.
func (tx *Tx) ClearLate(ctx context.Context, date string, at time.Time) error {
	return tx.clearWhere(ctx, at, `id IN (
		SELECT 'late/' || s.run_id || ' stop ' || s.sequence FROM run_stops s JOIN runs r ON r.id = s.run_id WHERE r.delivery_date = $1)
		AND NOT EXISTS (SELECT 1 FROM deliveries l WHERE l.delivery_date = $1 AND l.closed_at IS NULL)`, date)
}
