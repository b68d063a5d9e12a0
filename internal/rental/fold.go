package rental

import (
	"cmp"
	"slices"
	"time"
)

// Story is a piece as its history says, and what in the history is for a person to look at.
type Story struct {
	Item     Item
	Breaches []Broken
	Doubts   []Doubt
}

// Broken is an event that broke a rule.
type Broken struct {
	Event Event
	Breach
}

// Doubt is two events of different devices of which nobody knows which came first, and it matters.
type Doubt struct{ First, Second Event }

// Fold tells a piece's whole history, in whatever order it is given.
func Fold(events []Event) Story {
	var s Story
	events = Ordered(events)
	before := Item{} // as it was before the last event
	for n, e := range events {
		if n > 0 && doubtful(before, events[n-1], e) {
			s.Doubts = append(s.Doubts, Doubt{events[n-1], e})
		}
		before = s.Item
		var b *Breach
		if s.Item, b = Apply(s.Item, e); b != nil {
			s.Breaches = append(s.Breaches, Broken{e, *b})
		}
	}
	return s
}

// Ordered puts events into the order in which they are folded: within a device by number, across devices by when they happened. A
// device whose clock was set back does not turn its own order round: an event is no earlier than the one before it.
func Ordered(events []Event) []Event {
	type placed struct {
		Event
		at time.Time
	}
	all := make([]placed, len(events))
	for n, e := range events {
		all[n] = placed{e, e.At}
	}
	slices.SortFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Number, b.Number))
	})
	for n := 1; n < len(all); n++ {
		if all[n].Device == all[n-1].Device && all[n].at.Before(all[n-1].at) {
			all[n].at = all[n-1].at
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.at.Compare(b.at) })
	ordered := make([]Event, len(all))
	for n := range all {
		ordered[n] = all[n].Event
	}
	return ordered
}

// doubtful says that two events next to each other may have happened the other way round, and that the piece would then be elsewhere,
// or promised to somebody else.
func doubtful(before Item, first, second Event) bool {
	if first.Device == second.Device || second.At.Sub(first.At) > first.Within+second.Within {
		return false
	}
	asTold, _ := Apply(before, first)
	asTold, _ = Apply(asTold, second)
	turned, _ := Apply(before, second)
	turned, _ = Apply(turned, first)
	return asTold.Custody != turned.Custody || asTold.Commitment != turned.Commitment || asTold.Fit() != turned.Fit()
}
