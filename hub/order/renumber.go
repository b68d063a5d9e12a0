package order

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/capacity"
)

// Renumbering is a change of what can be used on a date.
type Renumbering struct {
	// Write stores what has changed, in the transaction that numbers anew; it may run more than once.
	Write  func(ctx context.Context, tx Tx) error
	At     time.Time
	By     string // person
	Reason string // what those are told whose orders are called off
	Cause  string // for the history of the numbering: CauseOutage or CauseRepair
}

// Renumbered is what became of a date.
type Renumbered struct {
	Change    capacity.Change
	CalledOff []string // orders that no longer fit, in order of decision
}

// Renumber numbers a date anew on what Write leaves of its network, with as few moves as are found. What no longer fits is called
// off, whole orders, those that were accepted last first. It works on frozen dates too: who may do that is the caller's to say.
func (s *Service) Renumber(ctx context.Context, date string, r Renumbering) (Renumbered, error) {
	t := &renumbering{Renumbering: r}
	if err := s.owner(date).do(ctx, t); err != nil {
		return Renumbered{}, err
	}
	return t.done, nil
}

// renumbering is decided alone in its transaction, on what that transaction reads.
type renumbering struct {
	Renumbering
	done Renumbered
}

func (*renumbering) size() int             { return 1 }
func (*renumbering) current() bool         { return true }
func (*renumbering) decide(*owner, *batch) {}

func (o *owner) renumber(ctx context.Context, r *renumbering) error {
	o.drop() // its next task loads what this one leaves
	err := o.service.store.Change(ctx, func(tx Tx) error {
		decisions, err := o.numberAnew(ctx, tx, r)
		if err != nil || len(decisions) == 0 {
			return err
		}
		return tx.AddDecisions(ctx, decisions, o.service.knownAt(decisions))
	})
	if err != nil {
		return fmt.Errorf("number %s anew: %w", o.date, err)
	}
	return nil
}

func (o *owner) numberAnew(ctx context.Context, tx Tx, r *renumbering) ([]Decision, error) {
	before, err := tx.Date(ctx, o.date)
	if err != nil {
		return nil, err
	}
	to := Mark{before.Mark.Epoch + 1, before.Mark.Revision + 1, before.Mark.Frozen}
	raised, err := tx.RaiseDate(ctx, o.date, before.Mark, to)
	if err != nil {
		return nil, err
	}
	if !raised {
		return nil, ErrStale
	}
	book, err := capacity.NewBook(before.Network, before.State)
	if err != nil {
		return nil, err
	}
	if err := r.Write(ctx, tx); err != nil {
		return nil, err
	}
	network, err := tx.Network(ctx, o.date)
	if err != nil {
		return nil, err
	}
	var m memory
	m.install(before, book)
	var holding []string
	for _, s := range before.Orders {
		if s.State.Holds() {
			holding = append(holding, s.ID)
		}
	}
	change, gone, err := book.Renumber(network, holding)
	if err != nil {
		return nil, err
	}
	r.done = Renumbered{change, gone}
	return calledOff(o, m, r), nil
}

// calledOff are the decisions: one on the numbering, and one on each order that does not fit.
func calledOff(o *owner, m memory, r *renumbering) []Decision {
	at := r.At.Truncate(time.Millisecond)
	numbering := Decision{Verb: Renumber, At: at, By: r.By, Cause: r.Cause, Change: r.done.Change}
	numbering.Order.DeliveryDate = o.date
	all := []Decision{numbering}
	for _, id := range r.done.CalledOff {
		s := m.orders[id]
		d := Decision{Verb: End, From: s.State, At: at, By: r.By, Cause: r.Cause, Order: Order{State: CalledOff, EndedAt: at, EndReason: r.Reason}}
		d.Order.ID, d.Order.DeliveryDate, d.Order.LocationID, d.Order.HoldUntil = id, o.date, s.LocationID, s.HoldUntil
		all = append(all, d)
	}
	return all
}
