package store

import (
	"context"
	"errors"
	"math"
	"time"

	"meguri/hub/bulk"
	"meguri/hub/coldchain"
)

// importRules replaces the alarm rules of the categories of a network that brings any, and has the places judged anew where an alarm is
// active: it may be none by the rules that are in force now.
func (tx *Tx) importRules(ctx context.Context, n bulk.Network) error {
	if !n.HasRules {
		return nil
	}
	for _, c := range n.Categories {
		if _, err := tx.exec(ctx, "DELETE FROM temperature_rules WHERE category = $1", c.V.ID); err != nil {
			return err
		}
	}
	err := importRows(ctx, tx, bulk.RulesFile, n.Rules,
		`INSERT INTO temperature_rules (category, leg, kind, low, limit_milli_c, minutes, deadband_milli_c, on_delay_ms, off_delay_ms,
		ignore_start_ms, ignore_end_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		func(_ int, o coldchain.Own) []any {
			r := o.Rule
			return []any{o.Category, string(o.Leg), string(o.Kind()), r.Low, r.LimitMilliC, int64(r.For / time.Minute), r.Deadband,
				r.OnDelay.Milliseconds(), r.OffDelay.Milliseconds(), r.StartIgnore.Milliseconds(), r.EndIgnore.Milliseconds()}
		})
	if err != nil {
		return err
	}
	return tx.write(ctx, `INSERT INTO judge_due (position, since, marked_at)
		SELECT x.id, a.raised_at, a.raised_at FROM (SELECT id FROM fridges UNION ALL SELECT id FROM shippers) x
		JOIN (SELECT subject, MIN(raised_at) AS raised_at FROM alarms WHERE kind = 'temperature' AND cleared_at IS NULL GROUP BY subject) a
			ON a.subject LIKE x.id || '/%' WHERE TRUE ON CONFLICT (position) DO NOTHING`)
}

// ClearTemperature clears the active temperature alarms of a sensor by the default rules: an agent of before revision 5 knows no others.
func (tx *Tx) ClearTemperature(ctx context.Context, sensor string, at time.Time) error {
	return tx.clearWhere(ctx, at, "kind = 'temperature' AND subject = $1 AND id NOT LIKE 'temperature/own.%'", sensor)
}

const ruleColumns = `r.category, r.leg, r.kind, r.low, r.limit_milli_c, r.minutes, r.deadband_milli_c, r.on_delay_ms, r.off_delay_ms,
	r.ignore_start_ms, r.ignore_end_ms FROM temperature_rules r `

func scanOwn(row scanner) (o coldchain.Own, err error) {
	var kind string
	var minutes, on, off, start, end int64
	r := &o.Rule
	err = row.Scan(&o.Category, &o.Leg, &kind, &r.Low, &r.LimitMilliC, &minutes, &r.Deadband, &on, &off, &start, &end)
	if r.Kind = coldchain.Kind(kind); r.Kind == coldchain.Instant {
		r.Kind = coldchain.Consecutive
	}
	r.For, r.OnDelay, r.OffDelay = time.Duration(minutes)*time.Minute, milliseconds(on), milliseconds(off)
	r.StartIgnore, r.EndIgnore = milliseconds(start), milliseconds(end)
	r.Name = o.Name()
	return o, err
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// OwnRules gives the network's own alarm rules that concern a fridge or shipper: those of every category that may stand or ride there.
func (tx *Tx) OwnRules(ctx context.Context, position string) ([]coldchain.Own, error) {
	return list(ctx, tx, scanOwn, "SELECT "+ruleColumns+`WHERE r.leg = 'shipper' AND r.category = (SELECT s.category FROM shippers s WHERE s.id = $1)
		OR EXISTS (SELECT 1 FROM fridges f WHERE f.id = $1 AND (f.location_id IS NULL AND r.leg = 'collection'
			OR f.location_id IS NOT NULL AND r.leg = 'station' AND EXISTS (
				SELECT 1 FROM category_fridge_kinds k WHERE k.category = r.category AND k.fridge_kind = f.kind)))
		ORDER BY r.category, r.kind, r.low`, position)
}

// RulesAt gives the rules by which the air of a position is looked at all the time, and the network's own that concern it; none of
// the former where nothing says how warm or cold it may be.
func (tx *Tx) RulesAt(ctx context.Context, position string) (standing []coldchain.Rule, own []coldchain.Own, err error) {
	if own, err = tx.OwnRules(ctx, position); err != nil {
		return nil, nil, err
	}
	categories, err := tx.categoriesAt(ctx, position)
	if err != nil {
		return nil, nil, err
	}
	limit, err := tx.AlarmLimit(ctx, position)
	switch {
	case errors.Is(err, ErrNotFound) && len(own) == 0:
		return nil, nil, nil
	case errors.Is(err, ErrNotFound): // of a shipper whose category has rules, and no limit
		return coldchain.Standing(math.MinInt32, math.MaxInt32, 0, own, categories), own, nil
	case err != nil:
		return nil, nil, err
	}
	return coldchain.Standing(limit.MinMilliC, limit.MaxMilliC, limit.MinutesOutside, own, categories), own, nil
}

// categoriesAt gives the categories of goods that may stand or ride at a position: any in a collection fridge.
func (tx *Tx) categoriesAt(ctx context.Context, position string) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT c.id FROM temperature_categories c WHERE c.id = (SELECT s.category FROM shippers s WHERE s.id = $1)
		OR EXISTS (SELECT 1 FROM fridges f WHERE f.id = $1 AND (f.location_id IS NULL
			OR EXISTS (SELECT 1 FROM category_fridge_kinds k WHERE k.category = c.id AND k.fridge_kind = f.kind))) ORDER BY c.id`, position)
}

// OwnRulesOf gives the network's own alarm rules for the goods of a category on a leg.
func (tx *Tx) OwnRulesOf(ctx context.Context, category, leg string) ([]coldchain.Own, error) {
	return list(ctx, tx, scanOwn, "SELECT "+ruleColumns+"WHERE r.category = $1 AND r.leg = $2 ORDER BY r.kind, r.low", category, leg)
}

// GoodsSpan is the time in which goods of a category for a delivery date were in a place: from the first that came to the last that left.
type GoodsSpan struct {
	Category, Date string
	coldchain.Span
}

// GoodsSpans gives when goods of each category and delivery date were at a position, of those that were there at or after since.
func (tx *Tx) GoodsSpans(ctx context.Context, position string, since, now time.Time) ([]GoodsSpan, error) {
	return list(ctx, tx, func(row scanner) (s GoodsSpan, err error) {
		var from, until int64
		err = row.Scan(&s.Category, &s.Date, &from, &until)
		s.From, s.Until = fromMillis(from), fromMillis(until)
		return s, err
	}, `SELECT s.category, c.delivery_date, MIN(s.came), MAX(COALESCE(s.left_at, d.pickup_closes)) `+stays+`
		GROUP BY s.category, c.delivery_date HAVING MAX(COALESCE(s.left_at, d.pickup_closes)) >= $4 ORDER BY s.category, c.delivery_date`,
		position, millis(since.Add(-longestStay)), millis(now.Add(longestStay)), millis(since))
}
