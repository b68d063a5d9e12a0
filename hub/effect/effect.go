// Package effect turns what devices recorded into changes of the hub's data: an adapter between the wire's events, the rules
// of hub/dispatch and the store. It runs inside the transaction that also stores the number the hub expects next.
package effect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// Effects applies events.
type Effects struct {
	// Touch is told of each place whose devices may need a new plan. It may be told without need, since a transaction may
	// be undone.
	Touch func(place string)
}

// Apply changes what an event means. An event that contradicts what is known is answered with *link.NotApplied: it stays in
// history and becomes work for a person.
func (e *Effects) Apply(ctx context.Context, tx *store.Tx, ev link.Event) error {
	err := e.apply(ctx, tx, ev)
	var illegal *dispatch.IllegalMove
	switch {
	case errors.As(err, &illegal), errors.Is(err, store.ErrNotFound):
		return &link.NotApplied{Reason: err.Error()}
	}
	return err
}

func (e *Effects) apply(ctx context.Context, tx *store.Tx, ev link.Event) error {
	switch b := ev.Body.(type) {
	case protocol.ContainerFilled:
		return e.filled(ctx, tx, ev, b)
	case protocol.ContainerShelved:
		return e.move(ctx, tx, ev, b.GRAI, func(c *dispatch.Container) error { return c.Shelve(b.Address, ev.At) })
	case protocol.ContainerLoaded:
		return e.move(ctx, tx, ev, b.GRAI, func(c *dispatch.Container) error { return c.Load(b.Run, b.Shipper, ev.At) })
	case protocol.ContainerPlaced:
		return e.move(ctx, tx, ev, b.GRAI, func(c *dispatch.Container) error { return c.Place(b.Slot, ev.At) })
	case protocol.ItemShort:
		return e.short(ctx, tx, ev, b)
	case protocol.StopReached:
		return e.reached(ctx, tx, ev, b)
	case protocol.PickupInferred:
		return e.pickedUp(ctx, tx, ev, b)
	case protocol.RelayFired, protocol.DoorOpened, protocol.DoorClosed, protocol.DoorFault, protocol.Mains:
		return e.door(ctx, tx, ev)
	case protocol.Alarm:
		return e.temperature(ctx, tx, ev, b)
	}
	return nil // a fact for the record: a use or refusal of a grant, a command taken, a scan that was refused
}

// serves says whether a device may speak of a container: it is of its shop, its run's route or its location.
func serves(ev link.Event, c dispatch.Container, route string) error {
	place := map[string]string{plan.RoleScanner: c.ShopID, plan.RoleDriver: route, plan.RoleStation: c.LocationID}[ev.Role]
	if place == ev.Place {
		return nil
	}
	return &dispatch.IllegalMove{Container: c.ID, Reason: fmt.Sprintf("device %s serves %s %s, not %s",
		ev.Device, ev.Role, ev.Place, place)}
}

func (e *Effects) check(ctx context.Context, tx *store.Tx, ev link.Event, c dispatch.Container) error {
	run, err := tx.Run(ctx, c.RunID)
	if err != nil {
		return err
	}
	return serves(ev, c, run.RouteID)
}

// filled binds a box, then applies what other devices have said of that box already: a driver's device may find the network
// before the shop's scanner does.
func (e *Effects) filled(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.ContainerFilled) error {
	c, err := tx.Container(ctx, b.DatedContainer)
	if err != nil {
		return err
	}
	if err := e.check(ctx, tx, ev, c); err != nil {
		return err
	}
	if err := c.Fill(b.GRAI, ev.At); err != nil {
		return err
	}
	switch err := tx.SaveContainer(ctx, c); {
	case tx.Duplicate(err):
		return &dispatch.IllegalMove{Container: c.ID, Reason: "box " + b.GRAI + " is bound to another container of the date"}
	case err != nil:
		return err
	}
	e.touched(c)
	return e.catchUp(ctx, tx, b.GRAI, ev)
}

func (e *Effects) touched(c dispatch.Container) {
	for _, place := range []string{c.ShopID, c.LocationID, routeOf(c.RunID)} {
		e.Touch(place)
	}
}

// waitedFor is how old an event of a box may be to be applied after the box was bound.
const waitedFor = 24 * time.Hour

func (e *Effects) catchUp(ctx context.Context, tx *store.Tx, grai string, ev link.Event) error {
	waiting, err := tx.NotAppliedEvents(ctx, grai, ev.At.Add(-waitedFor))
	if err != nil {
		return err
	}
	for _, w := range waiting {
		body, err := protocol.DecodeEvent(protocol.Kind(w.Kind), w.Body)
		if err != nil {
			return fmt.Errorf("stored event %d of %s: %w", w.Number, w.Device, err)
		}
		if body.Kind() == protocol.KindContainerFilled {
			continue
		}
		incarnation, err := protocol.ParseIncarnation(w.Incarnation)
		if err != nil {
			return err
		}
		again := link.Event{Device: w.Device, Place: w.Place, Role: w.Role, Incarnation: incarnation, Number: uint64(w.Number),
			At: w.EventAt, Received: w.ReceivedAt, Body: body}
		switch err := tx.Savepoint(ctx, func() error { return e.Apply(ctx, tx, again) }); {
		case err == nil:
			if err := tx.EventApplied(ctx, w.Device, w.Incarnation, w.Number, ev.Received); err != nil {
				return err
			}
		case !errors.As(err, new(*link.NotApplied)):
			return err
		}
	}
	return nil
}

