package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"meguri/hub/people"
	"meguri/hub/retention"
	"meguri/internal/clock"
)

// keeping deletes what is kept long enough, once a business date.
type keeping struct {
	store  retention.Store
	seal   func(context.Context) error // what a hub of before has written in plain since the start; people.ErrOtherKey where there is no key for it
	clock  clock.Clock
	zone   *time.Location
	logger *slog.Logger
}

// keepingEvery is how often it is seen whether the date is another; the store knows what was done already.
const keepingEvery = time.Hour

func (k *keeping) run(ctx context.Context) error {
	tick := k.clock.Ticker(keepingEvery)
	defer tick.Stop()
	for {
		k.turn(ctx, k.clock.Now())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (k *keeping) turn(ctx context.Context, now time.Time) {
	zone := k.zone
	if zone == nil {
		zone = time.Local
	}
	if err := k.seal(ctx); err != nil && !errors.Is(err, people.ErrOtherKey) && ctx.Err() == nil {
		k.logger.Error("names that stand in plain could not be sealed, which is tried again", "error", err)
	}
	deleted, err := retention.Run(ctx, k.store, now.In(zone).Format(time.DateOnly), now)
	for class, rows := range deleted {
		if rows > 0 {
			k.logger.Info("kept long enough, and deleted", "class", class, "rows", rows)
		}
	}
	if err != nil && ctx.Err() == nil {
		k.logger.Error("what is kept long enough could not all be deleted, and is tried again", "error", err)
	}
}
