package main

import (
	"errors"
	"fmt"
	"time"

	"meguri/hub/door"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// DeviceStolenCmd is `hub device stolen`.
type DeviceStolenCmd struct {
	ID     string `arg:"" help:"The device that was stolen."`
	Reason string `help:"What happened; kept with the device." default:"reported stolen"`
}

// Help is shown by hub device stolen --help.
func (*DeviceStolenCmd) Help() string {
	return `Revokes the device's key, and gives every customer and driver with a code of its station another one, with the same window. Customers
are told (GET /v1/notices), drivers' sheets have a new version. A running hub ends its session within two seconds.`
}

// Run shuts the device out and issues codes anew, in one transaction.
func (c *DeviceStolenCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		doors := door.Service{Store: s}
		r, err := doors.Stolen(g.Ctx, c.ID, door.Act{By: people.Console, Reason: c.Reason, At: g.Clock.Now()}, time.Now())
		if err != nil {
			return err
		}
		fmt.Fprintf(g.Stdout, "%s is shut out; %s and %s have other codes\n", c.ID, plural.Of(len(r.Orders), "customer"), plural.Of(len(r.Codes), "driver"))
		for _, code := range r.Codes {
			fmt.Fprintf(g.Stdout, "run %s has another code at %s: hand out its sheet again\n", code.RunID, code.LocationID)
		}
		places := map[string]bool{r.Place: true}
		for _, other := range r.Others {
			places[other] = true
		}
		return errors.Join(g.writeCRL(), makePlans(g, s, places))
	})
}
