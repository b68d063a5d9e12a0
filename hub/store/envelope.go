package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bar is what a chart draws of a stretch of time: the lowest and the highest sample in it.
type Bar struct {
	At              time.Time // where the stretch begins
	Samples, Faults int       // Faults of the samples say no temperature
	Low, High       int64     // m°C; mean nothing when all are faults
	First, Last     time.Time // of the samples that are no faults
}

// Values says whether the bar has any temperature.
func (b *Bar) Values() bool { return b.Samples > b.Faults }

// MaxBars bounds one chart.
const MaxBars = 5000

// ErrBars is a chart that would have no bar or too many.
var ErrBars = errors.New("a chart has 1 to 5000 stretches of time")

// Envelope gives the samples of a sensor in [from, until) as bars of so much time each, side by side. Where a block of samples is no
// longer than a bar it is not unpacked: all of it is drawn where its middle is.
func (tx *Tx) Envelope(ctx context.Context, sensor string, from, until time.Time, width time.Duration) ([]Bar, error) {
	e := envelope{from: millis(from), until: millis(until), width: width.Milliseconds()}
	if e.width < 1 || e.until <= e.from || (e.until-e.from+e.width-1)/e.width > MaxBars {
		return nil, fmt.Errorf("%w: %s to %s by %s", ErrBars, from, until, width)
	}
	e.bars = make([]Bar, (e.until-e.from+e.width-1)/e.width)
	for i := range e.bars {
		e.bars[i].At = fromMillis(e.from + int64(i)*e.width)
	}
	err := tx.eachStored(ctx, e.row, "SELECT "+storedColumns+" WHERE sensor = $1 AND event_at >= $2 AND event_at < $3 AND event_at - span_ms < $4",
		sensor, e.from, e.until+LongestSpan.Milliseconds(), e.until)
	if err != nil {
		return nil, err
	}
	const overlapping = ofSensor + "b.first_end >= $3 AND b.first_end < $4 AND b.last_at >= $5 AND b.first_at < $6 AND "
	args := []any{sensor, "", e.from - maxBlockEnds.Milliseconds(), e.until + maxPackedSpan.Milliseconds(), e.from, e.until, e.width}
	// Whole blocks are read without their bodies.
	const small = "(b.last_at - b.first_at <= $7 AND b.first_at >= $5 AND b.last_at < $6)"
	heads, err := list(ctx, tx, scanBlockHead, blockHeads+overlapping+small, args...)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		e.block(&heads[i])
	}
	return e.bars, each(ctx, tx, func(row scanner) error {
		b, err := scanBlock(row)
		if err != nil {
			return err
		}
		rows, err := b.rows()
		for i := 0; err == nil && i < len(rows); i++ {
			err = e.row(&rows[i])
		}
		return err
	}, blockRows+overlapping+"NOT "+small, args...)
}

func (tx *Tx) eachStored(ctx context.Context, fn func(*storedRow) error, query string, args ...any) error {
	return each(ctx, tx, func(row scanner) error {
		r, err := scanStored(row)
		if err != nil {
			return err
		}
		return fn(&r)
	}, query, args...)
}

type envelope struct {
	from, until, width int64
	bars               []Bar
}

func (e *envelope) row(r *storedRow) error {
	if len(r.Earlier) == 0 {
		e.sample(r.EventAt, r.MilliC, r.Fault != 0)
		return nil
	}
	samples, err := r.samples()
	for _, s := range samples {
		e.sample(r.EventAt-s.Ago.Milliseconds(), s.MilliC, s.Fault != 0)
	}
	return err
}

func (e *envelope) sample(at, milliC int64, fault bool) {
	if at < e.from || at >= e.until {
		return
	}
	b := &e.bars[(at-e.from)/e.width]
	b.Samples++
	if fault {
		b.Faults++
		return
	}
	b.hold(milliC, milliC, at, at, b.Samples-b.Faults == 1)
}

// hold widens the bar.
func (b *Bar) hold(low, high, first, last int64, only bool) {
	from, to := fromMillis(first), fromMillis(last)
	if only {
		b.Low, b.High, b.First, b.Last = low, high, from, to
		return
	}
	b.Low, b.High = min(b.Low, low), max(b.High, high)
	if from.Before(b.First) {
		b.First = from
	}
	if to.After(b.Last) {
		b.Last = to
	}
}

func (e *envelope) block(r *readingBlock) {
	b := &e.bars[(r.firstAt+(r.lastAt-r.firstAt)/2-e.from)/e.width]
	had := b.Values()
	b.Samples, b.Faults = b.Samples+int(r.samples), b.Faults+int(r.faults)
	if r.samples > r.faults {
		b.hold(r.lowest, r.highest, r.firstAt, r.lastAt, !had)
	}
}

// BarStep is the usual time between the samples of bars: within them, or from one to the next where each has only one.
func BarStep(bars []Bar) time.Duration {
	var steps []time.Duration
	var last time.Time
	for i := range bars {
		b := &bars[i]
		if !b.Values() {
			continue
		}
		if n := b.Samples - b.Faults; n > 1 {
			steps = append(steps, b.Last.Sub(b.First)/time.Duration(n-1))
		} else if !last.IsZero() {
			steps = append(steps, b.First.Sub(last))
		}
		last = b.Last
	}
	if len(steps) == 0 {
		return time.Minute
	}
	slices.Sort(steps)
	return max(steps[len(steps)/2], time.Second)
}

// Limits are what a sensor's temperatures ought to lie within.
type Limits struct{ MinMilliC, MaxMilliC int64 }

// SensorLimits gives the limits of a fridge's or a shipper's sensor, whose name begins with the id of either, or ErrNotFound.
func (tx *Tx) SensorLimits(ctx context.Context, sensor string) (l Limits, err error) {
	subject, _, _ := strings.Cut(sensor, "/")
	scan := func(row scanner) (l Limits, err error) {
		err = row.Scan(&l.MinMilliC, &l.MaxMilliC)
		return l, err
	}
	found, err := list(ctx, tx, scan, `SELECT min_milli_c, max_milli_c FROM fridges WHERE id = $1 UNION ALL
		SELECT l.min_milli_c, l.max_milli_c FROM shippers s JOIN temperature_limits l ON l.category = s.category AND l.leg = 'shipper' WHERE s.id = $1`,
		subject)
	if err != nil {
		return l, err
	}
	if len(found) == 0 {
		return l, fmt.Errorf("limits of sensor %s: %w", sensor, ErrNotFound)
	}
	return found[0], nil
}
