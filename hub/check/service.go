package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Store is where the rows are.
type Store interface {
	// Read runs fn on one consistent view.
	Read(ctx context.Context, fn func(Source) error) error
	// Change runs fn in a transaction, perhaps more than once, and commits it when fn returns nil.
	Change(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction that repairs, or keeps what was found.
type Tx interface {
	Source
	// RaiseRevision raises a date's revision, also of a frozen one, if it is still from, and says whether it was.
	RaiseRevision(ctx context.Context, date string, from int64, now time.Time) (bool, error)
	// ApplyRepair changes the rows and writes their history, with cause repair. It is ErrChanged when a row is not as Before says.
	ApplyRepair(ctx context.Context, r Repair, now time.Time) error
	// NewSheets makes new versions of the papers of a frozen date that the finding's repair has changed, for drivers to confirm.
	NewSheets(ctx context.Context, person string, f Finding, now time.Time) error
	// RecordRepair notes who did it.
	RecordRepair(ctx context.Context, person string, f Finding, now time.Time) error
	// KeepFindings stores what is found of some dates, or with no dates of all there are: what is new, what is still so, what is
	// gone.
	KeepFindings(ctx context.Context, dates []string, r Report, now time.Time) error
	// KeepLook stores that there was a look at everything, and how long it took.
	KeepLook(ctx context.Context, r Report, now time.Time, took time.Duration) error
}

// ErrChanged says that the rows are not as they were when a repair was shown: look again.
var ErrChanged = errors.New("the rows have changed since this repair was shown, or it was applied already: look again")

// ErrGone says that what a repair was for is gone by now, by that repair or by another one. It is ErrChanged, too.
var ErrGone = fmt.Errorf("what it was for is gone already: %w", ErrChanged)

// Service looks at the data and repairs it.
type Service struct{ store Store }

// NewService makes the service of a store.
func NewService(s Store) *Service { return &Service{s} }

// Look looks at dates, or at all that are not over when none is given. Each date is one consistent view, so that a long look
// keeps no snapshot for long.
func (s *Service) Look(ctx context.Context, now time.Time, dates ...string) (Report, error) {
	v := &survey{now: now}
	err := s.store.Read(ctx, func(src Source) error {
		n, err := src.Network(ctx)
		if err != nil {
			return fmt.Errorf("read the network: %w", err)
		}
		v.net = indexed(n)
		if len(dates) == 0 {
			dates, err = src.Dates(ctx, now)
		}
		return err
	})
	if err != nil {
		return Report{}, err
	}
	for _, date := range dates {
		if err := s.store.Read(ctx, func(src Source) error { return v.date(ctx, src, date) }); err != nil {
			return Report{}, err
		}
	}
	return v.report(), nil
}

// Watch looks at everything that is not over and keeps what is found: a finding that arises raises an alarm, one that is gone
// clears it. clock tells how long it took.
func (s *Service) Watch(ctx context.Context, now time.Time, clock func() time.Time) (Report, error) {
	begun := clock()
	r, err := s.Look(ctx, now)
	if err != nil {
		return r, err
	}
	took := clock().Sub(begun)
	err = s.store.Change(ctx, func(tx Tx) error {
		if err := tx.KeepFindings(ctx, nil, r, now); err != nil {
			return err
		}
		return tx.KeepLook(ctx, r, now, took)
	})
	if err != nil {
		return r, fmt.Errorf("keep findings: %w", err)
	}
	return r, nil
}

// Refresh looks at dates again and keeps what is found of them.
func (s *Service) Refresh(ctx context.Context, now time.Time, dates ...string) error {
	if len(dates) == 0 {
		return nil
	}
	r, err := s.Look(ctx, now, dates...)
	if err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx Tx) error { return tx.KeepFindings(ctx, dates, r, now) })
}

// Apply applies the repair with an id to dates (see Finding.Dates), in one transaction: it looks anew, makes the same repair
// again or none, raises the revision of the dates, so that whoever has them in memory loads again, gives the runs of a frozen date
// a new sheet, looks once more and goes back on everything unless the finding is gone and no other has come. It is ErrChanged
// when that repair is not to be made any more.
func (s *Service) Apply(ctx context.Context, dates []string, id, person string, now time.Time) (Finding, error) {
	return s.apply(ctx, dates, id, person, now, func(_ Tx, all []Finding) (Finding, error) {
		at := slices.IndexFunc(all, func(f Finding) bool { return f.Repair.ID == id })
		if id == "" || at < 0 {
			return Finding{}, ErrChanged
		}
		return all[at], nil
	})
}

// ApplyShown applies the repair of a finding from a look that may be older than other repairs of that look. Where a new look would
// propose another repair by now, this one is made on the rows as they are, if they allow it. It is ErrGone when the finding is gone.
func (s *Service) ApplyShown(ctx context.Context, shown Finding, person string, now time.Time) (Finding, error) {
	id := shown.Repair.ID
	return s.apply(ctx, shown.Dates(), id, person, now, func(tx Tx, all []Finding) (Finding, error) {
		at := slices.IndexFunc(all, func(f Finding) bool { return f.ID == shown.ID })
		switch {
		case id == "":
			return Finding{}, ErrChanged
		case at < 0:
			return Finding{}, ErrGone
		case all[at].Repair.ID == id:
			return all[at], nil
		}
		net, err := tx.Network(ctx)
		if err != nil {
			return Finding{}, err
		}
		f := all[at]
		f.Repair, err = shown.Repair.rebased(ctx, tx, net)
		return f, err
	})
}

// apply makes the repair that choose takes from what is found now.
func (s *Service) apply(ctx context.Context, dates []string, id, person string, now time.Time,
	choose func(Tx, []Finding) (Finding, error)) (done Finding, err error) {
	err = s.store.Change(ctx, func(tx Tx) error {
		before, err := Look(ctx, tx, dates, now)
		if err != nil {
			return err
		}
		if done, err = choose(tx, before.Findings); err != nil {
			return err
		}
		if err := write(ctx, tx, done, person, now); err != nil {
			return err
		}
		after, err := Look(ctx, tx, dates, now)
		if err != nil {
			return err
		}
		if err := better(before, after, done); err != nil {
			return err
		}
		return tx.KeepFindings(ctx, dates, after, now)
	})
	if err != nil {
		return done, fmt.Errorf("repair %s: %w", id, err)
	}
	return done, nil
}

// write makes the changes of a finding's repair and all that goes with them.
func write(ctx context.Context, tx Tx, f Finding, person string, now time.Time) error {
	frozen := map[string]bool{}
	for _, date := range f.Repair.Dates() {
		d, err := tx.Day(ctx, date)
		if err != nil {
			return err
		}
		frozen[date] = d.Frozen
		if !d.Known {
			continue
		}
		raised, err := tx.RaiseRevision(ctx, date, d.Revision, now)
		if err != nil {
			return err
		}
		if !raised {
			return ErrChanged
		}
	}
	if err := tx.ApplyRepair(ctx, f.Repair, now); err != nil {
		return err
	}
	if frozen[f.Date] {
		if err := tx.NewSheets(ctx, person, f, now); err != nil {
			return err
		}
	}
	return tx.RecordRepair(ctx, person, f, now)
}

// better refuses a repair that leaves what it was for, or breaks something else.
func better(before, after Report, done Finding) error {
	was := map[string]bool{}
	for _, f := range before.Findings {
		was[f.ID] = true
	}
	var left []string
	for _, f := range after.Findings {
		if f.ID == done.ID || !was[f.ID] {
			left = append(left, f.Text())
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("it would leave: %s", strings.Join(left, " "))
	}
	return nil
}
