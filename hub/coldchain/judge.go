package coldchain

import (
	"slices"
	"time"
)

// Leg is a part of the way of goods.
type Leg string

// Legs, in the order in which goods go.
const (
	Collection Leg = "collection" // on a shelf of a collection fridge: the chain starts there
	Shipper    Leg = "shipper"    // in an insulated box
	Station    Leg = "station"    // in the fridge from which they are picked up
)

// Limit is what goods of a temperature category may bear on a leg.
type Limit struct {
	MinMilliC, MaxMilliC int64         // air, thousandths of a degree Celsius, inclusive
	Outside              time.Duration // so long outside is allowed, all excursions together, below and above
	Gap                  time.Duration // so long without knowing is allowed at a stretch
	DoubtHolds           bool          // what nobody knows for longer is held until a person decides; else it passes, and is told
}

// ownRangeOutside is how long goods may lie outside a fridge's own range where their category says nothing of the leg.
const ownRangeOutside = 10 * time.Minute

// NewLimit makes a limit of whole minutes. Where nothing says how long a gap may be (-1) it is as long as goods may lie outside: for
// so long they would have been all right whatever it was.
func NewLimit(minMilliC, maxMilliC, outside, gap int64, doubtHolds bool) Limit {
	if gap < 0 {
		gap = outside
	}
	return Limit{minMilliC, maxMilliC, time.Duration(outside) * time.Minute, time.Duration(gap) * time.Minute, doubtHolds}
}

// OwnRange is what counts where a category has no limit on a leg: the range of the fridge itself.
func OwnRange(minMilliC, maxMilliC int64) Limit {
	return Limit{minMilliC, maxMilliC, ownRangeOutside, ownRangeOutside, true}
}

// Stay is goods in one place on a leg.
type Stay struct {
	Leg      Leg
	Position string // fridge or shipper
	From     time.Time
	Until    time.Time // zero while they are there
	Limit    Limit
}

// Probing is a temperature that a person took by hand.
type Probing struct {
	At     time.Time
	MilliC int64
	By     string // person
}

// probingCloses is how long before or after a gap a probing still speaks of it.
const probingCloses = 30 * time.Minute

// Known is what is known of a place.
type Known struct {
	Pieces   []Piece   // of its probes, overlaid
	Missing  []Span    // were recorded, or may have been, and have not arrived: nothing is known of them yet
	Heard    time.Time // up to here the device has told what it knows, but for Missing; after it nothing is known yet
	Probings []Probing
}

// State is what is to be said of goods on a leg.
type State string

// States, the better one first.
const (
	Sound    State = "sound"    // as far as is known
	Doubtful State = "doubtful" // for longer than allowed the device itself had no valid reading, and no probing closed that
	Broken   State = "broken"   // outside for longer than allowed
)

// Worse says whether a state is worse than another.
func (s State) Worse(than State) bool {
	order := []State{Sound, Doubtful, Broken}
	return slices.Index(order, s) > slices.Index(order, than)
}

// Verdict is what the readings say of goods on a leg.
type Verdict struct {
	State   State
	At      time.Time     // when it became so; zero while sound
	Outside time.Duration // known time outside
	Min     int64         // lowest and highest temperature known; both 0 when none is
	Max     int64
	Gap     time.Duration // the longest time without knowing
	Known   time.Time     // everything up to here counts; later than the stay's end never
}

// Judge says whether goods kept to their limit. Late readings change the answer, not how it comes about: the same facts in any
// order give the same verdict.
func Judge(stay Stay, known Known, now time.Time) Verdict {
	span := Span{stay.From, now}
	if !stay.Until.IsZero() && stay.Until.Before(now) {
		span.Until = stay.Until
	}
	if known.Heard.Before(span.Until) {
		span.Until = known.Heard
	}
	v := Verdict{State: Sound, Known: span.Until}
	if span.Empty() {
		v.Known = stay.From
		return v
	}
	pieces := within(known.Pieces, span)
	v.gaps(stay.Limit, pieces, span, known)
	v.outside(stay.Limit, pieces)
	return v
}

// outside counts what lay outside the limit.
func (v *Verdict) outside(l Limit, pieces []Piece) {
	for i, p := range pieces {
		if i == 0 {
			v.Min, v.Max = p.Min, p.Max
		}
		v.Min, v.Max = min(v.Min, p.Min), max(v.Max, p.Max)
		if p.Min >= l.MinMilliC && p.Max <= l.MaxMilliC {
			continue
		}
		before := v.Outside
		v.Outside += p.Until.Sub(p.From)
		if v.State != Broken && v.Outside > l.Outside {
			v.State, v.At = Broken, p.From.Add(l.Outside-before)
		}
	}
}

// gaps looks for time without knowing. What has not arrived is none.
func (v *Verdict) gaps(l Limit, pieces []Piece, span Span, known Known) {
	for _, g := range without(Holes(pieces, span), known.Missing) {
		g.From = closedUntil(g, l, known.Probings)
		if g.Empty() {
			continue
		}
		v.Gap = max(v.Gap, g.Length())
		if v.State == Sound && g.Length() > l.Gap {
			v.State, v.At = Doubtful, g.From.Add(l.Gap)
		}
	}
}

// closedUntil is up to when a gap is closed: by the last temperature that somebody took inside the limit in it, or soon after it, for goods
// in a full box change slowly. It says nothing of what comes later. One outside, and nothing closes it.
func closedUntil(g Span, l Limit, probings []Probing) time.Time {
	until := g.From
	for _, p := range probings {
		switch {
		case p.At.Before(g.From.Add(-probingCloses)) || p.At.After(g.Until.Add(probingCloses)):
		case p.MilliC < l.MinMilliC || p.MilliC > l.MaxMilliC:
			return g.From
		case p.At.After(until):
			until = p.At
		}
	}
	return until
}

// Affected says which of the goods of a container were still in it at a moment: those that nobody has taken (zero), or that were
// taken after it.
func Affected(broken, taken time.Time) bool { return taken.IsZero() || taken.After(broken) }
