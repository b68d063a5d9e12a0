package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/fleet"
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
	soon    map[string]bool // touched with the next beat
}

// NewMaker makes a maker; Run does the work.
func NewMaker(s *store.Store, f *live.Feed, c clock.Clock, l *slog.Logger) *Maker {
	return &Maker{store: s, feed: f, clock: c, logger: l, wake: make(chan struct{}, 1), touched: map[string]bool{}, soon: map[string]bool{}}
}

// Touch says that devices at a place may need another plan. It never waits, and is harmless when nothing has changed. What has
// changed must be committed. The number of places is bounded by the network.
func (m *Maker) Touch(place string) {
	m.mark(place)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *Maker) mark(place string) {
	m.mu.Lock()
	m.touched[place] = true
	m.mu.Unlock()
}

// SoonAfter is how long a warehouse's scanners wait for lists that have changed, at most, on the hub's clock: after each scan
// something in them is other than it was, and twenty scanners are not to be sent all of it each minute.
const SoonAfter = 5 * time.Minute

// Soon is Touch for a place where much happens all the time: its plans are made with the next beat, every SoonAfter.
func (m *Maker) Soon(place string) {
	m.mu.Lock()
	m.soon[place] = true
	m.mu.Unlock()
}

// beat touches what waits for it.
func (m *Maker) beat() {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.touched, m.soon)
	clear(m.soon)
}

const (
	// Rests after a failure, on the machine's clock: the first, and the longest.
	retryAfter  = time.Second
	retryAtMost = time.Minute
	// remakeEvery is how often all plans are made anew, on the hub's clock: time has passed, and what is over leaves them.
	remakeEvery = time.Hour
)

// Run makes plans until ctx ends. It begins with all places that have devices, for what was touched before a restart is
// forgotten. A place whose plan cannot be made does not keep the others waiting.
func (m *Maker) Run(ctx context.Context) error {
	again := m.clock.Ticker(remakeEvery)
	defer again.Stop()
	beat := m.clock.Ticker(SoonAfter)
	defer beat.Stop()
	all, rest := true, retryAfter
	for {
		if all {
			err := m.touchAll(ctx)
			if all = err != nil; all && ctx.Err() == nil {
				m.logger.Error("cannot list the devices to plan for, trying again", "error", err)
			}
		}
		failed := m.makeTouched(ctx) || all
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var retry <-chan time.Time // nil never fires
		if failed {
			retry = time.After(rest)
			rest = min(2*rest, retryAtMost)
		} else {
			rest = retryAfter
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.wake:
		case <-beat.C:
			m.beat()
		case <-retry:
		case <-again.C:
			all = true
		}
	}
}

// makeTouched makes what is due, and says whether something is left for another try.
func (m *Maker) makeTouched(ctx context.Context) (failed bool) {
	m.mu.Lock()
	places := slices.Sorted(maps.Keys(m.touched))
	clear(m.touched)
	m.mu.Unlock()
	for _, place := range places {
		err := m.make(ctx, place)
		if ctx.Err() != nil {
			return true
		}
		if err != nil {
			failed = true
			m.mark(place)
			m.logger.Error("cannot make the plans of a place, trying again", "place", place, "error", err)
		}
	}
	return failed
}

func (m *Maker) touchAll(ctx context.Context) error {
	return m.store.Read(ctx, func(tx *store.Tx) error {
		devices, err := tx.Devices(ctx)
		if err != nil {
			return err
		}
		for _, d := range devices {
			m.mark(d.Place)
		}
		return nil
	})
}

// Make makes the plans of the devices at a place now, for commands that end before Run would. One that is too large is said in
// the log.
func (m *Maker) Make(ctx context.Context, place string) error { return m.make(ctx, place) }

// MakeAll is Make for all places that have devices.
func (m *Maker) MakeAll(ctx context.Context) error {
	if err := m.touchAll(ctx); err != nil {
		return err
	}
	if m.makeTouched(ctx) {
		return cmp.Or(ctx.Err(), errors.New("not all plans could be made; a running hub makes them"))
	}
	return nil
}

// make makes the plans of the devices at a place. One that has not said hello yet has no incarnation to make a plan for.
func (m *Maker) make(ctx context.Context, place string) error {
	changed := false
	var large *TooLarge
	err := m.store.Change(ctx, func(tx *store.Tx) error {
		changed, large = false, nil
		devices, err := tx.DevicesAt(ctx, place)
		if err != nil {
			return err
		}
		together := shared{}
		for _, d := range devices {
			if d.Incarnation == "" || d.Revoked() {
				continue
			}
			made, err := m.makeFor(ctx, tx, d, together)
			if err != nil && !errors.As(err, &large) {
				return err
			}
			changed = changed || made
		}
		ended, err := tx.SettleRevoking(ctx, place, m.clock.Now()) // what no board holds, or was in no plan, is revoked by now
		changed = changed || ended > 0
		return err
	})
	if err == nil && large != nil {
		m.logger.Error("a plan is too large for its device, which goes on with the one that it has", "place", place, "error", large)
	}
	if err == nil && changed {
		m.feed.Changed()
	}
	return err
}

// makeFor makes one device's plan. One that is too large is work for a person, and returned; it is settled by one that fits.
func (m *Maker) makeFor(ctx context.Context, tx *store.Tx, d fleet.Device, together shared) (made bool, err error) {
	now := m.clock.Now()
	work := fmt.Sprintf("plan_too_large/%s/%d", d.ID, d.PlanSent)
	parts, err := buildFor(ctx, tx, d, now, together)
	var large *TooLarge
	if errors.As(err, &large) {
		detail := string(alarm.Say(alarm.Text{EN: large.Error() + ": the device goes on with the plan that it has; serve these customers by hand",
			JA: large.Error() + "：機器は前の計画のまま動きます。該当するお客様には手動で対応してください"}))
		if err := tx.OpenWork(ctx, work, "plan_refused", d.ID, detail, now); err != nil {
			return false, err
		}
		return true, large
	}
	if err != nil {
		return false, err
	}
	version, made, err := tx.SavePlan(ctx, d.ID, d.Incarnation, parts, now)
	if err == nil && string(d.Role) == RoleStation {
		err = tx.PlanWithout(ctx, d.ID, d.Incarnation, d.Place, version)
	}
	if err != nil {
		return false, err
	}
	return made, tx.SettleWork(ctx, work, now)
}
