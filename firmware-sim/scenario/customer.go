package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/firmware-sim/hubclient"
	"meguri/protocol"
)

// lastComeBefore is how long before closing the last customer comes.
const lastComeBefore = 50 * time.Minute

// customers lets one person come for each accepted order, but for the one that is left over.
func (d *Day) customers(ctx context.Context) error {
	if err := d.until(ctx, d.opens); err != nil {
		return err
	}
	d.enter("pickup")
	g, ctx := errgroup.WithContext(ctx)
	for _, request := range d.accepted {
		if request.OrderID == d.leftOver {
			continue
		}
		g.Go(func() error { return named("customer of order "+request.OrderID, d.come(ctx, request)) })
	}
	return g.Wait()
}

// come plays the customer of an order. One who gives up is noted and does not end the day.
func (d *Day) come(ctx context.Context, request hubclient.OrderRequest) error {
	r := d.chance("customer " + request.OrderID)
	delivery := d.deliveries[request.LocationID]
	if err := d.until(ctx, between(r, delivery.PickupOpens, delivery.PickupCloses.Add(-lastComeBefore))); err != nil {
		return err
	}
	o, err := d.App.Order(ctx, request.OrderID)
	if err != nil {
		return err
	}
	err = d.fetchAll(ctx, r, o)
	if errors.Is(err, errGaveUp) {
		d.Logger.Warn("a customer gave up", "order", o.OrderID, "error", err)
		d.account.with(func() { d.account.gaveUp = append(d.account.gaveUp, fmt.Sprintf("order %s: %v", o.OrderID, err)) })
		return nil
	}
	return err
}

// fetchAll takes an order's goods out of each fridge that has some.
func (d *Day) fetchAll(ctx context.Context, r *rand.Rand, o hubclient.Order) error {
	if o.Pickup == nil {
		return fmt.Errorf("%w: the app shows no code", errGaveUp)
	}
	fate := Undelivered
	scans := r.IntN(3) == 0 // the others type
	for _, fridge := range fridgesOf(o) {
		if err := d.fetch(ctx, o, fridge, scans, stay+time.Duration(r.Int64N(int64(2*stay)))); err != nil {
			return fmt.Errorf("fridge %s: %w", fridge, err)
		}
		fate = PickedUp
	}
	if fate == PickedUp {
		d.Counts.Served.Add(1)
	}
	d.account.with(func() { d.account.fates[o.OrderID] = fate })
	return nil
}

// fetch takes an order's goods out of one fridge, for which the door stands open for a while. Who scans shows the code of that
// fridge to the station's reader.
func (d *Day) fetch(ctx context.Context, o hubclient.Order, fridge string, scans bool, open time.Duration) error {
	entry := o.Pickup.Code
	if scans {
		if entry = o.Token(fridge); entry == "" {
			return fmt.Errorf("%w: the app shows no QR code", errGaveUp)
		}
		d.Counts.Scanned.Add(1)
	}
	return d.throughDoor(ctx, o.LocationID, fridge, entry, func() error { return d.Clock.Sleep(ctx, open) }, func() {
		v := Visit{Location: o.LocationID, Fridge: fridge, Order: o.OrderID, At: d.Clock.Now()}
		d.account.with(func() { d.account.visits = append(d.account.visits, v) })
	})
}

// fridgesOf are the fridges with goods of an order; none when all of it is short.
func fridgesOf(o hubclient.Order) []string {
	var fridges []string
	seen := map[string]bool{}
	for _, item := range o.Items {
		if !item.Short && !seen[item.FridgeID] {
			seen[item.FridgeID] = true
			fridges = append(fridges, item.FridgeID)
		}
	}
	return fridges
}

const (
	stay      = 20 * time.Second // at an open door at least, and up to three times as long
	stepAside = 45 * time.Second // until the next person stands before the keypad
	comeBack  = 5 * time.Minute  // between tries of who was refused
)

var errGaveUp = errors.New("gave up")

// throughDoor enters a code, or scans a token, opens the door, does something inside, shuts it and calls done. When the lock says no, the person
// comes back after a while, for as long as anybody would.
func (d *Day) throughDoor(ctx context.Context, location, fridge, entry string, inside func() error, done func()) error {
	door := d.Fleet.Stations[location].Doors[fridge]
	if door == nil {
		return fmt.Errorf("the hub speaks of fridge %s, and there is none at %s", fridge, location)
	}
	t := d.terminalOf(door.Terminal)
	asked, text := t, entry+"#"
	if protocol.IsToken(entry) {
		asked, text = d.terminalOf(d.Fleet.Stations[location].HandIn), entry+"\r"
	}
	t.Person.Lock() // people queue before the keypad, also those who scan
	defer t.Person.Unlock()
	last := ""
	for range patience {
		opened, err := door.Enter(ctx, func() (bool, error) {
			if asked != t { // one reader for all doors
				asked.Person.Lock()
				defer asked.Person.Unlock()
			}
			line, refused, err := asked.ask(ctx, text)
			if last = line; refused {
				d.Counts.CodesRefused.Add(1)
			}
			return !refused, err
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case opened:
			err := inside()
			door.Shut()
			done()
			return errors.Join(err, d.Clock.Sleep(ctx, stepAside))
		case err != nil:
			last = err.Error()
		}
		t.Person.Unlock()
		err = d.Clock.Sleep(ctx, comeBack)
		t.Person.Lock()
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w after %d tries, the last answer was: %s", errGaveUp, patience, last)
}
