package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"meguri/hub/effect"
	"meguri/hub/link"
	"meguri/hub/live"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// DeviceDrainCmd is `hub device drain`.
type DeviceDrainCmd struct {
	ID         string `arg:"" help:"The device whose storage it was."`
	File       string `arg:"" help:"What edge export has written." type:"existingfile"`
	NeverHeard bool   `help:"Take it also when the hub has never heard of this storage. Be sure that it is this device's."`
}

// Run takes the records, as if the device had delivered them. To do it again changes nothing.
func (c *DeviceDrainCmd) Run(g *Globals) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	return withStore(g, func(s *store.Store) error {
		touched := map[string]bool{}
		goods := &quality.Service{Store: s, Touch: func(place string) { touched[place] = true }} // a running hub judges what is marked
		r := link.NewReceiver(link.Config{Store: s, Effects: &effect.Effects{Touch: goods.Touch, Hold: goods.DeviceHeld, Freed: goods.DeviceFreed, Taken: goods.Taken},
			Owns: effect.Owns, Clock: g.Clock, Logger: g.Logger, Watch: quality.NewWatch()})
		d, failed := r.Drain(g.Ctx, c.ID, f, c.NeverHeard)
		if failed != nil {
			failed = fmt.Errorf("drain %s: %w", c.File, failed)
			if errors.Is(failed, link.ErrNeverHeard) {
				failed = fmt.Errorf("%w. Be sure that it is this device's; it is taken once the device is revoked or replaced, with --never-heard", failed)
			}
		}
		if failed != nil && d.Events+d.Readings+d.Repeated == 0 {
			return failed
		}
		// What was taken stays, also when the file breaks off.
		said := fmt.Sprintf("%s and %s taken, there already: %s", plural.Of(d.Events, "event"), plural.Of(d.Readings, "sample"),
			plural.Of(d.Repeated, "record"))
		fmt.Fprintln(g.Stdout, said)
		err := s.Change(g.Ctx, func(tx *store.Tx) error {
			return tx.RecordAct(g.Ctx, people.NewAct(time.Now(), people.Console, "device.drain", c.ID, said))
		})
		maker := plan.NewMaker(s, live.New(), g.Clock, g.Logger)
		for place := range touched {
			err = errors.Join(err, maker.Make(g.Ctx, place))
		}
		return errors.Join(failed, err)
	})
}
