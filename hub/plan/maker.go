package plan

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"meguri/hub/live"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// Maker keeps the plans of devices up to date. It is told of places where something has changed, and makes the plans of the
// devices there anew; a plan that comes out the same is not a new version.
type Maker struct {
	store  *store.Store
	feed   *live.Feed
	clock  clock.Clock
	logger *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	touched map[string]bool
}

// NewMaker makes a maker; Run does the work.
func NewMaker(s *store.Store, f *live.Feed, c clock.Clock, l *slog.Logger) *Maker {
	return &Maker{store: s, feed: f, clock: c, logger: l, wake: make(chan struct{}, 1), touched: map[string]bool{}}
}

// Touch says that devices at a place may need another plan. It never waits, and is harmless when nothing has changed. The
// number of places is bounded by the network.
func (m *Maker) Touch(place string) {
	m.mu.Lock()
	m.touched[place] = true
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// retryAfter is how long the maker rests after a failure, on the machine's clock.
const retryAfter = time.Second

// Run makes plans until ctx ends. It begins with all places that have devices, for what was touched before a restart is
// forgotten.
func (m *Maker) Run(ctx context.Context) error {
	err := m.touchAll(ctx)
	for {
		if err == nil {
			err = m.makeTouched(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.logger.Error("cannot make plans, trying again", "error", err)
			if err := clock.Real().Sleep(ctx, retryAfter); err != nil {
				return err
			}
			err = m.touchAll(ctx)
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.wake:
		}
	}
}

func (m *Maker) touchAll(ctx context.Context) error {
	return m.store.Read(ctx, func(tx *store.Tx) error {
		devices, err := tx.Devices(ctx)
		if err != nil {
			return err
		}
		for _, d := range devices {
			m.Touch(d.Place)
		}
		return nil
	})
}

func (m *Maker) makeTouched(ctx context.Context) error {
	m.mu.Lock()
	places := slices.Sorted(maps.Keys(m.touched))
	clear(m.touched)
	m.mu.Unlock()
	for _, place := range places {
		if err := m.make(ctx, place); err != nil {
			return err
		}
	}
	return nil
}

// make makes the plans of the devices at a place. One that has not said hello yet has no incarnation to make a plan for.
func (m *Maker) make(ctx context.Context, place string) error {
	changed := false
	err := m.store.Change(ctx, func(tx *store.Tx) error {
		changed = false
		devices, err := tx.DevicesAt(ctx, place)
		if err != nil {
			return err
		}
		for _, d := range devices {
			if d.Incarnation == "" || d.Revoked() {
				continue
			}
			parts, err := Build(ctx, tx, string(d.Role), place)
			if err != nil {
				return err
			}
			_, made, err := tx.SavePlan(ctx, d.ID, d.Incarnation, parts, m.clock.Now())
			if err != nil {
				return err
			}
			changed = changed || made
		}
		return nil
	})
	if err == nil && changed {
		m.feed.Changed()
	}
	return err
}
