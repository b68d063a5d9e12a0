package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/live"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// day does what the clock asks for: it freezes a date after its last cutoff and draws the codes, raises stops that are not
// reached in time, and decides leftovers when pickup has closed. Each step is one transaction and harmless to repeat, so
// that a hub that was down catches up.
type day struct {
	store  *store.Store
	plans  *plan.Maker
	feed   *live.Feed
	clock  clock.Clock
	logger *slog.Logger
}

const (
	dayEvery = 10 * time.Second // on the hub's clock
	// A station that is silent so long after closing is an alarm: nobody can tell what was taken.
	darkAfter = time.Hour
)

func (d *day) run(ctx context.Context) error {
	tick := d.clock.Ticker(dayEvery)
	defer tick.Stop()
	for {
		if err := d.turn(ctx, d.clock.Now()); err != nil && ctx.Err() == nil {
			d.logger.Error("the day's work failed, and is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (d *day) turn(ctx context.Context, now time.Time) error {
	var dates []string
	var deliveries []store.Delivery
	var late []dispatch.Stop
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		if dates, err = tx.DatesToFreeze(ctx, now); err != nil {
			return err
		}
		if deliveries, err = tx.DeliveriesToClose(ctx, now); err != nil {
			return err
		}
		late, err = tx.LateStops(ctx, now.Add(-dispatch.LateAfter))
		return err
	})
	if err != nil {
		return err
	}
	for _, date := range dates {
		if err := d.freeze(ctx, date, now); err != nil {
			return fmt.Errorf("freeze %s: %w", date, err)
		}
	}
	if err := d.raiseLate(ctx, late, now); err != nil {
		return fmt.Errorf("late stops: %w", err)
	}
	for _, delivery := range deliveries {
		if err := d.close(ctx, delivery, now); err != nil {
			return fmt.Errorf("close %s on %s: %w", delivery.LocationID, delivery.DeliveryDate, err)
		}
	}
	return nil
}

// freeze ends numbering and draws the codes of customers and drivers.
func (d *day) freeze(ctx context.Context, date string, now time.Time) error {
	places := map[string]bool{}
	err := d.store.Change(ctx, func(tx *store.Tx) error {
		clear(places)
		if err := tx.Freeze(ctx, date, now); err != nil {
			return err
		}
		deliveries, err := tx.DeliveriesOfDate(ctx, date)
		if err != nil {
			return err
		}
		for _, delivery := range deliveries {
			if delivery.PickupCloses.Before(now) {
				continue // a day of the past: nobody needs its codes
			}
			if err := drawCodes(ctx, tx, delivery, places); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for place := range places {
		d.plans.Touch(place)
	}
	d.feed.Changed()
	d.logger.Info("numbering frozen", "date", date)
	return nil
}

// drawCodes makes the grants of a delivery. Codes differ within a location and date, since a code alone names its grant.
func drawCodes(ctx context.Context, tx *store.Tx, delivery store.Delivery, places map[string]bool) error {
	taken := map[string]bool{}
	add := func(g dispatch.Grant, digits int) error {
		g.DeliveryDate, g.LocationID, g.PIN = delivery.DeliveryDate, delivery.LocationID, drawPIN(digits, taken)
		return tx.AddGrant(ctx, g)
	}
	orders, err := tx.AcceptedOrders(ctx, delivery.DeliveryDate, delivery.LocationID)
	if err != nil {
		return err
	}
	places[delivery.LocationID] = true
	for _, order := range orders {
		g := dispatch.Grant{ID: "order-" + order, Holder: dispatch.Customer, OrderID: order,
			From: delivery.PickupOpens, Until: delivery.PickupCloses}
		if err := add(g, dispatch.CustomerDigits); err != nil {
			return err
		}
	}
	containers, err := tx.ContainersOfLocation(ctx, delivery.DeliveryDate, delivery.LocationID)
	if err != nil {
		return err
	}
	drawn := map[string]bool{}
	for _, c := range containers {
		places[c.ShopID] = true
		if drawn[c.RunID] {
			continue
		}
		drawn[c.RunID] = true
		run, err := tx.Run(ctx, c.RunID)
		if err != nil {
			return err
		}
		places[run.RouteID] = true
		from, until := dispatch.CourierWindow(run.Stops[0].PlannedAt, delivery.PickupCloses)
		g := dispatch.Grant{ID: run.ID + "-" + delivery.LocationID, Holder: dispatch.Courier, RunID: run.ID, From: from, Until: until}
		if err := add(g, dispatch.CourierDigits); err != nil {
			return err
		}
	}
	return nil
}

// drawPIN draws a code of so many digits that is not taken, and takes it. Six digits are far more than a location's orders
// of a date.
func drawPIN(digits int, taken map[string]bool) string {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	for {
		n, _ := rand.Int(rand.Reader, most) // never fails, crypto/rand
		pin := fmt.Sprintf("%0*d", digits, n)
		if !taken[pin] {
			taken[pin] = true
			return pin
		}
	}
}

func (d *day) raiseLate(ctx context.Context, late []dispatch.Stop, now time.Time) error {
	if len(late) == 0 {
		return nil
	}
	err := d.store.Change(ctx, func(tx *store.Tx) error {
		for _, s := range late {
			if err := effect.RaiseLate(ctx, tx, s, now); err != nil {
				return err
			}
		}
		return nil
	})
	d.feed.Changed()
	return err
}

// close decides what became of a delivery's orders, once the hub has heard of everything that the station did until closing.
func (d *day) close(ctx context.Context, delivery store.Delivery, now time.Time) error {
	err := d.store.Change(ctx, func(tx *store.Tx) error {
		heard, known, err := tx.HeardFrom(ctx, delivery.LocationID)
		if err != nil {
			return err
		}
		if known && heard.Before(delivery.PickupCloses) {
			if now.Sub(delivery.PickupCloses) < darkAfter {
				return nil
			}
			return tx.RaiseAlarm(ctx, effect.AlarmDark+"/"+delivery.LocationID+"/"+delivery.DeliveryDate, effect.AlarmDark,
				delivery.LocationID, "pickup has closed and the station is silent: leftovers of "+delivery.DeliveryDate+" cannot be decided", now)
		}
		if err := tx.ClearAlarm(ctx, effect.AlarmDark, delivery.LocationID, now); err != nil {
			return err
		}
		if err := tx.CloseDelivery(ctx, delivery.DeliveryDate, delivery.LocationID, now); err != nil {
			return err
		}
		orders, err := tx.AcceptedOrders(ctx, delivery.DeliveryDate, delivery.LocationID)
		if err != nil {
			return err
		}
		for _, order := range orders {
			if err := effect.Refresh(ctx, tx, order, true, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		d.plans.Touch(delivery.LocationID)
		d.feed.Changed()
	}
	return err
}
