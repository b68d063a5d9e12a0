package scenario

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// incidents are what goes wrong with the devices: the second location loses its network before customers come and gets it
// back when they have gone; the first loses its supply for a few minutes at noon.
func (d *Day) incidents(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if len(d.Network.Locations) > 1 {
		g.Go(func() error {
			l := d.Network.Locations[1].ID
			device, delivery := d.Fleet.Stations[l].Device, d.deliveries[l]
			if err := d.until(ctx, delivery.PickupOpens.Add(-15*time.Minute)); err != nil {
				return err
			}
			d.Logger.Info("network cut", "device", device.ID)
			device.CutNetwork()
			if err := d.until(ctx, delivery.PickupCloses.Add(-20*time.Minute)); err != nil {
				return err
			}
			d.Logger.Info("network restored", "device", device.ID)
			device.RestoreNetwork()
			return nil
		})
	}
	g.Go(func() error {
		l := d.Network.Locations[0].ID
		device, delivery := d.Fleet.Stations[l].Device, d.deliveries[l]
		if err := d.until(ctx, delivery.PickupOpens.Add(delivery.PickupCloses.Sub(delivery.PickupOpens)/3)); err != nil {
			return err
		}
		d.Logger.Info("power cut", "device", device.ID)
		device.CutPower()
		if err := d.Clock.Sleep(ctx, 12*time.Minute); err != nil {
			return err
		}
		d.Logger.Info("power restored", "device", device.ID)
		device.RestorePower()
		return nil
	})
	return g.Wait()
}
