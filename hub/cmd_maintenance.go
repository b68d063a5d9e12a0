package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/config"
)

// MaintenanceCmd is `hub alarms maintenance`.
type MaintenanceCmd struct {
	List  MaintenanceListCmd  `cmd:"" help:"List what is out of service, by whose word, why and until when."`
	Begin MaintenanceBeginCmd `cmd:"" help:"Take a position out of service for a while."`
	End   MaintenanceEndCmd   `cmd:"" help:"Put a position back into service before its time."`
}

// MaintenanceListCmd is `hub alarms maintenance list`.
type MaintenanceListCmd struct{}

// Run prints a table.
func (*MaintenanceListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		var all []alarm.Service
		err := s.Read(g.Ctx, func(tx *store.Tx) (err error) {
			all, err = tx.Services(g.Ctx, g.Clock.Now())
			return err
		})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "POSITION\tUNTIL\tBY\tREASON")
		for _, s := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Position, s.Until.Format(time.RFC3339), s.By, s.Reason)
		}
		return w.Flush()
	})
}

// MaintenanceBeginCmd is `hub alarms maintenance begin`.
type MaintenanceBeginCmd struct {
	Position string        `arg:"" help:"A fridge, location, collection spot, shipper or device."`
	For      time.Duration `help:"For how long, 336h at most; it is in service again by itself." default:"2h"`
	Reason   string        `help:"Why." required:""`
}

// Run takes it out of service.
func (c *MaintenanceBeginCmd) Run(g *Globals) error {
	now := g.Clock.Now()
	s, err := alarm.NewService(alarm.Service{ID: people.NewID("m"), Position: c.Position, By: people.Console, Reason: c.Reason, From: now,
		Until: now.Add(c.For)})
	if err != nil {
		return config.Usage(err)
	}
	err = withStore(g, func(st *store.Store) error {
		return st.Change(g.Ctx, func(tx *store.Tx) error { return tx.TakeOutOfService(g.Ctx, s) })
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.Stdout, "%s is out of service until %s\n", s.Position, s.Until.Format(time.RFC3339))
	return err
}

// MaintenanceEndCmd is `hub alarms maintenance end`.
type MaintenanceEndCmd struct {
	Position string `arg:"" help:"The position, as it was taken out of service."`
}

// Run puts it back into service.
func (c *MaintenanceEndCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Change(g.Ctx, func(tx *store.Tx) error { return tx.PutIntoService(g.Ctx, c.Position, people.Console, g.Clock.Now()) })
	})
}
