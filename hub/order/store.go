package order

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/capacity"
)

// Store is where orders are kept.
type Store interface {
	// Read runs fn on one consistent view.
	Read(ctx context.Context, fn func(Tx) error) error
	// Change runs fn in a transaction, perhaps more than once, and commits it when fn returns nil. The error wraps ErrRejected
	// when the database refuses what fn writes, and would again.
	Change(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Date reads all that numbering has to know of a delivery date. Without deliveries it is ErrNoDelivery.
	Date(ctx context.Context, date string) (Date, error)
	// DateMark is the date's mark. Without deliveries it is ErrNoDelivery.
	DateMark(ctx context.Context, date string) (Mark, error)
	// RaiseDate changes the date's epoch and revision, and notes when it is known to have changed. It returns false when they, or
	// whether it is frozen, are not as in from.
	RaiseDate(ctx context.Context, date string, from, to Mark, known time.Time) (bool, error)
	// AddDecisions stores what was decided on one date, in order of decision; known is when it is stored. It is a *TakenError
	// when the id of a new order is in use or its key was used before, and ErrStale when an order is not in the state that it was
	// decided from.
	AddDecisions(ctx context.Context, decisions []Decision, known time.Time) error
	// Order is the order with the id, or ErrNotFound.
	Order(ctx context.Context, id string) (Order, error)
	// DateOfOrder is the delivery date of an order, or ErrNotFound.
	DateOfOrder(ctx context.Context, id string) (string, error)
	// HeldDates gives, by date, the earliest deadline of the orders that are held.
	HeldDates(ctx context.Context) (map[string]time.Time, error)
	// OrderOfKey gives what was decided under a person's idempotency key, or ErrNotFound.
	OrderOfKey(ctx context.Context, person, key string) (Keyed, error)
	// ItemsKnownAt gives an order's items with their assignments, as they were known at a time.
	ItemsKnownAt(ctx context.Context, id string, at time.Time) ([]Item, error)
}

// Errors of a store.
var (
	// ErrNoDelivery says that nothing is delivered on a date.
	ErrNoDelivery = errors.New("no delivery on this date")
	// ErrStale says that somebody else has written to the date since it was loaded.
	ErrStale = errors.New("the date was changed meanwhile")
	// ErrRejected says that the database refused what was decided, and would again: a fault of ours.
	ErrRejected = errors.New("the database refuses this")
)

// TakenError names ids of new orders that belong to orders for other dates, and keys of new orders that were used before.
type TakenError struct {
	Orders []string
	Keys   []KeyOf
}

// KeyOf is a person's idempotency key.
type KeyOf struct{ Person, Text string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("in use: ids %q, keys %q", e.Orders, e.Keys)
}

// Mark says which version of a date somebody knows. Who commits raises the revision; who commits for the first time since
// loading the date takes the next epoch.
type Mark struct {
	Epoch, Revision int64
	Frozen          bool
}

// Date is a delivery date as stored.
type Date struct {
	Network capacity.Network
	State   capacity.State
	Mark    Mark
	Known   time.Time            // when what was decided last became known
	Cutoffs map[string]time.Time // by location
	Orders  []Standing           // all its orders, in order of decision
}

// Standing is how an order stands.
type Standing struct {
	ID         string
	Sequence   int64
	State      State
	LocationID string
	HoldUntil  time.Time // zero if it was never held

	units int64 // that hold capacity
}

// Verb is what was decided on an order.
type Verb int

// Verbs.
const (
	Place    Verb = iota // a new order
	Confirm              // held to accepted
	End                  // to expired, cancelled or called off
	Revise               // has other lines
	Withdraw             // units of it were taken off
	Renumber             // nothing of the order itself: its place in the date's numbering
)

// Decision is what was decided on one order. Of Order, a decision on one that is stored fills ID, DeliveryDate and State, End
// also EndedAt and EndReason, Revise also Lines and LineStates.
type Decision struct {
	Verb     Verb
	Order    Order
	Sequence int64 // of a new order: in order of decision within the date, from 1
	From     State // the state it is decided from; empty for a new order
	At       time.Time
	By       string // the person who confirms, cancels, changes or withdraws; empty for the clock
	Cause    string // of what it ends in the history of the numbering: move, cancel, expire, change, outage, repair
	Key      Key    // of a new order; the zero Key is none
	Change   capacity.Change
	ByRow    bool   // End, of a date that is broken: there is no Change, and what the order's rows hold is taken out as they stand
	Units    []Unit // that were withdrawn
}

// Unit is one unit of a line; both count from 1.
type Unit struct{ Line, Unit int64 }

// Keyed is what was decided under an idempotency key: the order as it was then.
type Keyed struct {
	OrderID, Hash string
	State         State
	At            time.Time
}

// Filter chooses orders for a list. Empty fields choose all.
type Filter struct {
	Date, LocationID string
	State            State
	After            string // the last id of the page before
	Most             int    // at most so many
}

// Count is how many orders of a date are in a state.
type Count struct {
	State  State
	Limit  capacity.Limit // of refused ones
	Orders int64
}
