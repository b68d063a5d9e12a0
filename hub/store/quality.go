package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/protocol"
)

// Due is a place whose goods are to be judged again: something has changed from a time on.
type Due struct {
	Position string
	Since    time.Time
}

// MarkDue says that goods at a position are to be judged again from a time on. Of several times the earliest counts.
func (tx *Tx) MarkDue(ctx context.Context, position string, since, now time.Time) error {
	return tx.write(ctx, `INSERT INTO judge_due (position, since, marked_at) VALUES ($1, $2, $3)
		ON CONFLICT (position) DO UPDATE SET since = CASE WHEN excluded.since < judge_due.since THEN excluded.since ELSE judge_due.since END,
		not_before = 0`, position, millis(since), millis(now))
}

// MarkDueAfter is MarkDue from a moment on: a place that waits already, or is marked by something new before that, waits no longer for it.
func (tx *Tx) MarkDueAfter(ctx context.Context, position string, since, now, after time.Time) error {
	return tx.write(ctx, `INSERT INTO judge_due (position, since, marked_at, not_before) VALUES ($1, $2, $3, $4)
		ON CONFLICT (position) DO UPDATE SET since = CASE WHEN excluded.since < judge_due.since THEN excluded.since ELSE judge_due.since END,
		not_before = CASE WHEN excluded.not_before < judge_due.not_before THEN excluded.not_before ELSE judge_due.not_before END`,
		position, millis(since), millis(now), millis(after))
}

// DuePositions gives places that wait and are to be judged by now, the longest first.
func (tx *Tx) DuePositions(ctx context.Context, now time.Time, most int) ([]Due, error) {
	return list(ctx, tx, func(row scanner) (d Due, err error) {
		var since int64
		err = row.Scan(&d.Position, &since)
		d.Since = fromMillis(since)
		return d, err
	}, "SELECT position, since FROM judge_due WHERE not_before <= $1 ORDER BY marked_at, position LIMIT $2", millis(now), most)
}

// DueLater puts a place that could not be judged behind all others that wait.
func (tx *Tx) DueLater(ctx context.Context, position string, now time.Time) error {
	return tx.write(ctx, "UPDATE judge_due SET marked_at = $2 WHERE position = $1", position, millis(now))
}

// TakeDue takes a position off the list and gives since when; ok is false when another has done so.
func (tx *Tx) TakeDue(ctx context.Context, position string) (since time.Time, ok bool, err error) {
	all, err := returning(ctx, tx, func(row scanner) (ms int64, err error) { return ms, row.Scan(&ms) },
		"DELETE FROM judge_due WHERE position = $1 RETURNING since", position)
	if err != nil || len(all) == 0 {
		return since, false, err
	}
	return fromMillis(all[0]), true, nil
}

// GoodsStay is a dated container on a leg.
type GoodsStay struct {
	Container dispatch.Container
	coldchain.Stay
	Closes time.Time // when pickup closes at its location
}

// longestStay is how long goods may be in one place and still be judged there.
const longestStay = 14 * 24 * time.Hour

// stays finds the containers that were in a place on a leg: when they came and when they left. What was never scanned away from a
// place left it when it is seen further on, a shipper when its run reached the station, and any place when pickup closes at last.
const stays = `FROM (
	SELECT c.id, 'collection' AS leg, a.fridge_id AS position, c.category, COALESCE(c.shelved_at, c.filled_at) AS came,
		COALESCE(c.loaded_at, c.placed_at) AS left_at FROM dated_containers c JOIN collection_addresses a ON a.id = c.address_id
		WHERE a.fridge_id = $1 AND COALESCE(c.shelved_at, c.filled_at) BETWEEN $2 AND $3
	UNION ALL
	SELECT c.id, 'shipper', c.shipper_id, c.category, c.loaded_at, COALESCE(c.placed_at, (SELECT MIN(r.reached_at) FROM run_stops r
		WHERE r.run_id = c.run_id AND r.kind = 'deliver' AND r.place_id = c.location_id)) FROM dated_containers c
		WHERE c.shipper_id = $1 AND c.loaded_at BETWEEN $2 AND $3
	UNION ALL
	SELECT c.id, 'station', c.fridge_id, c.category, c.placed_at, NULL FROM dated_containers c
		WHERE c.fridge_id = $1 AND c.placed_at BETWEEN $2 AND $3) s
	JOIN dated_containers c ON c.id = s.id
	JOIN deliveries d ON d.location_id = c.location_id AND d.delivery_date = c.delivery_date
	LEFT JOIN temperature_limits l ON l.category = s.category AND l.leg = s.leg
	LEFT JOIN fridges f ON f.id = s.position`

