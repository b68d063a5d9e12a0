package dispatch

import "slices"

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
	Items       int
	Short       int // of Items, how many the shop could not deliver
}

// Wanted leaves out containers whose items of the order are all short: nobody waits for these.
func Wanted(needs []Need) []Need {
	return slices.DeleteFunc(slices.Clone(needs), func(n Need) bool { return n.Short >= n.Items })
}

// StateOf folds what is known of an order: its needs and the fridges that were opened for it. It asks for no order of
// events, so that one that comes late gives the same state.
func StateOf(needs []Need, opened []string, closed bool) OrderState {
	wanted := Wanted(needs)
	ready, picked := len(wanted) > 0, len(wanted) > 0
	for _, n := range wanted {
		ready = ready && n.State == Placed
		picked = picked && slices.Contains(opened, n.FridgeID)
	}
	switch {
	case picked:
		return OrderPickedUp
	case closed && ready:
		return OrderLeftOver
	case closed:
		return OrderUndelivered
	case ready:
		return OrderReady
	}
	return OrderAccepted
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
