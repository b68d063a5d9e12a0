package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// TemperatureLimit is the allowed air temperature of a place, in millidegrees Celsius, and for how many minutes it may lie
// outside; 0 minutes where nothing says so.
type TemperatureLimit struct {
	ID             string
	MinMilliC      int64
	MaxMilliC      int64
	MinutesOutside int64
}

func scanLimit(row scanner) (TemperatureLimit, error) {
	var l TemperatureLimit
	err := row.Scan(&l.ID, &l.MinMilliC, &l.MaxMilliC, &l.MinutesOutside)
	return l, err
}

// FridgesAt gives the fridges of a location or collection spot with their own range. The minutes are those of the strictest
// temperature category that may stand there.
func (tx *Tx) FridgesAt(ctx context.Context, place string) ([]TemperatureLimit, error) {
	return list(ctx, tx, scanLimit, fridgeLimits+"WHERE f.location_id = $1 OR f.collection_spot_id = $1 ORDER BY f.sequence", place)
}

const fridgeLimits = `SELECT f.id, f.min_milli_c, f.max_milli_c, COALESCE((
		SELECT MIN(l.minutes_outside) FROM temperature_limits l
		WHERE f.location_id IS NULL AND l.leg = 'collection'
		OR f.location_id IS NOT NULL AND l.leg = 'station' AND EXISTS (
			SELECT 1 FROM category_fridge_kinds k WHERE k.category = l.category AND k.fridge_kind = f.kind)), 0)
	FROM fridges f `

// AlarmLimit is what the air of a position is watched by: FridgesAt for one fridge, or a shipper's limit. Else it is ErrNotFound.
func (tx *Tx) AlarmLimit(ctx context.Context, position string) (TemperatureLimit, error) {
	l, err := scanLimit(tx.row(ctx, fridgeLimits+"WHERE f.id = $1", position))
	if errors.Is(err, sql.ErrNoRows) {
		return tx.ShipperLimit(ctx, position)
	}
	return l, err
}

// ShipperLimit gives the limits of a shipper's temperature category on its way, or ErrNotFound when none is set.
func (tx *Tx) ShipperLimit(ctx context.Context, shipper string) (TemperatureLimit, error) {
	l, err := scanLimit(tx.row(ctx, `
		SELECT s.id, l.min_milli_c, l.max_milli_c, l.minutes_outside
		FROM shippers s JOIN temperature_limits l ON l.category = s.category AND l.leg = 'shipper' WHERE s.id = $1`, shipper))
	if errors.Is(err, sql.ErrNoRows) {
		return l, fmt.Errorf("limit of shipper %s: %w", shipper, ErrNotFound)
	}
	return l, err
}

// SensorLimit gives the allowed air temperature at a position, a fridge's own or that of a shipper's category, or ErrNotFound.
func (tx *Tx) SensorLimit(ctx context.Context, position string) (TemperatureLimit, error) {
	l, err := scanLimit(tx.row(ctx, "SELECT id, min_milli_c, max_milli_c, 0 FROM fridges WHERE id = $1", position))
	if errors.Is(err, sql.ErrNoRows) {
		return tx.ShipperLimit(ctx, position)
	}
	return l, err
}
