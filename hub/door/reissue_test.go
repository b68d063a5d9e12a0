package door_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/store"
)

// The storage of a live board is empty: its new plan would have let a driver in ten times once more.
func TestALockThatForgotItsCountGetsOtherCountedGrants(t *testing.T) {
	each(t, map[string]func(*site){"drivers' codes and counted passes, no customer's": func(s *site) {
		s.change(func(ctx context.Context, tx *store.Tx) error {
			for _, p := range []dispatch.Pass{{ID: "counted", Uses: 2}, {ID: "staff"}} {
				p.PlaceID, p.Holder, p.Name, p.Reason, p.PIN = "loc-1", dispatch.Staff, "Sato", "cleans", "5551234567"+p.ID[:1]
				p.From, p.Until, p.IssuedAt = at(6, 0), at(20, 0), at(2, 0)
				if err := tx.AddPass(ctx, p); err != nil {
					return err
				}
			}
			return tx.AddGrant(ctx, dispatch.Grant{ID: "courier", DeliveryDate: date, LocationID: "loc-1", Holder: dispatch.Courier,
				RunID: "route-1@" + date, PIN: "22212345678", From: at(6, 0), Until: at(20, 0), IssuedAt: at(2, 0)})
		})
		s.change(func(ctx context.Context, tx *store.Tx) error {
			return door.Forgotten(ctx, tx, fleet.Device{ID: "scanner-1", Role: fleet.Scanner, Place: "loc-1"}, at(10, 0))
		})
		require.Equal(s, []string{"counted", "courier", "order-o-1", "staff"}, s.valid(), "a scanner counts nothing")
		s.change(func(ctx context.Context, tx *store.Tx) error {
			d, err := tx.Device(ctx, board)
			if err != nil {
				return err
			}
			return door.Forgotten(ctx, tx, d, at(10, 0))
		})
		require.Equal(s, []string{"courier~1", "order-o-1", "staff"}, s.valid())
		require.ElementsMatch(s, []string{"grant_reissued", "pass_revoked"}, s.work())
		require.Equal(s, "11112345678", s.code().PIN)
	}})
}

// valid names what opens a door at loc-1 at ten.
func (s *site) valid() (ids []string) {
	s.Helper()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		grants, err := tx.GrantsAfter(ctx, "loc-1", at(10, 0))
		if err != nil {
			return err
		}
		for _, g := range grants {
			ids = append(ids, g.ID)
		}
		passes, err := tx.PassesAt(ctx, "loc-1", at(10, 0))
		for _, p := range passes {
			ids = append(ids, p.ID)
		}
		return err
	})
	slices.Sort(ids)
	return ids
}
