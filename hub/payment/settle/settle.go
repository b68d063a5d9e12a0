// Package settle does what the rules of payment ask for: it drains the outbox of payments, asks the provider and the owner of
// orders, and takes the answers back. No call is made inside a transaction; each is noted before it is made, so that a hub that
// dies at any point goes on from there.
package settle

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"meguri/hub/payment"
	"meguri/internal/clock"
)

// Orders is the owner of orders, as paying needs it.
type Orders interface {
	// Confirm accepts a held order, or says that it is accepted already. gone: it holds nothing any more.
	Confirm(ctx context.Context, orderID string, now time.Time) (gone bool, err error)
	// Cancel ends an order that could not be paid, or says that it has ended. stays: it is too late for that.
	Cancel(ctx context.Context, orderID, reason string, now time.Time) (stays bool, err error)
}

// Config is what a worker works with.
type Config struct {
	Service  *payment.Service
	Provider payment.Provider
	Orders   Orders
	Clock    clock.Clock
	Logger   *slog.Logger
	Changed  func() // after something has become otherwise; nil for nobody
	// Together is how many payments are worked on at once; 0 is DefaultTogether.
	Together int
}

const (
	// DefaultTogether is enough for some hundred payments a second at 50 ms an answer.
	DefaultTogether = 32
	// lease is how long a payment belongs to who works on it. It is longer than a call of the provider may take; a hub that dies
	// with a payment is waited for so long.
	lease = 20 * time.Second
	poll  = time.Second
	// sweepEvery is how often the safety net is thrown.
	sweepEvery = 10 * time.Second
	// maxSteps bounds what is done of one payment at once. The usual way is open, authorise, confirm, capture.
	maxSteps = 12
	// leastPoll is how often a hub with a fast clock looks, on the machine's clock.
	leastPoll = 20 * time.Millisecond
	// closing bounds how long an answer that has come may take to be stored when the hub is told to stop.
	closing = 5 * time.Second
)

// Worker drains the outbox.
type Worker struct {
	Config
	wake chan struct{}

	mu   sync.Mutex
	busy map[key]bool
}

type key struct{ order, refund string }

// New makes a worker. Wake is for the service, and may be called before Run.
func New(c Config) *Worker {
	if c.Together == 0 {
		c.Together = DefaultTogether
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	return &Worker{Config: c, wake: make(chan struct{}, 1), busy: map[key]bool{}}
}

// Wake says that something is due.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default: // it is told already
	}
}

// Run works until ctx ends, and then waits for what is under way.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(max(w.Clock.Real(poll), leastPoll))
	defer tick.Stop()
	var group sync.WaitGroup
	defer group.Wait()
	places := make(chan struct{}, w.Together)
	var swept time.Time
	for {
		now := w.Clock.Now()
		if now.Sub(swept) >= sweepEvery || now.Before(swept) {
			swept = now
			w.sweep(ctx, now)
		}
		more, err := w.round(ctx, &group, places)
		if err != nil && ctx.Err() == nil {
			w.Logger.Error("cannot read what is due of payments, and try again", "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-w.wake:
		}
	}
}

func (w *Worker) sweep(ctx context.Context, now time.Time) {
	found, err := w.Service.Sweep(ctx, now)
	if err != nil && ctx.Err() == nil {
		w.Logger.Error("cannot look for payments of orders that have ended, and try again", "error", err)
	}
	if found > 0 {
		w.Logger.Warn("money was still kept for orders that have ended: it goes back", "orders", found)
	}
}

// round begins what is due, as far as there are free places. It says whether there may be more.
func (w *Worker) round(ctx context.Context, group *sync.WaitGroup, places chan struct{}) (more bool, err error) {
	select { // wait for one place: without any there is no need to look
	case places <- struct{}{}:
		<-places
	case <-ctx.Done():
		return false, ctx.Err()
	}
	free := cap(places) - len(places)
	now := w.Clock.Now()
	tasks, err := w.Service.Claim(ctx, now, now.Add(lease), free)
	if err != nil {
		return false, err
	}
	for _, t := range tasks {
		if !w.take(t) {
			continue // it is being worked on, and whoever does looks again at the end
		}
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places; w.release(t) }()
			w.settle(ctx, t)
		})
	}
	return len(tasks) == free, nil
}

func (w *Worker) take(t payment.Task) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := key{t.OrderID, t.RefundID}
	if w.busy[k] {
		return false
	}
	w.busy[k] = true
	return true
}

func (w *Worker) release(t payment.Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, key{t.OrderID, t.RefundID})
}

// settle goes on with one payment or refund as far as it can now.
func (w *Worker) settle(ctx context.Context, t payment.Task) {
	var answer payment.Answer
	for n := range maxSteps {
		now := w.Clock.Now()
		// What has been answered is stored even when the hub is told to stop: a call that was made counts.
		keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		step, call, err := w.Service.Turn(keep, t, answer, now, now.Add(lease))
		cancel()
		if err != nil {
			w.Logger.Error("cannot store how a payment stands, and look again", "order", t.OrderID, "refund", t.RefundID, "error", err)
			return
		}
		if n > 0 {
			w.Changed()
		}
		if step == payment.StepNone || ctx.Err() != nil {
			return
		}
		answer = w.do(ctx, step, call)
		if answer.Problem != nil {
			w.Logger.Warn("a payment does not go as it should", "order", t.OrderID, "refund", t.RefundID, "step", string(step),
				"error", answer.Problem)
		}
	}
}

// do makes one step and gives what came of it.
func (w *Worker) do(ctx context.Context, step payment.Step, call payment.Call) payment.Answer {
	a := payment.Answer{Step: step}
	var intent payment.Intent
	var err error
	switch step {
	case payment.StepConfirm:
		gone, err := w.Orders.Confirm(ctx, call.OrderID, w.Clock.Now())
		a.Failed, a.OrderGone, a.OrderConfirmed = err, err == nil && gone, err == nil && !gone
		return a
	case payment.StepCancelOrder:
		stays, err := w.Orders.Cancel(ctx, call.OrderID, string(call.Cause), w.Clock.Now())
		a.Failed, a.OrderGone, a.OrderStays = err, err == nil && !stays, err == nil && stays
		return a
	case payment.StepRefund:
		refund, err := w.Provider.Refund(ctx, call)
		if err == nil {
			a.Refund = &refund
			return a
		}
		a.Problem = payment.AsProblem(err)
		return a
	case payment.StepOpen:
		intent, err = w.Provider.Open(ctx, call)
	case payment.StepAuthorise:
		intent, err = w.Provider.Authorise(ctx, call)
	case payment.StepCapture:
		intent, err = w.Provider.Capture(ctx, call)
	case payment.StepVoid:
		intent, err = w.Provider.Void(ctx, call)
	case payment.StepLook:
		intent, err = w.Provider.LookUp(ctx, call.IntentID)
	default:
		err = errors.New("no such step: " + string(step))
	}
	if err != nil {
		a.Problem = payment.AsProblem(err)
		return a
	}
	a.Intent = &intent
	return a
}
