package app

import (
	"context"
	"log/slog"
	"time"

	"meguri/hub/store"
	"meguri/internal/clock"
)

// packings packs readings that are some hours old, now and then: what waits meanwhile takes room, and nothing else.
type packings struct {
	store  *store.Store
	clock  clock.Clock
	logger *slog.Logger
}

const packEvery = 6 * time.Hour // on the hub's clock

func (p *packings) run(ctx context.Context) error {
	tick := time.NewTicker(max(p.clock.Real(packEvery), time.Minute)) // of the machine's own time, for a clock that is fast
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		did, err := p.store.PackReadings(ctx, store.PackingAt(p.clock.Now()))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // they stay rows, and are tried again
			p.logger.Error("readings could not be packed", "error", err)
		case did.Blocks > 0:
			p.logger.Info("readings are packed", "rows", did.Rows, "samples", did.Samples, "blocks", did.Blocks)
		}
	}
}
