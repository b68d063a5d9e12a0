package coldchain

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Kind is how a rule counts the time outside.
type Kind string

// Kinds of rule.
const (
	// Consecutive is an alarm when one excursion has lasted for Rule.For. With 0 it is an instant one.
	Consecutive Kind = "consecutive"
	// Cumulative is an alarm when all excursions of the span together have lasted for Rule.For (WHO PQS E006: time-temperature).
	Cumulative Kind = "cumulative"
	// Kinetic is an alarm while the mean kinetic temperature of the span so far lies above the limit (USP <1079.2>), once Rule.For of
	// it is known. It has no low side.
	Kinetic Kind = "kinetic"
)

// Rule is when the temperature of a place is an alarm. A temperature at the limit is inside, and a time of For is enough.
type Rule struct {
	Name        string // stays the same, for it is part of an alarm's id
	Kind        Kind
	Low         bool // below the limit is outside; else above it
	LimitMilliC int64
	For         time.Duration
	// Deadband is how far, in thousandths of a degree, it has to come back inside before an excursion ends.
	Deadband int64
	// OnDelay is how long an excursion has to last to be one at all: it then counts from its beginning.
	OnDelay time.Duration
	// OffDelay is how long it has to be inside before an excursion ends. Time inside does not count as outside meanwhile.
	OffDelay time.Duration
	// StartIgnore and EndIgnore are left out of the span, as for goods that cool down and hands that unload.
	StartIgnore, EndIgnore time.Duration
}

// Range is both sides of an allowed range as instant or consecutive rules.
func Range(minMilliC, maxMilliC int64, allowed, offDelay time.Duration, deadband int64) []Rule {
	side := Rule{Kind: Consecutive, For: allowed, OffDelay: offDelay, Deadband: deadband}
	low, high := side, side
	low.Name, low.Low, low.LimitMilliC = "low", true, minMilliC
	high.Name, high.LimitMilliC = "high", maxMilliC
	return []Rule{low, high}
}

// Alarm is what a rule found.
type Alarm struct {
	ID          string // made of the rule and the first reading of the excursion; the same however late the others come
	Rule        Rule
	Since       time.Time     // when the excursion began; of a cumulative one the first
	Raised      time.Time     // when the rule was broken
	Cleared     time.Time     // when it was inside again; zero while it is outside. A cumulative one is over with its span only.
	WorstMilliC int64         // the furthest outside; of a kinetic one the mean
	Outside     time.Duration // known time outside
}

// Evaluate gives the alarms of a rule in a span of a place, in order of time. What is unknown neither raises nor clears.
func Evaluate(rule Rule, pieces []Piece, span Span) []Alarm {
	span.From, span.Until = span.From.Add(rule.StartIgnore), span.Until.Add(-rule.EndIgnore)
	pieces = within(pieces, span)
	if rule.Kind == Kinetic {
		return kinetic(rule, pieces)
	}
	excursions := rule.excursions(pieces)
	if rule.Kind == Cumulative {
		return rule.cumulative(excursions)
	}
	var alarms []Alarm
	for _, e := range excursions {
		if raised, ok := e.after(max(rule.For, rule.OnDelay)); ok {
			alarms = append(alarms, Alarm{ID: rule.id(e.id), Rule: rule, Since: e.since, Raised: raised, Cleared: e.ended,
				WorstMilliC: e.worst, Outside: e.outside})
		}
	}
	return alarms
}

// Rests says whether all that is known in a span lies far enough inside for no excursion to be under way.
func (r Rule) Rests(pieces []Piece, span Span) bool {
	for _, p := range within(pieces, span) {
		if !r.back(r.value(p)) {
			return false
		}
	}
	return true
}

func (r Rule) id(first string) string { return fmt.Sprintf("%s/%s", r.Name, first) }

// value is what of a piece counts for the rule.
func (r Rule) value(p Piece) int64 {
	if r.Low {
		return p.Min
	}
	return p.Max
}

func (r Rule) outside(v int64) bool {
	if r.Low {
		return v < r.LimitMilliC
	}
	return v > r.LimitMilliC
}

// back says whether a value lies far enough inside to end an excursion.
func (r Rule) back(v int64) bool {
	if r.Low {
		return v >= r.LimitMilliC+r.Deadband
	}
	return v <= r.LimitMilliC-r.Deadband
}

func (r Rule) worse(a, b int64) int64 {
	if r.Low {
		return min(a, b)
	}
	return max(a, b)
}

// excursion is a time outside. Its spans are the known ones of it.
type excursion struct {
	id      string
	since   time.Time
	ended   time.Time // zero: it goes on
	worst   int64
	outside time.Duration
	spans   []Span
}

