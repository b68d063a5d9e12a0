// Package scenario plays the people of a delivery date: customers who order and come, shops that pack, drivers who collect and
// deliver. They act on the world and read the hub's lists as persons with sessions of their own; the hub hears of what they do
// only through the devices.
package scenario

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
	"meguri/internal/clock"
)

// Config is what a day needs.
type Config struct {
	Date    string
	Network fleet.Network
	Fleet   *fleet.Fleet
	Orders  []hubclient.OrderRequest
	Clock   clock.Clock
	Logger  *slog.Logger
	Seed    uint64

	App        *hubclient.Client            // the consumers' app: places orders, shows codes
	Dispatcher *hubclient.Client            // looks after the day
	Shops      map[string]*hubclient.Client // by shop
	Drivers    map[string]*hubclient.Client // by route
	Incidents  bool                         // one product short, one run late, one station offline, one power cut, one order left over
}

// Counts is what the people did, in the world's own count.
type Counts struct {
	Placed, Accepted, Refused atomic.Int64
	Filled, Shelved, Short    atomic.Int64
	Stops, Loaded, HandedIn   atomic.Int64
	Came, Served, GaveUp      atomic.Int64
}

// Day is one delivery date under way.
type Day struct {
	Config
	Counts Counts

	deliveries map[string]hubclient.Delivery // by location
	cutoff     time.Time                     // the last one
	opens      time.Time                     // the first pickup
	closes     time.Time                     // the last one

	mu       sync.Mutex
	accepted []hubclient.OrderRequest
	limits   map[string]int
	shelf    map[string]string // collection address → box
	leftOver string            // the order that nobody comes for
	phase    string
}

// New makes a day.
func New(c Config) *Day {
	return &Day{Config: c, limits: map[string]int{}, shelf: map[string]string{}, phase: phases[0]}
}

// Phase says what is going on, for a progress line.
func (d *Day) Phase() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.phase
}

// RefusedBy is how many orders the app saw refused for a limit.
func (d *Day) RefusedBy(limit string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return int64(d.limits[limit])
}

// phases in their order. A late run still delivers during pickup: the later phase is shown.
var phases = []string{"waiting", "orders", "packing", "collecting", "delivering", "pickup", "closed"}

func (d *Day) enter(phase string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Index(phases, phase) > slices.Index(phases, d.phase) {
		d.phase = phase
		d.Logger.Info("phase", "phase", phase)
	}
}

// Schedule asks the hub for the date's times. Run needs it, and the clock may be set by it before.
func (d *Day) Schedule(ctx context.Context) error {
	all, err := d.Dispatcher.Deliveries(ctx, d.Date)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("nothing is delivered on %s", d.Date)
	}
	d.deliveries = map[string]hubclient.Delivery{}
	d.opens = all[0].PickupOpens
	for _, delivery := range all {
		d.deliveries[delivery.LocationID] = delivery
		d.cutoff = later(d.cutoff, delivery.OrderCutoff)
		d.closes = later(d.closes, delivery.PickupCloses)
		if delivery.PickupOpens.Before(d.opens) {
			d.opens = delivery.PickupOpens
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Run plays the day from order intake until the last pickup has closed.
func (d *Day) Run(ctx context.Context) error {
	if err := d.Schedule(ctx); err != nil {
		return err
	}
	d.enter("orders")
	if err := d.intake(ctx); err != nil {
		return fmt.Errorf("order intake: %w", err)
	}
	if err := d.until(ctx, d.cutoff.Add(10*time.Minute)); err != nil {
		return err
	}
	d.chooseLeftOver()
	d.enter("packing")
	if err := d.people(ctx); err != nil {
		return err
	}
	if err := d.until(ctx, d.closes.Add(5*time.Minute)); err != nil {
		return err
	}
	d.enter("closed")
	return nil
}

// people lets all act at once, each at their time.
func (d *Day) people(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for shop := range d.Shops {
		g.Go(func() error { return named("shop "+shop, d.pack(ctx, shop)) })
	}
	for route := range d.Drivers {
		g.Go(func() error { return named("driver of "+route, d.drive(ctx, route)) })
	}
	g.Go(func() error { return named("customers", d.customers(ctx)) })
	if d.Incidents {
		g.Go(func() error { return d.incidents(ctx) })
	}
	return g.Wait()
}

func named(who string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	return nil
}

// until waits for a time of the day.
func (d *Day) until(ctx context.Context, t time.Time) error {
	return d.Clock.Sleep(ctx, max(0, t.Sub(d.Clock.Now())))
}

// chance gives each actor a source of its own, so that one's choices do not hang on when others act.
func (d *Day) chance(actor string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(actor)) // never fails
	return rand.New(rand.NewPCG(d.Seed, h.Sum64()))
}

func between(r *rand.Rand, from, to time.Time) time.Time {
	return from.Add(time.Duration(r.Int64N(max(1, int64(to.Sub(from))))))
}

// intake places the orders one after another, spread over the time until shortly before cutoff.
func (d *Day) intake(ctx context.Context) error {
	start, end := d.Clock.Now(), d.cutoff.Add(-10*time.Minute)
	for i, request := range d.Orders {
		at := start.Add(end.Sub(start) / time.Duration(len(d.Orders)) * time.Duration(i))
		if err := d.until(ctx, at); err != nil {
			return err
		}
		o, err := d.App.Place(ctx, request)
		if err != nil {
			return fmt.Errorf("order %s: %w", request.OrderID, err)
		}
		d.Counts.Placed.Add(1)
		d.mu.Lock()
		if o.Refusal != nil {
			d.Counts.Refused.Add(1)
			d.limits[o.Refusal.Limit]++
		} else {
			d.Counts.Accepted.Add(1)
			d.accepted = append(d.accepted, request)
		}
		d.mu.Unlock()
	}
	return nil
}

// chooseLeftOver picks the order that nobody comes for: the last one of the first location that keeps its network and supply.
func (d *Day) chooseLeftOver() {
	if !d.Incidents {
		return
	}
	for _, o := range d.accepted {
		if o.LocationID == d.Network.Locations[0].ID {
			d.leftOver = o.OrderID
		}
	}
}
