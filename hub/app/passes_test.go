package app

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

func (b *bench) shopPassesAt(spot string, now time.Time) (all []dispatch.Pass) {
	b.t.Helper()
	b.change(func(tx *store.Tx) (err error) {
		all, err = tx.PassesAt(b.t.Context(), spot, now)
		return err
	})
	return all
}

// holders are the kinds of person that have a code in the plan of a spot's doors.
func (b *bench) shopCodesIn(spot, fridge string, now time.Time) (n int) {
	b.t.Helper()
	b.change(func(tx *store.Tx) error {
		parts, err := plan.Build(b.t.Context(), tx, plan.RoleStation, spot, protocol.Revision, now)
		require.NoError(b.t, err)
		var lock protocol.LockPlan
		require.NoError(b.t, protocol.DecodeBody(parts["lock/"+fridge], &lock))
		for _, g := range lock.Grants {
			if g.Holder == protocol.HolderShop && len(g.Check) > 0 {
				n++
			}
		}
		return nil
	})
	return n
}

func TestShopsGetTheirCodeWhenThePackingListIsFixed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for rule, test := range map[string]func(*bench){
			"once, at spots with locks, until their goods are to have been fetched": func(b *bench) {
				b.device("shelf-2", "spot-2")
				b.turnAt(at(1, 59))
				require.Empty(b.t, b.shopPassesAt("spot-1", at(2, 0)))
				b.turnAt(at(2, 0))
				require.Empty(b.t, b.shopPassesAt("spot-1", at(2, 0)), "it has no locks")
				require.Empty(b.t, b.shopPassesAt("spot-2", at(2, 0)), "shop-b has nothing to bring")
				b.device("shelf-1", "spot-1")
				b.turnAt(at(2, 1))
				all := b.shopPassesAt("spot-1", at(2, 1))
				require.Len(b.t, all, 1, "of two runs and two locations")
				p := all[0]
				require.Equal(b.t, []any{"shop-a", "spot-1", at(2, 1), at(8, 40)}, []any{p.ShopID, p.PlaceID, p.From.UTC(), p.Until.UTC()})
				require.Len(b.t, p.PIN, dispatch.PINDigits)
				require.Equal(b.t, 1, b.shopCodesIn("spot-1", "spot-1-f1", at(5, 0)))
				b.turnAt(at(5, 0))
				require.Equal(b.t, all, b.shopPassesAt("spot-1", at(5, 0)))
				require.Equal(b.t, 0, b.shopCodesIn("spot-1", "spot-1-f1", at(8, 40)), "over")
				b.turnAt(at(9, 0))
				require.Empty(b.t, b.shopPassesAt("spot-1", at(9, 0)))
			},
			"and not again when a person has taken it back": func(b *bench) {
				b.device("shelf-1", "spot-1")
				b.turnAt(at(2, 0))
				b.change(func(tx *store.Tx) error {
					_, err := tx.RevokePass(b.t.Context(), dispatch.ShopPassID("shop-a", "spot-1", day1, 0), at(3, 0))
					return err
				})
				b.turnAt(at(3, 1))
				require.Empty(b.t, b.shopPassesAt("spot-1", at(3, 1)))
			},
			"and lose it when nothing is to be brought any more": func(b *bench) {
				b.device("shelf-1", "spot-1")
				b.turnAt(at(2, 0))
				b.change(func(tx *store.Tx) error {
					for _, o := range []string{"o-1", "o-2", "o-3"} {
						require.Len(b.t, b.shopPassesOf(tx), 1)
						if err := tx.MarkShort(b.t.Context(), dispatch.ShortItem{OrderID: o, Line: 1, Unit: 1}); err != nil {
							return err
						}
					}
					return nil
				})
				b.turnAt(at(3, 0))
				require.Empty(b.t, b.shopPassesAt("spot-1", at(3, 0)))
			},
			"and get another one when something is, after all": func(b *bench) {
				b.device("shelf-1", "spot-1")
				b.turnAt(at(2, 0))
				first := b.shopPassesAt("spot-1", at(2, 0))[0]
				b.change(func(tx *store.Tx) error { // as when a run was planned elsewhere for a while
					ended, err := tx.EndIdlePass(b.t.Context(), first.ID, at(3, 0))
					require.True(b.t, ended)
					return err
				})
				b.turnAt(at(3, 1))
				again := b.shopPassesAt("spot-1", at(3, 1))
				require.Len(b.t, again, 1)
				require.Equal(b.t, dispatch.ShopPassID("shop-a", "spot-1", day1, 1), again[0].ID)
				require.NotEqual(b.t, first.ID, again[0].ID, "a lock that knows the former one is told of another")
				b.change(func(tx *store.Tx) error {
					_, err := tx.RevokePass(b.t.Context(), again[0].ID, at(3, 2))
					return err
				})
				b.turnAt(at(3, 3))
				require.Empty(b.t, b.shopPassesAt("spot-1", at(3, 3)), "a person's word stands")
			},
			"one that cannot be made stops nothing else": func(b *bench) {
				b.device("shelf-1", "spot-1")
				b.turnAt(at(1, 59))
				require.NoError(b.t, b.freeze(b.t.Context(), day1, at(2, 0)))
				b.change(func(tx *store.Tx) error { // what this hub made before the spot was in the id is a shop's own pass, too
					return tx.AddPass(b.t.Context(), dispatch.Pass{ID: dispatch.ShopPassID("shop-a", "spot-1", day1, 0), PlaceID: "spot-2", Holder: dispatch.Shop,
						ShopID: "shop-a", Name: "in the way", Reason: "test", From: at(1, 0), Until: at(1, 1), IssuedAt: at(1, 0)})
				})
				b.change(func(tx *store.Tx) error {
					return tx.AddPass(b.t.Context(), dispatch.Pass{ID: "idle", Date: day1, PlaceID: "spot-2", Holder: dispatch.Shop, ShopID: "shop-b",
						Name: "shop-b", Reason: dispatch.CutoffReason, From: at(1, 0), Until: at(8, 0), IssuedAt: at(1, 0)})
				})
				require.ErrorContains(b.t, newDay(b.store).shopPasses(b.t.Context(), at(2, 0)), "shop-a at spot-1")
				require.Empty(b.t, b.shopPassesAt("spot-2", at(2, 0)), "what else was due is done")
			},
			"one, whichever hub is faster": func(b *bench) {
				b.device("shelf-1", "spot-1")
				b.turnAt(at(1, 0))
				require.NoError(b.t, b.freeze(b.t.Context(), day1, at(2, 0)))
				var both sync.WaitGroup
				for range 4 {
					both.Go(func() { _ = newDay(b.store).shopPasses(b.t.Context(), at(2, 0)) })
				}
				both.Wait()
				b.turnAt(at(2, 1))
				require.Len(b.t, b.shopPassesAt("spot-1", at(2, 1)), 1)
			},
		} {
			t.Run(rule, func(t *testing.T) { test(newBench(t, empty())) })
		}
	})
}

func (b *bench) shopPassesOf(tx *store.Tx) []dispatch.Pass {
	all, err := tx.PassesAt(b.t.Context(), "spot-1", at(2, 0))
	require.NoError(b.t, err)
	return all
}
