package app

import (
	"context"
	"fmt"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/store"
)

// raiseCommissioning raises the alarm of boards that take too long to be put into service.
func (d *day) raiseCommissioning(ctx context.Context, now time.Time) error {
	var late, over []string
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		late, over, err = door.LateBoards(ctx, tx, now)
		return err
	})
	if err == nil && len(late)+len(over) > 0 {
		err = d.store.Change(ctx, func(tx *store.Tx) error {
			_, err := door.RaiseLate(ctx, tx, now)
			return err
		})
		d.feed.Changed()
	}
	if err != nil {
		return fmt.Errorf("boards that are being put into service: %w", err)
	}
	return nil
}

// endOpenings forgets the numbers of openings whose time is over. Confirming looks at the time itself.
func (d *day) endOpenings(ctx context.Context, now time.Time) error {
	var over bool
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		over, err = tx.OpeningsOver(ctx, now)
		return err
	})
	if err == nil && over {
		err = d.store.Change(ctx, func(tx *store.Tx) error { return tx.EndOpenings(ctx, "", now) })
	}
	if err != nil {
		return fmt.Errorf("openings of doors: %w", err)
	}
	return nil
}

// settleRevoking ends the revoking of grants whose window is over: no lock will say so.
func (d *day) settleRevoking(ctx context.Context, now time.Time) error {
	var open []dispatch.Revocation
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		open, err = tx.Revoking(ctx, "")
		return err
	})
	ends := map[string]bool{} // locations
	for _, r := range open {
		if r.Settle(now) {
			ends[r.LocationID] = true
		}
	}
	for location := range ends {
		if err == nil {
			err = d.store.Change(ctx, func(tx *store.Tx) error {
				_, err := tx.SettleRevoking(ctx, location, now)
				return err
			})
			d.feed.Changed()
		}
	}
	if err != nil {
		return fmt.Errorf("grants that were taken back: %w", err)
	}
	return nil
}
