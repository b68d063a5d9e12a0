package quality

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/hub/dispatch"
	"meguri/hub/payment"
	"meguri/hub/people"
	"meguri/hub/store"
)

var noBill = payment.ErrNotFound

// Act is what a person does about a place or a container, and why.
type Act struct {
	Scope  store.Scope
	ID     string
	By     string // person
	Reason string
	At     time.Time
}

// Errors of the service, beside store.ErrNotFound.
var (
	// ErrNothing says that there is nothing in the scope to hold, or to decide about.
	ErrNothing = errors.New("nothing there to decide about")
	// ErrDecision is a decision that there is not.
	ErrDecision = errors.New("decision: want released or condemned")
	// ErrReason is a reason that nobody could understand later.
	ErrReason = errors.New("no reason")
	// ErrScope is a scope that there is not.
	ErrScope = errors.New("scope: want container, fridge, shipper or location")
)

func (a Act) check() error {
	switch a.Scope {
	case store.ScopeContainer, store.ScopeFridge, store.ScopeShipper, store.ScopeLocation:
		if err := dispatch.CheckReason(a.Reason); err != nil {
			return fmt.Errorf("%w: %w", ErrReason, err)
		}
		return nil
	}
	return ErrScope
}

// change runs fn in a transaction.
func (s *Service) change(ctx context.Context, now time.Time, fn func(*turn) error) error {
	return s.Store.Change(ctx, func(tx *store.Tx) error {
		t := &turn{service: s, ctx: ctx, tx: tx, now: now.Truncate(time.Millisecond)}
		if err := fn(t); err != nil {
			return err
		}
		t.tell()
		return nil
	})
}

// Decide releases or condemns all that is held in a scope, in one act, and gives the holds. Which ones the person has seen matters: with
// expect set it is about exactly those, as Seen names them, and refused when one of them is not open any more, or says something else.
func (s *Service) Decide(ctx context.Context, act Act, decision store.Decision, expect []string) (decided []store.Hold, err error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	if decision != store.Released && decision != store.Condemned {
		return nil, ErrDecision
	}
	err = s.change(ctx, act.At, func(t *turn) error {
		decided = nil
		open, err := t.tx.OpenHoldsIn(ctx, act.Scope, act.ID)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			return ErrNothing
		}
		if expect != nil {
			if open, err = seen(open, expect); err != nil {
				return err
			}
		}
		for _, h := range open {
			h.Decision, h.DecidedAt, h.DecidedBy, h.Why = decision, t.now, act.By, act.Reason
			if _, err := t.decide(h); err != nil {
				return err
			}
			decided = append(decided, h)
		}
		return t.tx.RecordAct(ctx, people.NewAct(t.now, act.By, "quality."+string(decision), act.ID,
			fmt.Sprintf("%s, %d held: %s", act.Scope, len(open), act.Reason)))
	})
	return decided, err
}

// ErrChanged says that what a person has looked at is not so any more.
var ErrChanged = errors.New("what is held has changed since this was looked at")

// Seen names a hold as it says now: by its id and the revision of the judgement that it follows from.
func Seen(h store.Hold) string { return fmt.Sprintf("%s#%d", h.ID, h.Revision) }

// seen gives the holds that were looked at; a name without a revision is about whatever the hold says by now.
func seen(open []store.Hold, names []string) ([]store.Hold, error) {
	var all []store.Hold
	for _, name := range names {
		i := slices.IndexFunc(open, func(h store.Hold) bool { return name == h.ID || name == Seen(h) })
		if i < 0 {
			return nil, ErrChanged
		}
		all = append(all, open[i])
	}
	if len(all) == 0 {
		return nil, ErrNothing
	}
	return all, nil
}

// Hold holds all that stands or rides in a scope, because a person says so: from a time on (zero for now).
func (s *Service) Hold(ctx context.Context, act Act, from time.Time) (held []store.Hold, err error) {
	if err := act.check(); err != nil {
		return nil, err
	}
	err = s.change(ctx, act.At, func(t *turn) error {
		held = nil
		containers, err := t.tx.ContainersIn(ctx, act.Scope, act.ID)
		if err != nil {
			return err
		}
		for _, id := range containers {
			c, err := t.tx.Container(ctx, id)
			if err != nil {
				return err
			}
			h := store.Hold{ID: fmt.Sprintf("%s/person/%d", id, t.now.UnixMilli()), Container: id, Position: positionOf(c), Cause: store.CausePerson,
				Since: since(from, t.now), HeldAt: t.now, HeldBy: act.By, Reason: alarm.Said(act.Reason)}
			if err := t.hold(c, h); err != nil {
				return err
			}
			held = append(held, h)
		}
		if len(held) == 0 {
			return ErrNothing
		}
		return t.tx.RecordAct(ctx, people.NewAct(t.now, act.By, "quality.hold", act.ID,
			fmt.Sprintf("%s, %d containers: %s", act.Scope, len(held), act.Reason)))
	})
	return held, err
}

func positionOf(c dispatch.Container) string {
	switch c.State {
	case dispatch.Placed:
		return c.FridgeID
	case dispatch.Loaded:
		return c.ShipperID
	}
	return c.AddressID
}

// ErrProbing is a probing that cannot have been: of another time, or a temperature that no thermometer here reads.
var ErrProbing = errors.New("probing: want a time of the last 7 days and -60 to 80 °C")

// Probe takes a temperature that a person took at a fridge or in a shipper, or is store.ErrNotFound. It may close a gap.
func (s *Service) Probe(ctx context.Context, position string, p coldchain.Probing, now time.Time) error {
	if p.At.After(now.Add(time.Minute)) || now.Sub(p.At) > 7*24*time.Hour || p.MilliC < -60_000 || p.MilliC > 80_000 {
		return ErrProbing
	}
	return s.change(ctx, now, func(t *turn) error {
		if _, err := t.tx.AlarmLimit(ctx, position); err != nil {
			return err
		}
		if err := t.tx.AddProbing(ctx, people.NewID("b"), position, p); err != nil {
			return err
		}
		if err := t.tx.MarkDue(ctx, position, p.At.Add(-24*time.Hour), t.now); err != nil {
			return err
		}
		return t.tx.RecordAct(ctx, people.NewAct(t.now, p.By, "quality.probing", position, fmt.Sprintf("%.1f °C", float64(p.MilliC)/1000)))
	})
}
