package scenario

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	cutBefore     = 15 * time.Minute // opening, the network
	restoreBefore = 20 * time.Minute // closing, when the last customers have gone
	darkFor       = 12 * time.Minute // without supply
)

// incidents are what goes wrong with the devices: the second location loses its network before customers come and gets it back
// when they have gone; the first loses its supply for a few minutes while they come.
func (d *Day) incidents(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	locations := d.Network.Locations
	g.Go(func() error { return d.cutPower(ctx, locations[0].ID) })
	if len(locations) > 1 {
		g.Go(func() error { return d.cutNetwork(ctx, locations[1].ID) })
	}
	return g.Wait()
}

func (d *Day) cutNetwork(ctx context.Context, location string) error {
	device, delivery := d.Fleet.Stations[location].Device, d.deliveries[location]
	if err := d.until(ctx, delivery.PickupOpens.Add(-cutBefore)); err != nil {
		return err
	}
	d.Logger.Info("network cut", "device", device.ID)
	device.CutNetwork()
	o := Outage{Location: location, Device: device.ID, From: d.Clock.Now()} // what was under way before has gone through
	if err := d.until(ctx, delivery.PickupCloses.Add(-restoreBefore)); err != nil {
		return err
	}
	o.Until = d.Clock.Now()
	d.account.with(func() { d.account.outages = append(d.account.outages, o) })
	d.Logger.Info("network restored", "device", device.ID)
	device.RestoreNetwork()
	return nil
}

func (d *Day) cutPower(ctx context.Context, location string) error {
	device, delivery := d.Fleet.Stations[location].Device, d.deliveries[location]
	third := delivery.PickupCloses.Sub(delivery.PickupOpens) / 3
	if err := d.until(ctx, delivery.PickupOpens.Add(third)); err != nil {
		return err
	}
	d.Logger.Info("power cut", "device", device.ID)
	device.CutPower()
	if err := d.Clock.Sleep(ctx, darkFor); err != nil {
		return err
	}
	d.Logger.Info("power restored", "device", device.ID)
	device.RestorePower()
	return nil
}
