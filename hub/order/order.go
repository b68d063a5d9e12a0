// Package order takes orders. An order is accepted whole, with a numbering that is stored with it, or refused whole with the
// first limit that does not allow it.
package order

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/capacity"
)

// State is what became of an order.
type State string

// The states of an order.
const (
	Held        State = "held" // takes capacity until its deadline; not paid yet
	Accepted    State = "accepted"
	Refused     State = "refused"
	Expired     State = "expired"    // was held, and its deadline passed
	Cancelled   State = "cancelled"  // by its customer, by the office, or since it was not paid
	CalledOff   State = "called_off" // by us: what it needs broke or was called off
	Ready       State = "ready"      // all its containers that hold something are in the fridge
	PickedUp    State = "picked_up"
	LeftOver    State = "left_over"
	Undelivered State = "undelivered" // was never ready, and pickup has closed
)

// Holds says whether an order in the state takes capacity.
func (s State) Holds() bool {
	return s != Refused && s != Expired && s != Cancelled && s != CalledOff
}

// Bounds of an order. They are far above what a household buys, and keep one request from tying up the hub.
const (
	MaxLines    = 200
	MaxQuantity = 1000           // of a line
	MaxHold     = 24 * time.Hour // longer than any payment takes
	MaxReason   = 200            // bytes
	maxID       = 64
)

// LinesWanted says how many lines an order has, for messages.
const LinesWanted = "1 to 200 lines"

// Request asks for goods at a location on a date. Who asks chooses the id, so that asking again is harmless.
type Request struct {
	ID           string
	DeliveryDate string // YYYY-MM-DD
	LocationID   string
	CustomerID   string // a pseudonym
	Lines        []Line

	// Hold is how long the capacity is held for an order that is to be confirmed; never beyond the location's cutoff. With 0 the
	// order is accepted at once. Who asks again need not give the same.
	Hold time.Duration
	// Key is what the order was asked with; the zero Key is none.
	Key Key
}

// Key is an idempotency key of a person's: what was decided under it is answered again.
type Key struct {
	Text string // as given, 1 to MaxKey bytes
	Hash string // of what was asked with it
}

// MaxKey bounds idempotency keys, in bytes.
const MaxKey = 255

// Line asks for units of a product.
type Line struct {
	ProductID string
	Quantity  int64
}

// Same says whether two requests ask for the same goods for the same customer, place and date.
func (r Request) Same(other Request) bool {
	return r.ID == other.ID && r.DeliveryDate == other.DeliveryDate && r.LocationID == other.LocationID &&
		r.CustomerID == other.CustomerID && slices.Equal(r.Lines, other.Lines)
}

// Outcome is what was decided on an order. Limit and What are empty unless it was refused.
type Outcome struct {
	OrderID      string
	DeliveryDate string
	State        State // Held, Accepted or Refused when it is placed; what it is now when it had been before
	Limit        capacity.Limit
	What         string // the product, shop or spot that the limit is of
	Repeated     bool   // the same request had been decided before
}

// Accepted says whether the order was accepted or held, whatever became of it since.
func (o Outcome) Accepted() bool { return o.State != Refused }

// Order is a decided order as stored. Its Request is without Hold and Key: HoldUntil says what became of the hold.
type Order struct {
	Request
	State      State
	HoldUntil  time.Time // of an order that is or was held; else zero
	Limit      capacity.Limit
	What       string
	PlacedBy   string
	PlacedAt   time.Time
	ReadyAt    time.Time   // zero before
	EndedAt    time.Time   // picked up, left over, expired, cancelled or called off; zero before
	EndReason  string      // why it expired, was cancelled or called off
	LineStates []LineState // one for each of Lines
	Items      []Item      // empty when it takes no capacity
}

// LineState is what a line's units cost, and how many of them were taken off since they cannot be delivered.
type LineState struct{ UnitPriceYen, Withdrawn int64 }

// TotalYen is the price of what is ordered and was not withdrawn, tax included.
func (o Order) TotalYen() (yen int64) {
	for i, line := range o.Lines {
		yen += (line.Quantity - o.LineStates[i].Withdrawn) * o.LineStates[i].UnitPriceYen
	}
	return yen
}

