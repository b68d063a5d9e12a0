// Package shipper holds the rules of an insulated box's device: what it remembers of its own readings, and the statement that it makes of
// them for a station. It counts as the hub does, so that both come to the same: a reading stands until the next round, and for
// Stands at most; other time is a gap.
package shipper

import (
	"time"

	"meguri/protocol"
)

const (
	// Stands is how long a reading stands for what comes after it.
	Stands = 3 * time.Minute
	// Remembered is how far back a statement goes: further than goods ride.
	Remembered = 12 * time.Hour
)

// State is what the device remembers of its readings. All times are Unix milliseconds.
type State struct {
	Low    int64     `cbor:"1,keyasint"` // the range of its plan, thousandths of a degree
	High   int64     `cbor:"2,keyasint"`
	From   int64     `cbor:"3,keyasint,omitempty"` // of the first reading that counts, 0 for none yet
	LastAt int64     `cbor:"4,keyasint,omitempty"` // of the last round
	Valid  bool      `cbor:"5,keyasint,omitempty"` // it gave a value
	Min    int64     `cbor:"6,keyasint,omitempty"` // its lowest and highest
	Max    int64     `cbor:"7,keyasint,omitempty"`
	Out    []Stretch `cbor:"8,keyasint,omitempty"` // outside the range, in order
	Gaps   []Stretch `cbor:"9,keyasint,omitempty"` // without a valid reading, in order
	Hours  []Hour    `cbor:"10,keyasint,omitempty"`
}

// Stretch is a span of time.
type Stretch struct {
	From   int64 `cbor:"1,keyasint"`
	Until  int64 `cbor:"2,keyasint"`
	MilliC int64 `cbor:"3,keyasint,omitempty"` // the worst reading in it; 0 in a gap
}

// Hour is the readings of an hour of the clock.
type Hour struct {
	At       int64  `cbor:"1,keyasint"` // hours since 1970
	Readings uint32 `cbor:"2,keyasint"`
	Min      int64  `cbor:"3,keyasint"`
	Max      int64  `cbor:"4,keyasint"`
}

// Read goes on with a round of the box's probes. Of several the worst counts. A round whose time is not proven is none; with a plan of
// another range, or a clock that was set back, what was before says nothing any more.
func Read(s State, p protocol.TemperaturePlan, samples []protocol.Sample, now time.Time, proven bool) State {
	at := now.UnixMilli()
	if !proven {
		return s
	}
	if s.Low != p.MinMilliC || s.High != p.MaxMilliC || at < s.LastAt {
		s = State{Low: p.MinMilliC, High: p.MaxMilliC}
	}
	lowest, highest, valid := rangeOf(samples)
	if s.From == 0 {
		if !valid {
			return s
		}
		s.From, s.LastAt = at, at
	}
	s = s.until(at)
	s.LastAt, s.Valid, s.Min, s.Max = at, valid, lowest, highest
	if valid {
		s.Hours = counted(s.Hours, at, lowest, highest)
	}
	return s.forget(at - Remembered.Milliseconds())
}

func rangeOf(samples []protocol.Sample) (lowest, highest int64, valid bool) {
	for _, one := range samples {
		switch {
		case one.Fault != protocol.SensorOK:
		case !valid:
			lowest, highest, valid = one.MilliC, one.MilliC, true
		default:
			lowest, highest = min(lowest, one.MilliC), max(highest, one.MilliC)
		}
	}
	return lowest, highest, valid
}

// until counts the time from the last round to another moment by what the last round said.
func (s State) until(at int64) State {
	stood := s.LastAt
	if s.Valid {
		stood = min(at, s.LastAt+Stands.Milliseconds())
		if worst, out := s.worst(); out && stood > s.LastAt {
			s.Out = with(s.Out, Stretch{s.LastAt, stood, worst}, s.worse)
		}
	}
	if stood < at {
		s.Gaps = with(s.Gaps, Stretch{From: stood, Until: at}, s.worse)
	}
	return s
}

// worst is how far the last round lay outside.
func (s State) worst() (int64, bool) {
	switch {
	case s.Max > s.High && s.Max-s.High >= s.Low-s.Min:
		return s.Max, true
	case s.Min < s.Low:
		return s.Min, true
	}
	return 0, false
}

