package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// DeviceReplaceCmd is `hub device replace`.
type DeviceReplaceCmd struct {
	Old  string `arg:"" help:"Id of the device that is broken or lost."`
	With string `help:"Id for the board that takes its place." required:"" placeholder:"NEW"`
	Issue
}

// Run replaces the device, in one transaction. What follows from it a running hub does, too.
func (c *DeviceReplaceCmd) Run(g *Globals) error {
	places := map[string]bool{}
	var codes []dispatch.Grant
	err := c.to(g, c.With, func(certificate fleet.Certificate) error {
		return g.change(func(tx *store.Tx) (err error) {
			clear(places)
			codes, err = c.replace(g.Ctx, tx, certificate, time.Now(), g.Clock.Now(), places)
			return err
		})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(g.Stdout, "%s takes the place of %s, which is shut out\n", c.With, c.Old)
	fmt.Fprintf(g.Stdout, "if it is a station's: it serves nobody until an engineer has signed at /devices/%s/commissioning\n", c.With)
	for _, code := range codes {
		fmt.Fprintf(g.Stdout, "run %s has another code at %s: hand out its sheet again\n", code.RunID, code.LocationID)
	}
	fmt.Fprintf(g.Stdout, "if the old board's storage can still be read: edge export --file %s.db > %s.cbor, then hub device drain %s %s.cbor\n",
		c.Old, c.Old, c.Old, c.Old)
	return errors.Join(g.writeCRL(), withStore(g, func(s *store.Store) error { return makePlans(g, s, places) }))
}

// replace shuts the old board out, adds the new one in its place, and issues codes anew of which nobody knows any more how
// often they were used. now is the machine's time, by which devices are added; today the hub's, by which codes are valid.
// places gets those whose devices need another plan.
func (c *DeviceReplaceCmd) replace(ctx context.Context, tx *store.Tx, certificate fleet.Certificate, now, today time.Time, places map[string]bool) (
	codes []dispatch.Grant, err error) {
	old, err := tx.Device(ctx, c.Old)
	if err != nil {
		return nil, err
	}
	by, err := tx.ReplacedBy(ctx, c.Old)
	if err != nil {
		return nil, err
	}
	if by != "" {
		return nil, fmt.Errorf("device %s: %w, by %s", c.Old, fleet.ErrReplaced, by)
	}
	if err := tx.RevokeDevice(ctx, c.Old, now); err != nil && !errors.Is(err, fleet.ErrRevoked) {
		return nil, err
	}
	places[old.Place] = true
	if err := knowing(ctx, tx, old, places); err != nil {
		return nil, err
	}
	d := fleet.Device{ID: c.With, Role: old.Role, Place: old.Place, AddedAt: now, AddedBy: people.Console}
	if err := tx.AddDevice(ctx, d); err != nil {
		return nil, err
	}
	if err := tx.AddCertificate(ctx, certificate); err != nil {
		return nil, err
	}
	if err := tx.ReplaceDevice(ctx, c.Old, c.With); err != nil {
		return nil, err
	}
	if old.Role == fleet.Station {
		anew, err := door.ReissueCounted(ctx, tx, old.Place, door.Act{By: people.Console, At: today,
			Reason: "the lock at " + old.Place + " was replaced"})
		if err != nil {
			return nil, err
		}
		codes = anew.Codes
		switch _, err := tx.LocationView(ctx, old.Place); {
		case errors.Is(err, store.ErrNotFound): // a collection spot: its shelves serve no customers, and have no checks
			return codes, tx.RecordAct(ctx, people.NewAct(now, people.Console, "device.replace", c.Old,
				fmt.Sprintf("%s %s by %s, %s issued anew", old.Role, old.Place, c.With, plural.Of(len(codes), "code"))))
		case err != nil:
			return nil, err
		}
		err = tx.BeginCommissioning(ctx, fleet.Commissioning{ID: people.NewID("m"), Device: c.With, Former: c.Old, Location: old.Place,
			BeganAt: today, BeganBy: people.Console})
		if err != nil {
			return nil, err
		}
	}
	detail := fmt.Sprintf("%s %s by %s, %s issued anew", old.Role, old.Place, c.With, plural.Of(len(codes), "code"))
	return codes, tx.RecordAct(ctx, people.NewAct(now, people.Console, "device.replace", c.Old, detail))
}
