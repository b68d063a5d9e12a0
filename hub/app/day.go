package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/effect"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/clock"
)

// day does what the clock asks for: it freezes a date after its last cutoff and draws the codes, gives shops theirs for the collection spot, raises stops that are not
// reached in time, and decides leftovers when pickup has closed. Each step is one transaction and harmless to repeat, so
// that a hub that was down catches up.
type day struct {
	store  *store.Store
	orders *order.Service
	plans  *plan.Maker
	feed   *live.Feed
	clock  clock.Clock
	logger *slog.Logger

	keysForgotten time.Time // when it was done last
}

const (
	// Idempotency keys are remembered for a week, and of more than a million the newest.
	keysFor, maxKeys = 7 * 24 * time.Hour, 1_000_000
	forgetKeysEvery  = time.Hour

	dayEvery = 10 * time.Second // on the hub's clock
	// A station that is silent so long after closing is an alarm: nobody can tell what was taken.
	darkAfter = time.Hour
	// A date that was over so long ago when the hub first came to freeze it is history, as of an imported year: it gets no codes,
	// plans, alarms or work, and what became of its orders is not for us to say. A hub that was down for a day is not that long.
	historyAfter = 7 * 24 * time.Hour
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

// turn does what is due. What fails does not keep the rest from being done.
func (d *day) turn(ctx context.Context, now time.Time) error {
	var failed []error
	for _, step := range []func(context.Context, time.Time) error{d.freezeDue, d.shopPasses, d.raiseLate, d.closeDue, d.settleRevoking, d.endOpenings, d.raiseCommissioning, d.clearOrphans, d.forgetKeys} {
		if err := step(ctx, now); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (d *day) freezeDue(ctx context.Context, now time.Time) error {
	var dates []string
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		dates, err = tx.DatesToFreeze(ctx, now, now.Add(-historyAfter))
		return err
	})
	for _, date := range dates {
		// No hold outlasts its cutoff, so that with this all are decided; Freeze sees to it, also where this fails.
		_, failed := d.orders.Expire(ctx, date, now)
		if failed = errors.Join(failed, d.freeze(ctx, date, now)); failed != nil {
			err = errors.Join(err, fmt.Errorf("freeze %s: %w", date, failed))
		}
	}
	return err
}

// freeze ends numbering and draws the codes of customers and drivers.
func (d *day) freeze(ctx context.Context, date string, now time.Time) error {
	places := map[string]bool{}
	frozen := false
	err := d.store.Change(ctx, func(tx *store.Tx) error {
		frozen = false
		clear(places)
		due, err := tx.DatesToFreeze(ctx, now, now.Add(-historyAfter))
		if err != nil || !slices.Contains(due, date) {
			return err // another hub was faster
		}
		frozen = true
		if err := tx.Freeze(ctx, date, now); err != nil {
			return err
		}
		deliveries, err := tx.DeliveriesOfDate(ctx, date)
		if err != nil {
			return err
		}
		for _, delivery := range deliveries {
			if delivery.PickupCloses.Before(now) {
				continue // the hub was down: nobody needs its codes any more
			}
			if err := drawCodes(ctx, tx, delivery, places, now); err != nil {
				return err
			}
		}
		_, err = tx.MakeEditions(ctx, date, nil, "hub", "cutoff", now)
		return err
	})
	if err != nil || !frozen {
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
func drawCodes(ctx context.Context, tx *store.Tx, delivery store.Delivery, places map[string]bool, now time.Time) error {
	taken := map[string]bool{}
	newest, err := tx.NewestGrant(ctx, delivery.LocationID)
	if err != nil {
		return err
	}
	issued := now
	if !issued.After(newest) { // a plan that knows of those does not know of these
		issued = newest.Add(time.Millisecond)
	}
	add := func(g dispatch.Grant) error {
		g.DeliveryDate, g.LocationID, g.PIN = delivery.DeliveryDate, delivery.LocationID, dispatch.DrawPIN(taken)
		g.IssuedAt = issued
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
		if err := add(g); err != nil {
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
		if err == nil && len(run.Stops) == 0 || errors.Is(err, store.ErrNotFound) {
			continue // a broken row: its container is not to be loaded, and a repair gives its driver a code
		}
		if err != nil {
			return err
		}
		places[run.RouteID] = true
		from, until := dispatch.CourierWindow(run.Stops[0].PlannedAt, delivery.PickupCloses)
		g := dispatch.Grant{ID: run.ID + "-" + delivery.LocationID, Holder: dispatch.Courier, RunID: run.ID, From: from, Until: until}
		if err := add(g); err != nil {
			return err
		}
	}
	return nil
}

// raiseLate raises the alarms of stops that were not reached in time.
func (d *day) raiseLate(ctx context.Context, now time.Time) error {
	var late []dispatch.Stop
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		late, err = tx.LateStops(ctx, now.Add(-dispatch.LateAfter))
		return err
	})
	if err == nil && len(late) > 0 {
		err = d.store.Change(ctx, func(tx *store.Tx) error {
			late, err := tx.LateStops(ctx, now.Add(-dispatch.LateAfter)) // one may have been reached meanwhile
			for _, s := range late {
				if err == nil {
					err = effect.RaiseLate(ctx, tx, s, now)
				}
			}
			return err
		})
		d.feed.Changed()
	}
	if err != nil {
		return fmt.Errorf("late stops: %w", err)
	}
	return nil
}

func (d *day) closeDue(ctx context.Context, now time.Time) error {
	var deliveries []store.Delivery
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		deliveries, err = tx.DeliveriesToClose(ctx, now)
		return err
	})
	for _, delivery := range deliveries {
		if failed := d.close(ctx, delivery, now); failed != nil {
			err = errors.Join(err, fmt.Errorf("close %s on %s: %w", delivery.LocationID, delivery.DeliveryDate, failed))
		}
	}
	return err
}

