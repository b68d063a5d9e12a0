package app

import (
	"context"
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
// down, needs nothing else; a pass that a person has revoked is not made again.
func (d *day) shopPasses(ctx context.Context, now time.Time) error {
	due := false
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		calls, idle, err := shopPassesDue(ctx, tx, now)
		due = len(calls)+len(idle) > 0
		return err
	})
	if err == nil && due {
		var places map[string]bool
		err = d.store.Change(ctx, func(tx *store.Tx) (err error) {
			places, err = changeShopPasses(ctx, tx, now)
			return err
		})
		if err == nil {
			for place := range places {
				d.plans.Touch(place)
			}
			d.feed.Changed()
		}
	}
	if err != nil {
		return fmt.Errorf("passes of shops: %w", err)
	}
	return nil
}

func shopPassesDue(ctx context.Context, tx *store.Tx, now time.Time) ([]store.ShopCall, []dispatch.Pass, error) {
	calls, err := tx.ShopCallsWithoutPass(ctx, dispatch.FetchedBefore(now))
	if err != nil {
		return nil, nil, err
	}
	idle, err := tx.IdleShopPasses(ctx, now)
	return calls, idle, err
}

// changeShopPasses issues and revokes what is due by now, and gives the spots concerned.
func changeShopPasses(ctx context.Context, tx *store.Tx, now time.Time) (places map[string]bool, err error) {
	calls, idle, err := shopPassesDue(ctx, tx, now) // another hub may have been faster
	if err != nil {
		return nil, err
	}
	places = map[string]bool{}
	for _, c := range calls {
		if err := issueShopPass(ctx, tx, c, now); err != nil {
			return nil, fmt.Errorf("shop %s on %s: %w", c.ShopID, c.Date, err)
		}
		places[c.SpotID] = true
	}
	for _, p := range idle {
		if _, err := tx.RevokePass(ctx, p.ID, now); err != nil {
			return nil, err
		}
		act := people.NewAct(now, byClock, "pass.revoke", p.ID, "nothing is to be brought any more")
		if err := tx.RecordAct(ctx, act); err != nil {
			return nil, err
		}
		places[p.PlaceID] = true
	}
	return places, nil
}

func issueShopPass(ctx context.Context, tx *store.Tx, c store.ShopCall, now time.Time) error {
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
	p := dispatch.NewShopPass(c.ShopID, c.SpotID, c.Date, c.Fetched, now, taken)
	if err := p.Check(); err != nil {
		return err
	}
	if err := tx.AddPass(ctx, p); err != nil {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(now, byClock, "pass.issue", p.ID,
		fmt.Sprintf("shop: packing list of %s; until %s", c.Date, p.Until.Format(time.RFC3339))))
}