// excursions finds them. Within the deadband one goes on, and a hole in what is known does not end it.
func (r Rule) excursions(pieces []Piece) []excursion {
	var all []excursion
	var now *excursion
	var inside time.Time // since when it has been back, zero for not
	for _, p := range pieces {
		v := r.value(p)
		switch {
		case now == nil && r.outside(v):
			all = append(all, excursion{id: p.ID, since: p.From, worst: v})
			now, inside = &all[len(all)-1], time.Time{}
		case now == nil:
			continue
		case r.back(v):
			if inside.IsZero() {
				inside = p.From
			}
			if p.Until.Sub(inside) >= r.OffDelay {
				now.ended, now = inside, nil
			}
			continue
		}
		inside = time.Time{}
		now.worst = r.worse(now.worst, v)
		now.outside += p.Until.Sub(p.From)
		now.spans = append(now.spans, Span{p.From, p.Until})
	}
	return slices.DeleteFunc(all, func(e excursion) bool { return e.outside < r.OnDelay })
}

// after gives the moment at which it has been outside for so long.
func (e excursion) after(d time.Duration) (time.Time, bool) {
	for _, s := range e.spans {
		if s.Length() >= d {
			return s.From.Add(d), true
		}
		d -= s.Length()
	}
	return time.Time{}, false
}

// cumulative adds excursions up. There is one alarm a span.
func (r Rule) cumulative(excursions []excursion) []Alarm {
	if len(excursions) == 0 {
		return nil
	}
	all := excursion{id: excursions[0].id, since: excursions[0].since, worst: excursions[0].worst}
	for _, e := range excursions {
		all.spans = append(all.spans, e.spans...)
		all.outside += e.outside
		all.worst = r.worse(all.worst, e.worst)
	}
	raised, ok := all.after(r.For)
	if !ok {
		return nil
	}
	return []Alarm{{ID: r.id(all.id), Rule: r, Since: all.since, Raised: raised, WorstMilliC: all.worst, Outside: all.outside}}
}

// The constants of USP <1079.2>: 83.144 kJ/mol over the gas constant are 10,000 K.
const (
	activationOverGas = 10_000
	zeroCelsius       = 273.15
)

// MeanKinetic is the mean kinetic temperature of known time, in thousandths of a degree Celsius: the one temperature that would
// have done as much harm. It is false when nothing is known. Of a thinned span the highest temperature counts.
func MeanKinetic(pieces []Piece) (milliC int64, known bool) {
	var m mean
	for _, p := range pieces {
		m.add(p)
	}
	return m.milliC()
}

type mean struct{ weight, seconds float64 }

func (m *mean) add(p Piece) {
	seconds := p.Until.Sub(p.From).Seconds()
	m.seconds += seconds
	m.weight += seconds * math.Exp(-activationOverGas/(float64(p.Max)/1000+zeroCelsius))
}

func (m *mean) milliC() (int64, bool) {
	if m.seconds <= 0 || m.weight <= 0 {
		return 0, false
	}
	return int64(math.Round((-activationOverGas/math.Log(m.weight/m.seconds) - zeroCelsius) * 1000)), true
}

// kinetic gives an alarm for each time in which the mean lay above the limit.
func kinetic(r Rule, pieces []Piece) []Alarm {
	var alarms []Alarm
	var m mean
	known := time.Duration(0)
	var now *Alarm
	for _, p := range pieces {
		m.add(p)
		known += p.Until.Sub(p.From)
		value, ok := m.milliC()
		switch {
		case !ok || known < r.For:
		case now == nil && value > r.LimitMilliC:
			alarms = append(alarms, Alarm{ID: r.id(p.ID), Rule: r, Since: p.From, Raised: p.Until, WorstMilliC: value})
			now = &alarms[len(alarms)-1]
		case now != nil && value <= r.LimitMilliC-r.Deadband:
			now.Cleared, now = p.Until, nil
		}
		if now != nil {
			now.WorstMilliC = max(now.WorstMilliC, value)
			now.Outside += p.Until.Sub(p.From)
		}
	}
	return alarms
}

// How the air of a place is watched, on its device and here, where nothing else is configured.
const (
	// AirAllowed is used where no temperature limit says how many minutes outside are allowed.
	AirAllowed = 10 * time.Minute
	// AirDeadband and AirOffDelay keep a compressor that swings about a limit from raising an alarm a swing: a swing of a cabinet is
	// a degree or two and lasts 10 to 20 minutes.
	AirDeadband = 200 // thousandths of a degree
	AirOffDelay = 5 * time.Minute
)

// Allowed is how long the air of a place may lie outside, for so many minutes that the strictest category allows; 0 for none said.
func Allowed(minutes int64) time.Duration {
	if minutes <= 0 {
		return AirAllowed
	}
	return time.Duration(minutes) * time.Minute
}

// AirRules are the rules for the air of a place with an allowed range: those by which its device watches it, too.
func AirRules(minMilliC, maxMilliC, minutes int64) []Rule {
	return Range(minMilliC, maxMilliC, Allowed(minutes), AirOffDelay, AirDeadband)
}
