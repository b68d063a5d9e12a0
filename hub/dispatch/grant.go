package dispatch

import "time"

// CourierUses is how often a driver's code opens one lock: enough for a delivery in several goes, and a bound on what a
// code that was seen can do.
const CourierUses = 10

// Holder is the kind of person that a grant was made for.
type Holder string

// Kinds of holder.
const (
	Customer Holder = "customer"
	Courier  Holder = "courier"
)

// Grant is the right to open a location's locks: of a customer for an order, of a driver for a run.
type Grant struct {
	ID           string
	DeliveryDate string
	LocationID   string
	Holder       Holder
	OrderID      string // of a customer
	RunID        string // of a courier
	PIN          string
	From         time.Time // inclusive
	Until        time.Time // exclusive
}

// Lengths of codes, in digits. A courier's opens more, so it is harder to guess.
const (
	CustomerDigits = 6
	CourierDigits  = 8
)

// Collected is how long after pickup closes a driver's code still opens: to collect the goods that nobody took.
const Collected = 3 * time.Hour

// CourierWindow is when a driver's code is valid: from two hours before the first planned stop until Collected.
func CourierWindow(firstStop, pickupCloses time.Time) (from, until time.Time) {
	return firstStop.Add(-2 * time.Hour), pickupCloses.Add(Collected)
}
