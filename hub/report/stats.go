package report

import (
	"context"
	"math"
	"time"

	"meguri/hub/store"
)

// Stats are a leg's temperatures in numbers. Each reading stands for the time up to the sensor's next one, but for no more than two and a
// half times the usual step: what was not measured counts for nothing. Of several sensors the coldest and the warmest count at any time.
type Stats struct {
	Samples, Faults int
	Low, High       int64 // m°C
	Mean, Kinetic   int64 // m°C; Mean is of all sensors, Kinetic the mean kinetic temperature of the warmest one
	Measured        time.Duration
	Below, Above    time.Duration // outside the limits
}

// Values says whether there is any temperature.
func (s *Stats) Values() bool { return s.Samples > s.Faults }

// kineticK is the heat of activation over the gas constant, 83.144 kJ/mol over 8.3144 J/(mol K), as in USP <1079.2> and Ph. Eur. 5.15.
const kineticK = 10_000.0

const zeroCelsiusK = 273.15

// stream is one sensor's samples, and what the last of them says.
type stream struct {
	longest time.Duration // that a sample stands for
	milliC  int64
	until   time.Time // the last sample says something before it
}

// weigher adds up samples of several sensors in order of time.
type weigher struct {
	stats        Stats
	limits       *store.Limits
	streams      []stream
	at           time.Time // everything before is weighed
	sum, kinetic float64   // m°C seconds, and seconds
}

// add takes the next sample of a sensor.
func (w *weigher) add(sensor int, r *store.ReadingView) {
	w.stats.Samples++
	w.weigh(r.At)
	s := &w.streams[sensor]
	if r.Fault != 0 {
		w.stats.Faults++
		s.until = time.Time{}
		return
	}
	s.milliC, s.until = r.MilliC, r.At.Add(s.longest)
	if w.stats.Samples-w.stats.Faults == 1 {
		w.stats.Low, w.stats.High = r.MilliC, r.MilliC
	}
	w.stats.Low, w.stats.High = min(w.stats.Low, r.MilliC), max(w.stats.High, r.MilliC)
}

// weigh has the last samples stand for the time up to then.
func (w *weigher) weigh(then time.Time) {
	for w.at.Before(then) {
		next := then
		for _, s := range w.streams {
			if s.until.After(w.at) && s.until.Before(next) {
				next = s.until // from there on it says nothing more
			}
		}
		w.span(next.Sub(w.at))
		w.at = next
	}
}

// span weighs time from w.at on in which nothing changes.
func (w *weigher) span(span time.Duration) {
	var low, high, sum, n int64
	for _, s := range w.streams {
		if !s.until.After(w.at) {
			continue
		}
		if n == 0 {
			low, high = s.milliC, s.milliC
		}
		low, high, sum, n = min(low, s.milliC), max(high, s.milliC), sum+s.milliC, n+1
	}
	if n == 0 {
		return
	}
	seconds := span.Seconds()
	w.stats.Measured += span
	w.sum += float64(sum) / float64(n) * seconds
	w.kinetic += math.Exp(-kineticK/(float64(high)/1000+zeroCelsiusK)) * seconds
	if w.limits != nil && low < w.limits.MinMilliC {
		w.stats.Below += span
	}
	if w.limits != nil && high > w.limits.MaxMilliC {
		w.stats.Above += span
	}
}

func (w *weigher) end(at time.Time) Stats {
	w.weigh(at)
	if seconds := w.stats.Measured.Seconds(); seconds > 0 {
		w.stats.Mean = int64(math.Round(w.sum / seconds))
		w.stats.Kinetic = int64(math.Round(1000 * (-kineticK/math.Log(w.kinetic/seconds) - zeroCelsiusK)))
	}
	return w.stats
}

// pages reads one sensor's samples of a leg, page by page.
type pages struct {
	sensor string
	page   []store.ReadingView
	from   time.Time // of the next page; zero after the last
}

// next gives the sample that comes next, nil after the last.
func (p *pages) next(ctx context.Context, tx *store.Tx, until time.Time) (*store.ReadingView, error) {
	for len(p.page) == 0 && !p.from.IsZero() {
		var err error
		if p.page, p.from, err = tx.ReadingsOf(ctx, p.sensor, p.from, until, statsPage); err != nil {
			return nil, err
		}
	}
	if len(p.page) == 0 {
		return nil, nil
	}
	return &p.page[0], nil
}

// readStats goes through all samples of a leg's sensors in order of time, and draws the bars of its chart. Only the sensors that have any
// stay with the leg, or the first where none has.
func readStats(ctx context.Context, tx *store.Tx, l *Leg, width time.Duration) (Stats, error) {
	w := weigher{at: l.From}
	if l.HasLimits {
		w.limits = &l.Limits
	}
	var sensors []string
	var all []pages
	for _, sensor := range l.Sensors {
		bars, err := tx.Envelope(ctx, sensor, l.From, l.Until, width)
		if err != nil {
			return w.stats, err
		}
		if !anySample(bars) {
			l.Bars = together(l.Bars, bars)
			continue
		}
		step := store.BarStep(bars)
		sensors, l.Step = append(sensors, sensor), max(l.Step, step)
		w.streams = append(w.streams, stream{longest: time.Duration(2.5 * float64(step))})
		l.Bars = together(l.Bars, bars)
		all = append(all, pages{sensor: sensor, from: l.From})
	}
	if l.Sensors = sensors; len(sensors) == 0 {
		l.Sensors = []string{l.Subject + "/air"}
	}
	for {
		first, which := (*store.ReadingView)(nil), 0
		for i := range all {
			r, err := all[i].next(ctx, tx, l.Until)
			if err != nil {
				return w.stats, err
			}
			if r != nil && (first == nil || r.At.Before(first.At)) {
				first, which = r, i
			}
		}
		if first == nil {
			return w.end(l.Until), nil
		}
		w.add(which, first)
		all[which].page = all[which].page[1:]
	}
}

func anySample(bars []store.Bar) bool {
	for i := range bars {
		if bars[i].Samples > 0 {
			return true
		}
	}
	return false
}

// together draws the bars of two sensors as one: from the coldest to the warmest.
func together(a, b []store.Bar) []store.Bar {
	if a == nil {
		return b
	}
	for i := range b {
		x, y := a[i], b[i]
		a[i].Samples, a[i].Faults = x.Samples+y.Samples, x.Faults+y.Faults
		switch {
		case !y.Values():
		case !x.Values():
			a[i].Low, a[i].High, a[i].First, a[i].Last = y.Low, y.High, y.First, y.Last
		default:
			a[i].Low, a[i].High = min(x.Low, y.Low), max(x.High, y.High)
			a[i].First, a[i].Last = earlier(x.First, y.First), x.Last
			if y.Last.After(x.Last) {
				a[i].Last = y.Last
			}
		}
	}
	return a
}
