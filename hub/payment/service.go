package payment

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Service begins payments, asks for refunds and hears of events. What it stores is done by package settle.
type Service struct {
	store Store
	wake  func() // tells the worker that something is due
}

// NewService makes the service of a store. wake, which may be nil, is called after something has become due; it must not wait.
func NewService(store Store, wake func()) *Service {
	if wake == nil {
		wake = func() {}
	}
	return &Service{store: store, wake: wake}
}

// maxMethod bounds the token of what a customer pays with.
const maxMethod = 255

// CheckMethod says what is wrong with the token of what a customer pays with, as *FieldError. Tokens are opaque: no card number
// ever comes here, and one that looks like it is refused.
func CheckMethod(method string) error {
	digits := 0
	for _, c := range []byte(method) {
		if c >= '0' && c <= '9' {
			digits++
		}
		if c <= ' ' || c > '~' {
			digits = maxMethod // not a token
		}
	}
	if method == "" || len(method) > maxMethod || digits == maxMethod || digits == len(method) {
		return &FieldError{"payment.method", "", "the provider's token of a payment method, 1 to 255 printable characters, and no card number"}
	}
	return nil
}

// Begin begins the payment of a held order. Beginning again gives the payment that there is. reference is random.
//
// Expected errors are ErrNotFound, ErrNotPaid when the order is not held any more, and *FieldError.
func (s *Service) Begin(ctx context.Context, orderID, reference, method string, now time.Time) (b Bill, err error) {
	if err := CheckMethod(method); err != nil {
		return b, err
	}
	err = s.store.Change(ctx, func(tx Tx) error {
		if b, err = tx.Bill(ctx, orderID); !errors.Is(err, ErrNotFound) {
			return err
		}
		o, err := tx.PaidOrder(ctx, orderID)
		if err != nil {
			return err
		}
		if !o.Held {
			return ErrNotPaid
		}
		if b.Payment, err = New(o, reference, method, now); err != nil {
			return err
		}
		if added, err := tx.AddPayment(ctx, b.Payment); err != nil || !added {
			return errors.Join(err, fmt.Errorf("begin the payment of order %s: there is one: %t", orderID, !added))
		}
		return tx.SavePaymentTask(ctx, Task{OrderID: orderID, DueAt: now, Round: 1, Since: now})
	})
	if err == nil {
		s.wake()
	}
	return b, err
}

// Of is an order's payment with its refunds and what is pending of it, or ErrNotFound.
func (s *Service) Of(ctx context.Context, orderID string) (b Bill, t Task, pending bool, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		if b, err = tx.Bill(ctx, orderID); err != nil {
			return err
		}
		t, pending, err = tx.PaymentTask(ctx, orderID, "")
		return err
	})
	return b, t, pending, err
}

// Refund asks for money to go back. The same ask again gives the same refund.
//
// Expected errors are ErrNotFound, *FieldError, ErrNotPaid, ErrTooMuch, ErrNothingLeft and ErrConflict.
func (s *Service) Refund(ctx context.Context, orderID string, a Ask, now time.Time) (r Refund, repeated bool, err error) {
	err = s.store.Change(ctx, func(tx Tx) error {
		b, err := tx.Bill(ctx, orderID)
		if err != nil {
			return err
		}
		if r, repeated, err = b.AskRefund(a, now); err != nil || repeated {
			return err
		}
		return save(ctx, tx, b, now)
	})
	if err == nil && !repeated {
		s.wake()
	}
	return r, repeated, err
}

// Pending lists what is pending, the oldest first, and says how much there is in all.
func (s *Service) Pending(ctx context.Context, most int) (all []Pending, total int, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, total, err = tx.PendingPayments(ctx, most)
		return err
	})
	return all, total, err
}

