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

// StationFridges gives the fridges of a location with their own range. The minutes are those of the strictest temperature
// category that may stand in the fridge.
func (tx *Tx) StationFridges(ctx context.Context, location string) ([]TemperatureLimit, error) {
	return list(ctx, tx, scanLimit, `
		SELECT f.id, f.min_milli_c, f.max_milli_c, COALESCE((
			SELECT MIN(l.minutes_outside) FROM temperature_limits l
			JOIN category_fridge_kinds k ON k.category = l.category
			WHERE l.leg = 'station' AND k.fridge_kind = f.kind), 0)
		FROM fridges f WHERE f.location_id = $1 ORDER BY f.sequence`, location)
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
