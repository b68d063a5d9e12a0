// Package check looks at the rows of future deliveries and says what in them the physical world does not allow, whoever wrote
// them. It knows the rules of the world (what a run calls at, what fits, what stands once) and nothing of how orders are
// numbered: it shares no code with hub/capacity or hub/order, so that one mistake cannot be in both. See DESIGN.md.
package check

import (
	"fmt"
	"time"
)

// Container is a dated container as stored. What is a copy of another row may differ from it: the checker goes by the other row.
type Container struct {
	ID                            string
	Sequence                      int64 // in order of opening within the date
	Date                          string
	Location, Fridge, FridgeKind  string
	Slot                          string
	CapacityML, UsedML            int64
	Shop, Spot, Category          string
	Run, Shipper                  string
	ShipperCapacity, ShipperPlace int64
	Address                       string
	State                         string // planned, filled, on_address, loaded, placed
	GRAI                          string // of the box that is bound to it; empty before
}

// Item is one unit of an order that takes capacity.
type Item struct {
	Order                   string
	Line, Unit              int64
	Date                    string
	Product, Shop, Category string
	Container               string
}

func (i Item) key() itemKey { return itemKey{i.Order, i.Line, i.Unit} }

type itemKey struct {
	order      string
	line, unit int64
}

func (k itemKey) String() string { return fmt.Sprintf("%s/%d/%d", k.order, k.line, k.unit) }

// Order is an order as stored.
type Order struct {
	ID             string
	Sequence       int64 // in order of decision within the date
	Date, Location string
	State          string
	HoldUntil      time.Time // of a held one
	PlacedAt       time.Time
}

// held is the state of an order that takes capacity and is not paid.
const held = "held"

// ended are the states in which an order takes nothing. Every other one does.
var ended = map[string]bool{"refused": true, "expired": true, "cancelled": true, "called_off": true}

// Line is what an order asks for of a product.
type Line struct {
	Order               string
	Line                int64
	Product             string
	Quantity, Withdrawn int64 // Withdrawn units of Quantity are not delivered
}

// Network is what stays from date to date. Lists are in the network's own order.
type Network struct {
	Kinds     map[string][]string // fridge kinds by temperature category
	Spots     map[string]string   // where a shop hands in, by shop
	Products  map[string]Product
	Fridges   map[string]Fridge
	Slots     []Slot
	Addresses []Address
	Shippers  map[string]Shipper
	Routes    map[string]bool
}

// Product is a product. What is 0 or false limits nothing.
type Product struct {
	Shop, Category              string
	VolumeML, WeightG           int64
	LengthMM, WidthMM, HeightMM int64
	NoStacking                  bool // nothing stands on it, and it on nothing
	Limit                       Limit
}

// Fridge stands at a location or, the other being empty, at a collection spot.
type Fridge struct{ ID, Location, Spot, Kind string }

// Slot is a place for a container of CapacityML. What else is 0 limits nothing.
type Slot struct {
	ID, Fridge                  string
	CapacityML                  int64
	MaxWeightG, FillPercent     int64
	LengthMM, WidthMM, HeightMM int64 // inner, of its container
}

// roomML is how much may be put into the slot's container.
func (s Slot) roomML() int64 {
	if s.FillPercent == 0 {
		return s.CapacityML
	}
	return s.CapacityML * s.FillPercent / 100
}

// Address is a shelf position at a collection spot, in one of its fridges.
type Address struct{ ID, Spot, Fridge string }

// Shipper is an insulated box for so many containers of one category.
type Shipper struct {
	ID, Category string
	Containers   int64
}

// Day is what is so on one delivery date.
type Day struct {
	Date         string
	Known        bool // there is such a delivery date
	Frozen       bool // numbering has ended
	Revision     int64
	LastSequence int64 // the highest that a container of the date ever had
	Runs         []Run
	Aboard       []Aboard        // in the order in which runs and shippers are tried
	KeptBack     map[string]bool // containers that a person has decided to leave behind
	Out          map[Thing]string
	Cutoffs      map[string]time.Time // by location with a delivery
	Limits       map[string]Limit     // by product, of those that have one for this date
}

// Run is a route on a date, with its stops in order.
type Run struct {
	ID, Route, Date string
	Stops           []Stop
}

// Stop is one stop of a run: kind is collect, deliver or return.
type Stop struct {
	Kind, Place string
	Planned     time.Time
}

// departs is when the run is first planned to be anywhere.
func (r Run) departs() time.Time {
	var first time.Time
	for _, s := range r.Stops {
		if first.IsZero() || s.Planned.Before(first) {
			first = s.Planned
		}
	}
	return first
}

// calls says whether the run is at the spot to collect and after that at the location to deliver.
func (r Run) calls(spot, location string) bool {
	collected := false
	for _, s := range r.Stops {
		switch {
		case s.Kind == "collect" && s.Place == spot:
			collected = true
		case s.Kind == "deliver" && s.Place == location && collected:
			return true
		}
	}
	return false
}

// Aboard is a shipper that rides in a run.
type Aboard struct{ Run, Shipper string }

// Thing is what can be out of service: Kind is slot, fridge, address, shipper, run or location.
type Thing struct{ Kind, ID string }

// Limit is how many units of a product are sold for a date. What was placed until SetAt was sold under another limit; a standing
// limit that was never lowered has none.
type Limit struct {
	Units int64
	SetAt time.Time
}
