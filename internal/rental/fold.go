package rental

import (
	"cmp"
	"slices"
	"time"

	"meguri/protocol"
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
	all := ordered(events)
	items := make([]Item, 1, len(all)+1) // before each event, and after the last
	for n, e := range all {
		var b *Breach
		s.Item, b = Apply(s.Item, e.Event)
		items = append(items, s.Item)
		if b != nil {
			s.Breaches = append(s.Breaches, Broken{e.Event, *b})
		}
		if first := doubted(items, all, n); first >= 0 {
			s.Doubts = append(s.Doubts, Doubt{all[first].Event, e.Event})
		}
	}
	return s
}

// Ordered puts events into the order in which they are folded: within a device by number, across devices by when they happened. A
// device whose clock was set back does not turn its own order round: an event is no earlier than the one before it. A piece was there
// before anybody scanned it: its registration comes first, whenever somebody has written it down, and is dated so.
func Ordered(events []Event) []Event {
	all := ordered(events)
	plain := make([]Event, len(all))
	for n := range all {
		plain[n] = all[n].Event
	}
	return plain
}

// placed is an event with the time by which it is ordered.
type placed struct {
	Event
	at time.Time
}

func ordered(events []Event) []placed {
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
	registered := slices.IndexFunc(all, func(e placed) bool { return e.Act == 0 && e.Step == protocol.StepRegister })
	if registered > 0 {
		first := all[registered]
		first.at, first.At = all[0].at, all[0].at
		all = slices.Insert(slices.Delete(all, registered, registered+1), 0, first)
	}
	return all
}

// mostDoubted is how far back a doubt is looked for: pieces go from hand to hand a few times an hour.
const mostDoubted = 32

// doubted gives the event nearest before n that may have happened after it, where the piece would then be elsewhere, or promised to
// somebody else, after both; -1 for none. It need not be the one next to it: what lies between may be of the same device as one of them.
// items are as told: items[i] is the piece before event i.
func doubted(items []Item, all []placed, n int) int {
	for i := n - 1; i >= max(0, n-mostDoubted); i-- {
		if !overlap(all[i], all[n]) || i == 0 && all[i].Step == protocol.StepRegister {
			continue
		}
		if earlier, ok := moved(items[i], all[n], all[i:n], true); ok && differ(earlier, items[n+1]) {
			return i
		}
		if later, ok := moved(items[i], all[i], all[i+1:n+1], false); ok && differ(later, items[n+1]) {
			return i
		}
	}
	return -1
}

// overlap says that nobody knows which of two events of different devices came first.
func overlap(first, second placed) bool {
	return first.Device != second.Device && second.at.Sub(first.at) <= first.Within+second.Within
}

// moved tells some events with another one before or behind them; ok is false when it cannot have been there.
func moved(from Item, e placed, others []placed, before bool) (item Item, ok bool) {
	item = from
	if before {
		item, _ = Apply(item, e.Event)
	}
	for _, o := range others {
		first, second := e, o
		if before {
			first, second = o, e
		}
		if !overlap(first, second) {
			return item, false
		}
		item, _ = Apply(item, o.Event)
	}
	if !before {
		item, _ = Apply(item, e.Event)
	}
	return item, true
}

// differ says that it matters which of two a piece is.
func differ(a, b Item) bool {
	return a.Custody != b.Custody || a.Commitment != b.Commitment || a.Fit() != b.Fit()
}
