package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Journey is the way of a dated container from its shelf at collection to its customers.
type Journey struct {
	Container, GRAI, Category, ShopID, Date, LocationID, RunID string
	AddressID, CollectionFridge, ShipperID, FridgeID, SlotID   string
	Filled, Shelved, Loaded, Placed                            time.Time // zero: not scanned
	Ended                                                      time.Time // all its orders are picked up or over, or the delivery is closed; zero before
	EndedBy                                                    string    // picked_up, closed; empty before
	Orders                                                     []string  // codes
	Limits                                                     map[string]LegLimits
	FridgeRange                                                map[string]Limits // of its two fridges
}

// LegLimits are what a category of goods may meet on a leg.
type LegLimits struct {
	Limits
	MinutesOutside int64 // that are allowed
}

// Legs of a journey, as in temperature_limits.
const (
	LegCollection = "collection"
	LegShipper    = "shipper"
	LegStation    = "station"
)

// Journey gives a dated container's way, or ErrNotFound.
func (tx *Tx) Journey(ctx context.Context, container string) (j Journey, err error) {
	var grai sql.NullString
	var filled, shelved, loaded, placed, closed sql.NullInt64
	err = tx.row(ctx, `SELECT c.id, c.grai, c.category, c.shop_id, c.delivery_date, c.location_id, c.run_id, c.address_id, a.fridge_id, c.shipper_id,
		c.fridge_id, c.slot_id, c.filled_at, c.shelved_at, c.loaded_at, c.placed_at, d.closed_at FROM dated_containers c
		JOIN collection_addresses a ON a.id = c.address_id
		JOIN deliveries d ON d.location_id = c.location_id AND d.delivery_date = c.delivery_date WHERE c.id = $1`, container).Scan(
		&j.Container, &grai, &j.Category, &j.ShopID, &j.Date, &j.LocationID, &j.RunID, &j.AddressID, &j.CollectionFridge, &j.ShipperID,
		&j.FridgeID, &j.SlotID, &filled, &shelved, &loaded, &placed, &closed)
	if errors.Is(err, sql.ErrNoRows) {
		return j, fmt.Errorf("container %s: %w", container, ErrNotFound)
	}
	if err != nil {
		return j, err
	}
	j.GRAI, j.Filled, j.Shelved = grai.String, fromOptionalMillis(filled), fromOptionalMillis(shelved)
	j.Loaded, j.Placed = fromOptionalMillis(loaded), fromOptionalMillis(placed)
	if err := tx.journeyOrders(ctx, &j, fromOptionalMillis(closed)); err != nil {
		return j, err
	}
	return j, tx.journeyLimits(ctx, &j)
}

// journeyOrders finds the orders with goods in the container, and when the last of them was picked up from its fridge or over.
func (tx *Tx) journeyOrders(ctx context.Context, j *Journey, closed time.Time) error {
	all := true
	err := each(ctx, tx, func(row scanner) error {
		var id string
		var at sql.NullInt64
		if err := row.Scan(&id, &at); err != nil {
			return err
		}
		j.Orders = append(j.Orders, id)
		if t := fromOptionalMillis(at); t.IsZero() {
			all = false
		} else if t.After(j.Ended) {
			j.Ended = t
		}
		return nil
	}, `SELECT o.id, COALESCE((SELECT p.at FROM order_pickups p WHERE p.order_id = o.id AND p.fridge_id = $2), o.ended_at) FROM orders o
		WHERE o.id IN (SELECT i.order_id FROM order_items i WHERE i.dated_container_id = $1) ORDER BY o.id`, j.Container, j.FridgeID)
	switch {
	case err != nil:
		return err
	case len(j.Orders) > 0 && all:
		j.EndedBy = "picked_up"
	case !closed.IsZero():
		j.Ended, j.EndedBy = closed, "closed"
	default:
		j.Ended = time.Time{}
	}
	return nil
}

func (tx *Tx) journeyLimits(ctx context.Context, j *Journey) error {
	j.Limits, j.FridgeRange = map[string]LegLimits{}, map[string]Limits{}
	err := each(ctx, tx, func(row scanner) error {
		var leg string
		var l LegLimits
		err := row.Scan(&leg, &l.MinMilliC, &l.MaxMilliC, &l.MinutesOutside)
		j.Limits[leg] = l
		return err
	}, "SELECT leg, min_milli_c, max_milli_c, minutes_outside FROM temperature_limits WHERE category = $1", j.Category)
	if err != nil {
		return err
	}
	return each(ctx, tx, func(row scanner) error {
		var id string
		var l Limits
		err := row.Scan(&id, &l.MinMilliC, &l.MaxMilliC)
		j.FridgeRange[id] = l
		return err
	}, "SELECT id, min_milli_c, max_milli_c FROM fridges WHERE id IN ($1, $2)", j.FridgeID, j.CollectionFridge)
}

// JourneyAlarm is an alarm about a thing that a container was in.
type JourneyAlarm struct {
	AlarmView
	AcknowledgedAt time.Time // zero: by nobody
	AcknowledgedBy string    // person
}

// journeyAlarms reads who has acknowledged an alarm where that is kept: its table has no such columns yet.
const journeyAlarms = `SELECT id, kind, subject, detail, raised_at, cleared_at, acknowledged_at, COALESCE(acknowledged_by, '') FROM alarms
	WHERE (subject = $1 OR subject LIKE $2 ESCAPE '!') AND raised_at < $3 AND (cleared_at IS NULL OR cleared_at >= $4) ORDER BY raised_at, id LIMIT $5`

// MaxJourneyAlarms bounds the alarms of one leg.
const MaxJourneyAlarms = 200

// JourneyAlarms gives the alarms about a fridge, a shipper or a container, or one of its sensors, that were open at any time in
// [from, until), the first of them.
func (tx *Tx) JourneyAlarms(ctx context.Context, subject string, from, until time.Time) ([]JourneyAlarm, error) {
	scan := func(row scanner) (a JourneyAlarm, err error) {
		var raised int64
		var cleared, acknowledged sql.NullInt64
		err = row.Scan(&a.ID, &a.Kind, &a.Subject, &a.Detail, &raised, &cleared, &acknowledged, &a.AcknowledgedBy)
		a.Raised, a.Cleared, a.AcknowledgedAt = fromMillis(raised), fromOptionalMillis(cleared), fromOptionalMillis(acknowledged)
		return a, err
	}
	literal := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(subject)
	return list(ctx, tx, scan, journeyAlarms, subject, literal+"/%", millis(until), millis(from), MaxJourneyAlarms)
}

// SensorDevices gives the devices that have sent readings of a sensor within a span.
func (tx *Tx) SensorDevices(ctx context.Context, sensor string, from, until time.Time) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT DISTINCT device_id FROM readings WHERE sensor = $1 AND event_at >= $2 AND event_at < $3
		UNION SELECT s.device_id`+fromBlocks+`s.sensor = $1 AND b.first_end >= $4 AND b.first_end < $5 AND b.last_at >= $2 AND b.first_at < $3 ORDER BY 1`,
		sensor, millis(from), millis(until), millis(from.Add(-maxBlockEnds)), millis(until.Add(maxPackedSpan)))
}
