package quality

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/effect"
	"meguri/hub/store"
)

// Watch sees which readings are worth judging goods by. Nearly none are: those within every limit, that follow the one before, say
// nothing new. What it finds it marks in the transaction that stores the readings, so that a crash forgets nothing.
type Watch struct {
	mu      sync.Mutex
	sensors map[string]watched
}

// watched is what is remembered of a sensor. Whatever is forgotten is asked of the store again.
type watched struct {
	low, high int64         // the strictest limits there
	deadband  int64         // so far inside of them an excursion may go on
	after     time.Duration // for so long after the last reading outside each one is news: by then an excursion is over by any rule
	withGoods bool          // a rule there counts with goods: its alarms end with time, whatever is read
	asked     time.Time     // when they were asked for
	last      time.Time     // its newest reading
	easy      time.Time     // from when on readings inside are no news
	waits     bool          // goods are held until all readings are here, so each is news
	uneasy    bool          // that was outside, or a fault, or an alarm was open: what comes next is news, too
}

const (
	// limitsFor is how long limits are remembered: an import may change them.
	limitsFor = 5 * time.Minute
	// maxWatched bounds what is remembered; beyond, all is forgotten.
	maxWatched = 200_000
)

// NewWatch makes one that knows nothing yet.
func NewWatch() *Watch { return &Watch{sensors: map[string]watched{}} }

func positionOfSensor(sensor string) string {
	position, _, _ := strings.Cut(sensor, "/")
	return position
}

// Readings marks the places of readings that are worth it.
func (w *Watch) Readings(ctx context.Context, tx *store.Tx, received time.Time, rows []store.ReadingRow) error {
	due, seen := map[string]time.Time{}, map[string]watched{}
	for i := range rows {
		r := &rows[i]
		s, known := seen[r.Sensor]
		if !known {
			var err error
			if s, err = w.sensor(ctx, tx, r.Sensor, received); err != nil {
				return err
			}
		}
		if since, news := s.news(r); news {
			position := positionOfSensor(r.Sensor)
			if at, ok := due[position]; !ok || since.Before(at) {
				due[position] = since
			}
		}
		seen[r.Sensor] = s
	}
	for position, at := range due {
		if err := tx.MarkDue(ctx, position, at, received); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { w.remember(seen) })
	return nil
}

// news says whether a row is worth judging by, and from when on: a gap shows by the row after it, and goods may have left meanwhile. It
// remembers the row.
func (s *watched) news(r *store.ReadingRow) (since time.Time, news bool) {
	first := r.Dated.At.Add(-r.Span)
	outside := r.Faults > 0 || r.Min < s.low || r.Max > s.high
	gap := !s.last.IsZero() && first.Sub(s.last) > stands
	news = outside || gap || s.uneasy || s.waits || first.Before(s.last) || first.Before(s.easy)
	since = first
	if (gap || s.uneasy) && !s.last.IsZero() && s.last.Before(since) {
		since = s.last
	}
	if near := r.Min < s.low+s.deadband || r.Max > s.high-s.deadband; outside || near && news {
		s.easy = r.Dated.At.Add(s.after) // within the deadband an excursion goes on
	}
	if r.Dated.At.After(s.last) {
		s.last, s.uneasy = r.Dated.At, outside
	}
	return since, news
}

func (w *Watch) remember(seen map[string]watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sensors) > maxWatched {
		clear(w.sensors)
	}
	for sensor, s := range seen {
		w.sensors[sensor] = s
	}
}

// sensor gives what is known of one.
func (w *Watch) sensor(ctx context.Context, tx *store.Tx, sensor string, now time.Time) (watched, error) {
	w.mu.Lock()
	s, ok := w.sensors[sensor]
	w.mu.Unlock()
	if ok && now.Sub(s.asked) < limitsFor && now.After(s.asked.Add(-time.Minute)) {
		return s, nil
	}
	var err error
	if err = s.limits(ctx, tx, positionOfSensor(sensor)); err != nil {
		return s, err
	}
	if s.waits, err = tx.RideWaits(ctx, positionOfSensor(sensor)); err != nil {
		return s, err
	}
	s.asked = now
	if ok {
		if s.withGoods && !s.uneasy {
			alarms, err := tx.AlarmsOf(ctx, effect.AlarmTemperature, sensor, now)
			s.uneasy = len(alarms) > 0
			return s, err
		}
		return s, nil
	}
	last, err := tx.LastReading(ctx, sensor)
	if errors.Is(err, store.ErrNotFound) {
		s.uneasy = true // its first: what was before it nobody knows
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.last = last.Dated.At
	alarms, err := tx.AlarmsOf(ctx, effect.AlarmTemperature, sensor, now)
	s.uneasy = last.Fault != 0 || last.MilliC < s.low || last.MilliC > s.high || len(alarms) > 0
	return s, err
}

// limits asks for the strictest limits of a position, by categories and by alarm rules.
func (s *watched) limits(ctx context.Context, tx *store.Tx, position string) (err error) {
	if s.low, s.high, err = tx.Strictest(ctx, position); err != nil {
		return err
	}
	own, err := tx.OwnRules(ctx, position)
	s.deadband, s.withGoods, s.after = coldchain.AirDeadband, false, coldchain.AfterOutside(nil)
	for _, o := range own {
		s.deadband, s.withGoods = max(s.deadband, o.Rule.Deadband), s.withGoods || o.WithGoods()
		s.after = max(s.after, coldchain.AfterOutside([]coldchain.Rule{o.Rule}))
		if o.Rule.Low {
			s.low = max(s.low, o.Rule.LimitMilliC)
		} else {
			s.high = min(s.high, o.Rule.LimitMilliC)
		}
	}
	return err
}

// Redated marks all places of a device from a time on.
func (w *Watch) Redated(ctx context.Context, tx *store.Tx, device string, from, now time.Time) error {
	sensors, err := tx.LedgerSensors(ctx, device)
	if err != nil {
		return err
	}
	for _, s := range sensors {
		if err := tx.MarkDue(ctx, positionOfSensor(s), from, now); err != nil {
			return err
		}
	}
	return nil
}
