package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/capacity"
)

// owner holds one delivery date in memory. Who has its turn has it alone.
type owner struct {
	date string
	turn chan struct{} // a mutex that can be waited for with a context

	book     *capacity.Book // nil when nothing is known
	revision int64
	frozen   bool
	cutoffs  map[string]time.Time
	decided  map[string]bool
	sequence int64
}

// errStale says that somebody else has written to the date since it was loaded.
var errStale = errors.New("the date was changed meanwhile")

func (o *owner) release() { <-o.turn }

// drop forgets what is known, because it may not be so.
func (o *owner) drop() { o.book, o.decided = nil, nil }

func (o *owner) load(ctx context.Context, store Store) error {
	if o.book != nil {
		return nil
	}
	var d Date
	err := store.Read(ctx, func(tx Tx) (err error) {
		d, err = tx.Date(ctx, o.date)
		return err
	})
	if err != nil {
		return fmt.Errorf("load %s: %w", o.date, err)
	}
	book, err := capacity.NewBook(d.Network, d.State)
	if err != nil {
		return fmt.Errorf("load %s: %w", o.date, err)
	}
	o.book, o.revision, o.frozen, o.cutoffs = book, d.Revision, d.Frozen, d.Cutoffs
	o.decided, o.sequence = make(map[string]bool, len(d.Decided)), int64(len(d.Decided))
	for _, id := range d.Decided {
		o.decided[id] = true
	}
	return nil
}

// refresh loads again if somebody else has written.
func (o *owner) refresh(ctx context.Context, store Store) error {
	if o.book != nil {
		var now int64
		err := store.Read(ctx, func(tx Tx) (err error) {
			now, err = tx.DateRevision(ctx, o.date)
			return err
		})
		if err != nil {
			return err
		}
		if now != o.revision {
			o.drop()
		}
	}
	return o.load(ctx, store)
}

// place decides on arrivals and stores the decisions. It returns errStale when all has to be done again.
func (o *owner) place(ctx context.Context, store Store, arrivals []Arrival, results []Result) error {
	if err := o.load(ctx, store); err != nil {
		return err
	}
	decisions, repeats := o.decide(arrivals, results)
	if len(decisions) > 0 {
		if err := o.commit(ctx, store, decisions); err != nil {
			// Also when the commit itself failed it may have happened: only the database knows.
			o.drop()
			if errors.Is(err, ErrConflict) && len(arrivals) == 1 {
				return o.answerRepeats(ctx, store, arrivals, results, []int{0})
			}
			return err
		}
	}
	return o.answerRepeats(ctx, store, arrivals, results, repeats)
}

// decide fills in the results of new orders and gives their decisions, and the indexes of those that had been decided.
func (o *owner) decide(arrivals []Arrival, results []Result) (decisions []Decision, repeats []int) {
	for i, a := range arrivals {
		results[i] = Result{Err: a.Request.Check()}
		if results[i].Err != nil {
			continue
		}
		if o.decided[a.Request.ID] {
			repeats = append(repeats, i)
			continue
		}
		if results[i].Err = o.takesOrders(a); results[i].Err != nil {
			continue
		}
		n, err := o.number(a.Request)
		var refused *capacity.Refused
		if err != nil && !errors.As(err, &refused) {
			results[i].Err = err
			continue
		}
		d := Decision{Change: n, Order: Order{Request: a.Request, State: Accepted, PlacedBy: a.By, PlacedAt: a.At}}
		if refused != nil {
			d.Order.State, d.Order.Limit, d.Order.What = Refused, refused.Limit, refused.What
		}
		o.sequence++
		d.Sequence = o.sequence
		o.decided[a.Request.ID] = true
		results[i].Outcome = d.Order.Outcome()
		decisions = append(decisions, d)
	}
	return decisions, repeats
}

func (o *owner) takesOrders(a Arrival) error {
	cutoff, ok := o.cutoffs[a.Request.LocationID]
	if !ok {
		return &FieldError{"location_id", a.Request.LocationID, "a location with a delivery on " + o.date}
	}
	if o.frozen || !a.At.Before(cutoff) {
		return ErrAfterCutoff
	}
	return nil
}

func (o *owner) number(r Request) (capacity.Change, error) {
	lines := make([]capacity.Line, len(r.Lines))
	for i, line := range r.Lines {
		lines[i] = capacity.Line{Product: line.ProductID, Quantity: line.Quantity}
	}
	n, err := o.book.Place(r.ID, r.LocationID, lines)
	var unknown *capacity.Unknown
	if errors.As(err, &unknown) && unknown.Kind == "product" {
		return n, &FieldError{fmt.Sprintf("lines[%d].product_id", unknown.Line), unknown.ID, "the id of a product"}
	}
	return n, err
}

func (o *owner) commit(ctx context.Context, store Store, decisions []Decision) error {
	err := store.Change(ctx, func(tx Tx) error {
		raised, err := tx.RaiseDate(ctx, o.date, o.revision)
		if err != nil {
			return err
		}
		if !raised {
			return errStale
		}
		return tx.AddDecisions(ctx, decisions)
	})
	if err != nil {
		return fmt.Errorf("store orders for %s: %w", o.date, err)
	}
	o.revision++
	return nil
}

// answerRepeats gives the stored outcome to those who ask the same again.
func (o *owner) answerRepeats(ctx context.Context, store Store, arrivals []Arrival, results []Result, repeats []int) error {
	if len(repeats) == 0 {
		return nil
	}
	return store.Read(ctx, func(tx Tx) error {
		for _, i := range repeats {
			stored, err := tx.Order(ctx, arrivals[i].Request.ID)
			if errors.Is(err, ErrNotFound) {
				return fmt.Errorf("order %s: %w", arrivals[i].Request.ID, err)
			}
			if err != nil {
				return err
			}
			results[i] = Result{Outcome: stored.Outcome()}
			results[i].Outcome.Repeated = true
			if !stored.Same(arrivals[i].Request) {
				results[i] = Result{Err: ErrConflict}
			}
		}
		return nil
	})
}
