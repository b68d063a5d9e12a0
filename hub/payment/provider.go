package payment

import (
	"context"
	"fmt"
)

// Provider is who reserves and moves the money. Every call may be slow, fail, or do what it was asked and not say so; its errors
// are *Problem. The key makes repeating a call harmless: the provider answers as it did the first time.
//
// Paying has two steps, Open and Authorise, so that its id is stored before any money can move: from then on Void ends the matter
// whatever is still on its way, and LookUp says how it stands.
type Provider interface {
	// Open makes an intent to pay. No money moves.
	Open(ctx context.Context, c Call) (Intent, error)
	// Authorise reserves the intent's money by the call's method.
	Authorise(ctx context.Context, c Call) (Intent, error)
	// Capture takes what is reserved, whole.
	Capture(ctx context.Context, c Call) (Intent, error)
	// Void closes an intent of which nothing was taken; nothing can be reserved or taken by it any more.
	Void(ctx context.Context, c Call) (Intent, error)
	// Refund gives back part of what was taken.
	Refund(ctx context.Context, c Call) (IntentRefund, error)
	// LookUp says how an intent stands, with its refunds if money was taken.
	LookUp(ctx context.Context, intentID string) (Intent, error)
}

// Call is what is asked of a provider. Which fields count depends on the call.
type Call struct {
	Key       string // idempotency key, of at most 255 bytes
	OrderID   string
	Reference string // of the payment; kept at the provider, so that its side can be matched with ours
	IntentID  string
	AmountYen int64
	Method    string
	RefundID  string
	Cause     Cause // why an order is to be cancelled
}

// Status is how an intent stands at the provider.
type Status string

// Statuses of an intent.
const (
	Unpaid   Status = "unpaid"   // nothing reserved; see Intent.Code for why the last try failed
	Working  Status = "working"  // the provider has not decided yet
	Reserved Status = "reserved" // authorised
	Taken    Status = "taken"    // captured
	Closed   Status = "closed"   // can never move money again
)

// Intent is an intent to pay as the provider knows it: the truth about the money.
type Intent struct {
	ID          string
	Reference   string // of our payment, as we gave it
	Status      Status
	Code        string // why the last try to reserve was declined; empty when it was not
	CapturedYen int64
	Refunds     []IntentRefund // only from LookUp
}

// IntentRefund is a refund as the provider knows it.
type IntentRefund struct {
	ID        string // the provider's
	Reference string // of our payment, empty when somebody else made it
	RefundID  string // ours, with it
	AmountYen int64
	Status    RefundStatus
	Code      string // why it failed
}

// RefundStatus is how a refund stands at the provider.
type RefundStatus string

// Statuses of a refund.
const (
	RefundWorking RefundStatus = "working"
	RefundDone    RefundStatus = "done"
	RefundFailed  RefundStatus = "failed"
)

// Kind says what an error of a provider means for us.
type Kind string

// Kinds of problems.
const (
	KindDeclined Kind = "declined" // the customer's bank or the provider says no
	KindRefused  Kind = "refused"  // it cannot be done to this intent, or as asked; it was not done
	KindRetry    Kind = "retry"    // it was not done; try again later
	KindUnknown  Kind = "unknown"  // it may have been done, or may still be
)

// Problem is a call of a provider that did not succeed.
type Problem struct {
	Kind Kind
	Code string // the provider's word, such as "card_declined"
	Err  error  // what happened; never holds a secret
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s: %v", p.Kind, p.Code, p.Err) }

func (p *Problem) Unwrap() error { return p.Err }
