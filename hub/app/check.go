package app

import (
	"context"
	"log/slog"
	"time"

	"meguri/hub/check"
	"meguri/hub/live"
	"meguri/internal/clock"
)

// checks looks at every future assignment now and then, so that what is broken is known hours before the drivers leave, and not
// at dawn.
type checks struct {
	service *check.Service
	feed    *live.Feed
	clock   clock.Clock
	logger  *slog.Logger
	before  int // findings of the look before
}

const checkEvery = 10 * time.Minute // on the hub's clock

func (c *checks) run(ctx context.Context) error {
	tick := c.clock.Ticker(checkEvery)
	defer tick.Stop()
	for {
		c.look(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look looks once. When it fails the last findings stay, and it is tried again at the next tick.
func (c *checks) look(ctx context.Context) {
	r, err := c.service.Watch(ctx, c.clock.Now(), time.Now) // how long it takes is the machine's time
	if err != nil {
		if ctx.Err() == nil {
			c.logger.Error("assignments could not be checked", "error", err)
		}
		return
	}
	if !r.Clean() {
		worst := r.Findings[0]
		c.logger.Error("assignments are broken: see /check or hub check", "findings", len(r.Findings)+r.Omitted,
			"worst", worst.Text(), "orders", len(worst.Orders)+worst.More)
	}
	if len(r.Findings)+c.before > 0 {
		c.feed.Changed()
	}
	c.before = len(r.Findings)
}
