package dispatch

import (
	"slices"
	"time"
)

// OrderState is how far an order has come after numbering.
type OrderState string

// States of an accepted order. Picked up is inferred from doors, never seen.
const (
	OrderAccepted    OrderState = "accepted"    // its containers are not all in their slots yet
	OrderReady       OrderState = "ready"       // all of its containers are in
	OrderPickedUp    OrderState = "picked_up"   // every fridge that held its goods was opened for it
	OrderLeftOver    OrderState = "left_over"   // was ready, and pickup has closed
	OrderUndelivered OrderState = "undelivered" // was never ready, and pickup has closed
)

// Need is what one dated container holds of an order.
type Need struct {
	ContainerID string
	FridgeID    string
	State       State
	PlacedAt    time.Time // zero before
	Items       int
	Short       int // of Items, how many the shop could not deliver
}

// Wanted leaves out containers whose items of the order are all short: nobody waits for these.
func Wanted(needs []Need) []Need {
	return slices.DeleteFunc(slices.Clone(needs), func(n Need) bool { return n.Short >= n.Items })
}

// Fate is what has become of an order, and when.
type Fate struct {
	State   OrderState
	ReadyAt time.Time // the last of its goods stood in its slot; zero when some do not
	EndedAt time.Time // picked up, or its delivery was closed; zero before
}

// FateOf folds what is known of an order: its needs, when each fridge was opened for it, and when its delivery was closed, zero
// while it is open. It asks for no order of events, so that one that comes late gives the same.
func FateOf(needs []Need, opened map[string]time.Time, closedAt time.Time) Fate {
	wanted := Wanted(needs)
	ready, picked := len(wanted) > 0, len(wanted) > 0
	var readyAt, pickedAt time.Time
	for _, n := range wanted {
		at, ok := opened[n.FridgeID]
		ready, picked = ready && n.State == Placed, picked && ok
		readyAt, pickedAt = latest(readyAt, n.PlacedAt), latest(pickedAt, at)
	}
	f := Fate{State: OrderAccepted}
	if ready {
		f.State, f.ReadyAt = OrderReady, readyAt
	}
	switch {
	case picked:
		f.State, f.EndedAt = OrderPickedUp, pickedAt
	case !closedAt.IsZero() && ready:
		f.State, f.EndedAt = OrderLeftOver, closedAt
	case !closedAt.IsZero():
		f.State, f.EndedAt = OrderUndelivered, closedAt
	}
	return f
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ShortItem is a unit that a shortage may fall on.
type ShortItem struct {
	OrderID string
	Line    int
	Unit    int
	Ordered int64 // order's place in the queue of the date
}

// ChooseShort picks the units that a shortage falls on: who ordered last goes without first.
func ChooseShort(items []ShortItem, units int) []ShortItem {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b ShortItem) int {
		if a.Ordered != b.Ordered {
			return int(b.Ordered - a.Ordered)
		}
		if a.Line != b.Line {
			return b.Line - a.Line
		}
		return b.Unit - a.Unit
	})
	return items[:min(units, len(items))]
}
