package rental

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/store"
	"meguri/internal/rental"
	"meguri/protocol"
)

// Refusal says why the hub does not do something with a piece, and what may be done with it instead. Nothing has changed.
type Refusal struct {
	Item    string
	Act     string
	Reason  string
	Key     Why // of Reason, for screens; empty where that is a rule of the round
	Custody protocol.Custody
	Order   string // that the piece is promised to
	Next    []protocol.Step
}

func (r *Refusal) Error() string {
	names := make([]string, len(r.Next))
	for n, s := range r.Next {
		names[n] = StepName(s)
	}
	if r.Custody == 0 { // not of a piece
		return fmt.Sprintf("%s of %s: %s", r.Act, r.Item, r.Reason)
	}
	return fmt.Sprintf("%s of %s: %s; it is %s; legal next: %s", r.Act, r.Item, r.Reason, CustodyName(r.Custody), cmp.Or(strings.Join(names, ", "), "nothing"))
}

// Why names a reason that is no rule of the round.
type Why string

// Reasons of refusals that are no rules of the round.
const (
	WhyTaken   Why = "taken"
	WhyNotOpen Why = "not_open"
	WhyEmpty   Why = "empty"
	WhyNotBack Why = "not_back"
	WhyNoBadge Why = "no_badge"
	WhyInHouse Why = "in_house"
	WhyCost    Why = "cost"
)

// Reasons of releases that the hub makes itself.
const (
	reasonExpired = "expired"
	reasonSwapped = "swapped"
	reasonLost    = "declared lost"
)

// act does something of the hub's to a piece, only when the rules allow it: unlike a scan it has not happened yet. It is the last thing
// that is known of the piece then, whatever a device's clock has said before.
func (k *Keeper) act(ctx context.Context, tx *store.Tx, item string, e rental.Event, now time.Time) error {
	i, err := tx.RentalItem(ctx, item)
	if err != nil {
		return err
	}
	e.Device, e.Number, e.At = "", i.Acts+1, now
	if last := i.Folded.At.Add(i.Folded.Within); !now.After(last) {
		e.At = last.Add(time.Millisecond)
	}
	if _, breach := rental.Apply(i.Item, e); breach != nil && breach.Effect != rental.Told {
		name := ActName(e.Act)
		if e.Act == 0 {
			name = StepName(e.Step)
		}
		return &Refusal{Item: item, Act: name, Reason: string(breach.Rule), Custody: i.Custody, Order: promisedTo(i), Next: breach.Next}
	}
	i.Acts, e.Verdict = e.Number, protocol.VerdictAccept
	d := done{known: true, event: store.RentalEvent{Item: item, Event: e, Recorded: now}, before: i}
	if d.now, d.breach, err = k.extend(ctx, tx, i, d.event); err != nil {
		return err
	}
	return k.settle(ctx, tx, d)
}

// Step does a step that no scanner has seen: the carrier says that it is delivered, a person decides that it is sold or retired. It is
// refused where the rules are against it.
func (k *Keeper) Step(ctx context.Context, tx *store.Tx, item string, step protocol.Step, by, reason string, now time.Time) error {
	i, err := tx.RentalItem(ctx, item)
	if err != nil {
		return err
	}
	return k.act(ctx, tx, item, rental.Event{Step: step, Operator: by, Reason: reason, Order: i.Order, Bag: i.Bag}, now)
}

// Allocate promises a piece to an order until a time, when it is available and the order has a line for it.
func (k *Keeper) Allocate(ctx context.Context, tx *store.Tx, order, item string, until time.Time, by string, now time.Time) error {
	i, err := tx.RentalItem(ctx, item)
	if err != nil {
		return err
	}
	o, err := tx.RentalOrder(ctx, order)
	if err != nil {
		return err
	}
	refuse := func(why string) error {
		return &Refusal{Item: item, Act: "allocate", Reason: why, Custody: i.Custody, Order: promisedTo(i), Next: rental.Next(i.Item)}
	}
	lines, err := tx.RentalLines(ctx, order)
	if err != nil {
		return err
	}
	line := lineFor(lines, i)
	switch {
	case o.State != "open":
		return refuse("order " + order + " is " + o.State)
	case i.Warehouse != o.Warehouse:
		return refuse("it is at " + i.Warehouse + ", the order is shipped from " + o.Warehouse)
	case !until.After(now):
		return refuse("the promise would end before it begins")
	case promisedTo(i) != order && (line == nil || line.Piece != ""):
		return refuse("order " + order + " has no open line for its garment")
	}
	if before := promisedTo(i); before != "" && before != order && i.Available(now) { // a promise that has run out and was not swept yet
		if err := k.act(ctx, tx, item, rental.Event{Act: rental.Release, Order: before, Reason: reasonExpired}, now); err != nil {
			return err
		}
	}
	return k.act(ctx, tx, item, rental.Event{Act: rental.Allocate, Order: order, Until: until, Operator: by}, now)
}

