package app

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// stopWithin is how long the parts of an agent may take to end, the machine's own time. A part that hangs in a device or in a
// connection must not keep the agent from closing its log; it cannot write to it any more.
const stopWithin = 1500 * time.Millisecond

// crew is the parts of an agent that run at the same time. When one fails all stop.
type crew struct {
	group  *errgroup.Group
	ctx    context.Context
	logger *slog.Logger

	mu      sync.Mutex
	running map[string]bool
}

func newCrew(ctx context.Context, logger *slog.Logger) *crew {
	g, ctx := errgroup.WithContext(ctx)
	return &crew{group: g, ctx: ctx, logger: logger, running: map[string]bool{}}
}

// start runs a part under its name.
func (c *crew) start(name string, run func(context.Context) error) {
	c.set(name, true)
	c.group.Go(func() error {
		defer c.set(name, false)
		return run(c.ctx)
	})
}

func (c *crew) set(name string, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if running {
		c.running[name] = true
	} else {
		delete(c.running, name)
	}
}

// wait waits until all parts have ended, and gives the first error. Once they are to stop it waits no longer than stopWithin.
func (c *crew) wait() error {
	ended := make(chan error, 1)
	go func() { ended <- c.group.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-c.ctx.Done():
	}
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.logger.Error("stopping without parts that do not answer", "parts", slices.Sorted(maps.Keys(c.running)))
		return context.Cause(c.ctx)
	}
}
