package link

import (
	"context"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
)

// workUnsettled is the id of a person's work on a command of which nobody knows what became.
func workUnsettled(command string) string { return "command_unknown/" + command }

// ExpireCommands gives up commands whose deadline has passed for so long that the device's own answer is late: one that the
// device has not taken has expired, one that it has taken is unknown. The device's answer stands above that whenever it comes.
// When it does not settle the unknown, a person has to look.
func (r *Receiver) ExpireCommands(ctx context.Context) error {
	now := r.config.Clock.Now()
	var late []fleet.Command
	err := r.config.Store.Read(ctx, func(tx *store.Tx) (err error) {
		late, err = lateCommands(ctx, tx, now)
		return err
	})
	if err != nil || len(late) == 0 {
		return err
	}
	err = r.config.Store.Change(ctx, func(tx *store.Tx) error {
		late, err := lateCommands(ctx, tx, now) // an answer may have come
		for _, c := range late {
			if err == nil {
				err = giveUp(ctx, tx, c, now)
			}
		}
		return err
	})
	if err == nil {
		r.changed()
	}
	return err
}

// lateCommands gives the open commands that something is to be done about, once each.
func lateCommands(ctx context.Context, tx *store.Tx, now time.Time) ([]fleet.Command, error) {
	open, err := tx.OpenCommands(ctx, "")
	if err != nil {
		return nil, err
	}
	var late []fleet.Command
	for _, c := range open {
		switch {
		case c.Overdue(now):
			late = append(late, c)
		case c.Unsettled(now):
			asked, err := tx.HasWork(ctx, workUnsettled(c.ID))
			if err != nil {
				return nil, err
			}
			if !asked {
				late = append(late, c)
			}
		}
	}
	return late, nil
}

func giveUp(ctx context.Context, tx *store.Tx, c fleet.Command, now time.Time) error {
	if c.Overdue(now) {
		return tx.SaveCommand(ctx, c.GiveUp(now))
	}
	return tx.OpenWork(ctx, workUnsettled(c.ID), "command_unknown", c.Device,
		"nobody knows what became of command "+c.ID+" for "+c.Target+", which the device had taken: look at the door", now)
}
