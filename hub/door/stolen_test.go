package door_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/store"
)

func TestABoardIsStolen(t *testing.T) {
	act := door.Act{By: "p-disp", Reason: "the door was forced", At: at(12, 0)}
	each(t, map[string]func(*site){
		"it is shut out, every code of its place is another one, and the customers are told": func(s *site) {
			s.change(func(ctx context.Context, tx *store.Tx) error {
				return tx.AddGrant(ctx, dispatch.Grant{ID: "run", DeliveryDate: date, LocationID: "loc-1", Holder: dispatch.Courier,
					RunID: "route-1@" + date, PIN: "33312345678", From: at(6, 0), Until: at(20, 0), IssuedAt: at(2, 0)})
			})
			before := s.code()
			r, err := s.doors.Stolen(s.Context(), board, act, at(12, 0))
			require.NoError(s, err)
			require.Equal(s, []string{"o-1"}, r.Orders)
			require.Len(s, r.Codes, 1)
			after := s.code()
			require.NotEqual(s, dispatch.SelectorOf(before.PIN), dispatch.SelectorOf(after.PIN))
			require.NotEqual(s, before.ID, after.ID, "tokens of the former one are of another grant")
			require.Equal(s, []time.Time{before.From, before.Until}, []time.Time{after.From, after.Until})
			s.change(func(ctx context.Context, tx *store.Tx) error {
				d, err := tx.Device(ctx, board)
				require.NoError(s, err)
				require.True(s, d.Revoked())
				notices, err := tx.NoticesOfOrder(ctx, "o-1")
				require.NoError(s, err)
				require.Len(s, notices, 1)
				require.Equal(s, store.NoticeNewCode, notices[0].Kind)
				codes, err := tx.CodesOfOrder(ctx, "o-1")
				require.Len(s, codes, 2)
				require.Equal(s, dispatch.GrantRevoking, codes[1].State())
				require.Equal(s, []string{board}, codes[1].WaitsFor(), "a stolen board confirms nothing")
				return err
			})
			require.ElementsMatch(s, []string{door.WorkBoardStolen, "grant_reissued"}, s.work())
			_, err = s.doors.Stolen(s.Context(), board, act, at(12, 1))
			require.ErrorIs(s, err, fleet.ErrStolen, "nobody gets a third code")
			require.Equal(s, after.PIN, s.code().PIN)
			s.used(at(12, 5), at(12, 6))
			require.Contains(s, s.work(), store.WorkCodeUsed, "somebody opens with what is on the stolen board")
		},
		"what is over stays as it was": func(s *site) {
			act := act
			act.At = at(17, 0)
			r, err := s.doors.Stolen(s.Context(), board, act, at(17, 0))
			require.NoError(s, err)
			require.Empty(s, r.Orders)
		},
		"a scanner has no codes": func(s *site) {
			s.change(func(ctx context.Context, tx *store.Tx) error {
				return tx.AddDevice(ctx, fleet.Device{ID: "scanner-1", Place: "shop-a", Role: fleet.Scanner, AddedAt: at(0, 0)})
			})
			r, err := s.doors.Stolen(s.Context(), "scanner-1", act, at(12, 0))
			require.NoError(s, err)
			require.Empty(s, r.Orders)
			require.Empty(s, s.work())
		},
		"also one that was shut out before": func(s *site) {
			s.change(func(ctx context.Context, tx *store.Tx) error { return tx.RevokeDevice(ctx, board, at(11, 0)) })
			r, err := s.doors.Stolen(s.Context(), board, act, at(12, 0))
			require.NoError(s, err)
			require.Equal(s, []string{"o-1"}, r.Orders)
		},
		"with a reason, and only what is known": func(s *site) {
			_, err := s.doors.Stolen(s.Context(), board, door.Act{By: "p-1", At: at(12, 0)}, at(12, 0))
			require.ErrorAs(s, err, new(*door.FieldError))
			_, err = s.doors.Stolen(s.Context(), "nobody", act, at(12, 0))
			require.ErrorIs(s, err, fleet.ErrUnknownDevice)
		},
	})
}
