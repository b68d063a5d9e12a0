package order

import (
	"errors"
	"fmt"
	"time"

	"meguri/hub/capacity"
)

// Arrival is a request with when it came and who brought it.
type Arrival struct {
	Request Request
	At      time.Time
	By      string // person
}

// Result is the answer to one arrival.
type Result struct {
	Outcome Outcome
	Err     error // *FieldError, ErrConflict, ErrKeyReused, ErrAfterCutoff or *capacity.BrokenError

	arrival  Arrival
	decision Decision // of a new order
	stored   bool     // had been decided before: what was decided is to be read
}

// Order is the order as it was decided, with its numbering; only of a new one.
func (r Result) Order() Order {
	o := r.decision.Order
	o.Items = itemsOf(r.decision.Change)
	return o
}

// Moves is how many items and containers of others had to be somewhere else for a new order.
func (r Result) Moves() int { return r.decision.Change.Moves() }

// itemsOf joins the items of a change with the containers that they are in.
func itemsOf(c capacity.Change) []Item {
	items := make([]Item, 0, len(c.Added))
	for _, i := range c.Added {
		in := containerOf(c, i.ContainerID)
		items = append(items, Item{Line: i.Line, Unit: i.Unit, ProductID: i.Product, ShopID: i.Shop, Category: i.Category,
			ContainerID: i.ContainerID, FridgeID: in.Slot.FridgeID, SlotID: in.Slot.ID, RunID: in.Run, ShipperID: in.Shipper,
			AddressID: in.Address})
	}
	return items
}

func containerOf(c capacity.Change, id string) capacity.Container {
	for _, of := range [][]capacity.Container{c.Opened, c.Filled} {
		for i := range of {
			if of[i].ID == id {
				return of[i]
			}
		}
	}
	for i := range c.Relocated {
		if c.Relocated[i].To.ID == id {
			return c.Relocated[i].To
		}
	}
	return capacity.Container{}
}

// placing takes orders.
type placing struct {
	arrivals []Arrival
	results  []Result
}

func (p *placing) size() int     { return len(p.arrivals) }
func (p *placing) current() bool { return false }

func (p *placing) decide(o *owner, b *batch) {
	for i, a := range p.arrivals {
		if p.results[i] = (Result{Err: a.Request.Check(), arrival: a}); p.results[i].Err == nil {
			p.one(o, b, &p.results[i])
		}
	}
}

func (p *placing) one(o *owner, b *batch, r *Result) {
	a := r.arrival
	switch id := a.Request.ID; {
	case o.orders[id] != nil:
		r.stored = true
		return
	case o.taken[id]:
		r.Err = ErrConflict
		return
	case a.Request.Key.Text != "" && o.reused[KeyOf{a.By, a.Request.Key.Text}]:
		r.Err = ErrKeyReused
		return
	}
	if r.Err = o.takesOrders(a); r.Err != nil {
		return
	}
	n, err := o.number(a.Request)
	var refused *capacity.Refused
	if err != nil && !errors.As(err, &refused) {
		r.Err = err
		return
	}
	r.decision = o.placed(a, n, refused)
	r.Outcome = r.decision.Order.Outcome()
	b.decisions = append(b.decisions, r.decision)
}

// placed is the decision on a new order, which the memory knows from now on.
func (o *owner) placed(a Arrival, n capacity.Change, refused *capacity.Refused) Decision {
	at := a.At.Truncate(time.Millisecond)
	d := Decision{Verb: Place, Key: a.Request.Key, Change: n, At: at,
		Order: Order{Request: a.Request, State: Accepted, PlacedBy: a.By, PlacedAt: at, LineStates: o.priced(a.Request.Lines)}}
	d.Order.Key, d.Order.Hold = Key{}, 0
	switch {
	case refused != nil:
		d.Order.State, d.Order.Limit, d.Order.What = Refused, refused.Limit, refused.What
	case a.Request.Hold > 0:
		d.Order.State, d.Order.HoldUntil = Held, at.Add(a.Request.Hold)
		if cutoff := o.cutoffs[a.Request.LocationID]; d.Order.HoldUntil.After(cutoff) {
			d.Order.HoldUntil = cutoff
		}
	}
	d.Sequence = o.sequence + 1
	o.add(&Standing{ID: d.Order.ID, Sequence: d.Sequence, State: d.Order.State, LocationID: d.Order.LocationID,
		HoldUntil: d.Order.HoldUntil, units: int64(len(n.Added))})
	return d
}

func (o *owner) priced(lines []Line) []LineState {
	states := make([]LineState, len(lines))
	for i, line := range lines {
		states[i].UnitPriceYen = o.prices[line.ProductID]
	}
	return states
}

func (o *owner) takesOrders(a Arrival) error {
	cutoff, ok := o.cutoffs[a.Request.LocationID]
	if !ok {
		return &FieldError{"location_id", a.Request.LocationID, "a location with a delivery on " + o.date}
	}
	if o.mark.Frozen || !a.At.Before(cutoff) {
		return ErrAfterCutoff
	}
	return nil
}

func (o *owner) number(r Request) (capacity.Change, error) {
	if o.broken != nil {
		return capacity.Change{}, o.broken
	}
	n, err := o.book.Place(r.ID, r.LocationID, capacityLines(r.Lines))
	return n, fieldOf(err)
}

func capacityLines(of []Line) []capacity.Line {
	lines := make([]capacity.Line, len(of))
	for i, line := range of {
		lines[i] = capacity.Line{Product: line.ProductID, Quantity: line.Quantity}
	}
	return lines
}

// fieldOf tells of an unknown product by its field.
func fieldOf(err error) error {
	var unknown *capacity.Unknown
	if errors.As(err, &unknown) && unknown.Kind == "product" {
		return &FieldError{fmt.Sprintf("lines[%d].product_id", unknown.Line), unknown.ID, "the id of a product"}
	}
	return err
}
