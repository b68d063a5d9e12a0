package order

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"meguri/hub/capacity"
)

// Causes, in the history of the numbering, of what ended a version of a row.
const (
	CauseMove   = "move" // to make room for another order
	CauseCancel = "cancel"
	CauseExpire = "expire"
	CauseChange = "change" // of an order's lines
	CauseOutage = "outage" // something broke or was called off
	CauseRepair = "repair"
)

// ReasonExpired is why an order ended whose hold passed its deadline.
const ReasonExpired = "not confirmed in time"

// act is a task on one stored order.
type act struct {
	id, by string
	now    time.Time
	result Outcome
	err    error
}

func (a *act) size() int     { return 1 }
func (a *act) current() bool { return false }

// find gives the order, or leaves ErrNotFound: an order never changes its date.
func (a *act) find(o *owner) *Standing {
	a.result, a.err = Outcome{}, nil
	s := o.orders[a.id]
	if s == nil {
		a.err = NotFound(a.id)
		return nil
	}
	a.result = o.outcome(s)
	return s
}

func (o *owner) outcome(s *Standing) Outcome {
	return Outcome{OrderID: s.ID, DeliveryDate: o.date, State: s.State}
}

// move brings an order into another state and gives the decision for it.
func (o *owner) move(s *Standing, to State, v Verb, at time.Time, by string) Decision {
	d := Decision{Verb: v, From: s.State, By: by, At: at.Truncate(time.Millisecond), Order: Order{State: to}}
	d.Order.ID, d.Order.DeliveryDate, d.Order.LocationID, d.Order.HoldUntil = s.ID, o.date, s.LocationID, s.HoldUntil
	s.State = to
	delete(o.held, s.ID)
	return d
}

// end takes an order out of the numbering. Without a book the store finds what the order has by its rows.
func (o *owner) end(b *batch, s *Standing, to State, at time.Time, by, reason, cause string) {
	d := o.move(s, to, End, at, by)
	d.Order.EndedAt, d.Order.EndReason, d.Cause = d.At, reason, cause
	if o.broken != nil {
		d.ByRow = true
	} else {
		d.Change = o.book.Remove(s.ID)
	}
	b.decisions = append(b.decisions, d)
}

// open leaves an error when an order cannot be changed any more.
func (a *act) open(o *owner, s *Standing) bool {
	switch {
	case s.State != Held && s.State != Accepted && !o.mark.Frozen:
		a.err = fmt.Errorf("%w: it is %s", ErrEnded, s.State)
	case o.mark.Frozen || !a.now.Before(o.cutoffs[s.LocationID]):
		a.err = fmt.Errorf("%w: an order is cancelled or changed before it, for then its goods are being prepared", ErrAfterCutoff)
	}
	return a.err == nil
}

// confirming accepts an order that is held. It and expiring are one compare-and-set, since both are decided here.
type confirming struct{ act }

func (c *confirming) decide(o *owner, b *batch) {
	s := c.find(o)
	if s == nil {
		return
	}
	switch s.State {
	case Held:
		if !c.now.Before(o.deadline(s)) {
			o.end(b, s, Expired, c.now, "", ReasonExpired, CauseExpire)
			c.result, c.err = o.outcome(s), ErrExpired
			return
		}
		b.decisions = append(b.decisions, o.move(s, Accepted, Confirm, c.now, c.by))
		c.result = o.outcome(s)
	case Expired:
		c.err = ErrExpired
	case Refused, Cancelled, CalledOff:
		c.err = fmt.Errorf("%w: it is %s", ErrEnded, s.State)
	default:
		c.result.Repeated = true
	}
}

// deadline is when a hold ends: never after the cutoff, also when that was moved since.
func (o *owner) deadline(s *Standing) time.Time {
	if cutoff, has := o.cutoffs[s.LocationID]; has && cutoff.Before(s.HoldUntil) {
		return cutoff
	}
	return s.HoldUntil
}

// expiring gives back what is held past its deadline.
type expiring struct {
	now   time.Time
	ended []string
}

func (e *expiring) size() int     { return 1 }
func (e *expiring) current() bool { return true }

