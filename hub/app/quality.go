package app

import (
	"context"
	"log/slog"
	"time"

	"meguri/hub/live"
	"meguri/hub/quality"
	"meguri/internal/clock"
)

// judge judges goods as soon as something new is known of the places where they are.
type judge struct {
	service *quality.Service
	feed    *live.Feed
	clock   clock.Clock
	logger  *slog.Logger
}

// judgeEvery is how long what has arrived may wait to be judged, on the hub's clock.
const judgeEvery = 2 * time.Second

// leastTick is the machine's own time between two looks of the hub's jobs, for a clock that is fast.
const leastTick = 100 * time.Millisecond

func (j *judge) run(ctx context.Context) error {
	tick := time.NewTicker(max(j.clock.Real(judgeEvery), leastTick))
	defer tick.Stop()
	for {
		n, err := j.service.JudgeDue(ctx, j.clock.Now())
		if err != nil && ctx.Err() == nil {
			j.logger.Error("goods could not be judged, and it is tried again", "error", err)
		}
		if n > 0 {
			j.feed.Changed()
		}
		if n == quality.AtOnce && err == nil && ctx.Err() == nil {
			continue // more wait, as when many places come back at once
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
