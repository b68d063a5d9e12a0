// Package disruption does what has to be done when something breaks or is called off: before cutoff the numbering is made anew
// without it, after cutoff each change is an exception with a new version of the sheets concerned. It joins the rules of order,
// capacity and dispatch with the store, in one transaction each. DESIGN.md says who keeps a place when there is not enough.
package disruption

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Service makes changes. Each is first to be looked at: what is asked without Apply is done, told and undone.
type Service struct {
	Store *store.Store
	Touch func(place string) // of each place whose devices may need another plan, after the commit; nil for nobody
}

// Act is who does something, why, and how.
type Act struct {
	By     string // person
	Reason string
	At     time.Time
	Apply  bool
	// Expect is the Mark of the result that the person has looked at; empty for whatever comes of it.
	Expect string
}

// Result is what comes of a change, or would.
type Result struct {
	Date    string
	Frozen  bool // numbering had ended: this is an exception
	Applied bool

	Moved     []string    // containers that are or hold something else than before
	CalledOff []Gone      // orders, in the order in which they were accepted
	Withdrawn []Withdrawn // units of orders that go on
	Through   []string    // after cutoff: containers that have the thing on their way, for a person to move
	Editions  []dispatch.Edition
}

// Gone is an order that is called off.
type Gone struct {
	OrderID, LocationID string
	Units               int
}

// Withdrawn is units of a product that are taken off an order.
type Withdrawn struct {
	OrderID, ProductID string
	Units              int
}

// Mark names what happens to customers by the result: while it is the same, what was looked at is what is done.
func (r Result) Mark() string {
	var b strings.Builder
	for _, g := range r.CalledOff {
		fmt.Fprintf(&b, "off %s %d\n", g.OrderID, g.Units)
	}
	for _, w := range r.Withdrawn {
		fmt.Fprintf(&b, "withdrawn %s %s %d\n", w.OrderID, w.ProductID, w.Units)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// Errors of the service, beside store.ErrNotFound, store.ErrTaken and *dispatch.IllegalMove.
var (
	// ErrNotFrozen says that numbering goes on: orders are changed, things put out of service, and all is numbered anew.
	ErrNotFrozen = errors.New("numbering is not frozen yet: there are no exceptions before cutoff")
	// ErrChanged says that something else comes of it than what was looked at. Look again.
	ErrChanged = errors.New("orders have changed since this was looked at")
	// ErrAlready says that it is so already.
	ErrAlready = errors.New("it is so already")
	// ErrOver says that what is asked for has happened: goods that were taken cannot be called off.
	ErrOver = errors.New("it is too late for this")
)

// ReasonError is a reason that nobody could understand later.
type ReasonError struct{ Err error }

func (e *ReasonError) Error() string { return e.Err.Error() }
func (e *ReasonError) Unwrap() error { return e.Err }

var errLook = errors.New("only looked")

// run makes a change of a date: fn decides, and what it decided is stored with all that follows from it.
func (s *Service) run(ctx context.Context, date string, act Act, fn func(*change) error) (Result, error) {
	if err := dispatch.CheckReason(act.Reason); err != nil {
		return Result{}, &ReasonError{err}
	}
	act.At = act.At.Truncate(time.Millisecond)
	var c *change
	err := s.Store.Change(ctx, func(tx *store.Tx) error {
		c = &change{ctx: ctx, tx: tx, act: act, service: s, result: Result{Date: date}}
		if err := c.begin(date); err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		if err := c.finish(); err != nil {
			return err
		}
		switch {
		case !act.Apply:
			return errLook
		case act.Expect != "" && act.Expect != c.result.Mark():
			return ErrChanged
		}
		return nil
	})
	if errors.Is(err, errLook) {
		return c.result, nil
	}
	if err != nil {
		return Result{}, err
	}
	c.result.Applied = true
	return c.result, nil
}

// change is one change under way.
type change struct {
	ctx     context.Context
	tx      *store.Tx
	act     Act
	service *Service
	date    order.Date
	result  Result

	decisions []order.Decision
	notices   []store.Notice
	papers    store.Papers
	places    []string
	ledger    *ledger // of what is taken out after cutoff
}

func (c *change) begin(date string) (err error) {
	if c.date, err = c.tx.Date(c.ctx, date); err != nil {
		return err
	}
	c.result.Frozen = c.date.Mark.Frozen
	if c.result.Frozen { // what was changed and got no version of its own does not hide in this one
		_, err = c.tx.MakeEditions(c.ctx, date, nil, c.act.By, "as it stood", c.act.At)
	}
	return err
}

// finish stores what was decided, tells the customers, gives the money back and makes the new versions of sheets. The date is
// raised in any case: whoever holds it in memory has to look again.
func (c *change) finish() error {
	from := c.date.Mark
	raised, err := c.tx.RaiseDate(c.ctx, c.result.Date, from, order.Mark{Epoch: from.Epoch + 1, Revision: from.Revision + 1, Frozen: from.Frozen}, c.act.At)
	if err == nil && !raised {
		err = order.ErrStale
	}
	if err != nil {
		return err
	}
	if len(c.decisions) > 0 {
		if err := c.tx.AddDecisions(c.ctx, c.decisions, c.known()); err != nil {
			return err
		}
	}
	for _, n := range c.notices {
		if err := c.tx.AddNotice(c.ctx, n); err != nil {
			return err
		}
		if err := c.tx.OwedBack(c.ctx, n.OrderID, c.act.At); err != nil {
			return fmt.Errorf("money of order %s: %w", n.OrderID, err)
		}
	}
	if !c.result.Frozen {
		return nil
	}
	for _, w := range c.result.Withdrawn { // what is left of the order may be ready now
		if err := effect.Refresh(c.ctx, c.tx, c.act.At, w.OrderID); err != nil {
			return err
		}
	}
	c.result.Editions, err = c.tx.MakeEditions(c.ctx, c.result.Date, &c.papers, c.act.By, c.act.Reason, c.act.At)
	if c.service.Touch != nil {
		places := slices.Clone(c.places)
		c.tx.OnCommit(func() {
			for _, p := range places {
				c.service.Touch(p)
			}
		})
	}
	return err
}

// known is when the change is stored, as history counts it: never before what was stored last, whatever the clocks say.
func (c *change) known() time.Time {
	if c.date.Known.After(c.act.At) {
		return c.date.Known
	}
	return c.act.At
}

// record notes who did what.
func (c *change) record(act, subject, detail string) error {
	if detail != "" {
		detail += ": "
	}
	return c.tx.RecordAct(c.ctx, people.NewAct(c.act.At, c.act.By, act, subject, detail+c.act.Reason))
}

// concerns notes that a container changes: whose sheets and whose devices it is on.
func (c *change) concerns(run, shop, location string) {
	c.papers.Add(run, shop)
	route, _, _ := strings.Cut(run, "@")
	for _, p := range []string{shop, location, route} {
		if !slices.Contains(c.places, p) {
			c.places = append(c.places, p)
		}
	}
}
