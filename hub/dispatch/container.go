// Package dispatch holds the rules of a delivery date after numbering: what a shop packs, what a driver collects, loads and
// delivers, and how each container moves.
package dispatch

import (
	"fmt"
	"slices"
	"time"
)

// State is how far a dated container has come.
type State string

// States of a dated container, in the order in which a day goes.
const (
	Planned   State = "planned"    // numbered; no box yet
	Filled    State = "filled"     // a shop has bound a box to it
	OnAddress State = "on_address" // the box stands on its collection address
	Loaded    State = "loaded"     // a driver has put it into its shipper
	Placed    State = "placed"     // it stands in its slot
)

// Container is a dated container: its assignment, and what has become of it.
type Container struct {
	ID           string
	DeliveryDate string // YYYY-MM-DD
	LocationID   string
	FridgeID     string
	SlotID       string
	ShopID       string
	SpotID       string
	Category     string
	RunID        string
	ShipperID    string
	ShipperGRAI  string
	AddressID    string
	UsedML       int64
	CapacityML   int64
	Broken       Broken // why it must not be loaded

	State     State
	GRAI      string // of the box; empty while planned
	FilledAt  time.Time
	ShelvedAt time.Time
	LoadedAt  time.Time
	PlacedAt  time.Time
}

// IllegalMove says why a container cannot do what was scanned.
type IllegalMove struct {
	Container string
	Reason    string
}

func (e *IllegalMove) Error() string { return fmt.Sprintf("container %s: %s", e.Container, e.Reason) }

func (c *Container) illegal(format string, args ...any) error {
	return &IllegalMove{Container: c.ID, Reason: fmt.Sprintf(format, args...)}
}

// Moves. The same fact told twice, by another device or by one that has forgotten, is no contradiction: the earliest time
// stands. So the state is the same in whatever order devices find the network.

// maxGRAI is the length of the longest GRAI: the filler digit, thirteen digits, a serial of sixteen.
const maxGRAI = 30

// Fill binds a box. A container has one box a date.
func (c *Container) Fill(grai string, at time.Time) error {
	if grai == "" || len(grai) > maxGRAI {
		return c.illegal("box %.40q is no GRAI", grai)
	}
	if c.GRAI != "" && c.GRAI != grai {
		return c.illegal("has box %s already, so %s cannot be bound to it", c.GRAI, grai)
	}
	c.GRAI = grai
	c.advance(Filled)
	c.FilledAt = earliest(c.FilledAt, at)
	return nil
}

// Shelve puts the box on a collection address, which must be the assigned one. Word of it that comes when the box has gone
// on already only fills in the time.
func (c *Container) Shelve(address string, at time.Time) error {
	switch {
	case address != c.AddressID:
		return c.illegal("belongs on address %s, was scanned on %s", c.AddressID, address)
	case c.State == Planned:
		return c.illegal("is %s, want filled", c.State)
	}
	c.advance(OnAddress)
	c.ShelvedAt = earliest(c.ShelvedAt, at)
	return nil
}

// Load puts the box into a shipper of a run, which must be the assigned ones. That the shop has not scanned the address does
// not matter any more. Word of it that comes when the box has been placed already only fills in the time.
func (c *Container) Load(run, shipperGRAI string, at time.Time) error {
	switch {
	case run != c.RunID:
		return c.illegal("rides with run %s, was loaded by %s", c.RunID, run)
	case shipperGRAI != c.ShipperGRAI:
		return c.illegal("goes into shipper %s, was loaded into %s", c.ShipperGRAI, shipperGRAI)
	case c.State == Planned:
		return c.illegal("is %s, want filled or on_address", c.State)
	}
	c.advance(Loaded)
	c.LoadedAt = earliest(c.LoadedAt, at)
	return nil
}

// Place puts the box into a slot, which must be the assigned one. A box that nobody saw being loaded may still arrive.
func (c *Container) Place(slot string, at time.Time) error {
	switch {
	case slot != c.SlotID:
		return c.illegal("belongs in slot %s, was placed in %s", c.SlotID, slot)
	case c.State == Planned:
		return c.illegal("is %s, want filled, on_address or loaded", c.State)
	}
	c.advance(Placed)
	c.PlacedAt = earliest(c.PlacedAt, at)
	return nil
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// advance never takes a container back: devices find the network in any order.
func (c *Container) advance(to State) {
	order := []State{Planned, Filled, OnAddress, Loaded, Placed}
	if slices.Index(order, to) > slices.Index(order, c.State) {
		c.State = to
	}
}

// ClockSlack is how far apart the clocks of two devices may be.
const ClockSlack = 15 * time.Minute

// BoxUse is a dated container that a box was bound to, and from when until when it is busy with that: not before the order
// cutoff of the delivery, and not after its leftovers are collected.
type BoxUse struct {
	Container
	From, Until time.Time
}

// UseAt tells which of a box's uses an event of some time speaks of: the last that was filled by then. Boxes go round, so word
// of yesterday's place may come when today's shop has filled the box already, and today's when only yesterday's filling is
// known. A filling may also be dated too late, when its scanner's clock was not set: then it is the first that was busy then.
func UseAt(uses []BoxUse, at time.Time) (Container, bool) {
	var filled, busy *BoxUse
	for i, u := range uses {
		switch {
		case at.After(u.Until.Add(ClockSlack)) || u.From.After(at.Add(ClockSlack)):
			// it was busy with something else
		case !u.FilledAt.After(at.Add(ClockSlack)):
			if filled == nil || u.FilledAt.After(filled.FilledAt) {
				filled = &uses[i]
			}
		case busy == nil || u.FilledAt.Before(busy.FilledAt):
			busy = &uses[i]
		}
	}
	switch {
	case filled != nil:
		return filled.Container, true
	case busy != nil:
		return busy.Container, true
	}
	return Container{}, false
}
