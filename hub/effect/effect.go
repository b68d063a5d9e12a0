// Package effect turns what devices recorded into changes of the hub's data: an adapter between the wire's events, the rules
// of hub/dispatch and the store. It runs inside the transaction that also stores the number the hub expects next.
package effect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/dispatch"
	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// Effects applies events.
type Effects struct {
	// Touch is told of each place whose devices may need a new plan, after the commit.
	Touch func(place string)
	// Soon is told, after the commit, of each warehouse whose scanners need other lists before long.
	Soon func(warehouse string)
	// Hold keeps goods from being handed out because their station has decided so. Without it its word is only kept.
	Hold func(ctx context.Context, tx *store.Tx, c dispatch.Container, h store.Hold, now time.Time) error
	// Freed ends the hold that a station has made by a decision of its own, named by DeviceAt, and ended by itself. Without it nobody is told.
	Freed func(ctx context.Context, tx *store.Tx, container string, deviceAt int64, why string, now time.Time) error
	// Taken is told of a container from which goods were taken, perhaps long ago. Without it nobody is.
	Taken func(ctx context.Context, tx *store.Tx, container string, now time.Time) error
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
		return e.move(ctx, tx, ev, b.GRAI, "", func(c *dispatch.Container) error { return c.Shelve(b.Address, ev.At) })
	case protocol.ContainerLoaded:
		return e.move(ctx, tx, ev, b.GRAI, b.Run, func(c *dispatch.Container) error { return c.Load(b.Run, b.Shipper, ev.At) })
	case protocol.ContainerPlaced:
		return e.move(ctx, tx, ev, b.GRAI, "", func(c *dispatch.Container) error { return c.Place(b.Slot, ev.At) })
	case protocol.ItemShort:
		return e.short(ctx, tx, ev, b)
	case protocol.StopReached:
		return e.reached(ctx, tx, ev, b)
	case protocol.PickupInferred:
		return e.pickedUp(ctx, tx, ev, b)
	case protocol.RelayFired, protocol.DoorOpened, protocol.DoorClosed, protocol.DoorFault, protocol.DoorWarm, protocol.Unbolted, protocol.Bolted,
		protocol.Mains:
		return e.door(ctx, tx, ev)
	case protocol.Alarm:
		return e.temperature(ctx, tx, ev, b)
	case protocol.GoodsHeld:
		return e.goodsHeld(ctx, tx, ev, b)
	case protocol.RideJudged:
		return e.rideJudged(ctx, tx, ev, b)
	case protocol.SigningKey:
		return e.signingKey(ctx, tx, ev, b)
	case protocol.ClockBattery:
		return clockBattery(ctx, tx, ev, b)
	case protocol.GrantUsed:
		return e.grantUsed(ctx, tx, ev, b)
	case protocol.UseReturned:
		return e.useReturned(ctx, tx, ev, b)
	case protocol.ItemScanned, protocol.BagScanned, protocol.ShelfCounted:
		return e.rental(ctx, tx, ev)
	}
	return nil // a fact for the record: a refusal of a grant, a scan that was refused
}

// touched says that devices at a place may need a new plan, once tx is committed: before, a plan would be made of what was.
func (e *Effects) touched(tx *store.Tx, places ...string) {
	if e.Touch == nil {
		return
	}
	tx.OnCommit(func() {
		for _, p := range places {
			e.Touch(p)
		}
	})
}

// speakers are the roles whose devices may say what becomes of a container: a station does not fill, a scanner does not place.
var speakers = map[protocol.Kind]string{
	protocol.KindContainerFilled: plan.RoleScanner, protocol.KindItemShort: plan.RoleScanner,
	protocol.KindContainerShelved: plan.RoleScanner, protocol.KindContainerLoaded: plan.RoleDriver,
	protocol.KindContainerPlaced: plan.RoleStation,
}

