package fleet

import (
	"math"
	"time"
)

// explain accounts for time without rounds, from where the account stands up to a moment. right is the rounds there, nil when
// none have come.
func (l *Ledger) explain(until time.Time, right *Seen) {
	for l.pos.Before(until) {
		stop := until
		if r := l.h.Revoked; !r.IsZero() && !l.pos.Before(r) {
			l.paint(stop, Stretch{State: StateNotInUse, Reason: ReasonRevoked}, 0)
			return
		} else if !r.IsZero() && r.Before(stop) {
			stop = r
		}
		s := l.segmentAt(l.pos)
		if s == nil {
			l.paint(firstOf(stop, l.nextStart()), Stretch{State: StateNotInUse, Reason: ReasonNotStarted}, 0)
			continue
		}
		if !s.end.IsZero() && !s.end.After(l.pos) {
			l.paint(firstOf(stop, l.nextStart()), Stretch{State: StateOff, Reason: ReasonStopped, Within: s.Within}, 0)
			continue
		}
		h := hole{segment: *s, sampling: s.sampling(l.pos, l.h.AssumedEvery), until: stop, right: right}
		if !s.end.IsZero() && !s.end.After(stop) {
			h.until, h.cut = s.end, s.cut
		}
		l.inside(h)
	}
}

// nextStart is the start of the first boot later than where the account stands, or a moment behind everything.
func (l *Ledger) nextStart() time.Time {
	for _, s := range l.segments {
		if s.At.After(l.pos) {
			return s.At
		}
	}
	return l.ask.To.Add(MaxLedgerSpan)
}

// hole is time without rounds in one boot.
type hole struct {
	segment
	sampling Sampling
	until    time.Time
	cut      bool // the power went at an unknown time before until
	right    *Seen
	closed   bool // records from behind it have come: what is missing will not
	runs     []Missing
}

// inside accounts for a hole.
func (l *Ledger) inside(h hole) {
	if h.sampling.lacks(l.ask.Sensor) {
		l.without(h, ReasonNoSensor)
		return
	}
	for _, i := range l.h.heirs(h.Incarnation) {
		before := uint64(math.MaxUint64)
		if h.right != nil && h.right.Incarnation == i {
			before, h.closed = h.right.Number, true
		}
		h.runs = append(h.runs, l.h.missingIn(i, l.newest[i], before)...)
		if h.closed {
			break
		}
	}
	thinnings := l.h.Thinnings
	if l.accounted(h) {
		thinnings = nil
	}
	for _, t := range thinnings {
		from, to := t.From, t.To.Add(h.sampling.Every)
		if !to.After(l.pos) || !from.Before(h.until) || t.To.Before(h.At) {
			continue
		}
		lead := h // what lies before it has been said, too: its number is higher
		lead.until, lead.cut, lead.closed = from, false, true
		if !l.atEdge(lead) {
			l.rest(lead)
		}
		whole := !from.Before(l.pos) && !l.pos.Before(l.ask.From) && !to.After(firstOf(h.until, l.limit))
		if h.cut && t.To.After(h.until) {
			to = l.thinnedUntil(t, h)
		}
		l.thinned(t, firstOf(to, h.until), h.sampling, whole)
	}
	l.rest(h)
}

// accounted says whether every number between the records around a hole is known to be there and not to have been dropped. What
// was thinned is told by time, and one telling may span what was not.
func (l *Ledger) accounted(h hole) bool {
	if h.right == nil || h.right.Incarnation != h.Incarnation {
		return false
	}
	after := l.newest[h.Incarnation]
	if after == 0 || h.right.Number <= after {
		return false
	}
	open := h.right.Number - after - 1
	for _, m := range h.runs {
		if m.State == StateDamaged || m.State == StateQuarantined || m.State == StateDiscarded {
			open -= min(open, m.Last-m.First+1)
		}
	}
	return open == 0
}

// thinned paints what a device has dropped; whole says that it is all of it, so that the device's own count holds.
func (l *Ledger) thinned(t Thinning, until time.Time, p Sampling, whole bool) {
	s := Stretch{State: StateThinned, Reason: t.Reason, Within: t.Within, Assumed: p.Assumed}
	if t.Damaged {
		s.State, s.Reason = StateDamaged, ReasonRecord
	}
	if whole && t.Rounds > 0 {
		s.Rounds, s.Samples = t.Rounds, t.Samples
		l.paint(until, s, 0)
		return
	}
	l.paint(until, s, p.Every)
}

// thinnedUntil is when the power went at the latest in the middle of what was dropped: its rounds need so much time, and the
// boots are known to have run for a part of that. When only one of them ended so, that is the time.
//
// Several tellings may share a time: a device that has dropped tellings joins them as they come, so that each tells of some
// rounds here and some there. Then their rounds count together.
func (l *Ledger) thinnedUntil(t Thinning, h hole) time.Time {
	rounds, first, last := l.together(t)
	if rounds == 0 {
		return h.until // an older device does not say how many
	}
	alive := h.Alive // for certain
	if alive.Before(l.pos) {
		alive = l.pos
	}
	spare := time.Duration(rounds) * h.sampling.Every
	for _, s := range l.segments {
		from, to := s.At, s.end
		if from.Before(first) {
			from = first
		}
		if s.cut && to.Before(last) {
			to = s.Alive
			if s.Incarnation == h.Incarnation && s.Number == h.Number {
				to = alive
			}
			if to.Before(from) {
				to = from
			}
		}
		if end := last.Add(h.sampling.Every); to.IsZero() || to.After(end) {
			to = end
		}
		if to.After(from) {
			spare -= to.Sub(from)
		}
	}
	return alive.Add(max(spare, 0))
}