func (e *Effects) move(ctx context.Context, tx *store.Tx, ev link.Event, grai string, do func(*dispatch.Container) error) error {
	c, err := tx.ContainerOfBox(ctx, grai)
	if err != nil {
		return err
	}
	if err := e.check(ctx, tx, ev, c); err != nil {
		return err
	}
	if err := do(&c); err != nil {
		return err
	}
	if err := tx.SaveContainer(ctx, c); err != nil || c.State != dispatch.Placed {
		return err
	}
	orders, err := tx.OrdersInContainer(ctx, c.ID)
	if err != nil {
		return err
	}
	return refresh(ctx, tx, ev.At, orders...)
}

// short marks the units that are missing, opens a work item for each order that goes without, and makes locks no longer wait
// for a container that will not come.
func (e *Effects) short(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.ItemShort) error {
	c, err := tx.Container(ctx, b.DatedContainer)
	if err != nil {
		return err
	}
	if err := e.check(ctx, tx, ev, c); err != nil {
		return err
	}
	items, err := tx.ShortItems(ctx, c.ID, b.GTIN)
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return &dispatch.IllegalMove{Container: c.ID, Reason: "no unit of " + b.GTIN + " in it that is not short already"}
	}
	for _, i := range dispatch.ChooseShort(items, int(min(b.Units, 1000))) {
		if err := tx.MarkShort(ctx, i); err != nil {
			return err
		}
		id := fmt.Sprintf("shortage/%s/%d/%d", i.OrderID, i.Line, i.Unit)
		detail := fmt.Sprintf("product %s is short in container %s: tell the customer, give the money back", b.GTIN, c.ID)
		if err := tx.OpenWork(ctx, id, "shortage", i.OrderID, detail, ev.At); err != nil {
			return err
		}
		if err := refresh(ctx, tx, ev.At, i.OrderID); err != nil {
			return err
		}
	}
	e.touched(c)
	return nil
}

func (e *Effects) pickedUp(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.PickupInferred) error {
	needs, err := tx.OrderNeeds(ctx, b.Order)
	if err != nil {
		return err
	}
	location, err := tx.LocationOfOrder(ctx, b.Order)
	if err != nil {
		return err
	}
	if ev.Role != plan.RoleStation || ev.Place != location {
		return &link.NotApplied{Reason: fmt.Sprintf("order %s is for %s, device serves %s", b.Order, location, ev.Place)}
	}
	for _, n := range needs {
		if n.FridgeID != b.Position {
			continue
		}
		if err := tx.AddPickup(ctx, b.Order, b.Position, ev.At, b.Basis); err != nil {
			return err
		}
		return refresh(ctx, tx, ev.At, b.Order)
	}
	return &link.NotApplied{Reason: fmt.Sprintf("order %s has nothing in fridge %s", b.Order, b.Position)}
}

// refresh folds the state of orders anew from all that is known.
func refresh(ctx context.Context, tx *store.Tx, at time.Time, orders ...string) error {
	for _, order := range orders {
		closed, err := tx.DeliveryClosed(ctx, order)
		if err != nil {
			return err
		}
		if err := Refresh(ctx, tx, order, closed, at); err != nil {
			return err
		}
	}
	return nil
}

// Refresh stores the state of an order as it follows from its containers, pickups and whether its delivery is closed.
func Refresh(ctx context.Context, tx *store.Tx, order string, closed bool, at time.Time) error {
	needs, err := tx.OrderNeeds(ctx, order)
	if err != nil {
		return err
	}
	opened, err := tx.OrderPickups(ctx, order)
	if err != nil {
		return err
	}
	state := dispatch.StateOf(needs, opened, closed)
	changed, err := tx.SetOrderState(ctx, order, state, at)
	if err != nil || !changed {
		return err
	}
	id := "order/" + order
	switch state {
	case dispatch.OrderLeftOver:
		return tx.OpenWork(ctx, id, "left_over", order, "nobody came in the pickup window: collect the goods, tell the customer", at)
	case dispatch.OrderUndelivered:
		return tx.OpenWork(ctx, id, "undelivered", order, "not all goods were delivered: tell the customer, give the money back", at)
	case dispatch.OrderPickedUp:
		return tx.SettleWork(ctx, id, at)
	}
	return nil
}
