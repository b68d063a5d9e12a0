// Package coldchain holds the rules of the cold chain: when a probe's readings are an alarm, and whether goods that stood or rode
// somewhere kept to the limits of their temperature category there. Everything is a plain function of readings, limits and times of
// events: the same set in any order, and told twice, gives the same answer. DESIGN.md says what each rule means and why.
package coldchain

import (
	"cmp"
	"slices"
	"time"
)

// Reading is one sample of a probe.
type Reading struct {
	ID     string    // of the record that it came in: DEVICE/INCARNATION/NUMBER
	At     time.Time // event time
	MilliC int64     // thousandths of a degree Celsius
	Fault  bool      // the probe gave no value; MilliC means nothing
}

// Thinning is a span of which the device dropped the readings when its storage was full, and kept the lowest and the highest.
type Thinning struct {
	ID             string // as a reading's
	From, Until    time.Time
	MinMilliC      int64
	MaxMilliC      int64
	SamplesDropped uint64 // valid ones; with none the span says nothing
}

// Piece is a span of time in which the temperature is known.
type Piece struct {
	ID       string // of what says so
	From     time.Time
	Until    time.Time // exclusive
	Min, Max int64     // thousandths of a degree Celsius; equal for a reading
}

// Span is from a moment to another, exclusive.
type Span struct{ From, Until time.Time }

// Empty says whether there is no time in the span.
func (s Span) Empty() bool { return !s.From.Before(s.Until) }

// Length is how long the span is, never negative.
func (s Span) Length() time.Duration { return max(0, s.Until.Sub(s.From)) }

// Cut is the part of a span that lies in another.
func (s Span) Cut(to Span) Span {
	if to.From.After(s.From) {
		s.From = to.From
	}
	if to.Until.Before(s.Until) {
		s.Until = to.Until
	}
	return s
}

// Trace makes pieces of readings of one probe, in any order and told as often as you like. A reading stands for the time up to the
// next one, valid or not, and at most for stands: after that nobody knows. What was thinned counts where no reading says better.
func Trace(readings []Reading, thinned []Thinning, stands time.Duration) []Piece {
	readings = inOrder(readings)
	var pieces []Piece
	for i, r := range readings {
		if r.Fault {
			continue
		}
		p := Piece{ID: r.ID, From: r.At, Until: r.At.Add(stands), Min: r.MilliC, Max: r.MilliC}
		if i+1 < len(readings) && readings[i+1].At.Before(p.Until) {
			p.Until = readings[i+1].At
		}
		pieces = append(pieces, p)
	}
	var dropped []Piece
	for _, t := range thinned {
		if t.SamplesDropped > 0 {
			// The last of the dropped samples stood for a while, too.
			dropped = append(dropped, Piece{ID: t.ID, From: t.From, Until: t.Until.Add(stands), Min: t.MinMilliC, Max: t.MaxMilliC})
		}
	}
	return fill(pieces, overlay(nil, dropped))
}