// together joins a telling with those that overlap it, and those that overlap these, and gives how many rounds they tell of, from
// when to when; 0 when one of them does not say.
func (l *Ledger) together(t Thinning) (rounds int, first, last time.Time) {
	rounds, first, last = t.Rounds, t.From, t.To
	unsaid, joined := false, 0
	for _, o := range l.h.Thinnings { // in the order of From
		if o.Retold || o.Damaged != t.Damaged {
			continue
		}
		if joined > 0 && o.From.Before(last) {
			rounds, joined, unsaid = rounds+o.Rounds, joined+1, unsaid || o.Rounds == 0
			if o.To.After(last) {
				last = o.To
			}
			continue
		}
		if joined > 0 && last.After(t.From) {
			break // these are the ones
		}
		rounds, first, last, joined, unsaid = o.Rounds, o.From, o.To, 1, o.Rounds == 0
	}
	switch {
	case joined == 0 || !first.Before(t.To) || !last.After(t.From): // of none that is not told again
		return t.Rounds, t.From, t.To
	case unsaid:
		return 0, first, last
	}
	return rounds, first, last
}

// rest accounts for what is left of a hole.
func (l *Ledger) rest(h hole) {
	if !h.until.After(l.pos) {
		return
	}
	p := h.sampling
	switch {
	case len(h.runs) > 0:
		l.missing(h)
	case !h.closed:
		state, reason := l.h.open(h.segment)
		l.paint(h.until, Stretch{State: state, Reason: reason, Within: h.Within, Assumed: p.Assumed}, p.Every)
	case h.cut:
		l.powerCut(h)
	case l.atEdge(h):
		l.paint(h.until, l.edge(h), 0)
	default:
		l.paint(h.until, Stretch{State: StateNotSampled, Within: h.Within, Assumed: p.Assumed}, 0)
	}
}

// atEdge says whether a hole is at the beginning or the orderly end of a boot, where less than a whole interval is no gap.
func (l *Ledger) atEdge(h hole) bool {
	every, left := h.sampling.Every, h.until.Sub(l.pos)
	return left < every/2 || left < every+every/2 && (!l.pos.After(h.At) || h.until.Equal(h.end))
}

// edge is what holds of the rounds beside a hole.
func (l *Ledger) edge(h hole) Stretch {
	var beside *Seen // a round of this boot
	switch {
	case l.last != nil && !l.last.From.Before(h.At):
		beside = l.last
	case h.right != nil && (h.end.IsZero() || h.right.From.Before(h.end)):
		beside = h.right
	}
	if n := len(l.out); n > 0 && !l.pos.After(l.out[n-1].To) && l.out[n-1].State == StateThinned {
		s := l.out[n-1]
		return Stretch{State: s.State, Reason: s.Reason, Assumed: s.Assumed}
	}
	if beside == nil {
		return Stretch{State: StateNotSampled, Assumed: h.sampling.Assumed}
	}
	s := seenState(*beside)
	s.Assumed = h.sampling.Assumed
	return s
}

// missing accounts for numbers that have no readings. When the power went at an unknown time behind them, or what comes behind
// them has not arrived, they took at most so long as records of so many numbers do.
func (l *Ledger) missing(h hole) {
	p, from, until := h.sampling, l.pos, h.until
	var count uint64
	for _, m := range h.runs {
		count += m.Last - m.First + 1
	}
	if h.cut || !h.closed {
		const most = 1 << 20 // numbers: no gap of these matters to the minute
		reach := from.Add(time.Duration(min(count, most)) * (p.Flush + p.Every))
		if h.closed && reach.Before(h.Alive) {
			reach = h.Alive
		}
		until = firstOf(until, reach)
	}
	var done uint64
	for _, m := range h.runs {
		done += m.Last - m.First + 1
		to := from.Add(time.Duration(float64(until.Sub(from)) * float64(done) / float64(count)))
		l.paint(to, Stretch{State: m.State, Reason: m.Reason, Within: h.Within, Assumed: p.Assumed}, p.Every)
	}
	if !h.closed && until.Before(h.until) {
		for _, m := range h.runs { // later boots have none of these
			l.newest[m.Incarnation] = max(l.newest[m.Incarnation], m.Last)
		}
	}
	h.runs = nil
	l.rest(h)
}

// powerCut accounts for the end of a boot of which nothing is missing in the log: rounds that were only in memory, and then no
// power.
func (l *Ledger) powerCut(h hole) {
	p := h.sampling
	held := p.Flush
	if held > 0 && !l.pos.After(h.At) {
		held += p.Every // the boot's first round is still to come
	}
	if held > 0 {
		l.paint(firstOf(h.until, l.pos.Add(held)), Stretch{State: StateNotFlushed, Reason: ReasonPowerCut, Within: held, Assumed: p.Assumed}, p.Every)
	}
	if h.Alive.After(l.pos) {
		l.paint(firstOf(h.until, h.Alive), Stretch{State: StateNotSampled, Within: h.Within, Assumed: p.Assumed}, 0)
	}
	l.paint(h.until, Stretch{State: StateOff, Reason: ReasonPowerCut, Within: held + h.Within}, 0)
}

// without accounts for a boot that has no such sensor.
func (l *Ledger) without(h hole, reason string) {
	until, state := h.until, StateNotSampled
	if h.cut {
		until = firstOf(until, h.Alive)
	}
	if len(h.sampling.Sensors) == 0 { // a scanner has none: nothing is missing of it
		state = StateNotInUse
	}
	l.paint(until, Stretch{State: state, Reason: reason}, 0)
	l.paint(h.until, Stretch{State: StateOff, Reason: ReasonPowerCut}, 0)
}
