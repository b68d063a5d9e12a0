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

// Lengths of codes, in digits. The first ones are the selector: they name the grant, so that wrong codes can be counted for it. With
// eight more a guess is right once in a hundred million.
const (
	SelectorDigits = 3
	PINDigits      = SelectorDigits + 8
)

// SelectorOf is the selector of a code, also of a shorter one from before there were selectors.
func SelectorOf(pin string) string { return pin[:min(len(pin), SelectorDigits)] }

// DrawPIN draws a code that is not taken, and takes it. Its selector is that of no other code that is taken, as long as there is one.
func DrawPIN(taken map[string]bool) string {
	selectors := map[string]bool{}
	for pin := range taken {
		selectors[SelectorOf(pin)] = true
	}
	for {
		pin := digits(PINDigits)
		if taken[pin] || selectors[SelectorOf(pin)] && len(selectors) < most(SelectorDigits) {
			continue
		}
		taken[pin] = true
		return pin
	}
}

func digits(n int) string {
	drawn, _ := rand.Int(rand.Reader, big.NewInt(int64(most(n)))) // never fails, crypto/rand
	return fmt.Sprintf("%0*d", n, drawn)
}

// most is how many numbers of so many digits there are.
func most(digits int) int {
	n := 1
	for range digits {
		n *= 10
	}
	return n
}

// Collected is how long after pickup closes a driver's code still opens: to collect the goods that nobody took.
const Collected = 3 * time.Hour

// CourierWindow is when a driver's code is valid: from two hours before the first planned stop until Collected.
func CourierWindow(firstStop, pickupCloses time.Time) (from, until time.Time) {
	return firstStop.Add(-2 * time.Hour), pickupCloses.Add(Collected)
}
