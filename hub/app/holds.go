package app

import (
	"context"
	"log/slog"
	"time"

	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/internal/clock"
)

// holds gives back what orders hold past their deadline.
type holds struct {
	orders *order.Service
	feed   *live.Feed
	clock  clock.Clock
	logger *slog.Logger
	// lookEvery is how long it waits at most before it asks the database again. This hub's own holds wake it; those of another,
	// which may have died, do not.
	lookEvery time.Duration
}

// retryHoldsAfter keeps a date that cannot be loaded from being tried without a pause.
const retryHoldsAfter = time.Second

// lookEvery: with several hubs on a database a hold comes back within a second though the hub that took it is gone.
func lookEvery(writers int) time.Duration {
	if writers > 1 {
		return time.Second
	}
	return 10 * time.Second
}

// start gives back what has become due while the hub was down, before anybody is served. A date that cannot be loaded takes no
// orders either, and keeps nobody else from being served.
func (h *holds) start(ctx context.Context) {
	if _, err := h.expire(ctx); err != nil {
		h.logger.Error("holds past their deadline could not be given back, and are tried again", "error", err)
	}
}

// run waits for one deadline after the other.
func (h *holds) run(ctx context.Context) error {
	for {
		wait, err := h.expire(ctx)
		if err != nil && ctx.Err() == nil {
			h.logger.Error("holds past their deadline could not be given back, and are tried again", "error", err)
			wait = retryHoldsAfter
		}
		waited, stop := context.WithTimeout(ctx, h.clock.Real(wait))
		select {
		case <-waited.Done():
		case <-h.orders.Earlier():
		}
		stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// expire gives back what is due, and says how long nothing will be as far as is known.
func (h *holds) expire(ctx context.Context) (wait time.Duration, err error) {
	ended, err := h.orders.ExpireDue(ctx, h.clock.Now())
	if len(ended) > 0 {
		h.feed.Changed()
		h.logger.Info("holds expired", "orders", len(ended))
	}
	if err != nil {
		return 0, err
	}
	next, err := h.orders.NextDeadline(ctx)
	if err != nil || next.IsZero() {
		return h.lookEvery, err
	}
	return max(0, min(h.lookEvery, next.Sub(h.clock.Now()))), nil
}
