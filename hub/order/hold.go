package order

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ExpireDue gives back whatever is held past its deadline, on all dates, and says which orders ended.
func (s *Service) ExpireDue(ctx context.Context, now time.Time) (ended []string, err error) {
	held, err := s.heldDates(ctx)
	if err != nil {
		return nil, err
	}
	var due []string
	for date, first := range held {
		if !now.Before(first) {
			due = append(due, date)
		}
	}
	slices.Sort(due)
	for _, date := range due {
		of, failed := s.Expire(ctx, date, now)
		ended = append(ended, of...)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("expire holds of %s: %w", date, failed))
		}
	}
	return ended, err
}

// Expire gives back what a date holds past its deadline, and says which orders ended.
func (s *Service) Expire(ctx context.Context, date string, now time.Time) (ended []string, err error) {
	for {
		t := &expiring{now: now}
		if err := s.owner(date).do(ctx, t); err != nil {
			return ended, err
		}
		ended = append(ended, t.ended...)
		if len(t.ended) < maxBatch {
			return ended, nil
		}
	}
}

// NextDeadline is when the next hold ends, as far as the database knows; the zero time when nothing is held. A hold that ends
// before it makes Earlier tell.
func (s *Service) NextDeadline(ctx context.Context) (next time.Time, err error) {
	held, err := s.heldDates(ctx)
	if err != nil {
		return next, err
	}
	for _, first := range held {
		if next.IsZero() || first.Before(next) {
			next = first
		}
	}
	s.mu.Lock()
	s.next = next
	s.mu.Unlock()
	return next, nil
}

// Earlier tells when this service has stored a hold that ends before the deadline that NextDeadline gave last.
func (s *Service) Earlier() <-chan struct{} { return s.wake }

func (s *Service) heldDates(ctx context.Context) (held map[string]time.Time, err error) {
	err = s.store.Read(ctx, func(tx Tx) (err error) {
		held, err = tx.HeldDates(ctx)
		return err
	})
	return held, err
}

// committed remembers the dates of what is held now, and tells of a deadline that is earlier than the next known one.
func (s *Service) committed(decisions []Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	earlier := false
	for i := range decisions {
		o := &decisions[i].Order
		if o.State != Held {
			delete(s.dates, o.ID)
			continue
		}
		if len(s.dates) < maxDates {
			s.dates[o.ID] = o.DeliveryDate
		}
		if s.next.IsZero() || o.HoldUntil.Before(s.next) {
			s.next, earlier = o.HoldUntil, true
		}
	}
	if earlier {
		select {
		case s.wake <- struct{}{}:
		default: // it is told already
		}
	}
}
