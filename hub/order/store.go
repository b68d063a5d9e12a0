package order

import (
	"context"
	"errors"
	"time"

	"meguri/hub/capacity"
)

// Store is where orders are kept.
type Store interface {
	// Read runs fn on one consistent view.
	Read(ctx context.Context, fn func(Tx) error) error
	// Change runs fn in a transaction, perhaps more than once, and commits it when fn returns nil.
	Change(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Date reads all that numbering has to know of a delivery date. Without deliveries it is ErrNoDelivery.
	Date(ctx context.Context, date string) (Date, error)
	// DateRevision is the date's revision. Without deliveries it is ErrNoDelivery.
	DateRevision(ctx context.Context, date string) (int64, error)
	// RaiseDate raises the date's revision by one. It returns false when the revision is not from any more, or the date is
	// frozen.
	RaiseDate(ctx context.Context, date string, from int64) (bool, error)
	// AddDecisions stores orders, their lines and numbering. It is ErrConflict when an order's id is in use.
	AddDecisions(ctx context.Context, decisions []Decision) error
	// Order is the order with the id, or ErrNotFound.
	Order(ctx context.Context, id string) (Order, error)
}

// ErrNoDelivery says that nothing is delivered on a date.
var ErrNoDelivery = errors.New("no delivery on this date")

// Date is a delivery date as stored.
type Date struct {
	Network  capacity.Network
	State    capacity.State
	Revision int64
	Frozen   bool
	Cutoffs  map[string]time.Time // by location
	Decided  []string             // ids of all its orders, in order of decision
}

// Decision is a new order with what was decided on it.
type Decision struct {
	Order    Order
	Sequence int64 // in order of decision within the date, from 1
	Change   capacity.Change
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
