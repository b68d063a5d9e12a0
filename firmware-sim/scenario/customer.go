package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
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

func (d *Day) come(ctx context.Context, request hubclient.OrderRequest) error {
	r := d.chance("customer " + request.OrderID)
	delivery := d.deliveries[request.LocationID]
	if err := d.until(ctx, between(r, delivery.PickupOpens, delivery.PickupCloses.Add(-lastComeBefore))); err != nil {
		return err
	}
	d.Counts.Came.Add(1)
	o, err := d.App.Order(ctx, request.OrderID)
	if err != nil {
		return err
	}
	if o.Pickup == nil {
		return errors.New("the app shows no code")
	}
	station := d.Fleet.Stations[request.LocationID]
	for _, fridge := range fridgesOf(o) {
		stay := 20*time.Second + time.Duration(r.Int64N(int64(40*time.Second)))
		err := d.throughDoor(ctx, station.Doors[fridge], o.Pickup.Code, func() error { return d.Clock.Sleep(ctx, stay) })
		if errors.Is(err, errGaveUp) {
			d.Counts.GaveUp.Add(1)
			d.Logger.Warn("a customer gave up", "order", o.OrderID, "fridge", fridge, "error", err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	d.Counts.Served.Add(1)
	return nil
}

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

// stepAside is how long it takes until the next person stands before the keypad.
const stepAside = 45 * time.Second

var errGaveUp = errors.New("gave up")

// throughDoor enters a code, opens the door, does something and shuts it. When the lock says no, the person comes back after
// a while, for as long as anybody would.
func (d *Day) throughDoor(ctx context.Context, door *fleet.Door, code string, inside func() error) error {
	t := d.terminalOf(door.Terminal)
	t.Person.Lock()
	defer func() { t.Person.Unlock() }()
	last := ""
	for range patience {
		opened, err := door.Enter(ctx, func() (bool, error) {
			line, refused, err := t.ask(ctx, code+"#")
			last = line
			return !refused, err
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case opened:
			err := inside()
			door.Shut()
			return errors.Join(err, d.Clock.Sleep(ctx, stepAside))
		case err != nil:
			last = err.Error()
		}
		t.Person.Unlock()
		err = d.Clock.Sleep(ctx, 5*time.Minute)
		t.Person.Lock()
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("%w after %d tries, the last answer was: %s", errGaveUp, patience, last)
}
