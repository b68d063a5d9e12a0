package payment

import (
	"context"
	"time"
)

// Store is where payments are kept.
type Store interface {
	// Read runs fn on one consistent view.
	Read(ctx context.Context, fn func(Tx) error) error
	// Change runs fn in a transaction, perhaps more than once, and commits it when fn returns nil.
	Change(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Bill is an order's payment with its refunds in the order in which they were asked for, or ErrNotFound.
	Bill(ctx context.Context, orderID string) (Bill, error)
	// OrderOfIntent finds the order whose payment has the provider's id, or our reference, or ErrNotFound.
	OrderOfIntent(ctx context.Context, intentID, reference string) (string, error)
	// PaidOrder is the order as its payment sees it, or ErrNotFound.
	PaidOrder(ctx context.Context, orderID string) (Order, error)
	// AddPayment stores a new payment with its lines. It is false when the order has one.
	AddPayment(ctx context.Context, p Payment) (bool, error)
	// SaveBill stores a payment and its refunds as they now are. Lines never change.
	SaveBill(ctx context.Context, b Bill) error

	// PaymentTask is a task of the outbox; found is false when nothing is pending.
	PaymentTask(ctx context.Context, orderID, refundID string) (t Task, found bool, err error)
	SavePaymentTask(ctx context.Context, t Task) error
	RemovePaymentTask(ctx context.Context, orderID, refundID string) error
	// ClaimPaymentTasks gives at most so many tasks that are due, the longest due first, and puts them off until then, so that no
	// other worker takes them.
	ClaimPaymentTasks(ctx context.Context, now, until time.Time, most int) ([]Task, error)

	// PendingPayments lists what is pending, the oldest first, and counts all of it.
	PendingPayments(ctx context.Context, most int) ([]Pending, int, error)
	// EndedUnpaidBack lists orders of dates from the given one on that have ended while money is reserved or kept for them.
	EndedUnpaidBack(ctx context.Context, fromDate string, most int) ([]string, error)

	// AddPaymentEvent notes an event that the provider sent. It is false when it was noted before.
	AddPaymentEvent(ctx context.Context, e Event, at time.Time) (bool, error)
	// ForgetPaymentEvents deletes events that were received before a moment.
	ForgetPaymentEvents(ctx context.Context, before time.Time) error
	// OpenWork adds work for a person. The same id again changes nothing.
	OpenWork(ctx context.Context, id, kind, subject, detail string, at time.Time) error
}

// Pending is something that is not settled: a payment, one of its refunds, or an order that stands and could not be charged.
type Pending struct {
	OrderID      string
	DeliveryDate string
	OrderState   string
	RefundID     string // empty for the payment itself
	State        string // of the payment or refund
	AmountYen    int64
	Since        time.Time
	DueAt        time.Time
	Tries        int64
	Problem      string
	Code         string
}

// Event is what the provider tells by itself. It is a hint to look, never the truth: events come late, twice and out of order.
type Event struct {
	ID        string
	Kind      string
	IntentID  string
	Reference string // of our payment; empty when the provider does not say it
	Status    Status // of the intent when the event was made; empty when it is about something else
}
