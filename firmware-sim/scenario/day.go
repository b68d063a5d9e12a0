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

// Day is one delivery date under way.
type Day struct {
	Config
	Counts Counts

	deliveries map[string]hubclient.Delivery // by location
	firstCut   time.Time                     // the first order cutoff
	cutoff     time.Time                     // the last one
	opens      time.Time                     // the first pickup
	closes     time.Time                     // the last one

	accepted []hubclient.OrderRequest // once intake is over
	leftOver string                   // the order that nobody comes for
	account  *account

	mu      sync.Mutex
	shelf   map[string]string // collection address → box
	carried map[string]string // dated container → box, between collecting and handing in
	phase   string
}

// New makes a day.
func New(c Config) *Day {
	return &Day{Config: c, account: newAccount(), shelf: map[string]string{}, carried: map[string]string{}, phase: phases[0]}
}

// Phase says what is going on, for a progress line.
func (d *Day) Phase() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.phase
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

// schedule asks the hub for the date's times.
func (d *Day) schedule(ctx context.Context) error {
	all, err := d.Dispatcher.Deliveries(ctx, d.Date)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("nothing is delivered on %s", d.Date)
	}
	d.deliveries = map[string]hubclient.Delivery{}
	d.opens, d.firstCut = all[0].PickupOpens, all[0].OrderCutoff
	for _, delivery := range all {
		d.deliveries[delivery.LocationID] = delivery
		d.cutoff = later(d.cutoff, delivery.OrderCutoff)
		d.closes = later(d.closes, delivery.PickupCloses)
		d.opens = earlier(d.opens, delivery.PickupOpens)
		d.firstCut = earlier(d.firstCut, delivery.OrderCutoff)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

const (
	margin = 10 * time.Minute // until people act on a cutoff or closing: a moment of the machine is minutes of the day
	// The last order is placed so long before the first cutoff: a hub that was killed needs seconds of the machine to be back.
	lastOrderBefore = time.Hour
)

// Run plays the day from order intake until the last pickup has closed.
func (d *Day) Run(ctx context.Context) error {
	if err := d.schedule(ctx); err != nil {
		return err
	}
	d.enter("orders")
	if err := d.intake(ctx); err != nil {
		return fmt.Errorf("order intake: %w", err)
	}
	if err := d.until(ctx, d.cutoff.Add(margin)); err != nil {
		return err
	}
	d.chooseLeftOver()
	d.enter("packing")
	if err := d.people(ctx); err != nil {
		return err
	}
	if err := d.until(ctx, d.closes.Add(margin)); err != nil {
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

// intake places the orders one after another, spread over the time that there is.
func (d *Day) intake(ctx context.Context) error {
	start, end := d.Clock.Now(), d.firstCut.Add(-lastOrderBefore)
	for i, request := range d.Orders {
		at := start.Add(max(0, end.Sub(start)) / time.Duration(len(d.Orders)) * time.Duration(i))
		if err := d.until(ctx, at); err != nil {
			return err
		}
		o, err := d.App.Place(ctx, request)
		if err != nil {
			return fmt.Errorf("order %s: %w", request.OrderID, err)
		}
		d.Counts.Placed.Add(1)
		if o.Refusal != nil {
			d.Counts.Refused.Add(1)
			d.account.with(func() { d.account.limits[o.Refusal.Limit]++ })
			continue
		}
		d.Counts.Accepted.Add(1)
		d.accepted = append(d.accepted, request)
	}
	return nil
}

// chooseLeftOver picks the order that nobody comes for: the last one at the first location that has any.
func (d *Day) chooseLeftOver() {
	if !d.Incidents {
		return
	}
	for _, l := range d.Network.Locations {
		for _, o := range d.accepted {
			if o.LocationID == l.ID {
				d.leftOver = o.OrderID
			}
		}
		if d.leftOver != "" {
			d.account.with(func() { d.account.fates[d.leftOver] = LeftOver })
			return
		}
	}
}
