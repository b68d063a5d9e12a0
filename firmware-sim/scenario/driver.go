package scenario

import (
	"context"
	"fmt"
	"time"

	"meguri/firmware-sim/hubclient"
	"meguri/firmware-sim/world"
	"meguri/internal/gs1"
)

// lateBy is what the late run loses after its last collect stop: enough that customers come before their goods.
const lateBy = 150 * time.Minute

func (d *Day) lateRoute() string {
	if !d.Incidents || len(d.Network.Routes) < 2 {
		return ""
	}
	return d.Network.Routes[len(d.Network.Routes)-1].ID
}

// drive plays a driver: each stop of the sheet at its planned time.
func (d *Day) drive(ctx context.Context, route string) error {
	if err := d.until(ctx, d.cutoff.Add(startPacking+time.Hour)); err != nil {
		return err
	}
	sheet, err := d.Drivers[route].Sheet(ctx, d.Date, route)
	if err != nil {
		return err
	}
	delay := time.Duration(0)
	device := d.terminalOf(d.Fleet.Drivers[route].Terminal)
	for _, stop := range sheet.Stops {
		if stop.Kind == "deliver" && route == d.lateRoute() {
			delay = lateBy
		}
		if err := d.until(ctx, stop.PlannedAt.Add(delay)); err != nil {
			return err
		}
		if err := device.scan(ctx, label(gs1.Place, stop.PlaceID)); err != nil {
			return fmt.Errorf("stop %d: %w", stop.Sequence, err)
		}
		d.Counts.Stops.Add(1)
		if delay > 0 {
			d.account.with(func() { d.account.late++ })
		}
		switch stop.Kind {
		case "collect":
			d.enter("collecting")
			err = d.collect(ctx, device, stop)
		case "deliver":
			d.enter("delivering")
			err = d.deliver(ctx, stop)
		}
		if err != nil {
			return fmt.Errorf("stop %d: %w", stop.Sequence, err)
		}
	}
	return nil
}

// collect loads each box from its address into its shipper.
func (d *Day) collect(ctx context.Context, device terminal, stop hubclient.Stop) error {
	for _, c := range stop.Containers {
		box, err := d.takeFromShelf(ctx, c.AddressID)
		if err != nil {
			return err
		}
		err = device.scan(ctx, label(gs1.Address, c.AddressID), label(gs1.GRAI, box), label(gs1.GRAI, c.ShipperGRAI))
		if err != nil {
			return err
		}
		d.Counts.Loaded.Add(1)
		shipper := d.Fleet.Shippers[c.ShipperID]
		shipper.Lid.SetOpen(true)
		err = shipper.Box.Put(box, boxGrams, shipper.GoodsMilliC)
		shipper.Lid.SetOpen(false)
		if err != nil {
			return err
		}
		d.mu.Lock()
		d.carried[c.ContainerID] = box
		d.mu.Unlock()
	}
	return nil
}

func (d *Day) takeFromShelf(ctx context.Context, address string) (string, error) {
	for range patience {
		d.mu.Lock()
		box := d.shelf[address]
		delete(d.shelf, address)
		d.mu.Unlock()
		if box != "" {
			return box, nil
		}
		if err := d.Clock.Sleep(ctx, pauseFor); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("no box came to address %s", address)
}

// deliver opens each fridge with the driver's code and puts the boxes into their slots, scanning both.
func (d *Day) deliver(ctx context.Context, stop hubclient.Stop) error {
	station := d.Fleet.Stations[stop.PlaceID]
	handIn := d.terminalOf(station.HandIn)
	byFridge := map[string][]hubclient.Container{}
	var order []string
	for _, c := range stop.Containers {
		if byFridge[c.FridgeID] == nil {
			order = append(order, c.FridgeID)
		}
		byFridge[c.FridgeID] = append(byFridge[c.FridgeID], c)
	}
	for _, fridge := range order {
		err := d.throughDoor(ctx, stop.PlaceID, fridge, stop.Code, func() error {
			d.state(ctx, handIn, byFridge[fridge])
			if err := d.fill(ctx, handIn, station.Doors[fridge].Fridge, byFridge[fridge]); err != nil {
				return err
			}
			d.state(ctx, handIn, byFridge[fridge]) // what was carried for long is known now
			return nil
		}, func() {})
		if err != nil {
			return fmt.Errorf("fridge %s: %w", fridge, err)
		}
	}
	return nil
}

// state holds the station's reader to the displays of the shippers that containers came in. A statement that is refused, because the
// machine was slow and it is old by now, is read once more; then the driver goes on, for the goods are taken in without it, too.
func (d *Day) state(ctx context.Context, handIn terminal, containers []hubclient.Container) {
	stated := map[string]bool{}
	for _, c := range containers {
		if stated[c.ShipperID] {
			continue
		}
		stated[c.ShipperID] = true
		shipper := d.Fleet.Shippers[c.ShipperID]
		for range 2 {
			text := shipper.Statement()
			if text == "" {
				break
			}
			handIn.Person.Lock()
			_, refused, err := handIn.ask(ctx, text+"\r")
			handIn.Person.Unlock()
			if err != nil || !refused {
				break
			}
		}
	}
}

// perBox is how long it takes to carry a box from its shipper into its slot.
const perBox = 20 * time.Second

// fill puts boxes into the slots of an open fridge.
func (d *Day) fill(ctx context.Context, handIn terminal, fridge *world.Fridge, containers []hubclient.Container) error {
	for _, c := range containers {
		d.mu.Lock()
		box := d.carried[c.ContainerID]
		d.mu.Unlock()
		handIn.Person.Lock() // a customer may want to scan, too
		err := handIn.scan(ctx, label(gs1.GRAI, box), label(gs1.Slot, c.SlotID))
		handIn.Person.Unlock()
		if err != nil {
			return err
		}
		d.Counts.HandedIn.Add(1)
		d.account.with(func() { d.account.placed = append(d.account.placed, Placement{c.ContainerID, box, c.SlotID}) })
		if err := d.carry(c, box, fridge); err != nil {
			return err
		}
		if err := d.Clock.Sleep(ctx, perBox); err != nil {
			return err
		}
	}
	return nil
}

// carry takes a box out of its shipper and puts it into a fridge, as warm as it has become.
func (d *Day) carry(c hubclient.Container, box string, fridge *world.Fridge) error {
	shipper := d.Fleet.Shippers[c.ShipperID]
	shipper.Lid.SetOpen(true)
	defer shipper.Lid.SetOpen(false)
	milliC, err := shipper.Box.Take(box)
	if err != nil {
		return err
	}
	return fridge.Put(box, boxGrams, milliC)
}

// boxGrams is what a box weighs.
const boxGrams = 5_000