// check refuses a device that may not say this of a container, or that serves another shop, route or location.
func check(ev link.Event, c dispatch.Container) error {
	role := speakers[ev.Body.Kind()]
	place := map[string]string{plan.RoleScanner: c.ShopID, plan.RoleDriver: RouteOf(c.RunID), plan.RoleStation: c.LocationID}[role]
	if ev.Role == role && ev.Place == place {
		return nil
	}
	return &dispatch.IllegalMove{Container: c.ID, Reason: fmt.Sprintf("device %s serves %s %s, only %s %s may say this of it",
		ev.Device, ev.Role, ev.Place, role, place)}
}

// filled binds a box, then applies what other devices have said of that box already: a driver's device may find the network
// before the shop's scanner does.
func (e *Effects) filled(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.ContainerFilled) error {
	c, err := tx.Container(ctx, b.DatedContainer)
	if err != nil {
		return err
	}
	if err := check(ev, c); err != nil {
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
	if err := JudgeAgain(ctx, tx, c, ev.Received); err != nil {
		return err
	}
	e.touched(tx, c.ShopID, c.LocationID, RouteOf(c.RunID))
	return e.catchUp(ctx, tx, c, ev)
}

// catchUp applies what had waited for a container's box to be known.
func (e *Effects) catchUp(ctx context.Context, tx *store.Tx, c dispatch.Container, ev link.Event) error {
	delivery, err := tx.Delivery(ctx, c.DeliveryDate, c.LocationID)
	if err != nil {
		return err
	}
	waiting, err := tx.NotAppliedEvents(ctx, c.GRAI, delivery.OrderCutoff.Add(-dispatch.ClockSlack), c.ShopID, RouteOf(c.RunID), c.LocationID)
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
		case tx.Lost(err) || !errors.As(err, new(*link.NotApplied)):
			return err
		}
	}
	return nil
}

// containerOf finds what a box was used for when an event happened. A run names the date.
func containerOf(ctx context.Context, tx *store.Tx, grai, run string, at time.Time) (dispatch.Container, error) {
	uses, err := tx.UsesOfBox(ctx, grai)
	if err != nil {
		return dispatch.Container{}, err
	}
	for _, u := range uses {
		if run != "" && u.RunID == run {
			return u.Container, nil
		}
	}
	c, ok := dispatch.UseAt(uses, at)
	if !ok {
		return c, fmt.Errorf("container of box %.40s: %w", grai, store.ErrNotFound)
	}
	return c, nil
}

func (e *Effects) move(ctx context.Context, tx *store.Tx, ev link.Event, grai, run string, do func(*dispatch.Container) error) error {
	c, err := containerOf(ctx, tx, grai, run, ev.At)
	if err != nil {
		return err
	}
	if err := check(ev, c); err != nil {
		return err
	}
	if err := do(&c); err != nil {
		return err
	}
	if err := tx.SaveContainer(ctx, c); err != nil {
		return err
	}
	if err := JudgeAgain(ctx, tx, c, ev.Received); err != nil || c.State != dispatch.Placed {
		return err
	}
	orders, err := tx.OrdersInContainer(ctx, c.ID)
	if err != nil {
		return err
	}
	return Refresh(ctx, tx, ev.Received, orders...)
}