// inOrder sorts readings and leaves out what was told twice. Of two at one moment, as of a storage and of the one that goes on from
// it, the first by its id stands; a valid one is better than a fault.
func inOrder(readings []Reading) []Reading {
	readings = slices.Clone(readings)
	slices.SortFunc(readings, func(a, b Reading) int {
		return cmp.Or(a.At.Compare(b.At), compareBool(a.Fault, b.Fault), cmp.Compare(a.ID, b.ID), cmp.Compare(a.MilliC, b.MilliC))
	})
	return slices.CompactFunc(readings, func(a, b Reading) bool { return a.At.Equal(b.At) })
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// fill is pieces, and where they leave time open, what others say. Both are in order and do not overlap.
func fill(pieces, others []Piece) []Piece {
	if len(others) == 0 {
		return pieces
	}
	all := slices.Clone(pieces)
	i := 0
	for _, o := range others {
		from := o.From
		for i < len(pieces) && !pieces[i].Until.After(from) {
			i++
		}
		for j := i; from.Before(o.Until); j++ {
			until := o.Until
			if j < len(pieces) && pieces[j].From.Before(until) {
				until = pieces[j].From
			}
			if from.Before(until) {
				all = append(all, o.cut(Span{from, until}))
			}
			if j >= len(pieces) {
				break
			}
			from = pieces[j].Until
		}
	}
	slices.SortFunc(all, func(a, b Piece) int { return a.From.Compare(b.From) })
	return all
}

func (p Piece) cut(to Span) Piece {
	s := Span{p.From, p.Until}.Cut(to)
	p.From, p.Until = s.From, s.Until
	return p
}

// Overlay joins what several probes in one place say: where two know the temperature, the lowest and the highest of them count, and
// where one alone does, it does.
func Overlay(probes ...[]Piece) []Piece {
	var all []Piece
	for _, p := range probes {
		all = overlay(all, p)
	}
	return all
}

// overlay adds pieces to others that are in order and do not overlap.
func overlay(base, more []Piece) []Piece {
	if len(base) == 0 && ordered(more) {
		return more
	}
	var cuts []time.Time
	for _, p := range slices.Concat(base, more) {
		cuts = append(cuts, p.From, p.Until)
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var all []Piece
	a, b := cursor{pieces: base}, newCursors(more)
	for i := 0; i+1 < len(cuts); i++ {
		s := Span{cuts[i], cuts[i+1]}
		var joined Piece
		found := false
		add := func(p Piece) {
			p = p.cut(s)
			if !found {
				joined, found = p, true
				return
			}
			joined.Min, joined.Max = min(joined.Min, p.Min), max(joined.Max, p.Max)
		}
		if p, ok := a.at(s.From); ok {
			add(p)
		}
		for j := range b {
			if p, ok := b[j].at(s.From); ok {
				add(p)
			}
		}
		if found {
			all = append(all, joined)
		}
	}
	return all
}

func ordered(pieces []Piece) bool {
	for i := 1; i < len(pieces); i++ {
		if pieces[i].From.Before(pieces[i-1].Until) {
			return false
		}
	}
	return true
}

// cursor goes through pieces that do not overlap.
type cursor struct {
	pieces []Piece
	next   int
}

// at gives the piece of a moment; each is asked for no earlier than the one before.
func (c *cursor) at(t time.Time) (Piece, bool) {
	for c.next < len(c.pieces) && !c.pieces[c.next].Until.After(t) {
		c.next++
	}
	if c.next < len(c.pieces) && !c.pieces[c.next].From.After(t) {
		return c.pieces[c.next], true
	}
	return Piece{}, false
}

// newCursors splits pieces into lists that do not overlap in themselves.
func newCursors(pieces []Piece) []cursor {
	pieces = slices.Clone(pieces)
	slices.SortFunc(pieces, func(a, b Piece) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	var all []cursor
next:
	for _, p := range pieces {
		for i := range all {
			if last := all[i].pieces; !p.From.Before(last[len(last)-1].Until) {
				all[i].pieces = append(last, p)
				continue next
			}
		}
		all = append(all, cursor{pieces: []Piece{p}})
	}
	return all
}

// within gives the parts of pieces that lie in a span.
func within(pieces []Piece, span Span) []Piece {
	var all []Piece
	for _, p := range pieces {
		if p = p.cut(span); p.From.Before(p.Until) {
			all = append(all, p)
		}
	}
	return all
}

// Holes gives the spans in which no piece says anything.
func Holes(pieces []Piece, span Span) []Span {
	var all []Span
	from := span.From
	for _, p := range within(pieces, span) {
		if from.Before(p.From) {
			all = append(all, Span{from, p.From})
		}
		from = p.Until
	}
	if from.Before(span.Until) {
		all = append(all, Span{from, span.Until})
	}
	return all
}

// without takes spans out of others.
func without(spans, out []Span) []Span {
	for _, o := range out {
		var left []Span
		for _, s := range spans {
			for _, part := range []Span{s.Cut(Span{s.From, o.From}), s.Cut(Span{o.Until, s.Until})} {
				if !part.Empty() {
					left = append(left, part)
				}
			}
		}
		spans = left
	}
	return spans
}
