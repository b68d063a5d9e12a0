package door

import (
	"context"
	"errors"
	"fmt"

	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

// showsNumbers is the revision of the protocol since which a lock shows numbers.
const showsNumbers = 4

// Ask begins to open a door from the hub: its display is told to show a number. One that was asked for before and is still open ends.
//
// Expected errors are *FieldError, store.ErrNotFound for an unknown fridge, fleet.ErrShowsNoNumbers, fleet.ErrOpeningsMany and
// fleet.ErrTooManyCommands.
func (s *Service) Ask(ctx context.Context, fridge string, act Act) (o fleet.Opening, err error) {
	if err := act.check(); err != nil {
		return o, err
	}
	o = fleet.Opening{ID: people.NewID("o"), Fridge: fridge, Reason: act.Reason, AskedBy: act.By, AskedAt: act.At, Until: act.At.Add(fleet.OpeningTime),
		Number: fleet.DrawNumber(), State: fleet.OpeningAsked, ShowCommand: people.NewID("c")}
	err = s.Store.Change(ctx, func(tx *store.Tx) error {
		d, err := boardOf(ctx, tx, fridge)
		if err != nil {
			return err
		}
		if !d.Online || d.Revision < showsNumbers {
			return fmt.Errorf("door %s: %w", fridge, fleet.ErrShowsNoNumbers)
		}
		n, err := tx.OpeningsAsked(ctx, fridge, act.At.Add(-fleet.OpeningsIn))
		if err != nil {
			return err
		}
		if n >= fleet.OpeningsAsked {
			return fmt.Errorf("door %s: %w", fridge, fleet.ErrOpeningsMany)
		}
		o.Device = d.ID
		if err := tx.EndOpenings(ctx, fridge, act.At); err != nil {
			return err
		}
		if _, err := tx.AddCommand(ctx, fleet.Command{ID: o.ShowCommand, Device: d.ID, Kind: uint8(protocol.CommandShowNumber), Target: fridge,
			Deadline: o.Until, AskedBy: act.By, AskedAt: act.At}); err != nil {
			return err
		}
		if err := tx.AddOpening(ctx, o); err != nil {
			return err
		}
		return act.record(ctx, tx, "door.ask", fridge, o.ID)
	})
	o.Number = "" // for the door only
	return o, err
}

// boardOf is the board that serves a station's fridge: of several the one that was added last.
func boardOf(ctx context.Context, tx *store.Tx, fridge string) (b fleet.Device, err error) {
	location, err := tx.LocationOfFridge(ctx, fridge)
	if err != nil {
		return b, err
	}
	all, err := tx.DevicesAt(ctx, location)
	for _, d := range all {
		if d.Role == fleet.Station && !d.Revoked() && (b.ID == "" || d.AddedAt.After(b.AddedAt)) {
			b = d
		}
	}
	if err == nil && b.ID == "" {
		err = fmt.Errorf("door %s: %w", fridge, fleet.ErrShowsNoNumbers)
	}
	return b, err
}

// Confirm takes the number that somebody reads out at the door, and their name: only then the lock is told to open, and who, for whom
// and why is recorded.
//
// Expected errors are *FieldError, store.ErrNotFound, fleet.ErrWrongNumber and fleet.ErrOpeningOver.
func (s *Service) Confirm(ctx context.Context, id, number, atDoor string, act Act) (o fleet.Opening, err error) {
	if fleet.CheckNameAtDoor(atDoor) != nil {
		return o, &FieldError{"at_door", fmt.Sprintf("the name of who is at the door, 1 to %d characters", fleet.MaxNameAtDoor)}
	}
	var refused error
	err = s.Store.Change(ctx, func(tx *store.Tx) error {
		if o, err = tx.Opening(ctx, id); err != nil {
			return err
		}
		act.Reason = o.Reason
		if o, refused = o.Confirm(number, atDoor, act.At); refused == nil {
			o.OpenCommand = people.NewID("c")
			if _, err := tx.AddCommand(ctx, fleet.Command{ID: o.OpenCommand, Device: o.Device, Kind: uint8(protocol.CommandUnlock), Target: o.Fridge,
				Deadline: act.At.Add(fleet.OpenWithin), AskedBy: act.By, AskedAt: act.At}); err != nil {
				return err
			}
		}
		if err := tx.SaveOpening(ctx, o); err != nil { // a wrong number counts
			return err
		}
		what, detail := "door.open", o.ID // who stands at the door stands with the opening, and is forgotten with it: acts are for ever
		if refused != nil {
			what = "door.wrong"
		}
		if errors.Is(refused, fleet.ErrOpeningOver) {
			return nil
		}
		return act.record(ctx, tx, what, o.Fridge, detail)
	})
	o.Number = ""
	return o, errors.Join(err, refused)
}

// Openings gives the newest openings of a door, or store.ErrNotFound for a fridge that is at no station.
func (s *Service) Openings(ctx context.Context, fridge string, most int, act Act) (all []fleet.Opening, err error) {
	err = s.Store.Read(ctx, func(tx *store.Tx) error {
		if _, err := tx.LocationOfFridge(ctx, fridge); err != nil {
			return err
		}
		all, err = tx.OpeningsOf(ctx, fridge, most)
		return err
	})
	for i := range all {
		all[i] = all[i].Settle(act.At)
	}
	return all, err
}
