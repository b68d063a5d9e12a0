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
		decisions, known, err := o.numberAnew(ctx, tx, r)
		if err != nil {
			return err
		}
		return tx.AddDecisions(ctx, decisions, known)
	})
	if err != nil {
		return fmt.Errorf("number %s anew: %w", o.date, err)
	}
	return nil
}

func (o *owner) numberAnew(ctx context.Context, tx Tx, r *renumbering) (all []Decision, known time.Time, err error) {
	before, err := tx.Date(ctx, o.date)
	if err != nil {
		return nil, known, err
	}
	known = o.service.knownAt(before.Known, []Decision{{At: r.At}})
	to := Mark{before.Mark.Epoch + 1, before.Mark.Revision + 1, before.Mark.Frozen}
	raised, err := tx.RaiseDate(ctx, o.date, before.Mark, to, known)
	if err == nil && !raised {
		err = ErrStale
	}
	if err != nil {
		return nil, known, err
	}
	book, err := capacity.NewBook(before.Network, before.State)
	if err != nil {
		return nil, known, err
	}
	if err := r.Write(ctx, tx); err != nil {
		return nil, known, err
	}
	network, err := tx.Network(ctx, o.date)
	if err != nil {
		return nil, known, err
	}
	var holding []string
	standing := map[string]Standing{}
	for _, s := range before.Orders {
		if s.State.Holds() {
			holding = append(holding, s.ID)
			standing[s.ID] = s
		}
	}
	change, gone, err := book.Renumber(network, holding)
	r.done = Renumbered{change, gone}
	return r.decisions(o.date, standing), known, err
}

// decisions are one on the numbering, and one on each order that no longer fits.
func (r *renumbering) decisions(date string, standing map[string]Standing) []Decision {
	at := r.At.Truncate(time.Millisecond)
	numbering := Decision{Verb: Renumber, At: at, By: r.By, Cause: r.Cause, Change: r.done.Change}
	numbering.Order.DeliveryDate = date
	all := []Decision{numbering}
	for _, id := range r.done.CalledOff {
		s := standing[id]
		d := Decision{Verb: End, From: s.State, At: at, By: r.By, Cause: r.Cause,
			Order: Order{State: CalledOff, HoldUntil: s.HoldUntil, EndedAt: at, EndReason: r.Reason}}
		d.Order.ID, d.Order.DeliveryDate, d.Order.LocationID = id, date, s.LocationID
		all = append(all, d)
	}
	return all
}