// NotFound is ErrNotFound of an order. It tells no more to those who may not know that there is one.
func NotFound(id string) error { return fmt.Errorf("order %.80s: %w", id, ErrNotFound) }

// Outcome is the decision on the order.
func (o Order) Outcome() Outcome {
	return Outcome{OrderID: o.ID, DeliveryDate: o.DeliveryDate, State: o.State, Limit: o.Limit, What: o.What}
}

// Item is one unit of an order and its assignment.
type Item struct {
	Line, Unit  int64 // from 1
	ProductID   string
	ShopID      string
	Category    string
	ContainerID string // the dated container
	GRAI        string // the box, once the shop has bound it
	FridgeID    string
	SlotID      string
	RunID       string
	ShipperID   string
	AddressID   string
	Short       bool // the shop could not deliver it
}

// Errors of the service. FieldError is for a request that no network could serve.
var (
	// ErrNotFound says that there is no order with the id.
	ErrNotFound = errors.New("no such order")
	// ErrConflict says that the id belongs to an order with other content.
	ErrConflict = errors.New("another order has this id")
	// ErrAfterCutoff says that the location takes no more orders for the date.
	ErrAfterCutoff = errors.New("the order cutoff of this delivery has passed")
	// ErrBusy says that more orders wait for the date than the hub takes, or that other writers changed it again and again.
	// Nothing was decided; ask again.
	ErrBusy = errors.New("the delivery date is busy")
	// ErrExpired says that the order's hold has passed its deadline: what it held is given back.
	ErrExpired = errors.New("the hold of this order has expired")
	// ErrMore refuses to put goods on an order that may only lose some.
	ErrMore = errors.New("the order has less than that")
	// ErrEnded says that what became of the order does not allow what is asked.
	ErrEnded = errors.New("the order is not open")
	// ErrKeyReused says that an idempotency key was used before, with another request.
	ErrKeyReused = errors.New("this idempotency key belongs to another request")
)

// FieldError names the field of a request that is wrong, as in the API.
type FieldError struct {
	Field string // such as "lines[2].quantity"
	Got   string
	Want  string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %q: want %s", e.Field, e.Got, e.Want) }

// Check says what is wrong with a request on its face, as *FieldError.
func (r Request) Check() error {
	for _, f := range []struct{ field, value string }{
		{"order_id", r.ID}, {"location_id", r.LocationID}, {"customer_id", r.CustomerID},
	} {
		if !validID(f.value) {
			return &FieldError{f.field, clip(f.value),
				"an id of 1 to 64 letters, digits, '-', '_' and '.', beginning with a letter or digit"}
		}
	}
	if _, err := time.Parse(time.DateOnly, r.DeliveryDate); err != nil {
		return &FieldError{"delivery_date", clip(r.DeliveryDate), "a date YYYY-MM-DD"}
	}
	if r.Hold < 0 || r.Hold > MaxHold {
		return &FieldError{"hold_seconds", fmt.Sprint(int64(r.Hold / time.Second)), fmt.Sprintf("0 to %d", int64(MaxHold/time.Second))}
	}
	return checkLines(r.Lines)
}

func checkLines(lines []Line) error {
	if len(lines) == 0 || len(lines) > MaxLines {
		return &FieldError{"lines", fmt.Sprint(len(lines)), LinesWanted}
	}
	for i, line := range lines {
		if !validID(line.ProductID) {
			return &FieldError{fmt.Sprintf("lines[%d].product_id", i), clip(line.ProductID), "the id of a product"}
		}
		if line.Quantity < 1 || line.Quantity > MaxQuantity {
			return &FieldError{fmt.Sprintf("lines[%d].quantity", i), fmt.Sprint(line.Quantity),
				fmt.Sprintf("a whole number from 1 to %d", MaxQuantity)}
		}
	}
	return nil
}

// validID keeps ids to what goes unchanged into URLs and barcodes.
func validID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i, c := range []byte(id) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return true
}

func clip(s string) string { return s[:min(len(s), maxID)] }
