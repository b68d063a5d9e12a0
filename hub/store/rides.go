package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/fleet"
	"meguri/protocol"
)

// RideJudged is what a station knew of the way of goods that were handed in there.
type RideJudged struct {
	Device      string // the station's
	Incarnation string
	Number      uint64
	Container   string
	Shipper     string
	At          time.Time
	Outcome     RideOutcome
	From, Until time.Time // that was judged; zero without a statement
	Outside     time.Duration
	Gap         time.Duration // the longest without a valid reading
	MilliC      int64         // the worst reading outside; 0 for none
}

// RideOutcome is what a station knew of a ride.
type RideOutcome string

// Outcomes of a ride.
const (
	RideSound     RideOutcome = "sound"
	RideUncertain RideOutcome = "uncertain" // the shipper had no valid reading for longer than allowed
	RideBroken    RideOutcome = "broken"    // outside for longer than allowed
	RideUnknown   RideOutcome = "unknown"   // no statement came
)

// SaveRideJudged keeps what a station knew. The same record again is the same.
func (tx *Tx) SaveRideJudged(ctx context.Context, r RideJudged) error {
	return tx.write(ctx, `INSERT INTO rides_judged (device_id, incarnation, number, container_id, shipper_id, at, outcome, from_at, until_at, outside_ms,
		gap_ms, milli_c) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (device_id, incarnation, number) DO NOTHING`,
		r.Device, r.Incarnation, int64(r.Number), r.Container, r.Shipper, millis(r.At), string(r.Outcome), optionalMillis(r.From),
		optionalMillis(r.Until), r.Outside.Milliseconds(), r.Gap.Milliseconds(), r.MilliC)
}

// RidesJudged gives what stations knew of the way of a container, in the order in which they did.
func (tx *Tx) RidesJudged(ctx context.Context, container string) ([]RideJudged, error) {
	return list(ctx, tx, func(row scanner) (r RideJudged, err error) {
		var at, number, outside, gap int64
		var from, until sql.NullInt64
		err = row.Scan(&r.Device, &r.Incarnation, &number, &r.Container, &r.Shipper, &at, &r.Outcome, &from, &until, &outside, &gap, &r.MilliC)
		r.Number, r.At, r.From, r.Until = uint64(number), fromMillis(at), fromOptionalMillis(from), fromOptionalMillis(until)
		r.Outside, r.Gap = time.Duration(outside)*time.Millisecond, time.Duration(gap)*time.Millisecond
		return r, err
	}, `SELECT device_id, incarnation, number, container_id, shipper_id, at, outcome, from_at, until_at, outside_ms, gap_ms, milli_c
		FROM rides_judged WHERE container_id = $1 ORDER BY at, device_id, incarnation, number`, container)
}

// SaveSigningKey keeps with which key a device signs from now on. It is false when that was known.
func (tx *Tx) SaveSigningKey(ctx context.Context, device string, public []byte, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO signing_keys (device_id, public_key, told_at) VALUES ($1, $2, $3)
		ON CONFLICT (device_id) DO UPDATE SET public_key = excluded.public_key, told_at = excluded.told_at
		WHERE signing_keys.public_key <> excluded.public_key`, device, public, millis(at))
	return n > 0, err
}

// ShipperKeys gives the keys of the devices at the shippers that carry goods to a location on a date. A device that was revoked, or whose
// place another has taken, speaks for none.
func (tx *Tx) ShipperKeys(ctx context.Context, location, date string) (map[string][]byte, error) {
	keys := map[string][]byte{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var shipper string
		var public []byte
		err = row.Scan(&shipper, &public)
		keys[shipper] = public // the newest is the last
		return struct{}{}, err
	}, `SELECT d.place, k.public_key FROM signing_keys k JOIN devices d ON d.id = k.device_id
		WHERE d.role = 'shipper' AND d.revoked_at IS NULL
		AND d.place IN (SELECT c.shipper_id FROM dated_containers c WHERE c.location_id = $1 AND c.delivery_date = $2)
		ORDER BY k.told_at, k.device_id`, location, date)
	return keys, err
}

// StationsOf gives the locations to which a shipper carries goods on dates that are under way.
func (tx *Tx) StationsOf(ctx context.Context, shipper string) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT DISTINCT c.location_id FROM dated_containers c
		JOIN deliveries d ON d.location_id = c.location_id AND d.delivery_date = c.delivery_date
		WHERE c.shipper_id = $1 AND d.closed_at IS NULL ORDER BY c.location_id`, shipper)
}

// StationsKnowing gives the locations whose plans speak of a device: those to which a shipper carries goods know its key, and are to know
// when it counts no more.
func (tx *Tx) StationsKnowing(ctx context.Context, d fleet.Device) ([]string, error) {
	if d.Role != fleet.Shipper {
		return nil, nil
	}
	return tx.StationsOf(ctx, d.Place)
}

// RideWaits says whether a station holds goods for their way in a shipper, until its readings say how that was.
func (tx *Tx) RideWaits(ctx context.Context, shipper string) (waits bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM quality_holds WHERE decision = '' AND position = $1 AND cause = 'device' AND leg = 'shipper')`,
		shipper).Scan(&waits)
	return waits, err
}

// RideLimit is what a category may bear in a shipper, and whether goods that come without the shipper's statement are held. ok is false
// where nothing says so.
func (tx *Tx) RideLimit(ctx context.Context, category string) (limit coldchain.Limit, unstatedHolds, ok bool, err error) {
	limit, ok, err = tx.GoodsLimit(ctx, category, coldchain.Shipper)
	if err != nil || !ok {
		return limit, false, ok, err
	}
	var unstated string
	err = tx.row(ctx, "SELECT unstated FROM temperature_limits WHERE category = $1 AND leg = 'shipper'", category).Scan(&unstated)
	if errors.Is(err, sql.ErrNoRows) {
		return limit, false, false, nil
	}
	return limit, unstated == "hold", true, err
}

// RideOutcomes are the words for what a station says.
var RideOutcomes = map[protocol.RideOutcome]RideOutcome{protocol.RideSound: RideSound, protocol.RideUncertain: RideUncertain,
	protocol.RideTooWarm: RideBroken, protocol.RideUnknown: RideUnknown}