// Release takes a promise back.
func (k *Keeper) Release(ctx context.Context, tx *store.Tx, order, item, by, reason string, now time.Time) error {
	return k.act(ctx, tx, item, rental.Event{Act: rental.Release, Order: order, Operator: by, Reason: reason}, now)
}

// Expire frees the pieces whose promise has run out, at most some at once, and says how many.
func (k *Keeper) Expire(ctx context.Context, tx *store.Tx, now time.Time, most int) (int, error) {
	due, err := tx.PromisesOver(ctx, now, most)
	for _, d := range due {
		if err == nil {
			err = k.act(ctx, tx, d.ID, rental.Event{Act: rental.Release, Order: d.Commitment.Order, Reason: reasonExpired}, now)
		}
	}
	return len(due), err
}

// LineOutcome is what became of one line of an order that pieces were sought for.
type LineOutcome struct {
	Line int
	GTIN string
	Item string // the piece that it has; empty for none
	Why  string // it has none
}

// AllocateOrder finds a piece for each line that has none: the one that the stylist chose, or one of the garment that is free, the best
// and the least worn first.
func (k *Keeper) AllocateOrder(ctx context.Context, tx *store.Tx, order string, until time.Time, by string, now time.Time) ([]LineOutcome, error) {
	lines, err := tx.RentalLines(ctx, order)
	if err != nil {
		return nil, err
	}
	o, err := tx.RentalOrder(ctx, order)
	if err != nil {
		return nil, err
	}
	if err := tx.NumberTote(ctx, o); err != nil {
		return nil, err
	}
	var all []LineOutcome
	for _, l := range lines {
		out := LineOutcome{Line: l.Line, GTIN: l.GTIN, Item: l.Piece}
		if l.Piece == "" {
			if out, err = k.allocateLine(ctx, tx, o, l, until, by, now); err != nil {
				return all, err
			}
		}
		all = append(all, out)
	}
	return all, nil
}

func (k *Keeper) allocateLine(ctx context.Context, tx *store.Tx, o store.RentalOrder, l store.RentalLine, until time.Time, by string, now time.Time) (LineOutcome, error) {
	out := LineOutcome{Line: l.Line, GTIN: l.GTIN, Why: "no piece of the garment is available"}
	pieces := []string{l.Chosen}
	if l.Chosen == "" {
		var err error
		if pieces, err = tx.AvailablePieces(ctx, o.Warehouse, l.GTIN, now, 1); err != nil {
			return out, err
		}
	}
	for _, piece := range pieces {
		err := k.Allocate(ctx, tx, o.ID, piece, until, by, now)
		var refused *Refusal
		switch {
		case errors.As(err, &refused):
			out.Why = refused.Error()
		case errors.Is(err, store.ErrNotFound):
			out.Why = err.Error()
		case err != nil:
			return out, err
		default:
			return LineOutcome{Line: l.Line, GTIN: l.GTIN, Item: piece}, nil
		}
	}
	return out, nil
}

// CancelOrder takes all promises of an order back. Pieces that have left their shelf have to be put back first. Expected errors are
// a *Refusal and store.ErrNotFound.
func (k *Keeper) CancelOrder(ctx context.Context, tx *store.Tx, order, by, reason string, now time.Time) error {
	o, err := tx.RentalOrder(ctx, order)
	if err != nil {
		return err
	}
	if o.State != "open" {
		return &Refusal{Item: "order " + order, Act: "cancel", Key: WhyNotOpen, Reason: "only an open order is cancelled, and this one is " + o.State}
	}
	lines, err := tx.RentalLines(ctx, order)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if l.Piece == "" {
			continue
		}
		if err := k.Release(ctx, tx, order, l.Piece, by, reason, now); err != nil {
			return err
		}
	}
	return tx.MoveRentalOrder(ctx, order, "open", "cancelled", now)
}

// Deliver says that an order is with its customer, by the carrier's or the customer's word: all its pieces that have left.
func (k *Keeper) Deliver(ctx context.Context, tx *store.Tx, order, by string, now time.Time) (int, error) {
	return k.each(ctx, tx, order, protocol.StepDeliver, []protocol.Custody{protocol.InTransitOut}, by, now)
}

// SentBack says that an order is on its way back.
func (k *Keeper) SentBack(ctx context.Context, tx *store.Tx, order, by string, now time.Time) (int, error) {
	return k.each(ctx, tx, order, protocol.StepSendBack, []protocol.Custody{protocol.OnRent, protocol.InTransitOut}, by, now)
}

func (k *Keeper) each(ctx context.Context, tx *store.Tx, order string, step protocol.Step, from []protocol.Custody, by string, now time.Time) (int, error) {
	if _, err := tx.RentalOrder(ctx, order); err != nil {
		return 0, err
	}
	pieces, err := tx.PiecesOf(ctx, order, from)
	for _, p := range pieces {
		if err == nil {
			err = k.Step(ctx, tx, p, step, by, "", now)
		}
	}
	return len(pieces), err
}