// StaysAt gives the goods that were at a position at or after since, with what they may bear there: the limit of their category on
// the leg or, where it has none, the fridge's own range. Goods without either are not judged.
func (tx *Tx) StaysAt(ctx context.Context, position string, since, now time.Time) ([]GoodsStay, error) {
	found, err := list(ctx, tx, scanStay, `SELECT s.id, s.leg, s.came, s.left_at, d.pickup_closes, l.min_milli_c, l.max_milli_c, l.minutes_outside,
		l.gap_minutes, l.in_doubt, f.min_milli_c, f.max_milli_c `+stays+` ORDER BY s.came, s.id`,
		position, millis(since.Add(-longestStay)), millis(now.Add(longestStay)))
	if err != nil {
		return nil, err
	}
	var all []GoodsStay
	for _, s := range found {
		if s.Leg == "" || !s.Until.IsZero() && s.Until.Before(since) {
			continue
		}
		s.Position = position
		if s.Container, err = tx.Container(ctx, s.Container.ID); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func scanStay(row scanner) (s GoodsStay, err error) {
	var came, closes int64
	var left, lowest, highest, minutes, gap, fridgeLow, fridgeHigh sql.NullInt64
	var doubt sql.NullString
	if err := row.Scan(&s.Container.ID, &s.Leg, &came, &left, &closes, &lowest, &highest, &minutes, &gap, &doubt, &fridgeLow, &fridgeHigh); err != nil {
		return s, err
	}
	s.From, s.Until, s.Closes = fromMillis(came), fromOptionalMillis(left), fromMillis(closes)
	if s.Leg == coldchain.Station || s.Until.IsZero() {
		s.Until = s.Closes
	}
	switch {
	case lowest.Valid:
		s.Limit = coldchain.NewLimit(lowest.Int64, highest.Int64, minutes.Int64, optionalInt(gap), doubt.String != "pass")
	case fridgeLow.Valid:
		s.Limit = coldchain.OwnRange(fridgeLow.Int64, fridgeHigh.Int64)
	default:
		s.Leg = "" // nothing says what it may bear
	}
	return s, nil
}

func optionalInt(n sql.NullInt64) int64 {
	if n.Valid {
		return n.Int64
	}
	return -1
}

// GoodsLimit is what a category may bear on a leg, and false where nothing says so.
func (tx *Tx) GoodsLimit(ctx context.Context, category string, leg coldchain.Leg) (coldchain.Limit, bool, error) {
	var lowest, highest, minutes int64
	var gap sql.NullInt64
	var doubt string
	err := tx.row(ctx, "SELECT min_milli_c, max_milli_c, minutes_outside, gap_minutes, in_doubt FROM temperature_limits WHERE category = $1 AND leg = $2",
		category, string(leg)).Scan(&lowest, &highest, &minutes, &gap, &doubt)
	if errors.Is(err, sql.ErrNoRows) {
		return coldchain.Limit{}, false, nil
	}
	return coldchain.NewLimit(lowest, highest, minutes, optionalInt(gap), doubt != "pass"), err == nil, err
}

// Strictest is the range in which nothing that may stand at a position, by any category's limit on the leg, can be outside.
func (tx *Tx) Strictest(ctx context.Context, position string) (minMilliC, maxMilliC int64, err error) {
	var lowest, highest sql.NullInt64
	err = tx.row(ctx, `SELECT MAX(x.low), MIN(x.high) FROM (
		SELECT l.min_milli_c AS low, l.max_milli_c AS high FROM temperature_limits l JOIN shippers s ON s.category = l.category
			WHERE s.id = $1 AND l.leg = 'shipper'
		UNION ALL SELECT l.min_milli_c, l.max_milli_c FROM temperature_limits l JOIN fridges f ON f.id = $1
			WHERE l.leg = CASE WHEN f.location_id IS NULL THEN 'collection' ELSE 'station' END AND (f.location_id IS NULL OR EXISTS (
				SELECT 1 FROM category_fridge_kinds k WHERE k.category = l.category AND k.fridge_kind = f.kind))
		UNION ALL SELECT min_milli_c, max_milli_c FROM fridges WHERE id = $1) x`, position).Scan(&lowest, &highest)
	if err == nil && !lowest.Valid {
		return -1 << 40, 1 << 40, nil // nothing says so
	}
	return lowest.Int64, highest.Int64, err
}

// SensorsAt gives the sensors at a position that a device has told of.
func (tx *Tx) SensorsAt(ctx context.Context, position, device string) ([]string, error) {
	sensors, err := tx.LedgerSensors(ctx, device)
	return slices.DeleteFunc(sensors, func(s string) bool { return !strings.HasPrefix(s, position+"/") }), err
}

// SensorsOf gives the sensors that any device has told of at a position, POSITION/air with them: where nobody has told, it is the one.
func (tx *Tx) SensorsOf(ctx context.Context, position string) ([]string, error) {
	all := []string{position + "/air"}
	devices, err := tx.ThermometersAt(ctx, position)
	for _, d := range devices {
		if err != nil {
			break
		}
		var told []string
		told, err = tx.SensorsAt(ctx, position, d)
		all = append(all, told...)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}

// ThermometersAt gives the devices that serve, or served, the place of a position: a fridge's location or spot, or a shipper.
func (tx *Tx) ThermometersAt(ctx context.Context, position string) ([]string, error) {
	place, err := tx.PlaceOfFridge(ctx, position)
	if errors.Is(err, ErrNotFound) {
		place, err = position, nil
	}
	if err != nil {
		return nil, err
	}
	return list(ctx, tx, scanText, "SELECT id FROM devices WHERE place = $1 AND (role = 'station' OR role = 'shipper') ORDER BY id", place)
}

// ThinningsOf gives what devices have dropped of a sensor's readings in a span, with the range that they kept of it.
func (tx *Tx) ThinningsOf(ctx context.Context, device, sensor string, from, until time.Time) ([]coldchain.Thinning, error) {
	return list(ctx, tx, func(row scanner) (t coldchain.Thinning, err error) {
		var incarnation string
		var number uint64
		var begin, end int64
		var body []byte
		if err := row.Scan(&incarnation, &number, &begin, &end, &body); err != nil {
			return t, err
		}
		t.ID, t.From, t.Until = fmt.Sprintf("%s/%s/%d", device, incarnation, number), fromMillis(begin), fromMillis(end)
		var told protocol.Thinned
		if err := protocol.DecodeBody(body, &told); err != nil {
			return t, fmt.Errorf("stored thinning %s: %w", t.ID, err)
		}
		for _, of := range told.Sensors {
			if of.Sensor == sensor {
				t.MinMilliC, t.MaxMilliC, t.SamplesDropped = of.Min.MilliC, of.Max.MilliC, uint64(of.Samples)
			}
		}
		return t, nil
	}, `SELECT incarnation, number, from_at, to_at, body FROM thinnings
		WHERE device_id = $1 AND from_at < $2 AND to_at >= $3 ORDER BY from_at LIMIT $4`, device, millis(until), millis(from), MaxPage)
}

// Judgement is what the readings say of a container on a leg.
type Judgement struct {
	Container string
	coldchain.Stay
	coldchain.Verdict
	Revision int64 // 0 for none yet
	JudgedAt time.Time
}

const judgementColumns = `container_id, leg, revision, position, from_at, until_at, state, state_at, outside_ms, gap_ms, min_milli_c,
	max_milli_c, known_until, judged_at FROM judgements j`

func scanJudgement(row scanner) (j Judgement, err error) {
	var from, known, judged, outside, gap int64
	var until, at sql.NullInt64
	err = row.Scan(&j.Container, &j.Leg, &j.Revision, &j.Position, &from, &until, &j.State, &at, &outside, &gap, &j.Min, &j.Max, &known, &judged)
	j.From, j.Until, j.At = fromMillis(from), fromOptionalMillis(until), fromOptionalMillis(at)
	j.Outside, j.Gap = time.Duration(outside)*time.Millisecond, time.Duration(gap)*time.Millisecond
	j.Known, j.JudgedAt = fromMillis(known), fromMillis(judged)
	return j, err
}

// JudgementOf is the newest judgement of a container on a leg; its revision is 0 when there is none.
func (tx *Tx) JudgementOf(ctx context.Context, container string, leg coldchain.Leg) (Judgement, error) {
	j, err := scanJudgement(tx.row(ctx, "SELECT "+judgementColumns+" WHERE container_id = $1 AND leg = $2 ORDER BY revision DESC LIMIT 1",
		container, string(leg)))
	if errors.Is(err, sql.ErrNoRows) {
		return Judgement{Container: container, Stay: coldchain.Stay{Leg: leg}, Verdict: coldchain.Verdict{State: coldchain.Sound}}, nil
	}
	return j, err
}

// Judgements gives all revisions of the judgements of a container, by leg in the order of time.
func (tx *Tx) Judgements(ctx context.Context, container string) ([]Judgement, error) {
	return list(ctx, tx, scanJudgement, "SELECT "+judgementColumns+" WHERE container_id = $1 ORDER BY from_at, leg, revision", container)
}

// SaveJudgement stores a judgement. The same revision again replaces what grew: time outside, and how far it is known.
func (tx *Tx) SaveJudgement(ctx context.Context, j Judgement) error {
	return tx.write(ctx, `INSERT INTO judgements (container_id, leg, revision, position, from_at, until_at, state, state_at, outside_ms, gap_ms,
		min_milli_c, max_milli_c, known_until, judged_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (container_id, leg, revision) DO UPDATE SET position = excluded.position, from_at = excluded.from_at,
		until_at = excluded.until_at, state = excluded.state, state_at = excluded.state_at, outside_ms = excluded.outside_ms,
		gap_ms = excluded.gap_ms, min_milli_c = excluded.min_milli_c, max_milli_c = excluded.max_milli_c,
		known_until = excluded.known_until, judged_at = excluded.judged_at`,
		j.Container, string(j.Leg), j.Revision, j.Position, millis(j.From), optionalMillis(j.Until), string(j.State), optionalMillis(j.At),
		j.Outside.Milliseconds(), j.Gap.Milliseconds(), j.Min, j.Max, millis(j.Known), millis(j.JudgedAt))
}

// AddProbing stores a temperature that a person took by hand.
func (tx *Tx) AddProbing(ctx context.Context, id, position string, p coldchain.Probing) error {
	return tx.write(ctx, "INSERT INTO probings (id, position, at, milli_c, taken_by) VALUES ($1, $2, $3, $4, $5)",
		id, position, millis(p.At), p.MilliC, p.By)
}

// Probings gives what people measured at a position in a span.
func (tx *Tx) Probings(ctx context.Context, position string, from, until time.Time) ([]coldchain.Probing, error) {
	return list(ctx, tx, func(row scanner) (p coldchain.Probing, err error) {
		var at int64
		err = row.Scan(&at, &p.MilliC, &p.By)
		p.At = fromMillis(at)
		return p, err
	}, "SELECT at, milli_c, taken_by FROM probings WHERE position = $1 AND at >= $2 AND at < $3 ORDER BY at, id LIMIT $4", position,
		millis(from), millis(until), MaxPage)
}

// ShippersFor gives the shippers in which a run carries containers for a location that nobody has seen placed there.
func (tx *Tx) ShippersFor(ctx context.Context, run, location string) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT DISTINCT shipper_id FROM dated_containers
		WHERE run_id = $1 AND location_id = $2 AND placed_at IS NULL AND loaded_at IS NOT NULL ORDER BY shipper_id`, run, location)
}

// OnRoute says whether a fridge stands where a route calls, or a shipper rides in its vehicle.
func (tx *Tx) OnRoute(ctx context.Context, route, position string) (bool, error) {
	var n int
	err := tx.row(ctx, `SELECT COUNT(*) FROM (
		SELECT r.route_id FROM route_stops r JOIN fridges f ON r.place_id = COALESCE(f.location_id, f.collection_spot_id)
			WHERE r.route_id = $1 AND f.id = $2
		UNION ALL SELECT r.id FROM routes r JOIN shippers s ON s.vehicle_id = r.vehicle_id WHERE r.id = $1 AND s.id = $2) x`, route, position).Scan(&n)
	return n > 0, err
}