// close decides what became of a delivery's orders, once the hub has heard of everything that the station did until closing. A
// location without devices or orders is closed at once: there is nothing to wait for.
func (d *day) close(ctx context.Context, delivery store.Delivery, now time.Time) error {
	dark, changed := fmt.Sprintf("%s/%s/%s", effect.AlarmDark, delivery.LocationID, delivery.DeliveryDate), false
	err := d.store.Change(ctx, func(tx *store.Tx) error {
		changed = false
		orders, err := tx.AcceptedOrders(ctx, delivery.DeliveryDate, delivery.LocationID)
		if err != nil {
			return err
		}
		silent, err := silentDevice(ctx, tx, delivery)
		if err != nil {
			return err
		}
		if silent != "" && len(orders) > 0 {
			if now.Sub(delivery.PickupCloses) < darkAfter {
				return nil
			}
			return tx.RaiseAlarm(ctx, dark, effect.AlarmDark, delivery.LocationID,
				alarm.Say(alarm.Text{EN: fmt.Sprintf("pickup has closed and device %s is silent: leftovers of %s cannot be decided. Revoke it if it is gone for good.",
					silent, delivery.DeliveryDate), JA: fmt.Sprintf("受け取り終了後も機器 %s の通信がなく、%s の残りを確定できません。戻らない機器は失効させてください。",
					silent, delivery.DeliveryDate)}), now)
		}
		if changed, err = tx.CloseDelivery(ctx, delivery.DeliveryDate, delivery.LocationID, now); err != nil || !changed {
			return err
		}
		if err := tx.ClearAlarmOf(ctx, dark, now); err != nil {
			return err
		}
		if err := tx.ClearLate(ctx, delivery.DeliveryDate, now); err != nil {
			return err
		}
		return effect.Refresh(ctx, tx, now, orders...)
	})
	if err == nil && (changed || now.Sub(delivery.PickupCloses) >= darkAfter) {
		d.feed.Changed()
	}
	return err
}

// silentDevice names a station's device that the hub has not heard from up to the end of pickup; empty when there is none.
func silentDevice(ctx context.Context, tx *store.Tx, delivery store.Delivery) (string, error) {
	heard, err := tx.HeardFrom(ctx, delivery.LocationID)
	for _, h := range heard {
		if h.At.Before(delivery.PickupCloses) {
			return h.Device, err
		}
	}
	return "", err
}

// clearOrphans looks first, for there is hardly ever one.
func (d *day) clearOrphans(ctx context.Context, now time.Time) error {
	var orphans []string
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		orphans, err = effect.Orphans(ctx, tx)
		return err
	})
	if err == nil && len(orphans) > 0 {
		err = d.store.Change(ctx, func(tx *store.Tx) error { return effect.ClearOrphans(ctx, tx, now) })
		d.feed.Changed()
	}
	if err != nil {
		return fmt.Errorf("alarms of devices that are gone: %w", err)
	}
	return nil
}

// forgetKeys keeps the idempotency keys from piling up.
func (d *day) forgetKeys(ctx context.Context, now time.Time) error {
	if now.Sub(d.keysForgotten) < forgetKeysEvery {
		return nil
	}
	err := d.store.Change(ctx, func(tx *store.Tx) error { return tx.ForgetKeys(ctx, now.Add(-keysFor), maxKeys) })
	if err != nil {
		return fmt.Errorf("idempotency keys: %w", err)
	}
	d.keysForgotten = now
	return nil
}