// short marks the units that are missing, opens a work item for each order that goes without, and makes locks no longer wait
// for a container that will not come.
func (e *Effects) short(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.ItemShort) error {
	c, err := tx.Container(ctx, b.DatedContainer)
	if err != nil {
		return err
	}
	if err := check(ev, c); err != nil {
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
		detail := string(alarm.Say(alarm.Text{EN: fmt.Sprintf("product %s is short in container %s: tell the customer, give the money back", b.GTIN, c.ID),
			JA: fmt.Sprintf("容器 %[2]s の商品 %[1]s が不足しています。お客様に連絡し、返金してください", b.GTIN, c.ID)}))
		if err := tx.OpenWork(ctx, id, "shortage", i.OrderID, detail, ev.At); err != nil {
			return err
		}
		if err := tx.OwedBack(ctx, i.OrderID, ev.Received); err != nil { // of one that was paid here
			return err
		}
		if err := Refresh(ctx, tx, ev.Received, i.OrderID); err != nil {
			return err
		}
	}
	e.touched(tx, c.ShopID, c.LocationID, RouteOf(c.RunID))
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
		return &link.NotApplied{Reason: fmt.Sprintf("order %s is for %s, device serves %s %s", b.Order, location, ev.Role, ev.Place)}
	}
	if !slices.ContainsFunc(needs, func(n dispatch.Need) bool { return n.FridgeID == b.Position }) {
		return &link.NotApplied{Reason: fmt.Sprintf("order %s has nothing in fridge %s", b.Order, b.Position)}
	}
	first, err := tx.AddPickup(ctx, b.Order, b.Position, ev.At, b.Basis)
	if err != nil {
		return err
	}
	if !first { // a breach that was about nobody before may be about who has come again
		if err := tx.MarkDue(ctx, b.Position, ev.At, ev.Received); err != nil {
			return err
		}
	}
	return e.tookGoods(ctx, tx, ev, b, needs)
}

// tookGoods does what follows from goods of an order having been taken from a fridge: what is held, or was condemned, may be a recall by now.
func (e *Effects) tookGoods(ctx context.Context, tx *store.Tx, ev link.Event, b protocol.PickupInferred, needs []dispatch.Need) error {
	for _, n := range needs {
		if n.FridgeID != b.Position || e.Taken == nil {
			continue
		}
		if err := e.Taken(ctx, tx, n.ContainerID, ev.Received); err != nil {
			return err
		}
	}
	return Refresh(ctx, tx, ev.Received, b.Order)
}

// Work on an order that did not go as it should.
const (
	workLeftOver    = "left_over"
	workUndelivered = "undelivered"
)

// What is to be done for an order that ended without its goods in its customer's hands.
var (
	notCollected = alarm.Text{EN: "nobody came in the pickup window: collect the goods, tell the customer", JA: "受取時間内に受け取りがありませんでした。商品を回収し、お客様に連絡してください"}
	notDelivered = alarm.Text{EN: "not all goods were delivered: tell the customer, give the money back", JA: "一部の商品が届けられませんでした。お客様に連絡し、返金してください"}
)

// Refresh folds the fates of orders anew from all that is known, and opens and settles the work that follows.
func Refresh(ctx context.Context, tx *store.Tx, now time.Time, orders ...string) error {
	for _, order := range orders {
		if err := refresh(ctx, tx, now, order); err != nil {
			return fmt.Errorf("order %s: %w", order, err)
		}
	}
	return nil
}

func refresh(ctx context.Context, tx *store.Tx, now time.Time, order string) error {
	closedAt, err := tx.OrderClosedAt(ctx, order)
	if err != nil {
		return err
	}
	needs, err := tx.OrderNeeds(ctx, order)
	if err != nil {
		return err
	}
	opened, err := tx.OrderPickups(ctx, order)
	if err != nil {
		return err
	}
	fate := dispatch.FateOf(needs, opened, closedAt)
	if err := tx.SetOrderFate(ctx, order, fate); err != nil {
		return err
	}
	due := ""
	switch {
	case fate.State == dispatch.OrderLeftOver:
		due = workLeftOver
		err = tx.OpenWork(ctx, due+"/"+order, due, order, string(alarm.Say(notCollected)), now)
	case fate.State == dispatch.OrderUndelivered && len(dispatch.Wanted(needs)) > 0: // else each short unit is work already
		due = workUndelivered
		err = tx.OpenWork(ctx, due+"/"+order, due, order, string(alarm.Say(notDelivered)), now)
	}
	for _, kind := range []string{workLeftOver, workUndelivered} {
		if err == nil && kind != due {
			err = tx.SettleWork(ctx, kind+"/"+order, now)
		}
	}
	return err
}