// worse is the one of two readings that lies further outside.
func (s State) worse(a, b int64) int64 {
	if max(b-s.High, s.Low-b) > max(a-s.High, s.Low-a) {
		return b
	}
	return a
}

// with adds a stretch at the end. One that goes on is the same; of more than a statement has room for, the two that are closest become
// one, the time between them included: what is said may be worse than it was, and never better.
func with(all []Stretch, next Stretch, worse func(a, b int64) int64) []Stretch {
	all = append(append(make([]Stretch, 0, len(all)+1), all...), next)
	closest := 0
	for i := 1; i < len(all); i++ {
		if closest == 0 || all[i].From-all[i-1].Until <= all[closest].From-all[closest-1].Until {
			closest = i
		}
	}
	if closest == 0 || len(all) <= protocol.MaxStretches && all[closest].From > all[closest-1].Until {
		return all
	}
	all[closest-1] = Stretch{all[closest-1].From, all[closest].Until, worse(all[closest-1].MilliC, all[closest].MilliC)}
	return append(all[:closest], all[closest+1:]...)
}

func counted(hours []Hour, at, lowest, highest int64) []Hour {
	hours = append([]Hour(nil), hours...)
	hour := at / time.Hour.Milliseconds()
	if n := len(hours); n > 0 && hours[n-1].At == hour {
		h := &hours[n-1]
		h.Readings, h.Min, h.Max = h.Readings+1, min(h.Min, lowest), max(h.Max, highest)
		return hours
	}
	return append(hours, Hour{hour, 1, lowest, highest})
}

// forget drops what lies before a moment.
func (s State) forget(before int64) State {
	if s.From >= before {
		return s
	}
	s.From = before
	s.Out, s.Gaps = after(s.Out, before), after(s.Gaps, before)
	for len(s.Hours) > 0 && s.Hours[0].At < before/time.Hour.Milliseconds() {
		s.Hours = s.Hours[1:]
	}
	return s
}

func after(all []Stretch, before int64) (kept []Stretch) {
	for _, one := range all {
		if one.From = max(one.From, before); one.From < one.Until {
			kept = append(kept, one)
		}
	}
	return kept
}

// Moved moves the times that lie between two of a clock that is set: no time has passed by that.
func Moved(s State, from, until, by int64) State {
	move := func(at *int64) {
		if *at >= from && *at <= until {
			*at += by
		}
	}
	move(&s.From)
	move(&s.LastAt)
	s.Out, s.Gaps = append([]Stretch(nil), s.Out...), append([]Stretch(nil), s.Gaps...)
	for _, all := range [][]Stretch{s.Out, s.Gaps} {
		for i := range all {
			move(&all[i].From)
			move(&all[i].Until)
		}
	}
	return s
}

// Say is the statement of a shipper up to its last round, false while it has none to make. The newest reading stands for no time yet.
func Say(s State, position string, boot uint64, proven bool) (protocol.Statement, bool) {
	if s.From == 0 {
		return protocol.Statement{}, false
	}
	until := s.LastAt / 1000 * 1000
	said := protocol.Statement{Shipper: position, Boot: boot, From: min((s.From+999)/1000*1000, until), Until: until, Low: s.Low, High: s.High,
		Unproven: !proven, Outside: told(s.Out, until), Gaps: told(s.Gaps, until)}
	for i, h := range s.Hours {
		if said.Readings += h.Readings; i == 0 {
			said.MinMilliC, said.MaxMilliC = h.Min, h.Max
		}
		said.MinMilliC, said.MaxMilliC = min(said.MinMilliC, h.Min), max(said.MaxMilliC, h.Max)
	}
	return said, true
}

// told is stretches in whole seconds before a moment, which are in order and apart still.
func told(all []Stretch, until int64) []protocol.Stretch {
	said := make([]protocol.Stretch, 0, len(all))
	for _, one := range all {
		ago, left := (until-one.From)/1000, (until-one.Until)/1000
		if ago > left && left >= 0 {
			said = append(said, protocol.Stretch{Ago: uint32(ago), Seconds: uint32(ago - left), MilliC: one.MilliC})
		}
	}
	return said
}
