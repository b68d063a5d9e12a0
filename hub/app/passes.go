package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/people"
	"meguri/hub/store"
)

// byClock is who issues and revokes what nobody does by hand.
const byClock = "hub"

// shopPasses gives each shop a code for its collection spot when its packing list is fixed and the spot has locks, and takes it back when
// nothing is to be brought any more. It looks at what there ought to be, so that a spot which gets its locks later, or a hub that was
// down, needs nothing else; a pass that a person has revoked is not made again, one that this has
// taken back is, with another code, when something is to be brought after all.
func (d *day) shopPasses(ctx context.Context, now time.Time) error {
	var calls []store.ShopCall
	var idle []dispatch.Pass
	err := d.store.Read(ctx, func(tx *store.Tx) (err error) {
		if calls, err = tx.ShopCallsWithoutPass(ctx, dispatch.FetchedBefore(now)); err != nil {
			return err
		}
		idle, err = tx.IdleShopPasses(ctx, now)
		return err
	})
	failed := []error{err}
	change := func(what, place string, fn func(*store.Tx) error) { // each by itself: one that cannot be made stops no other
		if err := d.store.Change(ctx, fn); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", what, err))
			return
		}
		d.plans.Touch(place)
	}
	for _, c := range calls {
		change("shop "+c.ShopID+" at "+c.SpotID+" on "+c.Date, c.SpotID, func(tx *store.Tx) error { return issueShopPass(ctx, tx, c, now) })
	}
	for _, p := range idle {
		change(p.ID, p.PlaceID, func(tx *store.Tx) error { return endShopPass(ctx, tx, p, now) })
	}
	if len(calls)+len(idle) > 0 {
		d.feed.Changed()
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("passes of shops: %w", err)
	}
	return nil
}

func endShopPass(ctx context.Context, tx *store.Tx, p dispatch.Pass, now time.Time) error {
	ended, err := tx.EndIdlePass(ctx, p.ID, now)
	if err != nil || !ended {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(now, byClock, "pass.revoke", p.ID, "nothing is to be brought any more"))
}

func issueShopPass(ctx context.Context, tx *store.Tx, c store.ShopCall, now time.Time) error {
	if has, err := tx.HasShopPass(ctx, c); err != nil || has {
		return err // another hub was faster
	}
	others, err := tx.PassesAt(ctx, c.SpotID, now)
	if err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, o := range others {
		if o.PIN != "" {
			taken[o.PIN] = true
		}
	}
	p := dispatch.NewShopPass(c.ShopID, c.SpotID, c.Date, c.Again, c.Fetched, now, taken)
	if err := p.Check(); err != nil {
		return err
	}
	if err := tx.AddPass(ctx, p); err != nil {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(now, byClock, "pass.issue", p.ID,
		fmt.Sprintf("shop: packing list of %s; until %s", c.Date, p.Until.Format(time.RFC3339))))
}
