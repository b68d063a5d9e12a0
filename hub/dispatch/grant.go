package dispatch

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

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
	IssuedAt     time.Time
}

// Counted says whether the lock counts how often the code is used. What it has counted is lost with its storage.
func (g Grant) Counted() bool { return g.Holder == Courier }

// again separates a grant's id from how often it was issued anew.
const again = "~"

// Again is the grant issued anew with another code: an id of its own, so that no use of the former one counts, and the former
// one opens nothing any more.
func (g Grant) Again(pin string, now time.Time) Grant {
	base, count := g.ID, 0
	if i := strings.LastIndex(g.ID, again); i >= 0 {
		if n, err := strconv.Atoi(g.ID[i+len(again):]); err == nil {
			base, count = g.ID[:i], n
		}
	}
	g.ID, g.PIN, g.IssuedAt = base+again+strconv.Itoa(count+1), pin, now
	return g
}

// DrawPIN draws a code of so many digits that is not taken, and takes it. Six digits are far more than a location's orders of a
// date.
func DrawPIN(digits int, taken map[string]bool) string {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	for {
		n, _ := rand.Int(rand.Reader, most) // never fails, crypto/rand
		pin := fmt.Sprintf("%0*d", digits, n)
		if !taken[pin] {
			taken[pin] = true
			return pin
		}
	}
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
