package fleet

import (
	"math"
	"slices"
	"time"
)

// Seen is rounds of one record that were received: evenly spaced, and alike in which sensors were at fault.
type Seen struct {
	Incarnation  string
	Number, Boot uint64
	Mono         time.Duration // of the last round, since the boot
	From, To     time.Time     // of the first and the last round
	Within       time.Duration // how far these may be off
	Rounds       int
	Samples      int    // with a value, of all these rounds
	Fault        string // why sensors gave no value; empty when all did
	Sensors      string // which
}

// Ask is what the ledger is asked.
type Ask struct {
	From, To time.Time
	Now      time.Time
	Sensor   string // empty for all of the device's
	Most     int    // stretches at most; 0 for no limit
}

// Ledger says what holds of a device's readings, moment by moment. It takes the rounds received in the order of time and keeps
// nothing of them but the stretches that they make.
//
// A round stands for the time up to the next one, at most one interval. Time without is explained by what is known of the
// device's boots, of numbers that its log lacks, and of what it said to have dropped. Numbers missing between two records are
// dated by these; several kinds of them share the time by their count.
type Ledger struct {
	h        History
	ask      Ask
	limit    time.Time // the earlier of ask.To and ask.Now
	segments []segment
	pos      time.Time // how far time is accounted for; begins before ask.From
	out      []Stretch
	rough    []float64 // rounds that out has room for, beyond those counted
	last     *Seen
	newest   map[string]uint64 // number of the last record by incarnation, in the order of time
	recent   []Seen            // to know copies by
	full     bool
}

// NewLedger begins an account. Give the rounds to Take from the last one before ask.From to the first one at or behind ask.To,
// in order of Seen.To; then End. The error is ErrSpan.
func NewLedger(h History, ask Ask) (*Ledger, error) {
	if err := CheckSpan(ask.From, ask.To); err != nil {
		return nil, err
	}
	if h.AssumedEvery <= 0 {
		h.AssumedEvery = time.Minute
	}
	h.Thinnings = slices.Clone(h.Thinnings)
	slices.SortStableFunc(h.Thinnings, func(a, b Thinning) int { return a.From.Compare(b.From) })
	newest := map[string]uint64{}
	for _, g := range h.Logs {
		newest[g.Incarnation] = 0
	}
	l := &Ledger{h: h, ask: ask, limit: ask.To, segments: h.segments(h.Boots), newest: newest}
	if ask.Now.Before(l.limit) {
		l.limit = ask.Now
	}
	return l, nil
}

// keepRecent is how many of the last records are looked at for a copy of the next: an incarnation that goes on from another
// brings again what was not acknowledged.
const keepRecent = 8

// Take accounts for time up to these rounds. It returns false when the rest makes no difference.
func (l *Ledger) Take(s Seen) bool {
	if l.full || l.last != nil && !l.last.To.Before(l.ask.To) {
		return false
	}
	if s.Rounds < 1 || l.copied(s) {
		return true
	}
	l.knowBoot(s)
	if l.last == nil {
		l.begin(s.From)
		l.explain(s.From, &s)
	} else {
		l.settle(&s)
	}
	l.newest[s.Incarnation] = s.Number
	for i := range l.newest { // what an incarnation goes on with comes after all that those before it lack
		if i != s.Incarnation && slices.Contains(l.h.heirs(i), s.Incarnation) {
			l.newest[i] = math.MaxUint64
		}
	}
	l.last = &s
	l.full = l.ask.Most > 0 && len(l.out) > l.ask.Most
	return !l.full
}

// End accounts for the rest. It gives the stretches, which lie side by side from ask.From on, and how far they reach: ask.To,
// or when there are more than ask.Most, where to ask again.
func (l *Ledger) End() ([]Stretch, time.Time) {
	if !l.full {
		if l.last == nil {
			l.begin(l.limit)
		} else {
			l.settle(nil)
		}
		l.explain(l.limit, nil)
		if l.pos.After(l.limit) {
			l.pos = l.limit
		}
		l.limit = l.ask.To
		l.paint(l.ask.To, Stretch{State: StateAhead}, 0)
	}
	for i := range l.out {
		l.out[i].Rounds += int(math.Round(l.rough[i]))
	}
	if l.ask.Most > 0 && len(l.out) > l.ask.Most {
		return l.out[:l.ask.Most], l.out[l.ask.Most].From
	}
	return l.out, l.ask.To
}

// copied says whether these rounds came before, in another incarnation.
func (l *Ledger) copied(s Seen) bool {
	twice := slices.ContainsFunc(l.recent, func(r Seen) bool {
		return r.Incarnation != s.Incarnation && r.Boot == s.Boot && r.Mono == s.Mono && r.Rounds == s.Rounds &&
			r.To.Sub(s.To).Abs() <= sameBoot+r.Within+s.Within
	})
	if len(l.recent) == keepRecent {
		l.recent = slices.Delete(l.recent, 0, 1)
	}
	l.recent = append(l.recent, s)
	return twice
}

