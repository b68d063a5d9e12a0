package order

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meguri/hub/capacity"
)

// Service decides on orders. Each delivery date has one owner in memory, which knows what is numbered; every transaction
// compares and raises the date's epoch and revision, so that an owner whose memory has become old, because another process has
// written, cannot sell a place twice: it forgets, loads again and decides again.
//
// A Service may be used by several goroutines at once. Nobody hears of a decision before it is durable.
type Service struct {
	store Store
	clock func() time.Time // nil: what is stored is known since it was decided

	mu     sync.Mutex
	owners map[string]*owner
	dates  map[string]string // of held orders, so that a confirmation need not look for its date
	next   time.Time         // the earliest deadline that the one who expires knows of
	wake   chan struct{}
}

const (
	// maxOwners bounds the dates that are held in memory.
	maxOwners = 64
	// maxDates bounds the orders whose dates are remembered; those of others are looked up.
	maxDates = 200_000
	// MaxGroup bounds the orders that are placed at once.
	MaxGroup = 256
)

// NewService makes the service of a store.
func NewService(store Store) *Service {
	return &Service{store: store, owners: map[string]*owner{}, dates: map[string]string{}, wake: make(chan struct{}, 1)}
}

// WithClock has the history say when something was stored by a clock, for a decision may be dated otherwise: the orders of an
// imported file arrive just before their cutoff.
func (s *Service) WithClock(now func() time.Time) *Service {
	s.clock = now
	return s
}

// knownAt is when decisions become known: by the clock, or when the last of them was made; but always after those that were known
// before, whatever the clocks of this hub and others say, so that each moment has one version of a row.
func (s *Service) knownAt(last time.Time, decisions []Decision) (at time.Time) {
	if s.clock != nil {
		at = s.clock().Truncate(time.Millisecond)
	} else {
		for i := range decisions {
			if decisions[i].At.After(at) {
				at = decisions[i].At
			}
		}
	}
	if !at.After(last) {
		at = last.Add(time.Millisecond)
	}
	return at
}

// Place decides on an order. A request that was decided before gets the same outcome again, also after the cutoff.
//
// Expected errors are *FieldError, ErrConflict, ErrKeyReused, ErrAfterCutoff, ErrBusy and, while rows of the date are broken,
// *capacity.BrokenError. After any other it is not known
// whether the order was stored; placing it again tells.
func (s *Service) Place(ctx context.Context, r Request, arrived time.Time, by string) (Outcome, error) {
	result, err := s.take(ctx, r, arrived, by)
	return result.Outcome, err
}

// Take is Place that answers with the whole order, and says whether it had been decided before.
func (s *Service) Take(ctx context.Context, r Request, arrived time.Time, by string) (o Order, repeated bool, err error) {
	result, err := s.take(ctx, r, arrived, by)
	if err != nil {
		return Order{}, false, err
	}
	if result.Outcome.Repeated {
		o, err = s.Get(ctx, r.ID)
		return o, true, err
	}
	return result.Order(), false, nil
}

func (s *Service) take(ctx context.Context, r Request, arrived time.Time, by string) (Result, error) {
	results, err := s.PlaceGroup(ctx, []Arrival{{r, arrived, by}})
	if err != nil {
		return Result{}, err
	}
	return results[0], results[0].Err
}

// PlaceGroup decides on orders for one delivery date in the order given, in one transaction. Each has an outcome or an
// expected error of its own; when PlaceGroup itself fails, none of them is known to be stored.
func (s *Service) PlaceGroup(ctx context.Context, arrivals []Arrival) ([]Result, error) {
	if len(arrivals) == 0 || len(arrivals) > MaxGroup {
		return nil, fmt.Errorf("place %d orders at once: want 1 to %d", len(arrivals), MaxGroup)
	}
	t := &placing{arrivals: arrivals, results: make([]Result, len(arrivals))}
	date := arrivals[0].Request.DeliveryDate
	wrong := 0
	for i, a := range arrivals {
		if a.Request.DeliveryDate != date {
			return nil, fmt.Errorf("place orders at once: want all for %s, one is for %s", date, a.Request.DeliveryDate)
		}
		if t.results[i].Err = a.Request.Check(); t.results[i].Err != nil {
			wrong++
		}
	}
	if wrong == len(arrivals) {
		return t.results, nil
	}
	err := s.owner(date).do(ctx, t)
	if errors.Is(err, ErrNoDelivery) {
		return noDelivery(t), nil
	}
	if err != nil {
		return nil, err
	}
	return t.results, s.answerRepeats(ctx, t.results)
}

func noDelivery(t *placing) []Result {
	results := make([]Result, len(t.arrivals))
	for i, a := range t.arrivals {
		if results[i].Err = a.Request.Check(); results[i].Err == nil {
			results[i].Err = &FieldError{"delivery_date", a.Request.DeliveryDate, "a date with deliveries"}
		}
	}
	return results
}

// answerRepeats gives the stored outcome to those who ask the same again.
func (s *Service) answerRepeats(ctx context.Context, results []Result) error {
	for i := range results {
		r := &results[i]
		if !r.stored {
			continue
		}
		stored, err := s.Get(ctx, r.arrival.Request.ID)
		if err != nil {
			return fmt.Errorf("order %s: %w", r.arrival.Request.ID, err)
		}
		r.Outcome = stored.Outcome()
		r.Outcome.Repeated = true
		if !stored.Same(r.arrival.Request) {
			*r = Result{Err: ErrConflict}
		}
	}
	return nil
}

