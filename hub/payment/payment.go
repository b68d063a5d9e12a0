// Package payment holds the rules of paying for an order: what may happen to a payment and in which order, what is owed back,
// and what is to be asked of the provider next. It calls nobody; package settle does what it says.
package payment

import (
	"errors"
	"fmt"
	"time"
)

// State is how far a payment has come.
type State string

// The states of a payment.
const (
	Opening     State = "opening"     // the provider may not know of it yet; no money moves
	Authorising State = "authorising" // the provider is asked, or about to be asked, to reserve the money
	Authorised  State = "authorised"  // the money is reserved; the order is to be confirmed
	Capturing   State = "capturing"   // the order is confirmed; the money is being taken
	Captured    State = "captured"    // the money was taken
	Voiding     State = "voiding"     // not wanted any more; being closed at the provider
	Voided      State = "voided"      // closed there, and nothing was taken
	Declined    State = "declined"    // closed there after the provider refused to reserve the money
	Uncollected State = "uncollected" // the order stands and the money cannot be taken: a person decides
)

// Cause is why a payment is given up.
type Cause string

// Causes. The first two also end the order.
const (
	CauseDeclined Cause = "payment_declined" // the provider refused
	CauseLost     Cause = "payment_lost"     // the provider closed it, or will not take what it had reserved
	CauseStays    Cause = "order_stays"      // as CauseLost, and the order could not be ended
	CauseEnded    Cause = "order_ended"      // the order expired, was cancelled or called off
)

// endsOrder says whether an order whose payment is given up for the cause has to end.
func (c Cause) endsOrder() bool { return c == CauseDeclined || c == CauseLost }

// MaxAmountYen bounds what is paid at once: eight digits, as card networks do.
const MaxAmountYen = 99_999_999

// Payment is what is known of paying for one order. Amounts are whole yen.
type Payment struct {
	OrderID   string
	Reference string // random; every idempotency key begins with it
	State     State
	Cause     Cause  // empty unless it was given up
	Code      string // the provider's word for why it refused
	Method    string // token of what the customer pays with; empty once it is not needed
	IntentID  string // the provider's id; empty until it is known

	AmountYen   int64 // that was or will be reserved, and is taken whole
	CapturedYen int64
	RefundedYen int64 // of CapturedYen; asked for and done

	BegunAt   time.Time
	ChangedAt time.Time // when it came into its state
	Lines     []Line
}

// Line is a line of the order as it was paid for. What is refunded refers to it, whatever becomes of the order's own lines.
type Line struct {
	Number       int64 // from 1
	ProductID    string
	Units        int64
	UnitPriceYen int64
}

// Errors of the rules and of the service.
var (
	// ErrNotFound says that an order has no payment here.
	ErrNotFound = errors.New("the order was not paid here")
	// ErrNotPaid says that nothing can be refunded, since nothing was or is being taken.
	ErrNotPaid = errors.New("nothing was paid that could be refunded")
	// ErrConflict says that the id belongs to a refund with other content, or that the order is paid in another way.
	ErrConflict = errors.New("it was asked for otherwise before")
	// ErrTooMuch says that more would be refunded than was paid for.
	ErrTooMuch = errors.New("more than is left to be refunded")
	// ErrNothingLeft says that all of it has been refunded, or is being.
	ErrNothingLeft = errors.New("nothing is left to be refunded")
)

// FieldError names the field of a request that is wrong, as in the API.
type FieldError struct{ Field, Got, Want string }

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %q: want %s", e.Field, e.Got, e.Want) }

// IllegalMove is a verb that a payment's state does not allow.
type IllegalMove struct {
	OrderID string
	State   State
	Verb    string
}

func (e *IllegalMove) Error() string {
	return fmt.Sprintf("payment of order %s is %s: cannot %s", e.OrderID, e.State, e.Verb)
}

// New begins the payment of an order. Its amount is the sum of its lines.
func New(o Order, reference, method string, now time.Time) (Payment, error) {
	p := Payment{OrderID: o.ID, Reference: reference, State: Opening, Method: method, BegunAt: now, ChangedAt: now, Lines: o.Lines}
	for _, l := range o.Lines {
		p.AmountYen += l.Units * l.UnitPriceYen
	}
	if p.AmountYen <= 0 || p.AmountYen > MaxAmountYen {
		return p, &FieldError{"payment", fmt.Sprint(p.AmountYen), fmt.Sprintf("an order for 1 to %d yen", MaxAmountYen)}
	}
	return p, nil
}

// move changes the state if it is one of those that the verb starts from.
func (p *Payment) move(verb string, to State, now time.Time, from ...State) error {
	for _, s := range from {
		if p.State == s {
			p.State, p.ChangedAt = to, now
			return nil
		}
	}
	return &IllegalMove{p.OrderID, p.State, verb}
}

// Open notes the provider's id. The money can be reserved from now on.
func (p *Payment) Open(intent string, now time.Time) error {
	if p.State == Voiding && p.IntentID == "" {
		p.IntentID = intent // it had been asked for before the order ended, and has to be closed there
		return nil
	}
	err := p.move("open", Authorising, now, Opening)
	if err == nil {
		p.IntentID = intent
	}
	return err
}

// Authorise notes that the money is reserved.
func (p *Payment) Authorise(now time.Time) error {
	err := p.move("authorise", Authorised, now, Authorising)
	if err == nil {
		p.Method = ""
	}
	return err
}

// Confirm notes that the order is confirmed: only now may the money be taken.
func (p *Payment) Confirm(now time.Time) error { return p.move("confirm", Capturing, now, Authorised) }

// Capture notes that the money was taken. It may have been on its way when the payment was given up.
func (p *Payment) Capture(yen int64, now time.Time) error {
	if yen <= 0 || yen > p.AmountYen {
		return fmt.Errorf("payment of order %s: the provider took %d yen of %d", p.OrderID, yen, p.AmountYen)
	}
	err := p.move("capture", Captured, now, Capturing, Voiding)
	if err == nil {
		p.CapturedYen = yen
	}
	return err
}

// GiveUp begins to close a payment of which nothing was taken, as far as is known.
func (p *Payment) GiveUp(c Cause, code string, now time.Time) error {
	err := p.move("give up", Voiding, now, Opening, Authorising, Authorised, Capturing)
	if err == nil {
		p.Cause, p.Code, p.Method = c, code, ""
	}
	return err
}

// Close notes that the provider has closed it and took nothing.
func (p *Payment) Close(now time.Time) error {
	to := map[Cause]State{CauseDeclined: Declined, CauseStays: Uncollected}[p.Cause]
	if to == "" {
		to = Voided
	}
	return p.move("close", to, now, Voiding)
}

// Strand notes that the order cannot be ended, though its money cannot be taken.
func (p *Payment) Strand() error {
	if p.State != Voiding || !p.Cause.endsOrder() {
		return &IllegalMove{p.OrderID, p.State, "strand"}
	}
	p.Cause = CauseStays
	return nil
}

// Settled says whether nothing is to be done any more about the payment itself. Its refunds are apart.
func (s State) Settled() bool {
	return s == Captured || s == Voided || s == Declined || s == Uncollected
}

// Shown is the state as people and programs read it, which knows of refunds.
func (p *Payment) Shown() string {
	switch {
	case p.State == Captured && p.RefundedYen > 0 && p.RefundedYen == p.CapturedYen:
		return "refunded"
	case p.State == Captured && p.RefundedYen > 0:
		return "partly_refunded"
	}
	return string(p.State)
}
