package settle_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/payment/intents"
	"meguri/hub/payment/settle"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// errCrash is what a hub that was killed gets for all that it still tries.
var errCrash = errors.New("this hub was killed")

// hub is one life of a hub: what it holds in memory, between one start and the next kill.
type hub struct {
	orders  *order.Service
	pay     *payment.Service
	worker  *settle.Worker
	webhook *intents.Webhook
	clock   clock.Clock

	dead  atomic.Bool
	steps atomic.Int64 // until it is killed
	end   context.CancelFunc
	ended sync.WaitGroup
}

// kill ends it at once, wherever it is.
func (h *hub) kill() {
	h.dead.Store(true)
	h.end()
}

// step counts what a hub does to the outside. When its steps are used up it is killed there.
func (h *hub) step() bool {
	if h.steps.Add(-1) == 0 {
		h.kill()
	}
	return !h.dead.Load()
}

// newHub starts a hub that is killed after so many steps.
func newHub(t *testing.T, s *store.Store, c clock.Clock, provider payment.Provider, steps int64) *hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hub{clock: c, end: cancel}
	h.steps.Store(steps)
	h.orders = order.NewService(orderStore{s.Orders(), h}).WithClock(c.Now)
	h.pay = payment.NewService(payStore{s.Payments(), h}, func() { h.worker.Wake() })
	var err error
	if h.webhook, err = intents.NewWebhook([]string{"whsec"}); err != nil {
		t.Fatal(err)
	}
	h.worker = settle.New(settle.Config{Service: h.pay, Provider: killable{provider, h}, Orders: settle.OfService(h.orders), Clock: c,
		Logger: slog.New(slog.DiscardHandler), Together: 8})
	h.ended.Go(func() { _ = h.worker.Run(ctx) })
	h.ended.Go(func() { h.expire(ctx) })
	return h
}

// expire gives back holds, as package app does.
func (h *hub) expire(ctx context.Context) {
	for ctx.Err() == nil {
		_, _ = h.orders.ExpireDue(ctx, h.clock.Now())
		_ = h.clock.Sleep(ctx, time.Second)
	}
}

// orderStore and payStore die with their hub, before a commit or after it.
type orderStore struct {
	order.Store
	h *hub
}

func (s orderStore) Change(ctx context.Context, fn func(order.Tx) error) error {
	if !s.h.step() {
		return errCrash
	}
	err := s.Store.Change(ctx, fn)
	if !s.h.step() {
		return errCrash
	}
	return err
}

type payStore struct {
	payment.Store
	h *hub
}

func (s payStore) Change(ctx context.Context, fn func(payment.Tx) error) error {
	if !s.h.step() {
		return errCrash
	}
	err := s.Store.Change(ctx, fn)
	if !s.h.step() {
		return errCrash
	}
	return err
}

func (s payStore) Read(ctx context.Context, fn func(payment.Tx) error) error {
	if s.h.dead.Load() {
		return errCrash
	}
	return s.Store.Read(ctx, fn)
}

// killable dies with its hub, before a call of the provider or after it.
type killable struct {
	payment.Provider
	h *hub
}

func killed[T any](h *hub, call func() (T, error)) (T, error) {
	var none T
	if !h.step() {
		return none, errCrash
	}
	v, err := call()
	if !h.step() {
		return none, errCrash
	}
	return v, err
}

func (k killable) Open(ctx context.Context, c payment.Call) (payment.Intent, error) {
	return killed(k.h, func() (payment.Intent, error) { return k.Provider.Open(ctx, c) })
}

func (k killable) Authorise(ctx context.Context, c payment.Call) (payment.Intent, error) {
	return killed(k.h, func() (payment.Intent, error) { return k.Provider.Authorise(ctx, c) })
}

func (k killable) Capture(ctx context.Context, c payment.Call) (payment.Intent, error) {
	return killed(k.h, func() (payment.Intent, error) { return k.Provider.Capture(ctx, c) })
}

func (k killable) Void(ctx context.Context, c payment.Call) (payment.Intent, error) {
	return killed(k.h, func() (payment.Intent, error) { return k.Provider.Void(ctx, c) })
}

func (k killable) Refund(ctx context.Context, c payment.Call) (payment.IntentRefund, error) {
	return killed(k.h, func() (payment.IntentRefund, error) { return k.Provider.Refund(ctx, c) })
}

// front is where the provider sends events: to whichever hub lives.
type front struct {
	mu  sync.Mutex
	hub *hub
}

func (f *front) set(h *hub) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hub = h
}

func (f *front) get() *hub {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hub
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := f.get()
	body, err := io.ReadAll(io.LimitReader(r.Body, intents.MaxEvent))
	if h == nil || h.dead.Load() || err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	e, err := h.webhook.Read(r.Header.Get(intents.SignatureHeader), body, time.Now())
	if err == nil {
		_, err = h.pay.Note(r.Context(), e, h.clock.Now())
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// live keeps a hub running, killing and starting it as the seed says, until calm: from then on it lives.
func (f *front) live(t *testing.T, r *rand.Rand, s *store.Store, c clock.Clock, provider payment.Provider, calm <-chan struct{}, kills int) {
	for ; kills > 0; kills-- {
		h := newHub(t, s, c, provider, 20+r.Int64N(400))
		f.set(h)
		h.ended.Wait()
		down := time.Duration(r.Int64N(int64(20 * time.Second)))
		select {
		case <-calm:
			kills = 0
		case <-time.After(down):
		}
	}
	f.set(newHub(t, s, c, provider, 1<<60))
}
