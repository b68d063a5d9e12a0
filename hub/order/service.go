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
// compares and raises the date's revision, so that an owner whose memory has become old, because another process has
// written, cannot sell a place twice: it forgets, loads again and decides again.
//
// A Service may be used by several goroutines at once.
type Service struct {
	store  Store
	mu     sync.Mutex
	owners map[string]*owner
}

const (
	// maxOwners bounds the dates that are held in memory.
	maxOwners = 64
	// maxTries bounds how often a decision is made again because others have written. Each time somebody got on.
	maxTries = 100
	// MaxGroup bounds the orders that are decided in one transaction.
	MaxGroup = 256
)

// NewService makes the service of a store.
func NewService(store Store) *Service {
	return &Service{store: store, owners: map[string]*owner{}}
}

// Arrival is a request with when it came and who brought it.
type Arrival struct {
	Request Request
	At      time.Time
	By      string // person
}

// Result is the answer to one arrival.
type Result struct {
	Outcome Outcome
	Err     error // *FieldError, ErrConflict or ErrAfterCutoff
}

// Place decides on an order. A request that was decided before gets the same outcome again, also after the cutoff.
//
// Expected errors are *FieldError, ErrConflict, ErrAfterCutoff and ErrBusy. After any other it is not known whether the
// order was stored; placing it again tells.
func (s *Service) Place(ctx context.Context, r Request, arrived time.Time, by string) (Outcome, error) {
	results, err := s.PlaceGroup(ctx, []Arrival{{r, arrived, by}})
	if err != nil {
		return Outcome{}, err
	}
	return results[0].Outcome, results[0].Err
}

// PlaceGroup decides on orders for one delivery date in the order given, in one transaction. Each has an outcome or an
// expected error of its own; when PlaceGroup itself fails, none of them is known to be stored.
func (s *Service) PlaceGroup(ctx context.Context, arrivals []Arrival) ([]Result, error) {
	if len(arrivals) == 0 || len(arrivals) > MaxGroup {
		return nil, fmt.Errorf("place %d orders at once: want 1 to %d", len(arrivals), MaxGroup)
	}
	results := make([]Result, len(arrivals))
	date := arrivals[0].Request.DeliveryDate
	wrong := 0
	for i, a := range arrivals {
		if a.Request.DeliveryDate != date {
			return nil, fmt.Errorf("place orders at once: want all for %s, one is for %s", date, a.Request.DeliveryDate)
		}
		if results[i].Err = a.Request.Check(); results[i].Err != nil {
			wrong++
		}
	}
	if wrong == len(arrivals) {
		return results, nil
	}
	o, err := s.take(ctx, date)
	if err != nil {
		return nil, err
	}
	defer o.release()
	for range maxTries {
		err := o.place(ctx, s.store, arrivals, results)
		switch {
		case errors.Is(err, errStale):
			continue
		case errors.Is(err, ErrNoDelivery):
			s.forget(date)
			return noDelivery(arrivals, results), nil
		case errors.Is(err, ErrConflict) && len(arrivals) > 1:
			return s.oneByOne(ctx, o, arrivals, results)
		}
		if err != nil {
			return nil, err
		}
		return results, nil
	}
	return nil, fmt.Errorf("place orders for %s: %w", date, ErrBusy)
}

// oneByOne finds out which order of a group has an id that an order for another date uses.
func (s *Service) oneByOne(ctx context.Context, o *owner, arrivals []Arrival, results []Result) ([]Result, error) {
	for i := range arrivals {
		for try := 0; ; try++ {
			err := o.place(ctx, s.store, arrivals[i:i+1], results[i:i+1])
			if err == nil {
				break
			}
			if !errors.Is(err, errStale) || try == maxTries {
				return nil, err
			}
		}
	}
	return results, nil
}

func noDelivery(arrivals []Arrival, results []Result) []Result {
	for i := range results {
		if results[i].Err == nil {
			results[i].Err = &FieldError{"delivery_date", arrivals[i].Request.DeliveryDate, "a date with deliveries"}
		}
	}
	return results
}

// Get gives a stored order with its assignments, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (o Order, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		o, err = tx.Order(ctx, id)
		return err
	})
	return o, err
}

// Remaining says what a date has room for now, or ErrNoDelivery.
func (s *Service) Remaining(ctx context.Context, date string) (capacity.Remaining, error) {
	o, err := s.take(ctx, date)
	if err != nil {
		return capacity.Remaining{}, err
	}
	defer o.release()
	if err := o.refresh(ctx, s.store); err != nil {
		if errors.Is(err, ErrNoDelivery) {
			s.forget(date)
		}
		return capacity.Remaining{}, err
	}
	return o.book.Remaining(), nil
}

// take waits for a date's owner. It is to be released.
func (s *Service) take(ctx context.Context, date string) (*owner, error) {
	s.mu.Lock()
	o := s.owners[date]
	if o == nil {
		s.makeRoom()
		o = &owner{date: date, turn: make(chan struct{}, 1)}
		s.owners[date] = o
	}
	s.mu.Unlock()
	select {
	case o.turn <- struct{}{}:
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// makeRoom forgets dates until there is room for one more. Two owners of one date may then be at work for a moment; the
// revision keeps them from harm, as it does with two processes.
func (s *Service) makeRoom() {
	for date := range s.owners {
		if len(s.owners) < maxOwners {
			return
		}
		delete(s.owners, date)
	}
}

func (s *Service) forget(date string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.owners, date)
}
