package order

import (
	"slices"

	"meguri/hub/capacity"
)

// OutKind is a kind of thing that can be out of service on a date.
type OutKind string

// Kinds of things that break, or are called off.
const (
	OutSlot     OutKind = "slot"
	OutFridge   OutKind = "fridge" // at a station, all its slots; at a collection spot, all its addresses
	OutAddress  OutKind = "address"
	OutShipper  OutKind = "shipper"
	OutRun      OutKind = "run"
	OutLocation OutKind = "location"
)

// Out is a thing that is out of service on some date.
type Out struct {
	Kind OutKind
	ID   string
}

// Without is the network as it is with things out of service. What the network lacks anyway changes nothing.
func Without(n capacity.Network, outs []Out) capacity.Network {
	if len(outs) == 0 {
		return n
	}
	out := map[Out]bool{}
	for _, o := range outs {
		out[o] = true
	}
	is := func(k OutKind, id string) bool { return out[Out{k, id}] }
	n.Locations = without(n.Locations, func(id string) bool { return is(OutLocation, id) })
	n.Slots = without(n.Slots, func(s capacity.Slot) bool {
		return is(OutSlot, s.ID) || is(OutFridge, s.FridgeID) || is(OutLocation, s.LocationID)
	})
	n.Addresses = without(n.Addresses, func(a capacity.Address) bool { return is(OutAddress, a.ID) || is(OutFridge, a.FridgeID) })
	n.Aboard = without(n.Aboard, func(a capacity.Aboard) bool { return is(OutShipper, a.ShipperID) || is(OutRun, a.RunID) })
	n.Calls = without(n.Calls, func(c capacity.Call) bool { return is(OutRun, c.RunID) || is(OutLocation, c.LocationID) })
	return n
}

// without is a list without some of it; the list given stays as it is.
func without[T any](from []T, gone func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(from), gone)
}