func (e *expiring) decide(o *owner, b *batch) {
	e.ended = nil
	var due []*Standing
	for _, s := range o.held {
		if !e.now.Before(o.deadline(s)) {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b *Standing) int {
		return cmp.Or(a.HoldUntil.Compare(b.HoldUntil), cmp.Compare(a.Sequence, b.Sequence))
	})
	for _, s := range due[:min(len(due), maxBatch)] {
		o.end(b, s, Expired, e.now, "", ReasonExpired, CauseExpire)
		e.ended = append(e.ended, s.ID)
	}
}

// cancelling ends an order for its customer or the office.
type cancelling struct {
	act
	reason string
}

func (c *cancelling) decide(o *owner, b *batch) {
	s := c.find(o)
	switch {
	case s == nil:
	case s.State == Cancelled:
		c.result.Repeated = true
	case c.open(o, s):
		o.end(b, s, Cancelled, c.now, c.by, c.reason, CauseCancel)
		c.result = o.outcome(s)
	}
}

// revising gives an order other lines; with less, no more of anything than it has.
type revising struct {
	act
	lines []Line
	less  bool
}

// more says whether the lines are more of anything than the order has now.
func (r *revising) more(o *owner) bool {
	has := o.book.Units(r.id)
	for _, l := range r.lines {
		if has[l.ProductID] -= l.Quantity; has[l.ProductID] < 0 {
			return true
		}
	}
	return false
}

func (r *revising) decide(o *owner, b *batch) {
	s := r.find(o)
	if s == nil || !r.open(o, s) {
		return
	}
	if s.State == Held && !r.now.Before(o.deadline(s)) {
		r.err = ErrExpired // what holds it back in time gives it back
		return
	}
	if o.broken != nil {
		r.err = o.broken
		return
	}
	if r.less && r.more(o) {
		r.err = ErrMore
		return
	}
	n, err := o.book.Replace(s.ID, s.LocationID, capacityLines(r.lines))
	if r.err = fieldOf(err); r.err != nil {
		return
	}
	d := Decision{Verb: Revise, From: s.State, By: r.by, At: r.now.Truncate(time.Millisecond), Cause: CauseChange, Change: n,
		Order: Order{State: s.State, HoldUntil: s.HoldUntil, LineStates: o.priced(r.lines)}}
	d.Order.ID, d.Order.DeliveryDate, d.Order.LocationID, d.Order.Lines = s.ID, o.date, s.LocationID, r.lines
	s.units = units(r.lines)
	b.decisions = append(b.decisions, d)
}

func units(of []Line) (n int64) {
	for _, line := range of {
		n += line.Quantity
	}
	return n
}

// withdrawing takes units off an order that cannot be delivered. An order of which nothing is left is called off.
type withdrawing struct {
	act
	units  []Unit
	reason string
	cause  string
}

func (w *withdrawing) decide(o *owner, b *batch) {
	s := w.find(o)
	if s == nil || !w.open(o, s) {
		return
	}
	if o.broken != nil {
		w.err = o.broken
		return
	}
	items := make([]capacity.Item, len(w.units))
	for i, u := range w.units {
		items[i] = capacity.Item{Order: s.ID, Line: u.Line, Unit: u.Unit}
	}
	n := o.book.Withdraw(items)
	if len(n.Removed) == 0 {
		w.result.Repeated = true // they are off already, or never were on
		return
	}
	d := Decision{Verb: Withdraw, From: s.State, By: w.by, At: w.now.Truncate(time.Millisecond), Cause: w.cause, Change: n,
		Order: Order{State: s.State, HoldUntil: s.HoldUntil}}
	d.Order.ID, d.Order.DeliveryDate, d.Order.LocationID = s.ID, o.date, s.LocationID
	for _, i := range n.Removed {
		d.Units = append(d.Units, Unit{i.Line, i.Unit})
	}
	b.decisions = append(b.decisions, d)
	if s.units -= int64(len(n.Removed)); s.units == 0 {
		o.end(b, s, CalledOff, w.now, w.by, w.reason, w.cause)
		w.result = o.outcome(s)
	}
}

// looking counts what is left.
type looking struct {
	left capacity.Remaining
	err  error
}

func (*looking) size() int     { return 0 }
func (*looking) current() bool { return true }

func (l *looking) decide(o *owner, _ *batch) {
	if o.broken != nil {
		l.err = o.broken
		return
	}
	l.left, l.err = o.book.Remaining(), nil
}