// knowBoot adds the boot of these rounds when no event tells of it: it was damaged, or has not come.
func (l *Ledger) knowBoot(s Seen) {
	known := slices.ContainsFunc(l.segments, func(g segment) bool {
		after := l.last == nil || l.last.Boot == s.Boot || g.At.After(l.last.From)
		return after && !g.At.After(s.From.Add(sameBoot+s.Within))
	})
	if known {
		return
	}
	at := s.To.Add(-s.Mono)
	if s.Mono <= 0 || at.After(s.From) {
		at = s.From
	}
	if l.last != nil && !at.After(l.last.To) {
		at = l.last.To.Add(time.Millisecond)
	}
	boots := []BootRun{{Incarnation: s.Incarnation, Number: s.Boot, At: at, Within: s.Within}}
	for _, g := range l.segments {
		boots = append(boots, g.BootRun)
	}
	l.segments = l.h.segments(boots)
}

// begin sets the clock where the account begins: before ask.From if something is known from there on.
func (l *Ledger) begin(until time.Time) {
	l.pos = l.ask.From
	if len(l.segments) > 0 && l.segments[0].At.Before(l.pos) {
		l.pos = l.segments[0].At
	}
	if until.Before(l.pos) {
		l.pos = until
	}
}

// settle accounts for the last rounds and for the time from these to the right ones, which are nil at the end.
func (l *Ledger) settle(right *Seen) {
	last := *l.last
	every := l.every(last.To)
	if right != nil {
		every = max(every, l.every(right.From))
	}
	if right != nil && right.From.Sub(last.To) <= every+every/2 && l.segmentAt(last.To) == l.segmentAt(right.From) {
		l.received(last, right.From)
		return
	}
	until := last.To.Add(l.every(last.To))
	if s := l.segmentAt(last.To); s != nil && s.end.After(last.To) && s.end.Before(until) {
		until = s.end
	}
	l.received(last, until)
	if right != nil {
		l.explain(right.From, right)
	}
}

// received paints rounds, with those that lie in the span.
func (l *Ledger) received(s Seen, until time.Time) {
	state := seenState(s)
	state.Assumed = l.sampling(s.To).Assumed
	n := s.within(l.ask.From, l.limit)
	state.Rounds, state.Samples = n, s.Samples
	if n < s.Rounds {
		state.Samples = s.Samples * n / s.Rounds
	}
	l.paint(until, state, 0)
}

// seenState is what holds of rounds that were received.
func seenState(s Seen) Stretch {
	if s.Fault != "" {
		return Stretch{State: StateSensorFault, Reason: s.Fault, Sensor: s.Sensors, Within: s.Within}
	}
	return Stretch{State: StateReceived, Within: s.Within}
}

// within counts the rounds in [from, to).
func (s Seen) within(from, to time.Time) int {
	if !s.From.Before(from) && s.To.Before(to) {
		return s.Rounds
	}
	n := 0
	for i := range s.Rounds {
		at := s.From
		if i > 0 {
			at = at.Add(s.To.Sub(s.From) * time.Duration(i) / time.Duration(s.Rounds-1))
		}
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// segmentAt is the boot that a moment is in or behind, nil before the first.
func (l *Ledger) segmentAt(at time.Time) *segment {
	i, found := slices.BinarySearchFunc(l.segments, at, func(s segment, at time.Time) int { return s.At.Compare(at) })
	if found {
		return &l.segments[i]
	}
	if i == 0 {
		return nil
	}
	return &l.segments[i-1]
}

func (l *Ledger) sampling(at time.Time) Sampling {
	if s := l.segmentAt(at); s != nil {
		return s.sampling(at, l.h.AssumedEvery)
	}
	return Sampling{Every: l.h.AssumedEvery, Assumed: true}
}

func (l *Ledger) every(at time.Time) time.Duration { return l.sampling(at).Every }

// paint accounts for the time up to a moment. every is the interval that says how many rounds there is room for, 0 for none.
func (l *Ledger) paint(until time.Time, s Stretch, every time.Duration) {
	from := l.pos
	if until.After(from) {
		l.pos = until
	}
	if from.Before(l.ask.From) {
		from = l.ask.From
	}
	if until.After(l.limit) {
		until = l.limit
	}
	if s.Sensor == "" {
		s.Sensor = l.ask.Sensor
	}
	n := len(l.out)
	same := n > 0 && alike(l.out[n-1], s)
	if !until.After(from) {
		if same { // rounds that lie in time which is accounted for already
			l.out[n-1].Rounds, l.out[n-1].Samples = l.out[n-1].Rounds+s.Rounds, l.out[n-1].Samples+s.Samples
		}
		return
	}
	var room float64
	if every > 0 {
		room = float64(until.Sub(from)) / float64(every)
	}
	if !same {
		s.From, s.To = from, until
		l.out, l.rough = append(l.out, s), append(l.rough, room)
		return
	}
	o := &l.out[n-1]
	o.To, o.Rounds, o.Samples, o.Within = until, o.Rounds+s.Rounds, o.Samples+s.Samples, max(o.Within, s.Within)
	l.rough[n-1] += room
}

// alike says whether two stretches side by side are one.
func alike(a, b Stretch) bool {
	return a.State == b.State && a.Reason == b.Reason && a.Sensor == b.Sensor && a.Assumed == b.Assumed
}