// Note takes an event of the provider: its payment is looked at soon, unless the event tells nothing new. fresh is false for an
// event that came before.
func (s *Service) Note(ctx context.Context, e Event, now time.Time) (fresh bool, err error) {
	looks := false
	err = s.store.Change(ctx, func(tx Tx) error {
		looks = false
		if fresh, err = tx.AddPaymentEvent(ctx, e, now); err != nil || !fresh {
			return err
		}
		order, err := tx.OrderOfIntent(ctx, e.IntentID, e.Reference)
		if errors.Is(err, ErrNotFound) {
			return stray(ctx, tx, e, now)
		}
		if err != nil {
			return err
		}
		looks, err = hint(ctx, tx, order, e, now)
		return err
	})
	if err == nil && looks {
		s.wake()
	}
	return fresh, err
}

// hint makes a payment due for a look.
func hint(ctx context.Context, tx Tx, orderID string, e Event, now time.Time) (looks bool, err error) {
	b, err := tx.Bill(ctx, orderID)
	if err != nil {
		return false, err
	}
	if b.Payment.IntentID != "" && b.Payment.IntentID != e.IntentID {
		return false, stray(ctx, tx, e, now) // a second intent of one payment, which nobody here made
	}
	for _, r := range b.Refunds {
		if t, found, err := tx.PaymentTask(ctx, orderID, r.ID); err != nil {
			return false, err
		} else if found {
			t.DueAt = now
			if err := tx.SavePaymentTask(ctx, t); err != nil {
				return false, err
			}
			looks = true
		}
	}
	if told(b.Payment.State, e.Status) || looks {
		return looks, nil
	}
	t, found, err := tx.PaymentTask(ctx, orderID, "")
	if err != nil {
		return false, err
	}
	if !found {
		t = Task{OrderID: orderID, Round: 1, Since: now}
	}
	t.DueAt, t.Unsure = now, true
	return true, tx.SavePaymentTask(ctx, t)
}

// told says whether a payment in the state has been through what an event tells.
func told(s State, of Status) bool {
	switch of {
	case Unpaid, Working:
		return s != Authorising && s != Opening
	case Reserved:
		return s != Authorising && s != Opening && s != Voided && s != Declined
	case Taken:
		return s == Captured
	case Closed:
		return s == Voided || s == Declined || s == Uncollected
	}
	return false
}

// stray tells a person of a payment that the provider knows and we do not: money may be taken for an order that is not there, as
// when an older backup was put back. Events without a reference are of somebody else who uses the same account;
// and an intent by which nothing is reserved harms nobody.
func stray(ctx context.Context, tx Tx, e Event, now time.Time) error {
	if e.Reference == "" || e.Status == Unpaid || e.Status == Closed {
		return nil
	}
	return tx.OpenWork(ctx, WorkStray+"/"+e.IntentID, WorkStray, e.IntentID,
		fmt.Sprintf("the provider tells of %s (%s), which no order here was paid by: look there whether money was taken", e.IntentID, e.Kind), now)
}