// Confirm accepts an order that is held, once it is paid. An order that is accepted already, or has gone further, is so for the
// outcome says: it was Repeated.
//
// Of it and the end of the hold exactly one happens. Expected errors are ErrNotFound, ErrExpired, ErrEnded, which says what the
// order is, and ErrBusy; after any other it is not known whether it is confirmed, and confirming again tells.
func (s *Service) Confirm(ctx context.Context, id, by string, now time.Time) (Outcome, error) {
	t := &confirming{act{id: id, by: by, now: now}}
	return s.act(ctx, t, &t.act)
}

// Cancel ends an order that is held or accepted, for its customer or the office, and frees what it takes. From the cutoff on it
// is refused with ErrAfterCutoff. Other expected errors are ErrNotFound, ErrEnded, *FieldError and ErrBusy. Cancel, Confirm and
// Expire work also while rows of the date are broken; Place, Revise and Withdraw are then refused with *capacity.BrokenError.
func (s *Service) Cancel(ctx context.Context, id, by, reason string, now time.Time) (Outcome, error) {
	if len(reason) > MaxReason {
		return Outcome{}, &FieldError{"reason", clip(reason), fmt.Sprintf("at most %d bytes", MaxReason)}
	}
	t := &cancelling{act{id: id, by: by, now: now}, reason}
	return s.act(ctx, t, &t.act)
}

// Revise gives an order other lines in the place of all it has. When they do not fit it stays as it was, and the error is a
// *capacity.Refused; else those of Cancel, and ErrExpired.
func (s *Service) Revise(ctx context.Context, id, by string, lines []Line, now time.Time) (Outcome, error) {
	if err := checkLines(lines); err != nil {
		return Outcome{}, err
	}
	t := &revising{act: act{id: id, by: by, now: now}, lines: lines}
	return s.act(ctx, t, &t.act)
}

// Lessen is Revise for who may take goods off an order and put none on: with more of anything than the order has at that moment it is
// ErrMore. What others take off meanwhile counts: the moment is that of the decision, not of the question.
func (s *Service) Lessen(ctx context.Context, id, by string, lines []Line, now time.Time) (Outcome, error) {
	if err := checkLines(lines); err != nil {
		return Outcome{}, err
	}
	t := &revising{act: act{id: id, by: by, now: now}, lines: lines, less: true}
	return s.act(ctx, t, &t.act)
}

// Withdraw takes units off an order, since they cannot be delivered; those that are off already change nothing. An order of
// which nothing is left is called off, for the reason. Errors are those of Cancel.
func (s *Service) Withdraw(ctx context.Context, id, by string, of []Unit, reason string, now time.Time) (Outcome, error) {
	t := &withdrawing{act{id: id, by: by, now: now}, of, reason, CauseOutage}
	return s.act(ctx, t, &t.act)
}

func (s *Service) act(ctx context.Context, t task, a *act) (Outcome, error) {
	s.mu.Lock()
	date, known := s.dates[a.id]
	s.mu.Unlock()
	if !known {
		err := s.store.Read(ctx, func(tx Tx) (err error) {
			date, err = tx.DateOfOrder(ctx, a.id)
			return err
		})
		if err != nil {
			return Outcome{}, err
		}
	}
	if err := s.owner(date).do(ctx, t); err != nil {
		return Outcome{}, err
	}
	return a.result, a.err
}

// Get gives a stored order with its assignments, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (o Order, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		o, err = tx.Order(ctx, id)
		return err
	})
	return o, err
}

// OfKey gives what was decided under a person's idempotency key, or ErrNotFound.
func (s *Service) OfKey(ctx context.Context, person, key string) (k Keyed, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		k, err = tx.OrderOfKey(ctx, person, key)
		return err
	})
	return k, err
}

// AsDecided gives the order as it was when it was decided under a key, with the items where they were then. Lines are as they are
// now.
func (s *Service) AsDecided(ctx context.Context, k Keyed) (o Order, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		if o, err = tx.Order(ctx, k.OrderID); err != nil {
			return err
		}
		o.Items, err = tx.ItemsKnownAt(ctx, k.OrderID, k.At)
		return err
	})
	if k.State != Held {
		o.HoldUntil = time.Time{}
	}
	o.State, o.ReadyAt, o.EndedAt, o.EndReason = k.State, time.Time{}, time.Time{}, ""
	return o, err
}

// Remaining says what a date has room for now, or ErrNoDelivery, or *capacity.BrokenError.
func (s *Service) Remaining(ctx context.Context, date string) (capacity.Remaining, error) {
	t := &looking{}
	if err := s.owner(date).do(ctx, t); err != nil {
		return capacity.Remaining{}, err // t may still be written to
	}
	return t.left, t.err
}

// owner gives a date's owner.
func (s *Service) owner(date string) *owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.owners[date]
	if o == nil {
		s.makeRoom()
		o = &owner{date: date, service: s}
		s.owners[date] = o
	}
	return o
}

// makeRoom forgets dates until there is room for one more, first those that nobody asks for. Two owners of one date may then be
// at work for a moment; the revision keeps them from harm, as it does with two processes.
func (s *Service) makeRoom() {
	for date, o := range s.owners {
		if len(s.owners) >= maxOwners && o.idle() {
			delete(s.owners, date)
		}
	}
	for date := range s.owners {
		if len(s.owners) < maxOwners {
			return
		}
		delete(s.owners, date)
	}
}

func (s *Service) forget(o *owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owners[o.date] == o {
		delete(s.owners, o.date)
	}
}
