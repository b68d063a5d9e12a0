package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/hub/live"
	"meguri/hub/plan"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// rentals gives back promises that have run out, makes work of pieces that stand still, and tells the outside world of returns.
type rentals struct {
	store  *store.Store
	keeper *rental.Keeper
	tell   *rental.Teller
	feed   *live.Feed
	clock  clock.Clock
	logger *slog.Logger
}

const (
	rentalsEvery  = 30 * time.Second // on the hub's clock
	leastRentals  = 100 * time.Millisecond
	expireAtOnce  = 200
	expireAtLarge = 50 // rounds in one turn
)

// rentalKeeper has the plans of a warehouse's scanners made anew before long when something there has changed.
func rentalKeeper(plans *plan.Maker) *rental.Keeper {
	return &rental.Keeper{Changed: func(tx *store.Tx, warehouse string) { tx.OnCommit(func() { plans.Soon(warehouse) }) }}
}

// run does both until ctx ends. They are apart: a receiver of notices that does not answer holds up no promise that has run out.
func (r *rentals) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return r.every(ctx, "promises that ran out or pieces that stand still are not done, and are tried again",
			func(ctx context.Context) error { return errors.Join(r.expire(ctx), r.overdue(ctx)) })
	})
	g.Go(func() error { return r.every(ctx, "notices of returns are not done, and are tried again", r.tell.Turn) })
	return g.Wait()
}

// every does something again and again, and logs when it fails.
func (r *rentals) every(ctx context.Context, failed string, do func(context.Context) error) error {
	tick := time.NewTicker(max(r.clock.Real(rentalsEvery), leastRentals))
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			r.logger.Error(failed, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// expire frees what is due, some in a transaction, so that nobody waits long for it.
func (r *rentals) expire(ctx context.Context) error {
	for range expireAtLarge {
		n := 0
		now := r.clock.Now()
		var due []store.RentalItem
		err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
			due, err = tx.PromisesOver(ctx, now, 1)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		err = r.store.Change(ctx, func(tx *store.Tx) (err error) {
			n, err = r.keeper.Expire(ctx, tx, now, expireAtOnce)
			return err
		})
		if err != nil || n < expireAtOnce {
			r.feed.Changed()
			return err
		}
	}
	return nil
}

// overdue makes work of pieces that stand still. Nearly always there are none, and scanners do not wait for that to be found.
func (r *rentals) overdue(ctx context.Context) error {
	n, any, now := 0, false, r.clock.Now()
	err := r.store.Read(ctx, func(tx *store.Tx) (err error) {
		any, err = rental.AnyOverdue(ctx, tx, now)
		return err
	})
	if err != nil || !any {
		return err
	}
	err = r.store.Change(ctx, func(tx *store.Tx) (err error) {
		n, err = r.keeper.Overdue(ctx, tx, now, expireAtOnce)
		return err
	})
	if n > 0 {
		r.feed.Changed()
	}
	return err
}
