package scenario

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Counts is what the people did, in the world's own count.
type Counts struct {
	Placed, Accepted, Refused atomic.Int64
	Filled, Shelved, Short    atomic.Int64
	Stops, Loaded, HandedIn   atomic.Int64
	Served                    atomic.Int64
	Scanned                   atomic.Int64 // doors that somebody opens with a QR code, and no number
	CodesRefused              atomic.Int64 // by a lock, with a sound
}

// Fate is what became of an order in the world, in the hub's words for it.
type Fate string

// Fates of an order.
const (
	PickedUp    Fate = "picked_up"
	LeftOver    Fate = "left_over"
	Undelivered Fate = "undelivered" // all of it was short, so that nobody had anything to fetch
)

// Placement is where a dated container stands.
type Placement struct{ Container, Box, Slot string }

// Visit is a customer who has taken goods out of a fridge and shut its door.
type Visit struct {
	Location, Fridge, Order string
	At                      time.Time
}

// Outage is a time in which a station had no network.
type Outage struct {
	Location, Device string
	From, Until      time.Time
}

// account is the world's own account of the day.
type account struct {
	mu      sync.Mutex
	limits  map[string]int64
	fates   map[string]Fate
	placed  []Placement
	visits  []Visit
	outages []Outage
	gaveUp  []string
	late    int64
}

func newAccount() *account { return &account{limits: map[string]int64{}, fates: map[string]Fate{}} }

func (a *account) with(fn func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fn()
}

// RefusedBy is how many orders the app saw refused for a limit.
func (d *Day) RefusedBy(limit string) (n int64) {
	d.account.with(func() { n = d.account.limits[limit] })
	return n
}

// Fates gives what became of each accepted order whose customer's day is over.
func (d *Day) Fates() (all map[string]Fate) {
	d.account.with(func() { all = maps.Clone(d.account.fates) })
	return all
}

// Placements gives the boxes that drivers have put into slots.
func (d *Day) Placements() (all []Placement) {
	d.account.with(func() { all = slices.Clone(d.account.placed) })
	return all
}

// Visits gives the doors that customers have shut behind them with their goods in hand.
func (d *Day) Visits() (all []Visit) {
	d.account.with(func() { all = slices.Clone(d.account.visits) })
	return all
}

// GaveUp says which customers went home without their goods, and why.
func (d *Day) GaveUp() (all []string) {
	d.account.with(func() { all = slices.Clone(d.account.gaveUp) })
	return all
}

// Outages gives the times in which stations had no network.
func (d *Day) Outages() (all []Outage) {
	d.account.with(func() { all = slices.Clone(d.account.outages) })
	return all
}

// LateStops is the run that was late and how many of its stops it reached so; nothing on a day without incidents.
func (d *Day) LateStops() (run string, stops int64) {
	if route := d.lateRoute(); route != "" {
		run = route + "@" + d.Date
	}
	d.account.with(func() { stops = d.account.late })
	return run, stops
}

// AcceptedOrders gives the orders that were accepted, once intake is over.
func (d *Day) AcceptedOrders() []string {
	var ids []string
	for _, o := range d.accepted {
		ids = append(ids, o.OrderID)
	}
	return ids
}

// AcceptedAt is how many accepted orders are for a location.
func (d *Day) AcceptedAt(location string) (n int64) {
	for _, o := range d.accepted {
		if o.LocationID == location {
			n++
		}
	}
	return n
}