// save stores a bill after refunds were asked for, with a task for each that has none.
func save(ctx context.Context, tx Tx, b Bill, now time.Time) error {
	if err := tx.SaveBill(ctx, b); err != nil {
		return err
	}
	for _, r := range b.Refunds {
		if r.State != Waiting && r.State != Refunding {
			continue
		}
		t, found, err := tx.PaymentTask(ctx, r.OrderID, r.ID)
		if err != nil {
			return err
		}
		if found && t.Tries > 0 {
			continue // somebody is at it
		}
		if !found {
			t = Task{OrderID: r.OrderID, RefundID: r.ID, Round: 1, Since: now}
		}
		t.DueAt = now
		if err := tx.SavePaymentTask(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// OwedBack makes what is owed back of an order go back, as the order now stands. Whoever ends an order, takes units off it or
// changes its lines calls it in the same transaction, after the change; for an order that was not paid here it does nothing.
// Calling it again changes nothing.
func OwedBack(ctx context.Context, tx Tx, orderID string, now time.Time) error {
	j, err := load(ctx, tx, Task{OrderID: orderID})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("what is owed back of order %s: %w", orderID, err)
	}
	pending := !j.Payment.State.Settled()
	if !j.Owed(now) {
		return nil
	}
	if err := save(ctx, tx, j.Bill, now); err != nil {
		return fmt.Errorf("what is owed back of order %s: %w", orderID, err)
	}
	if !pending {
		return nil
	}
	return tx.SavePaymentTask(ctx, j.Task)
}

// load reads a job by its task's ids.
func load(ctx context.Context, tx Tx, of Task) (j Job, err error) {
	if j.Bill, err = tx.Bill(ctx, of.OrderID); err != nil {
		return j, err
	}
	if j.Order, err = tx.PaidOrder(ctx, of.OrderID); err != nil {
		return j, err
	}
	var found bool
	if j.Task, found, err = tx.PaymentTask(ctx, of.OrderID, of.RefundID); err == nil && !found {
		j.Task = Task{OrderID: of.OrderID, RefundID: of.RefundID, Round: 1}
	}
	return j, err
}

// Turn takes the answer to the last step of a task and gives the next step, in one transaction. A task of which nothing is pending
// any more gives StepNone. The worker that goes on with it has it to itself until then.
func (s *Service) Turn(ctx context.Context, of Task, a Answer, now, until time.Time) (step Step, call Call, err error) {
	err = s.store.Change(ctx, func(tx Tx) error {
		step, call = StepNone, Call{}
		j, err := load(ctx, tx, of)
		if errors.Is(err, ErrNotFound) {
			return tx.RemovePaymentTask(ctx, of.OrderID, of.RefundID)
		}
		if err != nil {
			return err
		}
		step, call = j.Turn(a, now)
		if j.Work != nil {
			id := fmt.Sprintf("%s/%s/%s", j.Work.Kind, of.OrderID, of.RefundID)
			if err := tx.OpenWork(ctx, id, j.Work.Kind, of.OrderID, j.Work.Detail, now); err != nil {
				return err
			}
		}
		if step != StepNone {
			j.Task.DueAt = until
		}
		if err := keep(ctx, tx, j, now); err != nil {
			return err
		}
		if j.Done() {
			return tx.RemovePaymentTask(ctx, of.OrderID, of.RefundID)
		}
		return tx.SavePaymentTask(ctx, j.Task)
	})
	if err != nil {
		return StepNone, Call{}, fmt.Errorf("payment of order %s: %w", of.OrderID, err)
	}
	return step, call, nil
}

// keep stores what a turn has changed of the bill.
func keep(ctx context.Context, tx Tx, j Job, now time.Time) error {
	if j.Task.RefundID == "" && len(j.Refunds) > 0 {
		return save(ctx, tx, j.Bill, now) // refunds may have begun with it
	}
	return tx.SaveBill(ctx, j.Bill)
}

// Claim gives tasks that are due.
func (s *Service) Claim(ctx context.Context, now, until time.Time, most int) (tasks []Task, err error) {
	err = s.store.Change(ctx, func(tx Tx) error {
		tasks, err = tx.ClaimPaymentTasks(ctx, now, until, most)
		return err
	})
	return tasks, err
}

// keepEvents is how long ids of events are remembered: providers send one again for days.
const keepEvents = 30 * 24 * time.Hour

// Sweep is the safety net: what is owed back of orders that have ended and nobody said so, and events too old to come again. It
// says how many orders it found.
func (s *Service) Sweep(ctx context.Context, now time.Time) (found int, err error) {
	var orders []string
	err = s.store.Read(ctx, func(tx Tx) error {
		orders, err = tx.EndedUnpaidBack(ctx, now.Add(-7*24*time.Hour).Format(time.DateOnly), 1000)
		return err
	})
	for _, id := range orders {
		err = errors.Join(err, s.store.Change(ctx, func(tx Tx) error { return OwedBack(ctx, tx, id, now) }))
	}
	if len(orders) > 0 {
		s.wake()
	}
	return len(orders), errors.Join(err, s.store.Change(ctx, func(tx Tx) error { return tx.ForgetPaymentEvents(ctx, now.Add(-keepEvents)) }))
}
